"""Thousands of hostile pictures: each is read as it should be, or refused and named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lexret.files.names import name_to_text
from tests.pictures.collection import damaged, hostile_pictures, notes
from tests.pictures.collection.cases import Case, Read, Refused, quartered
from tests.pictures.collection.hostile_pictures import MAX_PIXELS

# A process that has decoded nothing takes some 50 MB, and Pillow 64 MB for texts in a picture.
MOST_BYTES = 50_000_000 + 64_000_000 + 10 * MAX_PIXELS
MOST_SECONDS = 30.0  # of a machine that does other things too; the slowest takes about one


def test_a_sample_of_the_hostile_pictures_is_read_or_refused_as_expected(tmp_path: Path) -> None:
    cases = hostile_pictures.quick_cases()
    families: Counter[bytes] = Counter()
    sample = []
    for case in cases:
        family = case.name.split(b"-")[0]
        families[family] += 1
        if families[family] in (1, 5) or families[family] % 30 == 9:
            sample.append(case)
    assert len(sample) > 150
    hostile_pictures.write(tmp_path, sample)
    assert hostile_pictures.read(tmp_path, sample).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_every_hostile_picture_is_read_or_refused_as_expected(tmp_path: Path, seed: int) -> None:
    cases = hostile_pictures.all_cases(seed)
    assert len({case.name for case in cases}) == len(cases) >= 2000
    hostile_pictures.write(tmp_path, cases)
    reading = hostile_pictures.read(tmp_path, cases)
    assert reading.faults == []
    assert reading.most_bytes < MOST_BYTES
    assert reading.slowest_seconds < MOST_SECONDS


def test_the_collection_is_the_same_every_time() -> None:
    first, again, other = (
        [*damaged.cases(seed), *notes.cases(seed)] for seed in (7, 7, 8)
    )  # fmt: skip
    assert first == again
    assert first != other


def test_what_is_not_as_expected_is_told() -> None:
    good = Case(b"a.jpg", b"", (64, 48), ((220, 30, 30),) * 4, tolerance=10)
    red = Read.of(quartered(colours=((220, 30, 30),) * 4), (64, 48))
    assert good.fault(red) is None
    assert good.fault(Read.of(quartered(), (64, 48))) is not None
    assert good.fault(Read((48, 64), red.quarters)) is not None
    assert good.fault(Refused("damaged", "a.jpg is damaged")) is not None
    bad = Case(b"b.jpg", b"", refused=frozenset({"damaged"}))
    assert bad.fault(red) is not None
    assert bad.fault(Refused("damaged", "b.jpg is damaged")) is None
    assert bad.fault(Refused("damaged", "it is damaged")) is not None
    assert bad.fault(Refused("truncated", "b.jpg is cut short")) is not None


@pytest.mark.slow
def test_a_run_over_all_of_them_ends_well_and_says_what_became_of_each(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    cases = hostile_pictures.all_cases()
    hostile_pictures.write(tmp_path, cases)
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "nowhere.gif").symlink_to("gone.gif")
    (tmp_path / "round.bmp").symlink_to("round.bmp")
    arguments = ["index", str(tmp_path), "--json", "--max-pixels", str(MAX_PIXELS), "--model"]
    done = subprocess.run(
        [sys.executable, "-m", "lexret", *arguments, str(tiny_model_folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    skipped = {skip["path"] for skip in report["skipped"]} - {
        "nowhere.gif",
        "pipe.png",
        "round.bmp",
    }
    must_be_skipped = [case for case in cases if case.refused and not case.may_be_read]
    must_be_read = [case for case in cases if not case.refused]
    assert skipped >= {name_to_text(case.path) for case in must_be_skipped}
    assert not skipped & {name_to_text(case.path) for case in must_be_read}
    assert report["pictures"] + len(skipped) == len(cases)
