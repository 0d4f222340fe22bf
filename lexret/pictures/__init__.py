"""Picture files: decoding, what the camera wrote, and keywords."""
