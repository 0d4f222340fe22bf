"""Training of models: the loop, its steps and losses, and what a run reads."""
