"""From a question to explained hits."""
