"""JSON of explanations: everything needed to draw them again, apart from the photo."""

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
from lexret.explain.patches.parts import RelevantPatch
from lexret.explain.patches.regions import Region
from lexret.files.names import name_to_text, text_to_name, whole_text
from lexret.files.text import parse_json
from lexret.sparse import WordWeight

FORMAT = "lexret-explanation"
VERSION = 3
"""Versions 1 and 2 can be read as well: version 1 has no patches that match a text, and neither
says which words the picture holds."""


def to_json(explanation: PictureExplanation) -> str:
    """Return the explanation as indented JSON; rows, columns and boxes as short arrays."""
    return _indent(_as_plain(explanation)) + "\n"


def from_json(text: str) -> PictureExplanation:
    """Read what :func:`to_json` wrote.

    Raises:
        CorruptError: if the text is not such JSON or of an unknown version.
    """
    try:
        plain = parse_json(text)
        found = (plain["format"], plain["version"])
        if found not in [(FORMAT, version) for version in range(1, VERSION + 1)]:
            raise CorruptError(f"Expected {FORMAT} version 1 to {VERSION}; found {found}.")
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
            {"word": word.word, "weight": word.weight, "patch": word.place, "heat": word.heat}
            for word in explanation.words
        ],
        "held": None if explanation.held is None else sorted(explanation.held),
        "regions": [_region_as_plain(region) for region in explanation.regions],
        "hit": None if explanation.hit is None else _hit_as_plain(explanation.hit),
    }


def _region_as_plain(explained: ExplainedRegion) -> dict[str, Any]:
    return {
        "number": explained.number,
        "name": explained.name,
        "kind": explained.region.kind,
        "box": explained.region.box,
        "patches": explained.places,
        "words": [{"word": word.word, "weight": word.weight} for word in explained.words],
    }


def _hit_as_plain(hit: HitExplanation) -> dict[str, Any]:
    return {
        "query": whole_text(hit.query),
        "score": hit.score,
        "words": [
            {
                "word": matched.contribution.word,
                "query_weight": matched.contribution.query_weight,
                "image_weight": matched.contribution.image_weight,
                "product": matched.contribution.product,
                "patch": matched.place,
                "heat": matched.heat,
            }
            for matched in hit.matched
        ],
        "missing": [{"word": word.word, "query_weight": word.weight} for word in hit.missing],
        "patches": [
            {
                "patch": patch.place,
                "score": patch.score,
                "words": [asdict(word) for word in patch.words],
            }
            for patch in hit.patches
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
            ExplainedWord(word["word"], word["weight"], _pair(word["patch"]), _heat(word["heat"]))
            for word in plain["words"]
        ),
        regions=tuple(_region_from_plain(region, grid) for region in plain["regions"]),
        hit=None if plain["hit"] is None else _hit_from_plain(plain["hit"]),
        held=None if plain.get("held") is None else frozenset(map(str, plain["held"])),
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
        words=tuple(WordWeight(word["word"], word["weight"]) for word in plain["words"]),
    )


def _hit_from_plain(plain: dict[str, Any]) -> HitExplanation:
    matched = []
    for matched_word in plain["words"]:
        contribution = Contribution(
            matched_word["word"],
            matched_word["query_weight"],
            matched_word["image_weight"],
            matched_word["product"],
        )
        matched.append(
            MatchedWord(contribution, _pair(matched_word["patch"]), _heat(matched_word["heat"]))
        )
    missing = tuple(WordWeight(word["word"], word["query_weight"]) for word in plain["missing"])
    patches = tuple(
        RelevantPatch(
            _pair(patch["patch"]),
            patch["score"],
            tuple(Contribution(**word) for word in patch["words"]),
        )
        for patch in plain.get("patches", [])
    )
    return HitExplanation(plain["query"], plain["score"], tuple(matched), missing, patches)


def _pair(plain: list[int]) -> tuple[int, int]:
    row, col = plain
    return row, col


def _heat(plain: list[list[float]]) -> Heat:
    return tuple(tuple(row) for row in plain)


def _indent(plain: dict[str, Any]) -> str:
    """Indent only the outer levels: one line per word, not one per number."""
    lines = []
    for key, value in plain.items():
        if isinstance(value, list) and value:
            rows = ",\n    ".join(_line(item) for item in value)
            lines.append(f"  {_line(key)}: [\n    {rows}\n  ]")
        else:
            lines.append(f"  {_line(key)}: {_line(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
