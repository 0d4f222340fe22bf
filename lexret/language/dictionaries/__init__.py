"""Dictionaries that users name: read from FreeDict's and StarDict's files, kept compactly."""
