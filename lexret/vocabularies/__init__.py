"""Vocabularies that ship with lexret: one word a line, with a JSON file of provenance each."""
