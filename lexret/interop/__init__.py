"""Other engines: Lucene, exports for Anserini and readers of CIFF, and FAISS for comparison."""
