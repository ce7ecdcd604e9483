"""The page that reads what is drawn on it, and its server.

How a picture is read belongs to `reading`.
"""
