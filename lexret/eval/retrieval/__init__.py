"""Retrieval: recall by the Karpathy protocol, and figures of TREC runs against qrels."""
