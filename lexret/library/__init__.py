"""Photos: their folders and files, what an index records of them, their fields and their model."""
