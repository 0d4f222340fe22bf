"""Milvus as a backend: it holds the vectors of an index, whose folder holds all the rest."""
