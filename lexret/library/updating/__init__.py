"""From folders of pictures to a committed index."""
