"""Patches of a picture: regions of them, heat maps over them, and parts of similar ones."""
