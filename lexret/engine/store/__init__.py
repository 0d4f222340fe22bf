"""What an engine's files are made of: sections of numbers, and columns of fields."""
