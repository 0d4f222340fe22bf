"""Queries: their language, what it means to an index, and how a segment answers."""
