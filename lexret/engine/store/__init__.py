"""Storage of an index: files of sections, and columns of fields."""
