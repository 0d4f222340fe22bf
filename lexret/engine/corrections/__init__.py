"""Words that people add to documents, take from them, or mute."""
