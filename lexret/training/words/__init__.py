"""Constraints on words: their classes, their rarity, their first meaning, their use."""
