"""Model folders: their files, records and contents."""
