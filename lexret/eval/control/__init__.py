"""Control: queries that exclude or require a thing, and queries for things that are not there."""
