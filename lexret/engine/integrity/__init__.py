"""Integrity of an index's own files: finding what is damaged, and saving what is whole."""
