"""Overview of a library: its words, cameras, and queries that find something in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lexret.engine.index import EmbeddedIndex
from lexret.library.asking.query_fields import TAKEN
from lexret.library.browsing.word_counts import Counts
from lexret.sparse import FloatArray
from lexret.vocabulary import Vocabulary

_CAMERA: Final = "camera"
_PLACE: Final = ("latitude", "longitude")
# A word that most pictures hold says little of any of them.
_MOST: Final = 0.5
_TELLING: Final = 0.2  # what more pictures hold makes a dull example
_SEEDS: Final = 24
# Words that say where or how, and so nothing of what there is to see.
_RELATIONS: Final = frozenset((
    "above", "across", "after", "against", "ahead", "along", "among", "apart", "around", "away",
    "back", "background", "before", "behind", "below", "beneath", "beside", "between", "beyond",
    "bottom", "center", "close", "down", "far", "foreground", "front", "inside", "left",
    "middle", "near", "nearby", "next", "open", "out", "outside", "outdoor", "outdoors", "over",
    "past", "right", "scattered", "separate", "side", "surrounded", "surrounding",
    "surroundings", "through", "together", "top", "toward", "towards", "under", "underneath",
    "up", "upper", "various", "view", "viewed", "visible", "within",
))  # fmt: skip
_LOOKED_AT: Final = 40


@dataclass(frozen=True, slots=True)
class CountedWord:
    """A word and the number of pictures that hold it; or a value of a field."""

    word: str
    num_pictures: int


def strongest_words(
    vocabulary: Vocabulary, counts_V: Counts, num_pictures: int, *, k: int
) -> list[CountedWord]:
    """Return the words that most pictures hold, by falling count; of *dog* and *dogs*, one.

    Words that say where something is, such as *against*, are left out. Words that more than half
    of the pictures hold come last, where there are others.
    """
    order = np.argsort(-counts_V, kind="stable")
    order = order[counts_V[order] > 0]
    too_common = counts_V[order] > _MOST * num_pictures
    found: dict[str, CountedWord] = {}
    for term in np.concatenate([order[~too_common], order[too_common]]).tolist():
        word = vocabulary.words[term]
        if len(found) == k:
            break
        if word in _RELATIONS:
            continue
        if not any(other in found for other in vocabulary.numbers_of(word)):
            found[word] = CountedWord(word, int(counts_V[term]))
    return sorted(found.values(), key=lambda counted: (-counted.num_pictures, counted.word))


def cameras(index: EmbeddedIndex, *, k: int) -> list[CountedWord]:
    """Return the cameras of the pictures, by falling number of pictures, then by name."""
    if _CAMERA not in index.columns:
        return []
    found = Counter(str(value) for value in index.field_values(_CAMERA) if value is not None)
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [CountedWord(name, number) for name, number in ranked[:k]]


def places(index: EmbeddedIndex) -> list[tuple[float, float]]:
    """Return latitude and longitude, in degrees, of the pictures that have both, rising."""
    if not all(name in index.columns for name in _PLACE):
        return []
    pairs = zip(*(index.field_values(name) for name in _PLACE), strict=True)
    return sorted(
        (float(latitude), float(longitude))
        for latitude, longitude in pairs
        if isinstance(latitude, int | float) and isinstance(longitude, int | float)
    )


def examples(
    index: EmbeddedIndex, words: Sequence[CountedWord], levels_V: FloatArray | None
) -> list[str]:
    """Return a few queries, each of another kind, that find something in a library.

    Each is true of at least one picture: two words that a picture holds together, one word
    without another, a word with a year.

    Args:
        words: the library's strongest.
        levels_V: the words' levels; None: every weight holds its word.
    """
    alone = [word for word in words if " " not in word.word and word.num_pictures > 1]
    telling = [word for word in alone if word.num_pictures <= _TELLING * len(index)]
    seeds = [word.word for word in (telling or alone)[:_SEEDS]]
    if not seeds:
        return []
    terms_T = np.array([index.vocabulary.term_id(word) for word in seeds], np.int32)
    ids = index.doc_ids()
    looked_at = ids[:: max(1, len(ids) // (_LOOKED_AT * 10))]
    weights_DT = index.weights(looked_at, terms_T)
    least_T = 0.0 if levels_V is None else levels_V[terms_T]
    held_DT = ((weights_DT > 0) & (weights_DT >= least_T)).astype(np.int64)
    together_TT = held_DT.T @ held_DT
    number_T = together_TT.diagonal().copy()
    found = [seeds[int(number_T.argmax())]]
    pair = _pair(together_TT, number_T)
    if pair is not None:
        first, second = pair
        found.append(f"{seeds[first]} and {seeds[second]}")
        if number_T[first] > together_TT[first, second]:
            found.append(f"{seeds[first]} -{seeds[second]}")
    year = _year(index)
    if year is not None:
        found.append(f"date:{year}")
    return found


def _pair(together_TT: Counts, number_T: Counts) -> tuple[int, int] | None:
    """Return the two words that are together most often for how often each is there."""
    expected = np.sqrt(np.outer(number_T, number_T)) + 1.0
    share = together_TT / expected
    np.fill_diagonal(share, 0.0)
    # Words that nearly always come together say the same twice.
    share[share > 0.6] = 0.0
    if not share.any():
        return None
    first, second = np.unravel_index(int(share.argmax()), share.shape)
    return int(first), int(second)


def _year(index: EmbeddedIndex) -> int | None:
    """Return the year in which most dated pictures were taken; of equals, the latest."""
    years: Counter[int] = Counter()
    for segment in index.segments:
        taken = segment.numbers(TAKEN)
        if taken is not None:
            values = np.asarray(taken[0])[taken[1]].astype("datetime64[s]")
            years.update((values.astype("datetime64[Y]").astype(int) + 1970).tolist())
    return max(years, key=lambda year: (years[year], year)) if years else None
