"""Judge by eye how many of a model's strongest words are right.

    python eval/judge_words.py sheets coco-dev/captions.jsonl varied/dev.jsonl -o sheets/
    python eval/judge_words.py score eval/words_judged.json

`sheets` takes 100 pictures, spread evenly over all files, and writes PNGs to look at and
`words.json`: for each picture (folder and line of its file, from 1) the 20 strongest words, and an
empty list "wrong". A reader moves a copy to where it belongs after filling in what is neither right
nor plausible for the picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from lexret.captions.joined import JoinedCaptions
from lexret.captions.sources import open_captions
from lexret.encoders import load_model

NUM_PICTURES = 100
NUM_WORDS = 20
A_SHEET = 10
CELL = (760, 250)


@click.group()
def main() -> None:
    """Judge by eye how many of a model's strongest words are right."""


@main.command()
@click.argument("captions", nargs=-1, required=True)
@click.option("--model", default="mini", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def sheets(captions: tuple[str, ...], model: str, output: Path) -> None:
    """Write sheets of pictures with their words, and words.json."""
    data = JoinedCaptions([open_captions(source) for source in captions])
    encoder = load_model(model).images
    names = [
        f"{Path(source).parent.name}:{line + 1}"
        for source, size in zip(captions, data.sizes, strict=True)
        for line in range(size)
    ]
    rows = np.linspace(0, len(data) - 1, NUM_PICTURES).round().astype(int).tolist()
    output.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Any] = {}
    for start in range(0, len(rows), A_SHEET):
        chunk = rows[start : start + A_SHEET]
        images = [data.image(row) for row in chunk]
        found = encoder.encode(images)
        sheet = Image.new("RGB", (2 * CELL[0], A_SHEET // 2 * CELL[1]), "white")
        for i, (row, image) in enumerate(zip(chunk, images, strict=True)):
            words = [weighed.word for weighed in found.row(i).words(NUM_WORDS)]
            pictures[names[row]] = {"words": words, "wrong": []}
            _draw(sheet, i, names[row], image, words)
        sheet.save(output / f"sheet-{start // A_SHEET + 1:02d}.png")
    record = {"model": encoder.model_id, "words_a_picture": NUM_WORDS, "pictures": pictures}
    (output / "words.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@main.command()
@click.argument("judged", type=click.Path(path_type=Path, exists=True))
def score(judged: Path) -> None:
    """Print the share of words that were let stand, and the words that were wrong most often."""
    pictures = json.loads(judged.read_text(encoding="utf-8"))["pictures"]
    strangers = {w for p in pictures.values() for w in set(p["wrong"]) - set(p["words"])}
    if strangers:
        raise click.ClickException(f"Judged wrong, but not among the words: {sorted(strangers)}.")
    num_words = sum(len(p["words"]) for p in pictures.values())
    wrong = [word for p in pictures.values() for word in p["wrong"]]
    stands = 100 * (1 - len(wrong) / num_words)
    click.echo(f"{stands:.1f}% of {num_words} words of {len(pictures)} pictures stand")
    for count, name in ((10, "ten"), (5, "five")):
        first = [word in p["wrong"] for p in pictures.values() for word in p["words"][:count]]
        click.echo(f"{100 * (1 - sum(first) / len(first)):.1f}% of each picture's first {name}")
    most = sorted(set(wrong), key=lambda word: (-wrong.count(word), word))[:15]
    click.echo("wrong most often: " + ", ".join(f"{w} {wrong.count(w)}" for w in most))


def _draw(sheet: Image.Image, i: int, name: str, image: Image.Image, words: list[str]) -> None:
    left, top = (i % 2) * CELL[0], (i // 2) * CELL[1]
    sheet.paste(ImageOps.contain(image, (240, 230)), (left + 5, top + 5))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    pen.text((left + 255, top + 5), name, fill="grey", font=font)
    for number, word in enumerate(words):
        column, line = divmod(number, 10)
        place = (left + 255 + 250 * column, top + 27 + 21 * line)
        pen.text(place, f"{number + 1:2d} {word}", fill="black", font=font)


if __name__ == "__main__":
    main()
