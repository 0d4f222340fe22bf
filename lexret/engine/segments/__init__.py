"""Segments, which never change once they are written, and the manifest that lists them."""
