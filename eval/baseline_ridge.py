"""The ridge baseline: caption words predicted from pooled backbone features, in closed form.

The method is that of lexret/eval/baselines/ridge.py, whose docstring says how targets and scores
are made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from lexret.errors import LexretError
from lexret.eval.baselines.ridge import Ridge, choose_alpha, load_split

FEATURES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--train", required=True, metavar="CAPTIONS", help="Captions to learn from.")
@click.option("--test", "tests", required=True, multiple=True, metavar="CAPTIONS",
              help="Captions to measure on; may be repeated.")  # fmt: skip
@click.option("--features-train", type=FEATURES, help="(N, P, F) array of --train's pictures.")
@click.option("--features-test", "features_tests", multiple=True, type=FEATURES,
              help="The same of each --test, in their order.")  # fmt: skip
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), default="runs/features",
              show_default=True, help="Where computed features are kept.")  # fmt: skip
@click.option("--pool", type=click.Choice(["mean", "mean+max"]), default="mean", show_default=True)
@click.option("--min-captions", type=click.IntRange(min=1), default=6, show_default=True,
              help="A word must stand in so many training captions.")  # fmt: skip
@click.option("--alpha", type=click.FloatRange(min=0, min_open=True),
              help="Ridge's alpha for each training picture; otherwise it is chosen.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of the part held out for alpha.")
def main(
    train: str,
    tests: Sequence[str],
    features_train: Path | None,
    features_tests: Sequence[Path],
    cache: Path,
    pool: str,
    min_captions: int,
    alpha: float | None,
    seed: int,
) -> None:
    """Measure the ridge baseline; prints one JSON line for each --test.

    \b
    Example:
      python eval/baseline_ridge.py --train train.jsonl --test dev.jsonl
    """
    if features_tests and len(features_tests) != len(tests):
        raise click.UsageError(
            f"Found {len(tests)} --test, {len(features_tests)} --features-test; expected as many."
        )
    try:
        training = load_split(train, features_train, cache, pool)
        relative = alpha or choose_alpha(training, min_captions=min_captions, seed=seed)
        ridge = Ridge.fit(training, min_captions=min_captions)
        for i, test in enumerate(tests):
            features = features_tests[i] if features_tests else None
            split = load_split(test, features, cache, pool)
            ranks = ridge.ranks(split, alpha=relative * len(training.pooled_NF))
            text_to_image, image_to_text = ranks.summary()
            answer = {
                "test": Path(test).name,
                "text_to_image": text_to_image.as_dict(),
                "image_to_text": image_to_text.as_dict(),
                "num_images": len(split.pooled_NF),
                "num_captions": len(split.owners_T),
                "pool": pool,
                "words": len(ridge.words),
                "relative_alpha": relative,
            }
            click.echo(json.dumps(answer))
    except LexretError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
