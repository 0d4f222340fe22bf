"""Queries: their language, its meaning over an index, and how a segment answers."""
