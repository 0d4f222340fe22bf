"""Pictures rebuilt from their tokens: words, cells and soft tokens."""
