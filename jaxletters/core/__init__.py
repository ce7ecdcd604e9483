"""The foundation of every other folder: errors of the user, shared types, PRNG keys.

Modules here import no other folder, read no files and have no settings.
"""
