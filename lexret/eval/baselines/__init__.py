"""Baselines of retrieval: BM25, ridge regression, and other models' dense vectors."""
