"""Postings of one segment: their codecs, and the search over them."""
