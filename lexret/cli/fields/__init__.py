"""``lexret fields``: a module a command."""
