"""Initialisation of a run: maps in closed form, before the first step."""
