"""``lexret vocab``: a module a command."""
