"""Other engines: Lucene, exports that Anserini and CIFF readers take, and FAISS for comparison."""
