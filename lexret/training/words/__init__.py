"""What keeps words in their place: their classes, their rarity, their first meaning, their use."""
