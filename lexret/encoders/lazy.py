"""An image encoder that loads its model only when there is a picture to encode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lexret.encoders.folder.record import ModelRecord
from lexret.sparse import Precision, SparseBatch
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from PIL import Image

    from lexret.encoders.model import LexicalModel
    from lexret.encoders.protocol import Encoder


class LateImageEncoder:
    """The image encoder of a model folder; torch is imported with the first picture.

    Args:
        load: returns the model, where it may be in memory already; by default it is loaded.
    """

    def __init__(
        self,
        record: ModelRecord,
        *,
        precision: Precision = "float32",
        load: Callable[[], LexicalModel] | None = None,
    ) -> None:
        self._record = record
        self._precision: Precision = precision
        self._load = load

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the vectors."""
        return self._record.vocabulary()

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._record.model_id

    @property
    def precision(self) -> Precision:
        """What the vectors are computed in; see :class:`lexret.encoders.model.ImageEncoder`."""
        return self._precision

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        """Return one vector a picture; see :class:`lexret.encoders.protocol.Encoder`."""
        return self._encoder.encode(items, batch_size=batch_size)

    @cached_property
    def _encoder(self) -> Encoder[Image.Image]:
        from lexret.encoders import load_model

        model = load_model(self._record.folder) if self._load is None else self._load()
        return model.image_encoder(self._precision)
