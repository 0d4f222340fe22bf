"""Measures what a person sees of `lexret serve` in a real browser: how soon a search shows photos.

    python index/bench_page.py --pictures 100300 --against 6e41311

It makes a library of random vectors over the words of a shipped model, whose files are links to a
few photos of 12 million pixels that it draws, so that each thumbnail must be made of a photo of
its own name. Then it starts the server of this checkout, and with --against that of another
commit, over the same library, and asks both the same queries in headless Chromium, in turns: first
without any thumbnail, then again. Printed as JSON, in milliseconds from the key Enter: when the
answer had come, when photos were laid out, and when the first row of thumbnails was on the screen.
Nothing else should run meanwhile; the load that was found is told.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bench_serve import CHUNK, QUERIES, Serving, random_vectors  # type: ignore[import-not-found]
from chromium import Browser, find_chromium  # type: ignore[import-not-found]

from lexret.encoders.folder.record import find_model, read_record
from lexret.engine.writer import EmbeddedIndexWriter

ROOT = Path(__file__).resolve().parent.parent
SIZES = ((4000, 3000), (3000, 4000), (4000, 2250), (3464, 3464))
NUM_FILES = 12
ASKED = 8
# Of a search: when its answer had come, when tiles were there, when the first row was painted.
MEASURED = """(async (text) => {
  const input = document.getElementById('q'), grid = document.getElementById('grid');
  performance.clearResourceTimings();
  const begin = performance.now(), told = {};
  input.value = text;
  document.getElementById('form').requestSubmit();
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  while (document.getElementById('status').textContent.startsWith('Searching')
         || !grid.querySelector('.row .hit')) await frame();
  told.laid_out = performance.now() - begin;
  const row = grid.querySelector('.row');
  const images = [...row.querySelectorAll('img')];
  while (!images.every((one) => one.complete && one.naturalWidth)) await frame();
  await Promise.all(images.map((one) => one.decode()));
  await frame();
  told.first_row = performance.now() - begin;
  const asked = performance.getEntriesByType('resource')
    .find((one) => one.name.includes('/api/search'));
  told.answer = asked.responseEnd - begin;
  const screen = () => [...grid.querySelectorAll('img')]
    .filter((one) => one.getBoundingClientRect().top < innerHeight);
  while (!screen().every((one) => one.complete)) await frame();
  told.screen = performance.now() - begin;
  return told;
})"""


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_300)
    parser.add_argument("--against", metavar="COMMIT", help="measure that commit's page as well")
    parser.add_argument("--repeat", type=int, default=2, help="how often each server starts anew")
    parser.add_argument("--keep", type=Path, help="a folder for the library, to use it again")
    arguments = parser.parse_args()
    program = find_chromium()
    if program is None:
        parser.error("needs a browser: apt install chromium")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch) / "library"
        if not (folder / ".lexret").is_dir():
            make_library(folder, arguments.pictures)
        trees = {"here": ROOT}
        if arguments.against:
            trees["before"] = checked_out(arguments.against, Path(scratch) / "before")
        found: dict[str, list[dict[str, float]]] = {}
        for number in range(arguments.repeat):
            for name, tree in list(trees.items())[:: 1 if number % 2 else -1]:
                for kind, times in measure(folder, tree, program, Path(scratch)).items():
                    found.setdefault(f"{name} {kind}", []).extend(times)
    click.echo(json.dumps(report(found, arguments), indent=2))
    return 0


def make_library(folder: Path, num_pictures: int) -> None:
    """Draw a few photos, and index them under many names."""
    (folder / "p").mkdir(parents=True)
    rng = np.random.default_rng(0)
    shapes = []
    for number in range(NUM_FILES):
        width, height = shape = SIZES[number % len(SIZES)]
        coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), np.uint8)).resize(shape)
        grain = rng.integers(-12, 13, (height, width, 1), np.int16)
        pixels = np.clip(np.asarray(coarse, np.int16) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
        shapes.append(shape)
    record = read_record(find_model("mini"))
    vocabulary = record.vocabulary()
    with EmbeddedIndexWriter.create(
        folder / ".lexret", vocabulary, model_id=record.model_id, model_source="mini", roots=[".."]
    ) as writer:
        for start in range(0, num_pictures, CHUNK):
            numbers = range(start, min(start + CHUNK, num_pictures))
            ids = [f"p/{number:07}.jpg" for number in numbers]
            for number, doc_id in zip(numbers, ids, strict=True):
                os.link(folder / f"{number % NUM_FILES}.jpg", folder / doc_id)
            writer.add(ids, random_vectors(vocabulary, start, len(ids)), fields={
                "width": [shapes[number % NUM_FILES][0] for number in numbers],
                "height": [shapes[number % NUM_FILES][1] for number in numbers],
                "mtime_ns": [10**18 + number * 3600 * 10**9 for number in numbers],
                "sha256": [hashlib.sha256(b"%d" % number).hexdigest() for number in numbers],
            })  # fmt: skip
        writer.commit()


def checked_out(commit: str, folder: Path) -> Path:
    """Put the package as it is at a commit into a folder."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit, "lexret"], check=True, stdout=subprocess.PIPE
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def measure(
    folder: Path, tree: Path, program: str, scratch: Path
) -> dict[str, list[dict[str, float]]]:
    """Ask a new server for some queries that it was never asked for, then once more."""
    place = folder / ".lexret"
    for kept in place.glob("thumbnails.sqlite*"):
        kept.unlink()
    found: dict[str, list[dict[str, float]]] = {"first": [], "again": []}
    with (
        Serving(place, tree) as port,
        tempfile.TemporaryDirectory(dir=scratch) as profile,
        Browser(program, Path(profile)) as browser,
    ):
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait("document.querySelector('#grid .hit')")
        browser.run(f"{MEASURED}('a warm start')")  # the model is loaded with the first text
        for kind, times in found.items():
            browser.run("document.getElementById('home-link').click()")
            for query in [text for text in QUERIES if ":" not in text][:ASKED]:
                time.sleep(0.7)
                if kind == "again":
                    browser.forget()
                times.append(browser.run(f"{MEASURED}({json.dumps(query)})"))
    return found


def report(
    found: dict[str, list[dict[str, float]]], arguments: argparse.Namespace
) -> dict[str, object]:
    """Sum up: of each kind the least, the median and the greatest; ratios to the other commit."""
    told: dict[str, object] = {"pictures": arguments.pictures, "against": arguments.against}
    medians: dict[str, dict[str, float]] = {}
    for kind, times in found.items():
        steps = {step: [one[step] for one in times] for step in times[0]}
        medians[kind] = {step: statistics.median(values) for step, values in steps.items()}
        told[kind] = {
            step: {
                "min_ms": round(min(values)),
                "median_ms": round(medians[kind][step]),
                "max_ms": round(max(values)),
            }
            for step, values in steps.items()
        }
    for kind in ("first", "again"):
        if f"before {kind}" in medians:
            told[f"ratio {kind}"] = {
                step: round(medians[f"here {kind}"][step] / value, 2)
                for step, value in medians[f"before {kind}"].items()
            }
    return told | {
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
