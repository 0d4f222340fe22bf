"""Metadata in picture files, read and edited around bytes that stay as they are."""
