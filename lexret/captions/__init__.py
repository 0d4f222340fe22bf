"""Pictures with captions: sets of them, and the sources and formats they come from."""
