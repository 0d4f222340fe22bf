"""Cost: recall against the number of words a picture, and the time of encoding by stage."""
