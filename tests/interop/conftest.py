"""The small vectors and indexes of the engine's tests."""

from tests.engine.conftest import batch, make_index, random_batch, words

__all__ = ["batch", "make_index", "random_batch", "words"]
