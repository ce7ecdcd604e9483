"""The schema of an experiment: its parts, how it is read, changed, checked and identified.

A config describes; it builds nothing. The methods of a part import what builds it when they are called.
"""
