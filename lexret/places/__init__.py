"""Names of places on the earth, from coordinates, without a network."""
