"""Runs over a folder that are killed at random moments, and what the next one makes of it."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from lexret.engine import EmbeddedIndex
from lexret.library.updating import commit_schedule
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.records import KnownPicture

NUM_KILLS = 3

# What `lexret index` does, with a model that needs no time; each picture done is told.
RUN = """
    import sys
    from importlib import util
    from pathlib import Path
    from lexret.library.updating import commit_schedule
    from lexret.library.updating.indexing import index_folders
    from lexret.vocabulary import Vocabulary

    spec = util.spec_from_file_location("encoders", sys.argv[3])
    encoders = util.module_from_spec(spec)
    spec.loader.exec_module(encoders)
    commit_schedule.PICTURES_A_COMMIT = 3
    index_folders(
        [Path(sys.argv[1])], Path(sys.argv[2]),
        encoders.ColourEncoder(Vocabulary(["red", "green", "blue"])), batch_size=2,
        progress=lambda done, total: print(done, flush=True),
    )
"""


def killed(root: Path, index: Path, *, after: int, wait_s: float) -> bool:
    """Kill a run when some pictures are done; tell whether it came so far."""
    encoders = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(root), str(index), str(encoders)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = sum(1 for _ in itertools.islice(process.stdout, after))
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
    return lines == after


def contents(path: Path) -> dict[str, tuple[object, object]]:
    index = EmbeddedIndex(path)
    return {
        one.doc_id: (dict(one.fields), index.vector(one.doc_id).words())
        for one in index.documents()
    }


def paint(root: Path, numbers: range) -> None:
    rng = np.random.default_rng(numbers.start)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica"
    for number in numbers:
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02d}.jpg", exif=exif)


def index_without_tags(root: Path, index: Path, colours, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index as a lexret did that knew no EXIF."""
    with monkeypatch.context() as before:
        before.setattr(KnownPicture, "_tag_fields", lambda self: {})
        index_folders([root], index, colours)
    assert "camera" not in EmbeddedIndex(index).columns


def test_a_killed_run_leaves_a_whole_commit_and_the_next_ends_as_if_nothing_was(
    tmp_path: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(1)
    root, index, undisturbed = (tmp_path / name for name in ("photos", "index", "undisturbed"))
    root.mkdir()
    paint(root, range(0, 20))
    index_without_tags(root, index, colours, monkeypatch)
    shutil.copytree(index, undisturbed)
    paint(root, range(20, 40))
    paint(root, range(0, 2))  # the same again: touched
    paint(root, range(3, 5))  # other content
    (root / "07.jpg").rename(root / "70.jpg")
    (root / "08.jpg").unlink()
    assert index_folders([root], undisturbed, colours).num_encoded == 22
    expected = contents(undisturbed)
    assert all(fields["camera"] == "Leica" for fields, _ in expected.values())

    start = contents(index)
    num_kills = 0
    for _ in range(NUM_KILLS):
        after, wait_s = rng.randrange(1, 12), rng.random() * 0.01
        num_kills += killed(root, index, after=after, wait_s=wait_s)
        EmbeddedIndex(index).verify()
        for doc_id, found in contents(index).items():
            assert found == expected.get(doc_id) or is_as_before(found, start[doc_id])
    assert num_kills
    index_folders([root], index, colours)
    assert contents(index) == expected
    segments = {one.name for one in (index / "segments").iterdir()}
    assert segments == {one.name for one in EmbeddedIndex(index).manifest.segments}


def is_as_before(found, before) -> bool:
    """Whether a document is what it was, though others may have new fields by now."""
    (fields, words), (old_fields, old_words) = found, before
    given = {name: value for name, value in fields.items() if value is not None}
    return words == old_words and given == old_fields


def test_a_run_broken_off_while_tags_were_added_is_repaired_by_the_next(
    tmp_path: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(tmp_path, range(0, 9))
    index = tmp_path / ".lexret"
    index_without_tags(tmp_path, index, colours, monkeypatch)
    monkeypatch.setattr(commit_schedule, "PICTURES_A_COMMIT", 2)

    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise RuntimeError("a crash, not an interruption that commits")

    with pytest.raises(RuntimeError):
        index_folders([tmp_path], index, colours, progress=interrupt)
    cameras = [fields["camera"] for fields, _ in contents(index).values()]
    assert (cameras.count("Leica"), cameras.count(None)) == (4, 5)
    report = index_folders([tmp_path], index, colours)
    assert (report.num_unchanged, report.num_encoded) == (9, 0)
    assert [fields["camera"] for fields, _ in contents(index).values()] == ["Leica"] * 9
    assert colours.num_encoded == 9
