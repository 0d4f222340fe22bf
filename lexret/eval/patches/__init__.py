"""Patches: PatchDis over masks, and whether the patches that a word names carry it."""
