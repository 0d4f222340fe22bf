"""What retrieval is held against: BM25, ridge regression, and other models' dense vectors."""
