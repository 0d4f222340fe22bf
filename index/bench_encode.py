"""Measures `lexret encode`: workers, Ray, and the index that is made of what they wrote.

    python index/bench_encode.py PHOTOS --pictures 256 --ray
    unshare -n bash -c 'ip link set lo up; exec "$@"' _ python index/bench_encode.py PHOTOS --ray

It encodes copies of some photos of a folder, 64 of them and all of them, with one worker and with
two, by processes and, with --ray, by a Ray of this machine's own; `lexret index` encodes the same.
What 64 take is mostly starting; the rate is that of the others. Then an index is made of what was
encoded, and one of --rows random vectors. Each step is a process of its own; the way through all is
gone --rounds times, and the best counts. What is printed is JSON: seconds, and pictures a second;
where control groups can be made (as root, on Linux) also processor time, of all processes of a
step, which a busy machine changes less. Ray listens on every interface: run it where nobody else
reaches it, as above.
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
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve()
FEW = 64
WORDS, WORDS_A_PICTURE = 20_000, 240
# Step -> what `encode_pictures` is given.
ENCODINGS: dict[str, dict[str, object]] = {
    "1 worker, 1 thread": {"workers": 1, "threads": 1},
    "1 worker, 2 threads": {"workers": 1, "threads": 2},
    "2 workers, 1 thread": {"workers": 2, "threads": 1},
    "Ray, 1 worker, 1 thread": {"workers": 1, "threads": 1, "ray": "local"},
    "Ray, 2 workers, 1 thread": {"workers": 2, "threads": 1, "ray": "local"},
}
# Where a control group that counts processor time is made, and the file that counts it.
GROUPS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage", 1e9), ("/sys/fs/cgroup", "cpu.stat", 1e6))
GROUP_VARIABLE = "LEXRET_BENCH_GROUP"
INDEX, FROM_PARTS, FROM_ROWS = "lexret index", "index of parts", "index of random rows"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder of photos")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="measure Ray, too")
    parser.add_argument("--only", help="encode only in these ways, separated by semicolons")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        if group := os.environ.get(GROUP_VARIABLE):
            Path(group, "cgroup.procs").write_text("0")  # this process, and its children
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
        copy_photos(arguments.photos, place, arguments.pictures)
        steps = [one for one in ENCODINGS if arguments.ray or "Ray" not in one]
        if arguments.only:
            steps = [one.strip() for one in arguments.only.split(";")]
        for _ in range(arguments.rounds):
            go_through(place, steps, arguments.rows, seconds)
    rates: dict[str, dict[str, float]] = {"pictures a second": {}, "processor ms a picture": {}}
    others = arguments.pictures - FEW
    for one, taken in seconds.items():
        if "many" in taken and taken["many"] > taken["few"]:
            rates["pictures a second"][one] = round(others / (taken["many"] - taken["few"]), 2)
        if "many, processor" in taken:
            spent = taken["many, processor"] - taken["few, processor"]
            rates["processor ms a picture"][one] = round(1000 * spent / others, 1)
    rates["pictures a second"][FROM_ROWS] = round(arguments.rows / seconds[FROM_ROWS]["rows"])
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "pictures": arguments.pictures,
        "seconds": seconds,
        **rates,
        "processors": usable,
        "machine": platform.processor() or platform.machine(),
    }


def copy_photos(photos: Path, place: Path, num_pictures: int) -> None:
    """Copy photos into two folders: few of them, and all."""
    found = sorted(photos.rglob("*.jpg"))[:num_pictures]
    if len(found) < num_pictures:
        sys.exit(f"{photos} holds {len(found)} photos (.jpg) only.")
    for number, photo in enumerate(found):
        for name in ("few", "many")[number >= FEW :]:
            (place / name).mkdir(exist_ok=True)
            shutil.copyfile(photo, place / name / f"{number:05d}.jpg")


def go_through(
    place: Path, steps: Sequence[str], rows: int, seconds: dict[str, dict[str, float]]
) -> None:
    """Go through all steps once."""
    folders = (place / "few", place / "many")
    for one in [*steps, INDEX]:
        for folder in folders:
            note(seconds, one, folder.name, run(one, folder, place / one / folder.name, rows))
    for folder in folders:
        parts = place / steps[0] / folder.name
        note(seconds, FROM_PARTS, folder.name, run(FROM_PARTS, parts, place / "taken", rows))
        shutil.rmtree(place / "taken")
    note(seconds, FROM_ROWS, "rows", run(FROM_ROWS, folders[0], place / "rows", rows))
    for name in (*steps, INDEX, "rows"):
        shutil.rmtree(place / name)


def note(
    seconds: dict[str, dict[str, float]], step: str, of: str, found: tuple[float, float | None]
) -> None:
    """Keep the best of all rounds, by the clock and of processor time."""
    bests = seconds.setdefault(step, {})
    for name, value in ((of, found[0]), (f"{of}, processor", found[1])):
        if value is not None:
            bests[name] = round(min(bests.get(name, value), value), 3)


def run(step: str, photos: Path, out: Path, rows: int) -> tuple[float, float | None]:
    """Do a step in a process of its own; returns seconds, and seconds of processor time."""
    command = [sys.executable, str(HERE), str(photos), "--step", step, "--out", str(out),
               "--rows", str(rows)]  # fmt: skip
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    group, counter, unit = make_group()
    if group is not None:
        environment[GROUP_VARIABLE] = str(group)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    spent = None
    if group is not None:
        spent = int((group / counter).read_text().split("\n")[0].split()[-1]) / unit
        with suppress(OSError):  # a process of Ray's may take a moment to end
            group.rmdir()
    return float(done.stdout.splitlines()[-1]), spent


def make_group() -> tuple[Path | None, str, float]:
    """Make a control group; where none can be made, there is none."""
    for place, counter, unit in GROUPS:
        group = Path(place, f"lexret-bench-{os.getpid()}-{time.monotonic_ns()}")
        with suppress(OSError):
            group.mkdir()
            if (group / counter).exists():
                return group, counter, unit
            group.rmdir()
    return None, "", 1


if __name__ == "__main__":
    main()
