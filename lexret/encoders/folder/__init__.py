"""Model folders: their files, what they say of themselves, and what is in them."""
