"""Distillation of a model's static text encoder into its folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import lexret
from lexret.captions.caption_set import CaptionSet
from lexret.encoders.computation import Computation
from lexret.encoders.folder.record import (
    CARD_FILE,
    STATIC_TEXT_FILE,
    WEIGHTS_FILE,
    find_model,
    read_record,
    write_model_folder,
    write_record,
)
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.encoders.model import TextEncoder
from lexret.encoders.text.static_encoder import StaticTextEncoder
from lexret.encoders.text.static_table import StaticSettings, StaticTable, save_static_table
from lexret.errors import InputError
from lexret.files.hashes import file_sha256
from lexret.training.distill.caption_pictures import CaptionPictures
from lexret.training.distill.imitation import (
    ENCODE_BATCH,
    Progress,
    StaticRecipe,
    TaughtTables,
    ignore_progress,
    teach_static_text,
)

# Of so many pictures one is held out, to see how well the encoders agree on new captions.
_HELD_OUT_OF: Final = 50
# Few words of the vocabulary have rows as short as words that say nothing ("a", "of").
_SHORTEST_PERCENT: Final = 1.0
_HEADING: Final = "## Static text encoder"


@dataclass(frozen=True)
class DistillationResult:
    """Result of a distillation.

    Attributes:
        model: the folder.
        agreement: mean cosine of both encoders' vectors over captions that were held out.
        num_bytes: size of the static encoder's file.
    """

    model: Path
    agreement: float
    num_bytes: int


def distill(
    source: str | Path,
    captions: CaptionSet,
    folder: Path,
    recipe: StaticRecipe | None = None,
    *,
    with_pictures: bool = True,
    feature_cache: Path | None = None,
    progress: Progress | None = None,
    batch_size: int = ENCODE_BATCH,
    computation: Computation | None = None,
) -> DistillationResult:
    """Teach a model's static text encoder, and write the model with it.

    Args:
        source: a shipped model's name or a model folder.
        captions: one picture of 50 is held out.
        folder: where the model with its static encoder goes; it may be the model's own. One that
            is there is replaced once the new one is whole.
        with_pictures: also teach it to score the captions' pictures.
        feature_cache: as of :class:`~lexret.training.distill.caption_pictures.CaptionPictures`.
        progress: as of :func:`~lexret.training.distill.imitation.teach_static_text`, and for
            "features" and "pictures".
        batch_size: texts that go through the transformer together.
        computation: where and in what precision the model's networks compute.

    Raises:
        InputError: if there are too few captions to hold some out, or the model's texts are their
            own words alone.
        ImageError: if a picture cannot be read.
        MissingError, CorruptError: if the model cannot be loaded.
        StorageError: if it cannot be written.
    """
    chosen = recipe or StaticRecipe()
    model = load_model(source, computation=computation)
    if model.checkpoint.config.text.words == "own":
        raise InputError(
            f"The texts of {model.model_id} are their own words alone (model.text.words = 'own'); "
            "there is nothing to imitate."
        )
    numbers, held_out = _split(captions)
    pictures = (
        CaptionPictures(model, captions, numbers, feature_cache, progress or ignore_progress)
        if with_pictures
        else None
    )
    learnt = _captions_of(captions, numbers)
    taught = teach_static_text(
        model.contextual_text, learnt, pictures, chosen, progress=progress, batch_size=batch_size
    )
    settings = settings_of(model, taught)
    encoder = StaticTextEncoder(
        taught.table,
        settings,
        model.vocabulary,
        model_id=model.model_id,
        threshold=model.checkpoint.config.threshold,
    )
    agreement = agreement_of(encoder, model.contextual_text, _captions_of(captions, held_out))
    figures = {
        "agreement": round(agreement, 4),
        "captions_sha256": captions.fingerprint,
        "num_captions": len(learnt),
        "num_pictures": len(numbers) if with_pictures else 0,
        "num_texts": taught.num_texts,
        "recipe": asdict(chosen),
        "lexret": lexret.__version__,
        "torch": str(torch.__version__),
    }
    _write(find_model(source), folder, taught.table, settings, figures)
    return DistillationResult(folder, agreement, (folder / STATIC_TEXT_FILE).stat().st_size)


def agreement_of(static: StaticTextEncoder, contextual: TextEncoder, texts: Sequence[str]) -> float:
    """Return the mean cosine of two encoders' vectors over texts."""
    left, right = (encoder.encode(texts).to_scipy() for encoder in (static, contextual))
    return float(np.asarray(left.multiply(right).sum(axis=1)).mean())


def _split(captions: CaptionSet) -> tuple[list[int], list[int]]:
    """Return the numbers of the pictures to learn from, and of those held out."""
    if len(captions) < _HELD_OUT_OF:
        raise InputError(
            f"The captions are of {len(captions)} pictures; expected {_HELD_OUT_OF} or more."
        )
    held_out = range(_HELD_OUT_OF - 1, len(captions), _HELD_OUT_OF)
    return [i for i in range(len(captions)) if i not in held_out], list(held_out)


def _captions_of(captions: CaptionSet, numbers: Sequence[int]) -> list[str]:
    return [text for i in numbers for text in captions.captions(i)]


def settings_of(model: LexicalModel, taught: TaughtTables) -> StaticSettings:
    """Return the settings that a static text encoder takes from its model and its training."""
    config = model.checkpoint.config
    words_VC = taught.table.rows.rows(list(range(len(model.vocabulary))))
    lengths_V = np.linalg.norm(taught.table.base_C + words_VC, axis=1)
    return StaticSettings(
        vocabulary=model.vocabulary.fingerprint,
        imitates=model.checkpoint.sha256,
        activation=config.activation,
        max_words=config.text.max_words,
        own_word_floor=config.text.own_word_floor,
        cosine_scale=config.text.cosine_scale,
        least_length=float(np.percentile(lengths_V, _SHORTEST_PERCENT)),
        further_words=taught.further_words,
        pairs=taught.pairs,
    )


def _write(
    source: Path,
    folder: Path,
    table: StaticTable,
    settings: StaticSettings,
    figures: dict[str, Any],
) -> None:
    """Write the model at ``source`` with its static encoder to ``folder``."""
    record = read_record(source)
    # Another training may have written into the folder meanwhile.
    if record.sha256[WEIGHTS_FILE] != settings.imitates:
        raise InputError(f"The model at {source} has changed meanwhile; run it again.")

    def fill(fresh: Path) -> None:
        shutil.copytree(source, fresh, dirs_exist_ok=True)
        save_static_table(fresh / STATIC_TEXT_FILE, table, settings)
        digest = file_sha256(fresh / STATIC_TEXT_FILE)
        values = {
            **record.values,
            "sha256": {**record.sha256, STATIC_TEXT_FILE: digest},
            "numbers": {**record.numbers, "static_text": figures},
        }
        write_record(fresh, values)
        if (fresh / CARD_FILE).is_file():
            card = (fresh / CARD_FILE).read_text(encoding="utf-8")
            (fresh / CARD_FILE).write_text(_with_section(card, table, figures), encoding="utf-8")

    write_model_folder(folder, fill)


def _with_section(card: str, table: StaticTable, figures: dict[str, Any]) -> str:
    """Return a model card with the static encoder's section; an older one is replaced."""
    before, _, after = card.partition(f"\n{_HEADING}\n")
    following = after.find("\n## ")
    rest = after[following:] if following >= 0 else ""
    section = (
        f"\n{_HEADING}\n\nA table of {len(table.rows.scale_N):,} rows imitates the text side "
        f"without a network. It learnt from {figures['num_captions']:,} captions, every word of "
        "the vocabulary, and random texts made of both. On captions that were held out, its "
        f"vectors have a mean cosine of {figures['agreement']:.3f} with those of the text side. "
        "`lexret search` uses it; `--text-encoder contextual` selects the other.\n"
    )
    return before.rstrip("\n") + "\n" + section + rest
