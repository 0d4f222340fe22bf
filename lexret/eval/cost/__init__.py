"""Cost: what the number of words a picture saves, and where the time of encoding goes."""
