"""How much of a picture its tokens hold: rebuilt pictures, measured."""
