"""Model card, generated from the run: only the recipe's texts in it are typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import lexret
from lexret.captions.caption_set import CaptionSet
from lexret.config import RunConfig
from lexret.encoders.network import LexicalNetwork

_IMAGINED = (
    "Besides them, features imagined from the image backbone's ImageNet classifier: patches of "
    "training pictures moved along the direction of each of its 1,000 classes, with the classes' "
    "names as captions. No further photo was used."
)


def model_card(
    config: RunConfig,
    captions: CaptionSet,
    dev: CaptionSet | None,
    best: Mapping[str, Any],
    network: LexicalNetwork,
) -> str:
    """Return the card as Markdown."""
    card, model = config.card, config.model
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    parts = [
        f"# {model.name}",
        card.description or "A lexical image-text model trained with lexret.",
        "## What it is",
        f"- Image side: frozen `{model.image.backbone}` at {model.image.image_size} px "
        f"({(model.image.image_size // model.image.stride)}² patches), adapter, "
        f"visual codebook of {len(network.vocabulary):,} words x {model.codebook.dim}.",
        f"- Text side: `{model.text.backbone}`, LoRA rank {model.text.lora_rank}, mapper, "
        f"{'trained' if model.text.train_codebook else 'frozen'} text codebook.",
        f"- Activation `{model.activation}`; at most {model.max_image_words} words a picture and "
        f"{model.text.max_words} a text (its own words always among them).",
        f"- Vocabulary `{model.vocabulary}`, fingerprint `{network.vocabulary.fingerprint[:12]}`.",
        f"- {trained / 1e6:.1f} M trained parameters.",
        "## Training data",
        f"{len(captions):,} pictures with {_num_captions(captions):,} captions.",
        *(text for text in (card.data, card.citation) if text),
        *([_IMAGINED] if config.data.imagined else []),
        "## Licence and limits",
        card.licence or "Not stated in the recipe.",
        *([card.limits] if card.limits else []),
        "## Figures",
        _figures(dev, best),
        "## Recipe",
        f"lexret {lexret.__version__}, torch {torch.__version__}, seed {config.train.seed}. "
        "Written by `lexret train`; the whole configuration:",
        f"```json\n{_without_folders(config).to_json()}```",
    ]
    return "\n\n".join(parts) + "\n"


def _without_folders(config: RunConfig) -> RunConfig:
    """Leave out where files lay on the machine that trained: a card is for other machines."""
    names = {
        "train": Path(config.data.train).name,
        "more": tuple(Path(source).name for source in config.data.more),
        "dev": Path(config.data.dev).name,
        "feature_cache": "",
    }
    return config.model_copy(update={"data": config.data.model_copy(update=names)})


def _num_captions(captions: CaptionSet) -> int:
    return sum(len(captions.captions(i)) for i in range(len(captions)))


def _figures(dev: CaptionSet | None, best: Mapping[str, Any]) -> str:
    result = best["result"]
    if dev is None or result is None:
        return "No dev split was given; nothing was measured."
    lines = [
        f"On the dev split ({len(dev):,} pictures, {_num_captions(dev):,} captions), after "
        f"{best['step']:,} steps, the step chosen by the sum of these six figures (percent):",
        "",
        "| | R@1 | R@5 | R@10 |",
        "|---|---|---|---|",
    ]
    for direction, name in (("text_to_image", "text to image"), ("image_to_text", "image to text")):
        row = result[direction]
        lines.append(f"| {name} | {row['R@1']:.1f} | {row['R@5']:.1f} | {row['R@10']:.1f} |")
    active = result["active_words"]
    lines += ["", f"Active words: {active['image']:.0f} a picture, {active['text']:.0f} a text."]
    return "\n".join(lines)
