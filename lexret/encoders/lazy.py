"""Lazy image encoder: its model is loaded with the first picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lexret.encoders.folder.exported import find_exported, no_int8
from lexret.encoders.folder.record import ModelRecord
from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings, runtime_for
from lexret.sparse import SparseBatch, VectorPrecision
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from PIL import Image

    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.protocol import PictureEncoder


class LazyImageEncoder:
    """The image encoder of a model folder, which is loaded with the first picture.

    Args:
        load: returns the model, where it may be in memory already; by default it is loaded.
        settings: what the encoder runs in; see
            :meth:`lexret.encoders.lexical_model.LexicalModel.image_encoder`.

    Raises:
        InputError: if precision and settings contradict each other.
        MissingError: if int8 is asked for and the model was not exported in it.
    """

    def __init__(
        self,
        record: ModelRecord,
        *,
        precision: VectorPrecision = "float32",
        load: Callable[[], LexicalModel] | None = None,
        settings: ImageSettings = DEFAULT_SETTINGS,
    ) -> None:
        if settings != DEFAULT_SETTINGS or precision == "int8":
            exported = find_exported(record)  # reading the model's configuration takes time
            runtime_for(precision, settings, is_exported=exported is not None)
            if precision == "int8" and (exported is None or precision not in exported.precisions):
                raise no_int8(record.folder)
        self._record = record
        self._precision: VectorPrecision = precision
        self._load = load
        self._settings = settings

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the vectors."""
        return self._record.vocabulary()

    @property
    def model_id(self) -> str:
        """Identity of the model."""
        return self._record.model_id

    @property
    def runtime(self) -> str | None:
        """What computes the vectors, and its version; None: the model was not loaded yet."""
        return self._encoder.runtime if "_encoder" in self.__dict__ else None

    @property
    def precision(self) -> VectorPrecision:
        """What the vectors are computed in; see :class:`lexret.encoders.model.ImageEncoder`."""
        return self._precision

    def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
        """Return one vector a picture; see :class:`lexret.encoders.protocol.Encoder`."""
        return self._encoder.encode(items, batch_size=batch_size)

    @cached_property
    def _encoder(self) -> PictureEncoder:
        from lexret.encoders import load_model

        model = load_model(self._record.folder) if self._load is None else self._load()
        return model.image_encoder(self._precision, settings=self._settings)
