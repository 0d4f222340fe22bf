"""A library whose vectors are in Milvus: indexing again, changing things, and leaving Milvus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.segments.manifest import Manifest
from lexret.errors import BackendError, InputError
from lexret.interop.backends import BackendChoice, open_index
from lexret.interop.milvus.client import disconnect
from lexret.library.browsing.word_counts import count_held
from lexret.library.fields import set_fields
from lexret.library.library import Library
from lexret.library.shards import Shard
from lexret.library.updating.index_report import IndexReport
from lexret.library.updating.indexing import index_folders
from tests.interop.backends.backend import MILVUS_MISSING
from tests.interop.backends.conftest import milvus_file, milvus_uri
from tests.library.conftest import ColourEncoder

__all__ = ["milvus_file", "milvus_uri"]

pytestmark = [
    pytest.mark.skipif(bool(MILVUS_MISSING), reason=f"lexret[scale]: {MILVUS_MISSING}"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
COLOURS = {"red.png": (255, 0, 0), "blue.png": (0, 0, 255), "green.png": (0, 255, 0)}


def paint(folder: Path, pictures: Mapping[str, tuple[int, int, int]]) -> None:
    folder.mkdir(exist_ok=True)
    for name, colour in pictures.items():
        Image.new("RGB", (4, 4), colour).save(folder / name)


@pytest.fixture
def index(tmp_path: Path, colours: ColourEncoder, milvus_uri: str) -> Callable[..., IndexReport]:
    """Index the folder ``photos``; further calls bring it up to date."""
    paint(tmp_path / "photos", COLOURS)

    def update(**options: Any) -> IndexReport:
        options.setdefault("backend", BackendChoice("milvus", milvus_uri))
        folders = options.pop("folders", [tmp_path / "photos"])
        return index_folders(folders, tmp_path / "index", colours, **options)

    return update


def rows_of(path: Path) -> int:
    found: Any = open_index(path)
    return len(found.collection)


def test_encoded_pictures_go_into_milvus_and_the_next_run_finds_nothing_to_do(
    index: Any, tmp_path: Path, colours: ColourEncoder, milvus_uri: str
) -> None:
    pytest.importorskip("pyarrow")
    from lexret.library.encoding.encode import encode_pictures
    from lexret.library.encoding.into_index import index_encoded

    encode_pictures(tmp_path / "photos", tmp_path / "out", workers=0, encoder=colours)
    milvus = BackendChoice("milvus", milvus_uri)
    with pytest.raises(InputError, match="holds exact weights"):
        index_encoded([tmp_path / "out"], tmp_path / "index", backend=milvus, weights="8bit")
    with pytest.raises(InputError, match="could not be searched together"):
        index_encoded([tmp_path / "out"], tmp_path / "index", backend=milvus, shard=Shard(1, 2))
    with pytest.raises(InputError, match="could not be searched together"):
        index(shard=Shard(1, 2))
    report = index_encoded([tmp_path / "out"], tmp_path / "index", backend=milvus)
    assert report.backend is not None and report.backend.name == "milvus"
    assert (report.num_added, rows_of(tmp_path / "index")) == (3, 3)
    report = index(backend=BackendChoice())
    assert (report.num_unchanged, report.num_encoded) == (3, 0)
    with pytest.raises(InputError, match="in the backend milvus; to keep them in embedded"):
        index_encoded([tmp_path / "out"], tmp_path / "index", backend=BackendChoice("embedded"))


def test_a_check_counts_the_vectors_that_milvus_holds(
    index: Any, tmp_path: Path, milvus_uri: str
) -> None:
    index()
    place = str(tmp_path / "index")
    result = CliRunner().invoke(main, ["check", place])
    assert (
        result.exit_code == 0 and "Its vectors are all there, in milvus: lexret_" in result.output
    )
    found: Any = open_index(place)
    found.collection.delete(found.rows().tolist()[:1])
    result = CliRunner().invoke(main, ["check", place])
    assert result.exit_code == 2 and "lacks 1 of the 3 vectors" in result.output
    found.collection.drop()
    result = CliRunner().invoke(main, ["check", place])
    assert result.exit_code == 2 and "no longer there" in result.output


def test_a_file_of_milvus_that_is_gone_is_told_and_not_made(
    tmp_path: Path, colours: ColourEncoder
) -> None:
    paint(tmp_path / "photos", COLOURS)
    file, place = tmp_path / "m.db", tmp_path / "index"
    backend = BackendChoice("milvus", str(file))
    index_folders([tmp_path / "photos"], place, colours, backend=backend)
    disconnect(str(file))
    file.rename(tmp_path / "away.db")
    for doing in (lambda: Library.open(place).words("red.png"), lambda: Library(place).check()):
        with pytest.raises(BackendError, match=r"there is no such file\. If it has moved"):
            doing()
    assert not file.exists()
    report = index_folders([], place, colours, backend=BackendChoice(uri=str(tmp_path / "away.db")))
    assert (report.num_unchanged, report.num_encoded) == (3, 0)
    disconnect(str(tmp_path / "away.db"))


def test_a_second_run_encodes_only_what_is_new_or_changed(
    index: Any, tmp_path: Path, colours: ColourEncoder
) -> None:
    assert index().num_added == 3
    assert (index().num_encoded, colours.num_encoded) == (0, 3)
    photos = tmp_path / "photos"
    (photos / "red.png").unlink()
    (photos / "blue.png").rename(photos / "moved.png")
    paint(photos, {"green.png": (0, 200, 200), "new.png": (200, 200, 0)})
    report = index(backend=BackendChoice())  # the index knows where its vectors are
    assert (report.num_added, report.num_updated, report.num_renamed) == (1, 1, 1)
    assert (report.num_removed, report.num_encoded, report.num_pictures) == (1, 2, 3)
    assert rows_of(tmp_path / "index") == 3
    assert open_index(tmp_path / "index").vector("moved.png").words(1)[0].word == "blue"


def test_fields_are_set_found_and_kept(index: Any, tmp_path: Path) -> None:
    index()
    assert set_fields(tmp_path / "index", {"red.png": {"stars": 5}}) == 1
    assert rows_of(tmp_path / "index") == 3
    assert index().num_unchanged == 3
    document = open_index(tmp_path / "index").document("red.png")
    assert document.fields["stars"] == 5


def test_words_are_counted_as_in_an_embedded_index(
    index: Any, tmp_path: Path, colours: ColourEncoder
) -> None:
    index()
    own = tmp_path / "own"
    index_folders([tmp_path / "photos"], own, colours)
    added = DocumentCorrection(added={"blue": 0.5}, removed=frozenset(["red"]))
    counts = []
    for path in (own, tmp_path / "index"):
        change_corrections(path, lambda now: now.with_document("red.png", added))
        counts.append(count_held(open_index(path), None).tolist())
    assert counts[0] == counts[1] == [0, 1, 2]


def test_an_index_made_anew_leaves_no_collection_behind(
    index: Any, tmp_path: Path, milvus_uri: str
) -> None:
    from lexret.interop.milvus.client import connect

    index()
    path = tmp_path / "index"
    first = Manifest.load(path).backend
    assert index(rebuild=True, backend=BackendChoice()).left_behind == ""
    second = Manifest.load(path).backend
    assert first is not None
    assert second is not None
    there = connect(milvus_uri).list_collections()
    assert first.values["collection"] not in there
    assert second.values["collection"] in there
    with pytest.raises(InputError, match="--rebuild"):
        index(backend=BackendChoice("embedded"))
    assert index(rebuild=True, backend=BackendChoice("embedded")).backend is None
    assert second.values["collection"] not in connect(milvus_uri).list_collections()
    assert open_index(path).vector("red.png").words(1)[0].word == "red"


def test_what_milvus_does_not_do_is_refused_before_anything_is_done(
    index: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds exact weights"):
        index(weights="8bit")
    index()
    paint(tmp_path / "more", {"white.png": (255, 255, 255)})
    with pytest.raises(InputError, match="first folder"):
        index(folders=[tmp_path / "more"], remove=[tmp_path / "photos"])


def test_the_command_line_and_python_answer_as_over_an_embedded_index(
    picture_folder: Path, tiny_model_folder: Path, milvus_file: str, tmp_path: Path
) -> None:
    def run(*arguments: object) -> Any:
        done = CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    model = ("--model", tiny_model_folder, "--jobs", 0)
    run("index", picture_folder, *model, "--index", tmp_path / "own")
    told = json.loads(
        run("index", picture_folder, *model, "--backend", "milvus", "--uri", milvus_file, "--json")
    )
    assert told["backend"]["uri"] == milvus_file
    for question in (["dog"], ["+dog^2 -car"], ["(red OR blue) dog?"], ["size:1.."]):
        asked = ("search", *question, "-k", 2, "--json", "--index")
        mine = json.loads(run(*asked, picture_folder))
        own = json.loads(run(*asked, tmp_path / "own"))
        assert mine.pop("backend") == "milvus"
        for found in (mine, own):
            assert found["hits"]
            for hit in found["hits"]:
                hit.pop("sure")
        assert mine == own
    assert "vectors" in run("info", "--index", picture_folder)
    with pytest.raises(InputError, match="lucene"):
        Library.open(picture_folder).search("dog", backend="lucene")
