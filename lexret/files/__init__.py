"""Files: reading of text and JSON, atomic writes of files and folders, hashes, locks."""
