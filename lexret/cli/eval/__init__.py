"""``lexret eval``: a module a measurement."""
