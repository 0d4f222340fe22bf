"""Training of the network that rebuilds pictures from their tokens."""
