"""``lexret label``: a module a command."""
