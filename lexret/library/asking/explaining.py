"""Explains picture files: what they say, as a whole and in parts, and how they answer a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lexret.explain.explanation import PictureExplanation, TextQuery, explain_picture
from lexret.library.model_encoders import ModelEncoders
from lexret.pictures.boxes import Box, check_box, corners_of
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture

if TYPE_CHECKING:
    from lexret.engine.query.query import Query
    from lexret.pictures.packed import PictureFile
    from lexret.sparse import LexicalVector


def explain_file(
    path: PictureFile,
    encoders: ModelEncoders,
    *,
    name: str,
    query: LexicalVector | Query | None = None,
    text: str = "",
    boxes: Sequence[Box] = (),
    patches: Sequence[tuple[int, int]] = (),
    num_parts: int = 0,
    num_words: int = 40,
) -> PictureExplanation:
    """Explain a picture; see :meth:`lexret.library.library.Library.explain`.

    Args:
        name: what to call the picture.
        query: what to explain the score of.
        text: what ``query`` was made of.
    """
    # Read as `lexret index` reads it, so that both see the same picture and give one score.
    picture = open_picture(path, min_side=ENCODING_MIN_SIDE)
    size = (picture.width, picture.height)
    corners = [corners_of(check_box(box, size)) for box in boxes]
    return explain_picture(
        picture.image,
        encoders.images(),
        name=name,
        size=size,
        patches=patches,
        boxes=corners,
        num_parts=num_parts,
        num_words=num_words,
        query=None if query is None else TextQuery(text, query),
        levels_V=encoders.levels_V(),
    )
