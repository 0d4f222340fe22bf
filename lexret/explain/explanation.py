"""Explanation of a picture: what it holds, and how it is made from the picture's patches.

An explanation and the photo are enough to draw every figure again, without a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image

from lexret.encoders.protocol import PatchEncoder, PatchEncoding, PatchGrid
from lexret.engine.query.query import Query
from lexret.errors import InputError
from lexret.explain.answers import contributions_to, counting_vector
from lexret.explain.contributions import Contribution
from lexret.explain.patches.heatmaps import heat_map
from lexret.explain.patches.parts import RelevantPatch, cut_into_parts, relevant_patches
from lexret.explain.patches.regions import (
    Box,
    Region,
    box_around,
    check_mask_shape,
    patch_number,
    patches_in_box,
    patches_in_mask,
    telling_patches,
    vector_of,
)
from lexret.explain.sureness import held_words, surest_words
from lexret.sparse import FloatArray, LexicalVector, WordWeight

HEAT_DECIMALS = 6

Heat = tuple[tuple[float, ...], ...]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ExplainedWord:
    """Word of a picture, and where in the picture it is.

    Attributes:
        word: the word.
        weight: its weight in the picture.
        place: (row, col) of the patch in which it is strongest.
        heat: rows of its weights in the patches, rounded to six decimals.
    """

    word: str
    weight: float
    place: Place
    heat: Heat


@dataclass(frozen=True, slots=True)
class ExplainedRegion:
    """Region of a picture, and its words.

    Attributes:
        number: from 1, as in the overlay and the captions.
        name: such as ``patch-2-5``, ``box`` or ``part-1``; the stem of its cloud's file.
        region: its patches and rectangle.
        places: (row, col) of its patches.
        words: its strongest words by falling weight; empty if it has none.
    """

    number: int
    name: str
    region: Region
    places: tuple[Place, ...]
    words: tuple[WordWeight, ...]


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Query: a text, and the query that it means; for a plain text, its vector."""

    text: str
    query: LexicalVector | Query


@dataclass(frozen=True, slots=True)
class MatchedWord:
    """Word that a query and a picture share: what it adds to the score, and where it is."""

    contribution: Contribution
    place: Place
    heat: Heat


@dataclass(frozen=True, slots=True)
class HitExplanation:
    """Explanation of a picture's score for a text.

    Attributes:
        query: the text.
        score: the sum of the products of all matched words.
        matched: all shared words, by falling product.
        missing: the query's words that the picture does not hold, by falling query weight.
        patches: the patches that match the text best, the best first.
    """

    query: str
    score: float
    matched: tuple[MatchedWord, ...]
    missing: tuple[WordWeight, ...]
    patches: tuple[RelevantPatch, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureExplanation:
    """Explanation of a picture: its words, as a whole and by region.

    Attributes:
        image: the name or path of the picture, as given.
        model_id: the model that encoded it.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        grid: the grid of patches.
        words: the surest words, the surest first, at least one; without levels the strongest.
        regions: regions, numbered from 1 in their order.
        hit: the score of a text for the picture, if a text was given.
        held: all words that the picture holds; None: the model has no levels, and all count.
    """

    image: str
    model_id: str
    width: int
    height: int
    grid: PatchGrid
    words: tuple[ExplainedWord, ...]
    regions: tuple[ExplainedRegion, ...]
    hit: HitExplanation | None = None
    held: frozenset[str] | None = None

    def unheld(self, words: Iterable[WordWeight]) -> frozenset[str]:
        """Return those of some words that the picture does not hold."""
        if self.held is None:
            return frozenset()
        return frozenset(word.word for word in words) - self.held


def explain_picture(
    image: Image.Image,
    encoder: PatchEncoder,
    *,
    name: str = "picture",
    size: tuple[int, int] | None = None,
    patches: Sequence[Place] = (),
    boxes: Sequence[Box] = (),
    masks: Sequence[Image.Image] = (),
    num_parts: int = 0,
    num_words: int = 40,
    num_regions: int = 4,
    query: TextQuery | None = None,
    levels_V: FloatArray | None = None,
) -> PictureExplanation:
    """Explain a picture, and its score for a text.

    Args:
        image: RGB, upright.
        encoder: encodes the picture.
        name: what to call the picture.
        size: (width, height) in pixels that boxes are measured in, where ``image`` is a smaller
            copy; by default the image's own.
        patches: (row, col) of patches to explain.
        boxes: (x0, y0, x1, y1) in pixels of rectangles to explain.
        masks: pictures of the same shape; what is not black in one is explained.
        num_parts: if not 0, cut the whole picture into this many parts. Without patches, boxes,
            masks and parts, the most telling patches of the picture are explained.
        num_words: words to keep, for the whole and for each region.
        num_regions: telling patches to pick.
        query: a text to explain the score of.
        levels_V: the levels of the model's words; None: it has none.

    Raises:
        InputError: if the picture has no word, or a patch or box is outside of it.
        MismatchError: if the query is of another vocabulary than the picture.
    """
    if num_words < 1:
        raise InputError(f"At least 1 word must be asked for; found {num_words}.")
    (encoding,) = encoder.encode_patches([image])
    if not len(encoding.image):
        raise InputError(
            f"The model {encoder.model_id} finds no word in {name}; there is nothing to explain."
        )
    width, height = size or image.size
    regions = [
        *_choose(encoding, patches, boxes, width, height),
        *_choose_shapes(encoding, masks, num_parts, width, height),
    ] or _choose_telling(encoding, num_regions, width, height)
    return PictureExplanation(
        image=name,
        model_id=encoder.model_id,
        width=width,
        height=height,
        grid=encoding.grid,
        words=_explain_words(encoding, num_words, levels_V),
        regions=_explain_regions(encoding, regions, num_words),
        hit=None if query is None else explain_hit(query, encoding),
        held=None if levels_V is None else held_words(encoding.image, levels_V),
    )


def explain_hit(query: TextQuery, encoding: PatchEncoding) -> HitExplanation:
    """Explain the score of a picture for a text, word by word.

    Raises:
        MismatchError: if the query is of another vocabulary than the picture.
    """
    places = places_won(encoding)
    contributions, asked = contributions_to(query.query, encoding.image)
    return HitExplanation(
        query=query.text,
        score=sum(shared.product for shared in contributions),
        matched=tuple(
            MatchedWord(shared, places[shared.word], _heat(encoding, shared.word))
            for shared in contributions
        ),
        missing=tuple(word for word in asked if word.word not in places),
        patches=relevant_patches(encoding, counting_vector(query.query, encoding.image)),
    )


def _choose(
    encoding: PatchEncoding,
    patches: Sequence[Place],
    boxes: Sequence[Box],
    width: int,
    height: int,
) -> list[Region]:
    grid = encoding.grid
    regions = []
    for patch in dict.fromkeys(patch_number(grid, row, col) for row, col in patches):
        regions.append(Region("patch", grid.box(patch, width, height), (patch,)))
    for box in dict.fromkeys(boxes):
        regions.append(Region("box", box, patches_in_box(grid, box, width, height)))
    return regions


def _choose_shapes(
    encoding: PatchEncoding,
    masks: Sequence[Image.Image],
    num_parts: int,
    width: int,
    height: int,
) -> list[Region]:
    grid = encoding.grid
    regions = []
    for mask in masks:
        check_mask_shape(mask, width, height)
        found = patches_in_mask(grid, mask)
        regions.append(Region("mask", box_around(grid, found, width, height), found))
    if num_parts:
        for part in cut_into_parts(encoding, num_parts=num_parts):
            regions.append(Region("part", box_around(grid, part, width, height), part))
    return regions


def _choose_telling(
    encoding: PatchEncoding, num_regions: int, width: int, height: int
) -> list[Region]:
    return [
        Region("telling", encoding.grid.box(patch, width, height), (patch,))
        for patch in telling_patches(encoding, num_patches=num_regions)
    ]


def _explain_words(
    encoding: PatchEncoding, num_words: int, levels_V: FloatArray | None
) -> tuple[ExplainedWord, ...]:
    places = places_won(encoding)
    return tuple(
        ExplainedWord(word.word, word.weight, places[word.word], _heat(encoding, word.word))
        for word, _ in surest_words(encoding.image, levels_V)[:num_words]
    )


def _explain_regions(
    encoding: PatchEncoding, regions: Sequence[Region], num_words: int
) -> tuple[ExplainedRegion, ...]:
    explained = []
    counts = {"box": 0, "mask": 0, "part": 0}
    for number, region in enumerate(regions, start=1):
        places = tuple(encoding.grid.place(patch) for patch in region.patches)
        name = f"patch-{places[0][0]}-{places[0][1]}"
        if region.kind in counts:
            counts[region.kind] += 1
            alone = counts[region.kind] == 1 and region.kind != "part"
            name = region.kind if alone else f"{region.kind}-{counts[region.kind]}"
        words = tuple(vector_of(encoding, region.patches).words(num_words))
        explained.append(ExplainedRegion(number, name, region, places, words))
    return tuple(explained)


def places_won(encoding: PatchEncoding) -> dict[str, Place]:
    """Return the (row, col) of the patch in which each word of the picture is strongest."""
    names = encoding.image.vocabulary.words
    won = zip(encoding.image.term_ids, encoding.winning_patches, strict=True)
    return {names[int(term_id)]: encoding.grid.place(int(patch)) for term_id, patch in won}


def _heat(encoding: PatchEncoding, word: str) -> Heat:
    rows = heat_map(encoding, word).tolist()
    return tuple(tuple(round(value, HEAT_DECIMALS) for value in row) for row in rows)
