"""Pictures told in language: prompts of a picture's words, and the models that read them."""
