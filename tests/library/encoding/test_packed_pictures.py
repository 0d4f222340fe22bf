"""Pictures in tar shards and Parquet files are read by their ids, and nothing else of the files."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lexret
from lexret.cli.main import main
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import MissingError
from lexret.library.encoding.encode import encode_pictures
from lexret.library.encoding.into_index import index_encoded
from lexret.library.library import Library
from lexret.library.shards import Shard
from lexret.library.updating.merging import merge_indexes
from lexret.pictures.decoding import open_picture
from lexret.pictures.packed import PackedPicture
from tests.library.conftest import ColourEncoder
from tests.library.encoding.conftest import write_shard

pytest.importorskip("pyarrow")


def colours() -> ColourEncoder:
    return ColourEncoder(lexret.Vocabulary(["red", "green", "blue"]))


def content(seed: int, kind: str = "png") -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def write_table(path: Path, contents: list[bytes], *, row_group_size: int = 4) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"image": [{"bytes": one, "path": "x"} for one in contents]})
    parquet.write_table(table, path, row_group_size=row_group_size)
    return path


def write_tars(folder: Path) -> dict[str, bytes]:
    """Write two shards, a long name and texts among their members; returns content by id."""
    folder.mkdir(parents=True)
    expected = {}
    for shard in range(2):
        members = {}
        for number in range(5):
            name = f"{shard}{number}" + ("x" * 150 if number == 3 else "")
            members |= {f"{name}.txt": b"a dog", f"{name}.png": content(10 * shard + number)}
            expected[f"0000{shard}.tar/{name}"] = members[f"{name}.png"]
        write_shard(folder / f"0000{shard}.tar", members)
    return expected


def encode(sources: Any, out: Path) -> Path:
    encode_pictures(sources, out, workers=0, encoder=colours())
    return out


@pytest.fixture
def tars(tmp_path: Path) -> tuple[Path, dict[str, bytes], Path]:
    """A folder of shards, content by id, and the index of them."""
    folder = tmp_path / "tars"
    expected = write_tars(folder)
    place = tmp_path / "index"
    index_encoded([encode(str(folder / "*.tar"), tmp_path / "out")], place)
    return folder, expected, place


def read(place: Path | list[Path], doc_id: str, *, allow_links: bool = True) -> bytes:
    return Library.open(place).snapshot().packed_picture(doc_id, allow_links=allow_links).read()


def test_every_picture_is_read_from_its_shard(tars: tuple[Path, dict[str, bytes], Path]) -> None:
    _, expected, place = tars
    snapshot = Library.open(place).snapshot()
    assert {doc_id: read(place, doc_id) for doc_id in snapshot.index.doc_ids()} == expected
    held = snapshot.picture_of("00001.tar/12")
    assert isinstance(held, PackedPicture)
    assert open_picture(held).image.size == (30, 24)


def test_pictures_of_shards_and_tables_go_into_one_index(
    tars: tuple[Path, dict[str, bytes], Path], tmp_path: Path
) -> None:
    _, expected, place = tars
    rows = [content(100 + row) for row in range(11)]
    table = write_table(tmp_path / "tables" / "train.parquet", rows)
    index_encoded([encode(str(table), tmp_path / "out2")], place)
    snapshot = Library.open(place).snapshot()
    assert [folder.kind for folder in snapshot.packed_folders] == ["shards", "parquet"]
    assert [read(place, f"train.parquet/{row:08d}") for row in range(11)] == rows
    assert read(place, "00000.tar/02") == expected["00000.tar/02"]


def test_a_shard_that_was_replaced_gives_nothing_away(
    tars: tuple[Path, dict[str, bytes], Path],
) -> None:
    folder, expected, place = tars
    secret = {"other.png": content(77), "more.png": content(78)}
    write_shard(folder / "00000.tar", secret)
    for doc_id in expected:
        if doc_id.startswith("00000"):
            with pytest.raises(MissingError, match=r"00000\.tar has changed since it was indexed"):
                read(place, doc_id)
    (folder / "00001.tar").write_bytes(b"no tar file")
    with pytest.raises(MissingError, match="has changed"):
        read(place, "00001.tar/12")


def test_a_table_that_was_replaced_gives_nothing_away(tmp_path: Path) -> None:
    table = write_table(tmp_path / "in" / "a.parquet", [content(n) for n in range(6)])
    place = tmp_path / "index"
    index_encoded([encode(str(table), tmp_path / "out")], place)
    write_table(table, [content(n + 50) for n in range(3)])
    for row in (1, 5):  # another picture, and no such row
        with pytest.raises(MissingError, match="has changed"):
            read(place, f"a.parquet/{row:08d}")
    table.write_bytes(b"no table")
    with pytest.raises(MissingError, match="has changed"):
        read(place, "a.parquet/00000001")


def test_shards_that_moved_are_named_at_their_new_place(
    tars: tuple[Path, dict[str, bytes], Path], tmp_path: Path
) -> None:
    folder, expected, place = tars
    new = tmp_path / "elsewhere" / "new"
    shutil.move(folder, new)
    with pytest.raises(MissingError, match=r"00001\.tar, which .* `lexret info` names them"):
        read(place, "00001.tar/12")
    report = index_encoded([tmp_path / "out"], place, folders=[new])
    assert (report.num_unchanged, report.num_updated) == (10, 0)
    assert read(place, "00001.tar/12") == expected["00001.tar/12"]
    assert [folder.path for folder in Library.open(place).snapshot().packed_folders] == [new]
    with pytest.raises(lexret.errors.InputError, match=r"00000\.tar, which .* is not in"):
        index_encoded([tmp_path / "out"], place, folders=[tmp_path])
    assert read(place, "00001.tar/12") == expected["00001.tar/12"]


def test_an_index_in_the_folder_of_its_shards_moves_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "tars"
    expected = write_tars(folder)
    out = encode(str(folder / "*.tar"), tmp_path / "out")
    index_encoded([out], folder / ".lexret", folders=[folder])
    shutil.move(folder, tmp_path / "moved")
    assert read(tmp_path / "moved", "00000.tar/04") == expected["00000.tar/04"]


def test_a_shard_that_was_packed_anew_is_taken_in_with_its_new_places(
    tars: tuple[Path, dict[str, bytes], Path], tmp_path: Path
) -> None:
    folder, expected, place = tars
    members = {f"{doc_id.partition('/')[2]}.png": each
               for doc_id, each in reversed(expected.items()) if doc_id[:5] == "00000"}  # fmt: skip
    write_shard(folder / "00000.tar", members)
    with pytest.raises(MissingError, match="has changed"):
        read(place, "00000.tar/00")
    again = index_encoded([encode(str(folder / "*.tar"), tmp_path / "again")], place)
    assert (again.num_updated, again.num_unchanged) == (5, 5)
    assert {doc_id: read(place, doc_id) for doc_id in expected} == expected
    assert index_encoded([tmp_path / "again"], place).num_updated == 0


def test_an_index_that_records_no_places_is_brought_up_to_date_by_the_same_call(
    tars: tuple[Path, dict[str, bytes], Path], tmp_path: Path
) -> None:
    _, expected, place = tars
    index = lexret.open_index(place)
    old = tmp_path / "old"
    with EmbeddedIndexWriter.create(old, index.vocabulary, model_id=index.model_id) as writer:
        for one in index.documents():
            fields = {name: [value] for name, value in one.fields.items() if name != "_place"}
            writer.add([one.doc_id], index.vector(one.doc_id).as_batch(), fields=fields)
        writer.commit()
    with pytest.raises(
        MissingError, match=r"does not record where .* give `lexret index --vectors`"
    ):
        read(old, "00000.tar/00")
    with pytest.raises(MissingError, match="does not record where"):
        Library.open(old).snapshot().picture_of("00000.tar/00")
    assert index_encoded([tmp_path / "out"], old).num_updated == 10
    assert read(old, "00000.tar/00") == expected["00000.tar/00"]


def test_a_name_never_leads_out_of_the_recorded_folders(tmp_path: Path) -> None:
    secret = content(5)
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(secret)
    (tmp_path / "in" / "below" / "deep").write_bytes(secret)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "plain").write_bytes(secret)
    fields = {
        "path": ["x"], "size": [len(secret)], "mtime_ns": [1], "width": [1], "height": [1],
        "sha256": [hashlib.sha256(secret).hexdigest()], "_place": [0],
    }  # fmt: skip
    vocabulary = lexret.Vocabulary(["red"])
    ids = ("../secret", "..", ".", "/secret", str(tmp_path / "secret"), "below/deep", "link/a",
           "in", "plain/../../secret")  # fmt: skip
    red = lexret.LexicalVector(np.array([0], np.int32), np.array([1], np.float32), vocabulary)
    place, batch = tmp_path / "index", red.as_batch()
    with EmbeddedIndexWriter.create(
        place, vocabulary, model_id="m", options=[f"shards-in={tmp_path / 'in'}"]
    ) as writer:
        for doc_id in (*ids, "plain/1"):
            writer.add([doc_id], batch, fields=fields)
        writer.commit()
    for doc_id in ids[:-1]:
        with pytest.raises(MissingError, match="not in the folders that the index records"):
            read(place, doc_id, allow_links=False)
    assert read(place, "link/a", allow_links=True) == secret
    assert read(place, "plain/1", allow_links=False) == secret
    assert read(place, ids[-1], allow_links=False) == secret


def test_merged_and_joined_indexes_know_the_folders_of_all(tmp_path: Path) -> None:
    """Machines see the tar files in different places, and each makes a shard of the index."""
    expected = write_tars(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    out = encode(str(tmp_path / "here" / "*.tar"), tmp_path / "out")
    places = [tmp_path / "one", tmp_path / "two"]
    index_encoded([out], places[0], shard=Shard(1, 2))
    index_encoded([out], places[1], shard=Shard(2, 2), folders=[tmp_path / "there"])
    assert {doc_id: read(places, doc_id) for doc_id in expected} == expected
    merge_indexes(places, tmp_path / "merged" / "index")
    shutil.rmtree(tmp_path / "here")
    assert {doc_id: read(tmp_path / "merged" / "index", doc_id) for doc_id in expected} == expected
    assert {doc_id: read(places, doc_id) for doc_id in expected} == expected


def test_the_commands_answer_for_a_picture_in_a_shard(
    tmp_path: Path, portable_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = write_tars(tmp_path / "tars")
    encode_pictures(
        str(tmp_path / "tars" / "*.tar"), tmp_path / "out", workers=0, model=portable_model
    )
    place = tmp_path / "index"
    index_encoded([tmp_path / "out"], place)

    def lexret_(*arguments: object) -> Any:
        return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)

    Library.open(place).correct(["00001.tar/12"], add=["dog"])
    said = lexret_("words", "00001.tar/12", "--index", place, "--json")
    assert said.exit_code == 0, said.output
    told = lexret.Library.open(place).words("00001.tar/12")
    values = json.loads(said.stdout)
    assert {word["word"] for word in values["words"]} <= {word.word for word in told}
    assert list(values) == ["image", "model", "index", "words"]
    explained = lexret_("explain", "00001.tar/12", "-o", tmp_path / "ex", "--index", place)
    assert explained.exit_code == 0, explained.output
    assert (tmp_path / "ex" / "summary.png").is_file()
    (tmp_path / "own.png").write_bytes(expected["00001.tar/12"])
    own = lexret_(
        "explain", tmp_path / "own.png", "-o", tmp_path / "ex2", "--model", portable_model
    )
    assert explained.stdout.splitlines()[:3] == own.stdout.splitlines()[:3]
    monkeypatch.chdir(tmp_path)
    shutil.move(place, tmp_path / ".lexret")
    near = lexret_("words", "00001.tar/12", "--json")
    assert near.exit_code == 0, near.output
    unknown = lexret_("words", "00001.tar/none")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "There is no picture 00001.tar/none" in unknown.stderr
    named = lexret_("words", "00001.tar/none", "--index", tmp_path)
    assert named.exit_code == 2 and "holds no picture '00001.tar/none'" in named.stderr
    tagged = lexret_("tag", "00001.tar/12", "--write", "--index", tmp_path)
    assert tagged.exit_code == 2 and "into which lexret writes nothing" in tagged.stderr
    shutil.rmtree(tmp_path / "tars")
    gone = lexret_("explain", "00001.tar/12", "-o", tmp_path / "ex3")
    assert gone.exit_code == 2
    assert "is not in the folders that the index records" in gone.stderr
    assert not (tmp_path / "ex3").exists()


def test_info_names_the_folders_of_shards(tars: tuple[Path, dict[str, bytes], Path]) -> None:
    folder, _, place = tars
    said = CliRunner().invoke(main, ["info", "--index", str(place)], catch_exceptions=False)
    assert f"tar shards in           {folder}" in said.stdout
    assert not any(line.startswith("root") for line in said.stdout.splitlines())
    as_json = CliRunner().invoke(main, ["info", "--index", str(place), "--json"])
    values = json.loads(as_json.stdout)
    assert (values["tar_shards_in"], values["root"]) == ([str(folder)], None)
