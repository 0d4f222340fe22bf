"""One row a lever: the recipe of ``mini`` with one thing changed, trained shortly, measured alike.

    python training/ablations.py --train train.jsonl --dev dev.jsonl --cache CACHE -o runs/ablations

Every row begins at the same start, which is made once. A row that was measured before is not
trained again; `--only NAME` (may be repeated) picks rows. Prints a Markdown table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from lexret.captions.sources import open_captions
from lexret.config import RunConfig, load_recipe
from lexret.encoders import load_model
from lexret.encoders.image.feature_cache import cached_features
from lexret.encoders.lexical_model import LexicalModel
from lexret.eval.retrieval.recall import evaluate_retrieval
from lexret.sparse import SparseBatch
from lexret.training.loop import train
from lexret.training.observer import SilentObserver

BUDGETS = (296, 64, 32)
NUM_WORDS = 20898
# Short, so that all rows together take an hour on two cores.
COMMON = ["train.epochs=3"]
ROWS: dict[str, list[str]] = {
    "the recipe": [],
    "activation relu": ["model.activation=relu"],
    "activation elu1p, threshold 1/sqrt(V)": [
        "model.activation=elu1p",
        f"model.threshold={NUM_WORDS**-0.5}",
        f"train.image_words=[{NUM_WORDS},{NUM_WORDS}]",
        f"train.text_words={NUM_WORDS}",
    ],
    "penalty overuse_v": ["train.penalty=overuse_v", "train.penalty_weight=3e-4"],
    "penalty flops": ["train.penalty=flops"],
    "no penalty": ["train.penalty=none"],
    "no nested budgets (always 296 words)": ["train.image_words=[296,296]"],
    "no distillation": ["train.distill_weight=0"],
    "no anchor": ["train.anchor_weight=0"],
    "no caption words": [
        "train.caption_words_weight=0",
        "train.caption_words_text_weight=0",
    ],
    "text codebook frozen": ["model.text.train_codebook=false"],
    "two captions a picture": ["train.captions_per_image=2"],
    "hard negatives 0.3": ["train.hard_negatives=0.3"],
    "all patches through the head": ["train.head_patches=81"],
}


@click.command()
@click.option("--train", "train_file", required=True, help="Captions file to train on.")
@click.option("--dev", "dev_file", required=True, help="Captions file to measure on.")
@click.option("--cache", required=True, help="Folder of cached features and starts.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--only", multiple=True, help="Rows to run; all without it.")
@click.option("--seed", default=0, show_default=True)
def main(
    train_file: str, dev_file: str, cache: str, output: Path, only: tuple[str, ...], seed: int
) -> None:
    """Train and measure the rows, and print them as a Markdown table."""
    recipe = Path(__file__).parent / "recipes" / "mini.toml"
    data = [f"data.train={train_file}", f"data.dev={dev_file}", f"data.feature_cache={cache}"]
    for name in only or ROWS:
        place = output / "".join(c if c.isalnum() else "-" for c in name)
        config = load_recipe(recipe, [*data, *COMMON, f"train.seed={seed}", *ROWS[name]])
        file = place / "measured.json"
        if not file.is_file():
            outcome = train(config, place, SilentObserver())
            measured = measure(load_model(outcome.model), config)
            file.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
        click.echo(_row(name, json.loads(file.read_text(encoding="utf-8"))))


def measure(model: LexicalModel, config: RunConfig) -> dict[str, Any]:
    """Return recall for each budget, active words, and the words that most pictures have."""
    dev = open_captions(config.data.dev)
    features = cached_features(dev, config.model.image, Path(config.data.feature_cache))
    import torch

    images = SparseBatch.concatenate(
        [
            model.images.encode_features(torch.from_numpy(np.array(features[i : i + 64])).float())
            for i in range(0, len(dev), 64)
        ],
        model.vocabulary,
    )
    texts = [text for i in range(len(dev)) for text in dev.captions(i)]
    owners = np.repeat(np.arange(len(dev)), [len(dev.captions(i)) for i in range(len(dev))])
    encoded = model.texts.encode(texts)
    shares = np.bincount(images.term_ids, minlength=len(model.vocabulary)) / len(images)
    most = np.argsort(-shares)[:5].tolist()
    cuts = {budget: images.strongest(budget).normalized() for budget in BUDGETS}
    return {
        "recall": {
            str(budget): evaluate_retrieval(cut, encoded, owners).as_dict()
            for budget, cut in cuts.items()
        },
        "most_used": {model.vocabulary.words[i]: round(float(shares[i]), 3) for i in most},
    }


def _row(name: str, measured: dict[str, Any]) -> str:
    cells = [name]
    for budget in BUDGETS:
        found = measured["recall"][str(budget)]
        cells += [
            "/".join(f"{found[way][r]:.1f}" for r in ("R@1", "R@5", "R@10"))
            for way in ("text_to_image", "image_to_text")
        ][: 2 if budget == BUDGETS[0] else 1]
    active = measured["recall"][str(BUDGETS[0])]["active_words"]
    cells.append(f"{active['image']:.0f}/{active['text']:.0f}")
    cells.append(", ".join(f"{w} {s:.0%}" for w, s in measured["most_used"].items()))
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
