"""What is looked at beneath a folder, what is left out, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lexret.errors import InputError
from lexret.pictures.exclusion import DEFAULT_EXCLUSIONS, parse_exclusion
from lexret.pictures.finding import NO_ENDING, NotLookedAt, find_images, find_names
from lexret.pictures.formats import EXTENSIONS


def found(root: Path, patterns: Sequence[str] = (), counts: NotLookedAt | None = None) -> list[str]:
    exclusions = [parse_exclusion(text) for text in patterns]
    paths = find_images(root, exclusions=exclusions, counts=counts)
    return [path.relative_to(root).as_posix() for path in paths]


def make(root: Path, names: Sequence[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_folders_of_programs_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    left_out = [
        "$RECYCLE.BIN/S-1/a.jpg", "$Recycle.Bin/b.jpg", "x/@eaDir/c.jpg/SYNO.jpg", "#recycle/d.jpg",
        "Lightroom Previews.lrdata/0/e.jpg", "P.photoslibrary/resources/derivatives/f.jpg",
        "y/P.photoslibrary/resources/renders/g.jpg", "shoot/CaptureOne/Cache/h.jpg",
    ]  # fmt: skip
    kept = ["P.photoslibrary/originals/0/i.jpg", "resources/derivatives/j.jpg", "k.jpg"]
    make(tmp_path, [*left_out, *kept, ".Trash-1000/files/l.jpg", ".thumbnails/m.jpg"])
    counts = NotLookedAt()
    assert found(tmp_path, DEFAULT_EXCLUSIONS, counts) == sorted(kept)
    assert counts.excluded["@eaDir/"] == 1
    assert counts.excluded["$RECYCLE.BIN/"] == 2
    assert found(tmp_path) == sorted([*left_out, *kept])


def test_an_ignore_file_counts_for_what_lies_beneath_it(tmp_path: Path) -> None:
    make(tmp_path, ["a.gif", "b.jpg", "x/a.gif", "x/raw/c.jpg", "x/y/raw/c.jpg", "raw/d.jpg"])
    (tmp_path / ".lexretignore").write_text("*.gif\n")
    (tmp_path / "x" / ".lexretignore").write_text("/raw/\n!a.gif\n")
    assert found(tmp_path) == ["b.jpg", "raw/d.jpg", "x/a.gif", "x/y/raw/c.jpg"]
    assert found(tmp_path, ["!*.gif", "b.*"]) == ["raw/d.jpg", "x/a.gif", "x/y/raw/c.jpg"]


def test_a_folder_that_is_left_out_is_not_even_listed(tmp_path: Path) -> None:
    make(tmp_path, ["a.jpg", "out/b.jpg", "out/.lexretignore"])
    (tmp_path / "out" / ".lexretignore").write_text("../nothing\n")
    assert found(tmp_path, ["out/", "!out/b.jpg"]) == ["a.jpg"]
    with pytest.raises(InputError, match="line 1"):
        found(tmp_path)


def test_what_is_not_looked_at_is_counted_by_its_ending(tmp_path: Path) -> None:
    make(tmp_path, ["a.jpg", "b.MOV", "x/c.mov", "notes", "d.txt", "e.xmp", "f.DNG", ".hidden.mov"])
    counts = NotLookedAt()
    assert found(tmp_path, ["*.txt"], counts) == ["a.jpg", "f.DNG"]
    assert counts.endings == {".mov": 2, NO_ENDING: 1}
    assert counts.excluded == {"*.txt": 1}


@pytest.mark.parametrize(
    "name", ["a.jpg", "b.JPG", "c.tar.png", "d.", "e", "f..jpg", "g.jpg.", "h "]
)
def test_an_ending_is_what_a_path_calls_its_suffix(tmp_path: Path, name: str) -> None:
    make(tmp_path, [f"x/{name}"])
    counts = NotLookedAt()
    is_picture = Path(name).suffix.lower() in EXTENSIONS
    assert found(tmp_path, counts=counts) == ([f"x/{name}"] if is_picture else [])
    assert sum(counts.endings.values()) == (not is_picture)
    assert list(find_names(tmp_path)) == found(tmp_path)
