"""``lexret caption`` and ``lexret ask``: a module a command."""
