"""Definition of a suite, which ``lexret eval all`` measures, as a TOML file.

After the first values, every table holds parts by name::

    model = "mini"
    [retrieval.coco-dev]
    source = "coco-dev/captions.jsonl"
    words = [296, 64]
    baselines = ["random", "dense", "bm25"]
    [patchdis.things]
    source = "coco-masks"
    ids = [[1, 90]]

Sources are relative to the folder that the command gets with ``--data``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from lexret.captions.sources import PEOPLE_PREFIX
from lexret.config import Frozen, read_toml, validated
from lexret.eval.cost.sparsity import DEFAULT_BUDGETS, Cut
from lexret.eval.patches.patchdis import DEFAULT_PROMPTS

Baseline = Literal["random", "dense", "ridge", "bm25"]


class RetrievalPart(Frozen):
    """Part of a suite: recall of the model and of baselines, over one set of captions."""

    source: str
    words: tuple[int, ...] = Field((), description="further word budgets of pictures")
    baselines: tuple[Baseline, ...] = ("random", "dense", "bm25")
    dense_models: tuple[str, ...] = Field(
        (), description="open_clip:ARCHITECTURE/PRETRAINED or transformers:NAME"
    )
    ridge_train: str = Field("", description="captions that the ridge baseline learns from")
    ridge_pool: Literal["mean", "mean+max"] = "mean+max"


class PatchDisPart(Frozen):
    """Part of a suite: PatchDis over one folder of masks."""

    source: str
    ids: tuple[tuple[int, int], ...] = Field((), description="ranges of class ids; empty: all")
    prompts: tuple[str, ...] = DEFAULT_PROMPTS
    figure: bool = Field(False, description="draw ten pictures; the figure holds the photos")


class SparsityPart(Frozen):
    """Part of a suite: the sparsity curve over one set of captions."""

    source: str
    budgets: tuple[int, ...] = DEFAULT_BUDGETS
    cut: Cut = "both"


class AnnotatedPart(Frozen):
    """Part of a suite over captions or masks that say what pictures show."""

    source: str


class NoMatchPart(AnnotatedPart):
    """Searches for absent things."""

    learn_from: tuple[str, ...] = Field(
        (), description="sources to learn the evidence from; empty: from the same, across things"
    )


class FaithfulnessPart(Frozen):
    """Part of a suite: deletion and insertion over a folder of pictures."""

    source: str
    pictures: int = Field(20, gt=0)
    words: int = Field(1, gt=0)


class SpeedPart(Frozen):
    """Part of a suite: speed by stage over one set of captions."""

    source: str
    pictures: int = Field(64, gt=0)


class Suite(Frozen):
    """Suite of measurements that one command makes."""

    model: str = "mini"
    text_encoder: Literal["contextual", "static"] = "contextual"
    seed: int = 0
    retrieval: dict[str, RetrievalPart] = Field(default_factory=dict)
    patchdis: dict[str, PatchDisPart] = Field(default_factory=dict)
    sparsity: dict[str, SparsityPart] = Field(default_factory=dict)
    exclusion: dict[str, AnnotatedPart] = Field(default_factory=dict)
    held_words: dict[str, AnnotatedPart] = Field(default_factory=dict)
    no_match: dict[str, NoMatchPart] = Field(default_factory=dict)
    faithfulness: dict[str, FaithfulnessPart] = Field(default_factory=dict)
    speed: dict[str, SpeedPart] = Field(default_factory=dict)


def source_below(data: Path, source: str) -> str:
    """Return a suite's source below the data folder; one with another prefix is taken as it is."""
    if source.startswith(PEOPLE_PREFIX):
        return PEOPLE_PREFIX + str(data / source.removeprefix(PEOPLE_PREFIX))
    return source if ":" in source else str(data / source)


def load_suite(path: Path) -> Suite:
    """Read a suite.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is not TOML or a value is wrong.
    """
    return validated(Suite, read_toml(path, what="suite"), str(path))
