"""``lexret language``: dictionaries, with which searches in other languages find pictures."""
