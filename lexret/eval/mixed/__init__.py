"""How well a photo and a word together find: queries with a known answer, and kinds of queries."""
