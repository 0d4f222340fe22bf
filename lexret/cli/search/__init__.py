"""``lexret search``: its command, and what it takes to understand, answer and show a query."""
