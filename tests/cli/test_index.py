"""``lexret index`` and ``lexret info`` over named pictures."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sealing import change_sealed

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.encoders.lazy import LazyImageEncoder
from lexret.engine import open_index
from lexret.engine.segments.manifest import Manifest
from lexret.engine.writer import EmbeddedIndexWriter


def lexret(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def test_a_folder_is_indexed_and_brought_up_to_date(indexed: Path) -> None:
    assert len(open_index(indexed / ".lexret")) == 3
    (indexed / "empty.jpg").touch()
    (indexed / "red.png").rename(indexed / "renamed.png")
    result = lexret("index", indexed)  # the model that made the index is recorded in it
    assert result.exit_code == 0
    assert "3 pictures in" in result.stdout
    assert "1 renamed, 2 unchanged, 1 skipped; 0 pictures encoded" in result.stdout
    assert "Skipped 1 file: 1 empty file\n  empty.jpg: empty file" in result.stdout


def test_one_new_photo_costs_two_readings_of_the_manifest(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, read = Manifest.load.__func__, []  # type: ignore[attr-defined]

    def counted(cls: type[Manifest], folder: Path) -> Manifest:
        read.append(folder)
        return load(cls, folder)

    Image.new("RGB", (40, 40), (9, 200, 9)).save(indexed / "green.png")
    with monkeypatch.context() as counting:
        counting.setattr(Manifest, "load", classmethod(counted))
        result = lexret("index", indexed)
    assert "1 added" in result.stdout
    # What model made the index, and, once nobody else may write it, what it holds.
    assert len(read) == 2
    assert len(open_index(indexed / ".lexret")) == 4


def test_the_report_can_be_had_as_json(picture_folder: Path, tiny_model_folder: Path) -> None:
    (picture_folder / "empty.jpg").touch()
    result = lexret("index", picture_folder, "--model", tiny_model_folder, "--json")
    report = json.loads(result.stdout)
    assert (report["pictures"], report["added"], report["encoded"]) == (3, 3, 3)
    assert [(one["path"], one["reason"]) for one in report["skipped"]] == [
        ("empty.jpg", "empty file")
    ]


def test_what_is_not_looked_at_is_told(picture_folder: Path, tiny_model_folder: Path) -> None:
    for name in ("a.mov", "b.MOV", "notes", "@eaDir/c.jpg", "red.xmp"):
        (picture_folder / name).parent.mkdir(exist_ok=True)
        (picture_folder / name).touch()
    shutil.copy(picture_folder / "red.png", picture_folder / "again.png")
    arguments = ["index", picture_folder, "--model", tiny_model_folder]
    result = lexret(*arguments, "--exclude", "again.*", "--exclude", "more/", "--jobs", "0")
    assert result.stdout.startswith("2 pictures in")
    assert "Not looked at: 2 .mov, 1 no ending\n" in result.stdout
    assert "Left out by patterns: 1 @eaDir/, 1 again.*, 1 more/" in result.stdout
    report = json.loads(lexret("index", picture_folder, "--no-default-excludes", "--json").stdout)
    assert report["not_looked_at"] == {".mov": 2, "no ending": 1}
    assert report["excluded"] == {}
    assert report["pictures"] == 4
    assert [one["path"] for one in report["skipped"]] == ["@eaDir/c.jpg"]
    (picture_folder / ".lexretignore").write_text("*.jpg\n")
    report = json.loads(lexret("index", picture_folder, "--json").stdout)
    assert (report["pictures"], report["removed"]) == (3, 1)  # also out of the index
    assert report["excluded"] == {"*.jpg": 1, "@eaDir/": 1}


def test_the_limit_of_pixels_can_be_changed(picture_folder: Path, tiny_model_folder: Path) -> None:
    arguments = ["index", picture_folder, "--model", tiny_model_folder, "--json"]
    report = json.loads(lexret(*arguments, "--max-pixels", "1599").stdout)
    assert (report["pictures"], len(report["skipped"])) == (2, 1)
    assert report["skipped"][0]["reason"] == "too many pixels"
    assert json.loads(lexret("index", picture_folder, "--json").stdout)["pictures"] == 3


def test_many_skipped_files_are_cut_short(picture_folder: Path, tiny_model_folder: Path) -> None:
    for number in range(25):
        (picture_folder / f"{number:02d}.jpg").touch()
    result = lexret("index", picture_folder, "--model", tiny_model_folder)
    assert result.exit_code == 0
    assert "Skipped 25 files: 25 empty file" in result.stdout
    assert "19.jpg" in result.stdout
    assert "20.jpg" not in result.stdout
    assert "... and 5 more" in result.stdout


def test_an_index_cannot_lie_at_a_file(picture_folder: Path, tiny_model_folder: Path) -> None:
    place = picture_folder / "red.png"
    result = lexret("index", picture_folder, "--model", tiny_model_folder, "--index", place)
    assert result.exit_code == 2
    assert "red.png is a file, not a folder. Name another place with --index." in result.stderr


def test_the_index_may_lie_elsewhere(
    picture_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "far" / "index"
    result = lexret("index", picture_folder, "--index", place, "--model", tiny_model_folder)
    assert result.exit_code == 0
    assert not (picture_folder / ".lexret").exists()
    assert len(open_index(place)) == 3


def test_a_folder_of_broken_pictures_exits_with_1(tmp_path: Path, tiny_model_folder: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    result = lexret("index", tmp_path, "--model", tiny_model_folder)
    assert result.exit_code == 1
    assert "0 pictures" in result.stdout


@pytest.mark.parametrize("case", ["missing", "empty", "file", "model"])
def test_wrong_input_is_told_on_stderr(
    case: str, tmp_path: Path, picture_folder: Path, tiny_model_folder: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    arguments, message = {
        "missing": ([tmp_path / "gone", "--model", tiny_model_folder], "There is no folder"),
        "empty": ([tmp_path / "nothing", "--model", tiny_model_folder], "There is no picture in"),
        "file": ([picture_folder / "red.png", "--model", tiny_model_folder], "is a file"),
        "model": ([picture_folder, "--model", tmp_path / "gone"], "There is no model"),
    }[case]
    result = lexret("index", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_an_index_of_another_model_is_refused_with_a_way_out(indexed: Path) -> None:
    manifest = indexed / ".lexret" / "manifest.json"
    values = json.loads(manifest.read_text())
    own = values["model_id"]
    change_sealed(manifest, model_id="other-1")
    result = lexret("index", indexed)
    assert result.exit_code == 2
    assert "other-1" in result.stderr
    assert own in result.stderr
    assert "--rebuild" in result.stderr
    assert lexret("index", indexed, "--rebuild").exit_code == 0
    assert open_index(indexed / ".lexret").model_id == own


def test_a_rebuilt_index_stores_its_weights_as_before_unless_told(indexed: Path) -> None:
    def weights_after(*options: str) -> str:
        assert lexret("index", indexed, "--rebuild", *options).exit_code == 0
        return open_index(indexed / ".lexret").manifest.weights

    assert weights_after() == "exact"
    assert weights_after("--weights", "8bit") == "8bit"
    assert weights_after() == "8bit"
    assert weights_after("--weights", "exact") == "exact"
    assert weights_after("--weights", "8bit") == "8bit"


def test_an_index_is_encoded_in_the_precision_that_it_records(indexed: Path) -> None:
    def index(*options: object) -> Result:
        return lexret("index", indexed, *options)

    def stored(name: str) -> list[float]:
        vector = open_index(indexed / ".lexret").vector(name)
        return [one.weight for one in vector.words()]

    def precision() -> str:
        return json.loads(lexret("info", "--index", indexed, "--json").stdout)["precision"]

    whole = stored("red.png")
    assert precision() == "float32"
    assert index("--rebuild").exit_code == 0
    assert stored("red.png") == whole
    assert index("--rebuild", "--precision", "bfloat16").exit_code == 0
    rounded = stored("red.png")
    assert rounded != whole
    assert precision() == "bfloat16"
    assert index("--rebuild").exit_code == 0
    assert (precision(), stored("red.png")) == ("bfloat16", rounded)
    Image.open(indexed / "red.png").save(indexed / "other.bmp")  # other bytes, the same picture
    assert index().exit_code == 0
    assert stored("other.bmp") == pytest.approx(rounded, rel=1e-6)
    assert index("--rebuild", "--precision", "float32").exit_code == 0
    assert (precision(), stored("other.bmp")) == ("float32", pytest.approx(whole, rel=1e-6))


def test_another_precision_than_the_recorded_one_is_refused_with_a_way_out(indexed: Path) -> None:
    assert lexret("index", indexed, "--precision", "float32").exit_code == 0
    result = lexret("index", indexed, "--precision", "bfloat16")
    assert result.exit_code == 2
    assert "was encoded in float32, but bfloat16 is asked for" in result.stderr
    assert "--rebuild" in result.stderr
    assert open_index(indexed / ".lexret").manifest.precision == "float32"


def test_info_tells_a_precision_that_is_not_the_usual_one(indexed: Path) -> None:
    told = lexret("info", "--index", indexed).stdout
    assert re.search("^precision", told, re.MULTILINE) is None
    assert lexret("index", indexed, "--rebuild", "--precision", "bfloat16").exit_code == 0
    text = lexret("info", "--index", indexed).stdout
    assert re.search(r"^precision +bfloat16$", text, re.MULTILINE)


def test_a_locked_index_is_told(indexed: Path) -> None:
    with EmbeddedIndexWriter.open(indexed / ".lexret"):
        result = lexret("index", indexed)
    assert result.exit_code == 2
    assert "Another process is writing the index" in result.stderr
    assert f"process {os.getpid()} on host" in result.stderr


@pytest.mark.parametrize("num_before", [0, 1, 2])
def test_an_interrupted_run_says_what_is_stored(
    picture_folder: Path,
    tiny_model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_before: int,
) -> None:
    encode, encoded = LazyImageEncoder.encode, []

    def interrupt(self: LazyImageEncoder, items: Any, **options: Any) -> Any:
        if len(encoded) == num_before:
            raise KeyboardInterrupt
        encoded.append(items)
        return encode(self, items, **options)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(LazyImageEncoder, "encode", interrupt)
        result = lexret("index", picture_folder, "--model", tiny_model_folder, "--batch-size", 1)
    assert result.exit_code == 130
    told = f"{num_before} picture{'s' * (num_before > 1)} of this run stored; run it again to go on"
    assert (told if num_before else "Nothing new is stored yet; run it again") in result.stderr
    assert result.stderr.endswith("Interrupted.\n")
    assert (picture_folder / ".lexret" / "manifest.json").exists() == bool(num_before)
    again = lexret("index", picture_folder, "--model", tiny_model_folder)
    assert f"{3 - num_before} added" in again.stdout


def test_an_interrupted_rebuild_that_keeps_fields_says_that_nothing_is_stored(
    indexed: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        lexret("fields", "set", indexed / "red.png", "stars=3", "--index", indexed).exit_code == 0
    )
    num_calls = []

    def interrupt(self: LazyImageEncoder, items: Any, **options: Any) -> Any:
        num_calls.append(1)
        if len(num_calls) == 2:
            raise KeyboardInterrupt
        return load_model(tiny_model_folder).images.encode(items)

    monkeypatch.setattr(LazyImageEncoder, "encode", interrupt)
    result = lexret("index", indexed, "--rebuild", "--batch-size", 1)
    assert result.exit_code == 130
    assert "Nothing new is stored yet" in result.stderr


def test_odd_pictures_leave_no_warning_on_the_terminal(
    picture_folder: Path, tiny_model_folder: Path, recwarn: pytest.WarningsRecorder
) -> None:
    Image.new("RGB", (40, 20)).save(
        picture_folder / "exif.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff"
    )
    result = lexret("index", picture_folder, "--model", tiny_model_folder)
    assert result.exit_code == 0
    assert "4 pictures" in result.stdout
    assert "EXIF" not in result.stderr


def test_several_folders_lie_in_one_index(
    picture_folder: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (40, 20), (200, 200, 10)).save(other / "red.png")
    result = lexret("index", picture_folder, other, "--model", tiny_model_folder)
    assert result.exit_code == 0, result.output
    assert "4 pictures in" in result.stdout
    values = json.loads(lexret("info", "--index", picture_folder, "--json").stdout)
    assert values["roots"] == [str(picture_folder), str(other)]
    found = lexret("search", "path:other", "--index", picture_folder, "--json")
    assert [one["path"] for one in json.loads(found.stdout)["hits"]] == [str(other / "red.png")]
    like = lexret("search", "--like", other / "red.png", "--index", picture_folder, "--json")
    hits = json.loads(like.stdout)["hits"]
    assert hits
    assert str(other / "red.png") not in [one["path"] for one in hits]

    monkeypatch.chdir(picture_folder)
    other.rename(tmp_path / "away")
    result = lexret("index")
    assert result.exit_code == 0
    assert f"Not there: {other}; what the index holds of it stays" in result.stdout
    result = lexret("index", "--remove-root", other)
    assert "3 pictures in .lexret" in result.stdout
    assert "1 removed" in result.stdout
    assert "roots" not in json.loads(lexret("info", "--json").stdout)


def test_without_a_folder_there_must_be_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = lexret("index")
    assert result.exit_code == 2
    assert "There is no index in" in result.stderr


def test_an_empty_place_of_a_disk_does_not_empty_the_index(indexed: Path) -> None:
    for name in ("red.png", "blue.jpg", "more/noise.png"):
        (indexed / name).unlink()
    result = lexret("index", indexed)
    assert result.exit_code == 2
    assert "the index holds 3 of it. Is a disk not mounted?" in result.stderr
    assert lexret("index", indexed, "--allow-empty").exit_code == 1


def test_info_tells_what_the_index_holds(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed / "more")
    values = json.loads(lexret("info", "--json").stdout)
    index = open_index(indexed / ".lexret")
    assert values["pictures"] == 3
    assert values["postings"] == index.num_postings
    assert values["model"] == index.model_id
    assert values["root"] == str(indexed)
    assert values["format_version"] == 3
    on_disk = sum(
        one.stat().st_size
        for one in (indexed / ".lexret").rglob("*")
        if one.is_file() and one.name != "lock"
    )
    assert values["bytes"] == on_disk
    text = lexret("info", "--verify").stdout
    assert index.model_id in text
    assert "every file agrees with its checksum" in text


def test_info_names_a_damaged_file(indexed: Path) -> None:
    (path,) = (indexed / ".lexret").rglob("documents.bin")
    path.write_bytes(path.read_bytes()[:-1])
    result = lexret("info", "--index", indexed / ".lexret")
    assert result.exit_code == 2
    assert "documents.bin" in result.stderr


def test_filters_of_several_folders_find_what_the_documentation_says(
    tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = ["photos/1.png", "photos/sea/2.png"]
    archive = ["archive/1.png", "archive/2019/sea/3.png"]
    for number, name in enumerate([*photos, *archive]):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (60 * number, 90, 30)).save(name)
    lexret("index", "photos", "archive", "--index", ".lexret", "--model", tiny_model_folder)
    text = (Path(__file__).parents[2] / "docs" / "indexing.md").read_text(encoding="utf-8")
    filters = re.findall(r"^\| `(path:[^`]+)` \|", text, re.MULTILINE)
    finds = {
        "path:archive": archive,
        "path:**/archive/**": archive,
        "path:../archive/**": archive,
        "path:../archive/2019/**": archive[1:],
        "path:archive/**": [],
        "path:sea/**": photos[1:],
        "path:**/sea/**": [photos[1], archive[1]],
    }
    assert filters == list(finds)
    for one, expected in finds.items():
        found = json.loads(lexret("search", one, "--json").stdout)["hits"]
        assert sorted(hit["path"] for hit in found) == sorted(expected), one
    shutil.rmtree(".lexret")
    lexret("index", "photos", "archive", "--model", tiny_model_folder)
    found = lexret("search", f"path:{tmp_path}/archive/**", "--index", "photos", "--paths").stdout
    assert found.splitlines() == archive
