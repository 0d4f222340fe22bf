"""``lexret models``: a module a command."""
