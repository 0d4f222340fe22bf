"""Samples for a language model: captions that people gave pictures of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from lexret.engine.query.filters import text_filter
from lexret.engine.query.query import Query
from lexret.engine.store.columns import TEXT
from lexret.library.asking.tags import tags_of
from lexret.telling.prompts import NUM_SAMPLES, NUM_WORDS, Sample, words_told

if TYPE_CHECKING:
    from lexret.library.model_encoders import ModelEncoders
    from lexret.library.snapshots import Snapshot
    from lexret.sparse import LexicalVector

CAPTION_FIELD: Final = "caption"
"""The field of your own that holds captions, such as `lexret fields load` reads."""


class TellingLibrary(Protocol):
    """Library, as far as captions need it."""

    def snapshot(self) -> Snapshot: ...

    def encoders(self, snapshot: Snapshot | None = None) -> ModelEncoders: ...


def samples_like(
    library: TellingLibrary,
    vector: LexicalVector,
    *,
    without: str | None = None,
    k: int = NUM_SAMPLES,
) -> list[Sample]:
    """Return captions that people gave the pictures most like one, the most alike last.

    Args:
        vector: that picture's.
        without: the id of a picture to leave out, such as the same one.
        k: at most so many.
    """
    snapshot = library.snapshot()
    index = snapshot.index
    if index.columns.get(CAPTION_FIELD) != TEXT:
        return []
    query = Query(
        vector=vector,
        filters=(text_filter(CAPTION_FIELD, "*"),),
        without=() if without is None else (without,),
    )
    hits = index.find(query, k=k)
    levels_V = library.encoders(snapshot).levels_V()
    samples = []
    for hit in hits:
        words = [word.word for word in tags_of(index.vector(hit.doc_id), levels_V, NUM_WORDS)]
        said = index.document(hit.doc_id).fields.get(CAPTION_FIELD)
        if words and isinstance(said, str) and said.strip():
            samples.append(Sample(words_told(words), said))
    return samples[::-1]
