"""The static text encoder of a model, taught by its contextual one."""
