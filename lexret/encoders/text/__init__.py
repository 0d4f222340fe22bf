"""The text side: the transformer with its codebook, and the static tables that stand in for it."""
