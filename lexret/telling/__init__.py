"""Captions of pictures and answers about them: prompts of words, and the models that read them."""
