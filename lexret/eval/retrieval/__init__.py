"""Retrieval: recall by the Karpathy protocol, runs and qrels, and what they are measured with."""
