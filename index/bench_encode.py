"""Measures `lexret encode`: workers, Ray, and the index that is made of what they wrote.

    python index/bench_encode.py PHOTOS --pictures 256 --ray
    unshare -n bash -c 'ip link set lo up; exec "$@"' _ python index/bench_encode.py PHOTOS --ray

It encodes copies of some photos of a folder, 32 of them and all of them, with one worker and with
two, by processes and, with --ray, by a Ray of this machine's own; `lexret index` encodes the same.
What 32 take is mostly starting; the rate is that of the others. Then an index is made of what was
encoded, and one of --rows random vectors. Each step is a process of its own; the way through all is
gone --rounds times, and the best counts. What is printed is JSON: seconds and pictures a second.
Ray listens on every interface: run it where nobody else reaches it, as above.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve()
FEW = 32
WORDS, WORDS_A_PICTURE = 20_000, 240
# Step -> what `encode_pictures` is given.
ENCODINGS: dict[str, dict[str, object]] = {
    "1 worker, 1 thread": {"workers": 1, "threads": 1},
    "1 worker, 2 threads": {"workers": 1, "threads": 2},
    "2 workers, 1 thread": {"workers": 2, "threads": 1},
    "Ray, 1 worker, 1 thread": {"workers": 1, "threads": 1, "ray": "local"},
    "Ray, 2 workers, 1 thread": {"workers": 2, "threads": 1, "ray": "local"},
}
INDEX, FROM_PARTS, FROM_ROWS = "lexret index", "index of parts", "index of random rows"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="measure Ray, too")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        seconds = step(arguments.step, arguments.photos, arguments.out, arguments.rows)
        sys.stdout.write(f"\n{json.dumps(seconds)}\n")
    else:
        report = measure(arguments)
        sys.stdout.write(json.dumps(report, indent=1) + "\n")


def step(name: str, photos: Path, out: Path, rows: int) -> float:
    """Do one step, and return how many seconds it took."""
    import lexret
    from lexret.encoders.image_settings import ImageSettings

    if name == FROM_ROWS:
        encode_random(out / "parts", rows)
    started = time.monotonic()
    if name in ENCODINGS:
        lexret.encode_pictures(photos, out, **ENCODINGS[name])  # type: ignore[arg-type]
    elif name == INDEX:
        lexret.Library(out).update(photos, images=ImageSettings(jobs=1))
    else:
        lexret.Library(out / "index").take_encoded(photos if name == FROM_PARTS else out / "parts")
    return time.monotonic() - started


def encode_random(out: Path, rows: int) -> None:
    """Encode as many tiny pictures by an encoder that gives random vectors."""
    import numpy as np
    from PIL import Image

    from lexret import SparseBatch, Vocabulary, encode_pictures

    rng = np.random.default_rng(0)

    class Random:
        """Encoder that does not look."""

        model_id = "random-1"
        vocabulary = Vocabulary([f"word{number}" for number in range(WORDS)])

        def encode(self, items: Sequence[Image.Image], *, batch_size: int = 32) -> SparseBatch:
            rising = np.cumsum(rng.integers(1, WORDS // WORDS_A_PICTURE,
                                            (len(items), WORDS_A_PICTURE)), axis=1)  # fmt: skip
            weights = rng.random(rising.size).astype(np.float32) + np.float32(0.01)
            indptr = np.arange(0, rising.size + 1, WORDS_A_PICTURE, dtype=np.int64)
            ids = rising.reshape(-1).astype(np.int32)
            return SparseBatch(indptr, ids, weights, self.vocabulary)

    folder = out.with_name("tiny")
    folder.mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(folder / "0.png")
    data = (folder / "0.png").read_bytes()
    for number in range(1, rows):
        (folder / f"{number}.png").write_bytes(data)
    encode_pictures(folder, out, workers=0, encoder=Random())


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    """Go through all steps."""
    seconds: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        few, many = place / "few", place / "many"
        photos = sorted(arguments.photos.rglob("*.jpg"))[: arguments.pictures]
        if len(photos) < arguments.pictures:
            sys.exit(f"{arguments.photos} holds {len(photos)} photos (.jpg) only.")
        for number, photo in enumerate(photos):
            for folder in (few, many)[number >= FEW :]:
                folder.mkdir(exist_ok=True)
                shutil.copyfile(photo, folder / f"{number:05d}.jpg")
        for _ in range(arguments.rounds):
            steps = [one for one in ENCODINGS if arguments.ray or "Ray" not in one]
            for one in [*steps, INDEX]:
                for folder in (few, many):
                    out = place / "out" / one / folder.name
                    note(seconds, one, folder.name, run(one, folder, out, arguments.rows))
            parts = place / "out" / steps[0]
            for folder in (few, many):
                found = run(FROM_PARTS, parts / folder.name, place / "taken", arguments.rows)
                note(seconds, FROM_PARTS, folder.name, found)
                shutil.rmtree(place / "taken")
            found = run(FROM_ROWS, few, place / "rows", arguments.rows)
            note(seconds, FROM_ROWS, "rows", found)
            shutil.rmtree(place / "rows")
            shutil.rmtree(place / "out")
    rates = {
        one: round((arguments.pictures - FEW) / (taken["many"] - taken["few"]), 2)
        for one, taken in seconds.items()
        if "many" in taken and taken["many"] > taken["few"]
    }
    rates[FROM_ROWS] = round(arguments.rows / seconds[FROM_ROWS]["rows"])
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "pictures": arguments.pictures,
        "seconds": seconds,
        "pictures a second": rates,
        "processors": usable,
        "machine": platform.processor() or platform.machine(),
    }


def note(seconds: dict[str, dict[str, float]], step: str, of: str, found: float) -> None:
    """Keep the best of all rounds."""
    best = seconds.setdefault(step, {}).get(of, found)
    seconds[step][of] = round(min(best, found), 3)


def run(step: str, photos: Path, out: Path, rows: int) -> float:
    """Do a step in a process of its own."""
    command = [sys.executable, str(HERE), str(photos), "--step", step, "--out", str(out),
               "--rows", str(rows)]  # fmt: skip
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
