"""Encoders of the model that made an index: each is loaded once, on first use.

Nothing here imports torch by itself; a search by texts alone loads no network where the model has
a static text encoder.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from lexret.encoders.folder.record import DEFAULT_MODEL, find_model, read_record
from lexret.encoders.folder.word_levels import read_word_levels
from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings
from lexret.library.model import record_of_model

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.encoders.folder.record import ModelRecord
    from lexret.encoders.lazy import LazyImageEncoder
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.protocol import PatchEncoder, QueryEncoder
    from lexret.engine.index import EmbeddedIndex
    from lexret.sparse import FloatArray, VectorPrecision
    from lexret.vocabulary import Vocabulary

TextEncoderKind = Literal["static", "contextual"]


class ModelEncoders:
    """Encoders of one model folder. Safe to share by threads.

    Args:
        record: the record of the folder.
        computation: where and in what precision networks compute; None: on the CPU in float32.
    """

    def __init__(self, record: ModelRecord, computation: Computation | None = None) -> None:
        self.record, self._computation = record, computation
        # A text for the table need not wait until a network is loaded.
        self._static_lock, self._model_lock = threading.Lock(), threading.Lock()
        self._static: QueryEncoder | None = None
        self._model: LexicalModel | None = None
        self._levels: tuple[FloatArray | None] | None = None

    def text_kind(self, kind: TextEncoderKind | None = None) -> TextEncoderKind:
        """Return the text encoder that is named; else the static one where there is one."""
        return kind or ("static" if self.record.has_static_text else "contextual")

    def texts(
        self, kind: TextEncoderKind | None = None, *, vocabulary: Vocabulary | None = None
    ) -> QueryEncoder:
        """Return a text encoder, by default the one that :meth:`text_kind` names.

        Args:
            vocabulary: the model's own, where it is in memory already.

        Raises:
            MissingError: if the model has no static text encoder, and it was asked for.
            CorruptError: if a file of the model is damaged.
        """
        if self.text_kind(kind) == "contextual":
            with self._model_lock:
                return self._loaded().contextual_text
        with self._static_lock:
            if self._static is None:
                from lexret.encoders.text.static_encoder import static_text_of

                self._static = static_text_of(self.record, vocabulary=vocabulary)
            return self._static

    def levels_V(self) -> FloatArray | None:
        """Return (V,) the weight from which a picture holds each word; None: the model has none.

        Raises:
            CorruptError: if the file is damaged.
        """
        with self._static_lock:
            if self._levels is None:
                self._levels = (read_word_levels(self.record),)
            return self._levels[0]

    def silent_terms(self, vocabulary: Vocabulary) -> frozenset[int]:
        """Return the term ids of the words that the model never gives a picture, such as 'photo'.

        Args:
            vocabulary: the model's own.
        """
        words = self.record.values["config"].get("image", {}).get("silent_words", ())
        term_ids = (vocabulary.term_id(word) for word in words)
        return frozenset(term_id for term_id in term_ids if term_id is not None)

    def images(self) -> PatchEncoder:
        """Return the image encoder; loading it takes seconds.

        Raises:
            CorruptError: if a file of the model is damaged.
        """
        with self._model_lock:
            return self._loaded().images

    def model(self) -> LexicalModel:
        """Return the whole model, each side of which is loaded on first use."""
        with self._model_lock:
            return self._loaded()

    def late_images(
        self, precision: VectorPrecision, *, settings: ImageSettings = DEFAULT_SETTINGS
    ) -> LazyImageEncoder:
        """Return an image encoder that loads the model with its first picture."""
        from lexret.encoders.lazy import LazyImageEncoder

        return LazyImageEncoder(
            self.record, precision=precision, load=self.model, settings=settings
        )

    def _loaded(self) -> LexicalModel:
        if self._model is None:
            from lexret.encoders import load_model

            self._model = load_model(self.record.folder, computation=self._computation)
        return self._model


class IndexEncoders:
    """Encoders that fit an index, over all of its commits. Safe to share by threads.

    Args:
        source: a model's name or folder; without it, the one that the index records.
        computation: where and in what precision networks compute; None: on the CPU in float32.
    """

    def __init__(self, source: str | None = None, computation: Computation | None = None) -> None:
        self.source, self._computation = source, computation
        self._lock = threading.Lock()
        self._current: ModelEncoders | None = None

    def of(self, index: EmbeddedIndex) -> ModelEncoders:
        """Return the encoders of the model that made an index; none of them is loaded by that.

        Raises:
            MissingError: if there is no such model.
            MismatchError: if the named model is not the one that made the index.
        """
        with self._lock:
            if self._current is None or not _fits(self._current.record, index):
                record = record_of_model(index, self.source)
                self._current = ModelEncoders(record, self._computation)
            return self._current

    def of_source(self, recorded: str | None) -> tuple[str, ModelEncoders]:
        """Return the model to encode pictures with, and its source.

        Args:
            recorded: the source that an index records; used where no other was named.

        Raises:
            MissingError: if there is no such model.
        """
        source = self.source or recorded or DEFAULT_MODEL
        record = read_record(find_model(source))
        with self._lock:
            if self._current is None or self._current.record != record:
                self._current = ModelEncoders(record, self._computation)
            return source, self._current


def _fits(record: ModelRecord, index: EmbeddedIndex) -> bool:
    fingerprint = index.manifest.vocabulary_fingerprint
    return (record.model_id, record.vocabulary_fingerprint) == (index.model_id, fingerprint)
