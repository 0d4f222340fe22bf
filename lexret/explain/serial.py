"""Explanations as JSON: everything needed to draw them again, apart from the photo."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from lexret.encoders.protocol import PatchGrid
from lexret.errors import CorruptError
from lexret.explain.contributions import Contribution
from lexret.explain.explanation import (
    ExplainedRegion,
    ExplainedWord,
    Heat,
    HitExplanation,
    MatchedWord,
    PictureExplanation,
)
from lexret.explain.parts import RelevantPatch
from lexret.explain.regions import Region
from lexret.files.names import name_to_text, text_to_name, whole_text
from lexret.sparse import WordWeight

FORMAT = "lexret-explanation"
VERSION = 2
"""Version 1, which is read as well, knows no patches that answer a text."""


def to_json(explanation: PictureExplanation) -> str:
    """Return the explanation as indented JSON; rows, columns and boxes as short arrays."""
    return _indent(_as_plain(explanation)) + "\n"


def from_json(text: str) -> PictureExplanation:
    """Read what :func:`to_json` wrote.

    Raises:
        CorruptError: if the text is not such JSON or of an unknown version.
    """
    try:
        plain = json.loads(text)
        found = (plain["format"], plain["version"])
        if found not in ((FORMAT, 1), (FORMAT, VERSION)):
            raise CorruptError(f"Expected {FORMAT} version 1 or {VERSION}; found {found}.")
        return _from_plain(plain)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CorruptError):
            raise
        raise CorruptError(f"This is not a complete {FORMAT}: {error!r}.") from error


def _as_plain(explanation: PictureExplanation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "image": name_to_text(explanation.image),
        "model": explanation.model_id,
        "size": {"width": explanation.width, "height": explanation.height},
        "grid": {"rows": explanation.grid.num_rows, "cols": explanation.grid.num_cols},
        "words": [
            {"word": one.word, "weight": one.weight, "patch": one.place, "heat": one.heat}
            for one in explanation.words
        ],
        "regions": [_region_as_plain(one) for one in explanation.regions],
        "hit": None if explanation.hit is None else _hit_as_plain(explanation.hit),
    }


def _region_as_plain(explained: ExplainedRegion) -> dict[str, Any]:
    return {
        "number": explained.number,
        "name": explained.name,
        "kind": explained.region.kind,
        "box": explained.region.box,
        "patches": explained.places,
        "words": [{"word": one.word, "weight": one.weight} for one in explained.words],
    }


def _hit_as_plain(hit: HitExplanation) -> dict[str, Any]:
    return {
        "query": whole_text(hit.query),
        "score": hit.score,
        "words": [
            {
                "word": one.contribution.word,
                "query_weight": one.contribution.query_weight,
                "image_weight": one.contribution.image_weight,
                "product": one.contribution.product,
                "patch": one.place,
                "heat": one.heat,
            }
            for one in hit.matched
        ],
        "missing": [{"word": one.word, "query_weight": one.weight} for one in hit.missing],
        "patches": [
            {
                "patch": one.place,
                "score": one.score,
                "words": [asdict(word) for word in one.words],
            }
            for one in hit.patches
        ],
    }


def _from_plain(plain: dict[str, Any]) -> PictureExplanation:
    grid = PatchGrid(plain["grid"]["rows"], plain["grid"]["cols"])
    return PictureExplanation(
        image=text_to_name(plain["image"]),
        model_id=plain["model"],
        width=plain["size"]["width"],
        height=plain["size"]["height"],
        grid=grid,
        words=tuple(
            ExplainedWord(one["word"], one["weight"], _pair(one["patch"]), _heat(one["heat"]))
            for one in plain["words"]
        ),
        regions=tuple(_region_from_plain(one, grid) for one in plain["regions"]),
        hit=None if plain["hit"] is None else _hit_from_plain(plain["hit"]),
    )


def _region_from_plain(plain: dict[str, Any], grid: PatchGrid) -> ExplainedRegion:
    places = tuple(_pair(place) for place in plain["patches"])
    x0, y0, x1, y1 = plain["box"]
    patches = tuple(row * grid.num_cols + col for row, col in places)
    return ExplainedRegion(
        number=plain["number"],
        name=plain["name"],
        region=Region(plain["kind"], (x0, y0, x1, y1), patches),
        places=places,
        words=tuple(WordWeight(one["word"], one["weight"]) for one in plain["words"]),
    )


def _hit_from_plain(plain: dict[str, Any]) -> HitExplanation:
    matched = []
    for one in plain["words"]:
        contribution = Contribution(
            one["word"], one["query_weight"], one["image_weight"], one["product"]
        )
        matched.append(MatchedWord(contribution, _pair(one["patch"]), _heat(one["heat"])))
    missing = tuple(WordWeight(one["word"], one["query_weight"]) for one in plain["missing"])
    patches = tuple(
        RelevantPatch(
            _pair(one["patch"]),
            one["score"],
            tuple(Contribution(**word) for word in one["words"]),
        )
        for one in plain.get("patches", [])
    )
    return HitExplanation(plain["query"], plain["score"], tuple(matched), missing, patches)


def _pair(plain: list[int]) -> tuple[int, int]:
    row, col = plain
    return row, col


def _heat(plain: list[list[float]]) -> Heat:
    return tuple(tuple(row) for row in plain)


def _indent(plain: dict[str, Any]) -> str:
    """Indent the outer levels only: one line a word, not one line a number."""
    lines = []
    for key, value in plain.items():
        if isinstance(value, list) and value:
            rows = ",\n    ".join(_line(one) for one in value)
            lines.append(f"  {_line(key)}: [\n    {rows}\n  ]")
        else:
            lines.append(f"  {_line(key)}: {_line(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
