"""Patches of a picture: regions of them, their heat maps, the parts that a picture is cut into."""
