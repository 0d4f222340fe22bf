"""Classes to tell apart: which pictures show what, by captions or masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lexret.captions.sources import open_captions
from lexret.eval.control.annotated_pictures import check_source, masks_in
from lexret.eval.control.concepts import Concept, Inventory, caption_concepts
from lexret.eval.retrieval.encoding import Progress, encode_pictures
from lexret.sparse import SparseBatch
from lexret.vocabulary import number_free, tokenize

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel


def inventory_of_captions(
    captions: Sequence[Sequence[str]], concepts: Sequence[Concept] | None = None
) -> Inventory:
    """Take for shown what at least half of a picture's captions hold."""
    concepts = caption_concepts() if concepts is None else concepts
    shown_CI = np.zeros((len(concepts), len(captions)), dtype=bool)
    for i, texts in enumerate(captions):
        said = [{number_free(word) for word in tokenize(text)} for text in texts]
        for c, concept in enumerate(concepts):
            holding = sum(not words.isdisjoint(concept.words) for words in said)
            shown_CI[c, i] = 2 * holding >= len(said) > 0
    return Inventory(tuple(concept.name for concept in concepts), shown_CI)


def open_classes(
    source: str, model: LexicalModel, *, batch_size: int = 32, progress: Progress | None = None
) -> tuple[SparseBatch, Inventory]:
    """Encode pictures with captions, or a folder of pictures with masks.

    Raises:
        MissingError: if there is no such source.
        InputError: if a picture cannot be read.
    """
    check_source(source)
    masked = masks_in(Path(source))
    if masked is not None:
        count, read = len(masked.items), masked.image
        return (
            encode_pictures(read, count, model.images, batch_size, progress),
            Inventory.of_masks(masked),
        )
    captions = open_captions(source)
    numbers = range(len(captions))
    vectors = encode_pictures(captions.image, len(captions), model.images, batch_size, progress)
    return vectors, inventory_of_captions([captions.captions(i) for i in numbers])
