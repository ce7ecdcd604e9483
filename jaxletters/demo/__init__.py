"""The page on which letters are drawn, and its server.

Recognition belongs to `reading`.
"""
