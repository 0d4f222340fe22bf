"""Files: text that people name, files and folders written whole or not at all, hashes, locks."""
