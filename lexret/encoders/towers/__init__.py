"""Two-tower models of others: their loading, and the lexical models made of them."""
