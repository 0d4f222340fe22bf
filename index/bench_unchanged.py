"""Measures how many names a second `lexret index` looks at where nothing has changed.

    python index/bench_unchanged.py --pictures 20000 --rounds 7
    python index/bench_unchanged.py --before ../lexret-of-before

It makes tiny files with the names of pictures, 500 a folder, and an index of random vectors that
records them as they are, and then brings that index up to date: every name is compared, no file is
read. No picture is encoded, so no model is loaded. Each round is a process of its own that does it
once to warm up and then three times; with --before, another checkout takes turns with this one,
over the same files. What is printed is JSON: names a second by processor time and by wall time, of
the best and of the median round, and the most private memory that one took (RssAnon). Growth:

    python index/bench_unchanged.py --pictures 1000000 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve()
A_FOLDER, WORDS_A_PICTURE, REPEATS, CHUNK = 500, 64, 3, 5000


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--step", choices=["make", "update"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step == "make":
        make_index(arguments.folder)
    elif arguments.step == "update":
        sys.stdout.write(json.dumps(update(arguments.folder)) + "\n")
    else:
        report = measure(arguments.pictures, arguments.rounds, arguments.before)
        sys.stdout.write(json.dumps(report, indent=1) + "\n")


def measure(num_pictures: int, rounds: int, before: Path | None) -> dict[str, object]:
    """Run every checkout once a round, in turn."""
    roots = {"now": HERE.parent.parent}
    if before:
        roots["before"] = before.resolve()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_files(folder, num_pictures)
        for name, root in roots.items():
            run("make", root, folder / name)
        times: dict[str, list[Sequence[float]]] = {name: [] for name in roots}
        for _ in range(rounds):
            for name, root in roots.items():
                times[name] += json.loads(run("update", root, folder / name))
    figures: dict[str, object] = {
        name: {
            "processor best": round(num_pictures / min(one[0] for one in taken)),
            "processor median": round(num_pictures / statistics.median(one[0] for one in taken)),
            "wall best": round(num_pictures / min(one[1] for one in taken)),
            "wall median": round(num_pictures / statistics.median(one[1] for one in taken)),
            "private MiB": round(max(one[2] for one in taken) / (1 << 20)),
        }
        for name, taken in times.items()
    }
    machine = f"{platform.machine()}, {os.cpu_count()} processors"
    return {"pictures": num_pictures, "names a second": figures, "machine": machine}


def run(step: str, root: Path, index: Path) -> str:
    """Run one step with the code of a checkout; return what it prints."""
    command = [sys.executable, str(HERE), "--step", step, "--folder", str(index)]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment
    ).stdout


def make_files(folder: Path, num_pictures: int) -> None:
    """Make files that no run needs to read."""
    for number in range(num_pictures):
        path = folder / "photos" / f"{number // A_FOLDER:04}" / f"IMG_{number:07}.jpg"
        if number % A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.touch()  # an empty file takes no block of the disk


@dataclass(frozen=True)
class NoEncoder:
    """Encoder that is never asked, as nothing is new."""

    vocabulary: object
    model_id: str = "bench"

    def encode(self, items: object, *, batch_size: int = 32) -> NoReturn:
        """Fail, as the benchmark would measure something else."""
        raise SystemExit("a picture was read, although nothing has changed")


def make_index(index: Path) -> None:
    """Write an index of random vectors that records the files as they are."""
    import hashlib

    import numpy as np

    from lexret.engine.writer import EmbeddedIndexWriter
    from lexret.library.updating.records import KnownPicture
    from lexret.pictures.exif import CameraTags
    from lexret.sparse import SparseBatch

    root = index.parent / "photos"
    words, rng = make_vocabulary(), np.random.default_rng(0)
    files = sorted(root.glob("*/*.jpg"))
    with EmbeddedIndexWriter.create(
        index, words, model_id=NoEncoder.model_id, roots=[str(root)]
    ) as writer:
        for start in range(0, len(files), CHUNK):
            ids, fields = [], {}
            for file in files[start : start + CHUNK]:
                path, state = file.relative_to(root).as_posix(), file.stat()
                sha256 = hashlib.sha256(path.encode()).hexdigest()  # no content is read again
                tags = CameraTags(camera="Camera 1")
                known = KnownPicture(
                    path, state.st_size, state.st_mtime_ns, sha256, 640, 480, tags, sidecar_ns=0
                )
                ids.append(path)
                for name, values in known.as_fields().items():
                    fields.setdefault(name, []).extend(values)
            rows = [np.sort(rng.choice(len(words), WORDS_A_PICTURE, replace=False)) for _ in ids]
            batch = SparseBatch(
                np.arange(len(ids) + 1, dtype=np.int64) * WORDS_A_PICTURE,
                np.concatenate(rows).astype(np.int32),
                rng.random(len(ids) * WORDS_A_PICTURE).astype(np.float32) + np.float32(0.01),
                words,
            )
            writer.add(ids, batch, fields=fields)
        writer.commit()


def make_vocabulary():  # type: ignore[no-untyped-def]
    """Return words enough for vectors that hardly overlap."""
    from lexret.vocabulary import Vocabulary

    return Vocabulary(f"w{number}" for number in range(20_000))


def update(index: Path) -> list[tuple[float, float, int]]:
    """Return the seconds of processor time and of wall time of each update, and the peak memory."""
    from memory import sampled

    from lexret.library.updating.indexing import index_folders

    encoder, taken = NoEncoder(make_vocabulary()), []
    for _ in range(REPEATS + 1):
        wall, processor = time.perf_counter(), time.process_time()
        with sampled() as peak:
            report = index_folders([], index, encoder)
        taken.append((time.process_time() - processor, time.perf_counter() - wall, peak.num_bytes))
        if report.num_unchanged != report.num_pictures or report.num_added or report.skipped:
            raise SystemExit(f"something has changed: {report}")
    return taken[1:]


if __name__ == "__main__":
    main()
