"""An index of encoded pictures is the one that `lexret index` makes of the pictures themselves."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lexret
from lexret.cli.main import main
from lexret.encoders.protocol import Encoder
from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.library.encoding import into_index
from lexret.library.encoding.encode import encode_pictures
from lexret.library.encoding.into_index import index_encoded
from lexret.library.fields import set_fields
from lexret.library.shards import Shard
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.merging import merge_indexes
from lexret.library.updating.reader import Decoding
from tests.library.conftest import ColourEncoder
from tests.library.encoding.conftest import OLD_NS, paint, spoil, write_shard

pytest.importorskip("pyarrow")

IN_THREADS = Decoding(jobs=0)


def colours() -> ColourEncoder:
    return ColourEncoder(lexret.Vocabulary(["red", "green", "blue"]))


def encode(sources: Any, out: Path, encoder: Encoder[Image.Image] | None = None) -> Path:
    encode_pictures(sources, out, workers=0, encoder=encoder or colours())
    return out


def contents(place: Path) -> dict[str, Any]:
    index = lexret.open_index(place)
    return {
        one.doc_id: (
            {name: value for name, value in one.fields.items() if value is not None},
            index.vector(one.doc_id).words(),
        )
        for one in index.documents()
    }


def test_it_equals_the_index_of_the_folder_and_the_next_run_finds_nothing_to_do(
    photos: Path, tmp_path: Path
) -> None:
    out = encode(photos, tmp_path / "out")
    index_folders([photos], tmp_path / "direct", colours(), decoding=IN_THREADS)
    place = photos / ".lexret"
    report = index_encoded([out], place)
    assert (report.num_added, report.num_encoded, report.num_pictures) == (71, 0, 71)
    assert contents(place) == contents(tmp_path / "direct")
    encoder = colours()
    after = index_folders([photos], place, encoder, decoding=IN_THREADS)
    assert (after.num_unchanged, after.num_added, after.num_removed) == (71, 0, 0)
    assert (encoder.num_encoded, after.reasons()) == (0, report.reasons())
    assert [one.message for one in after.skipped] == [one.message for one in report.skipped]


def test_folders_that_moved_are_named_in_their_order(tmp_path: Path) -> None:
    old, other = tmp_path / "old", tmp_path / "other"
    paint(old, 7)
    paint(other, 9)
    spoil(other)
    out = encode([old, other], tmp_path / "out")
    here = tmp_path / "here"
    shutil.move(old, here / "first")
    shutil.move(other, here / "second")
    with pytest.raises(InputError, match=r"was encoded from 2 folders .* but 1 are named"):
        index_encoded([out], tmp_path / "index", folders=[here / "first"])
    index_encoded([out], tmp_path / "index", folders=[here / "first", here / "second"])
    direct = tmp_path / "direct"
    index_folders([here / "first", here / "second"], direct, colours(), decoding=IN_THREADS)
    assert contents(tmp_path / "index") == contents(direct)
    index_encoded([out], tmp_path / "without")  # the pictures need not be there
    assert len(contents(tmp_path / "without")) == 16


def test_what_the_index_knows_better_stays(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    paths = paint(photos, 6)
    out, place = encode(photos, tmp_path / "out"), photos / ".lexret"
    index_encoded([out], place)
    set_fields(place, {"0000.jpg": {"mood": "calm"}, "0001.jpg": {"mood": "wild"}})
    Image.new("RGB", (9, 9), (0, 255, 0)).save(paths[0])  # changed after it was encoded
    index_folders([photos], place, colours(), decoding=IN_THREADS)
    known = contents(place)
    report = index_encoded([out], place)
    assert (report.num_unchanged, report.num_updated) == (6, 0)
    assert contents(place) == known
    Image.new("RGB", (9, 9), (0, 0, 255)).save(paths[1])  # changed, and encoded again
    newer = encode(photos, tmp_path / "newer")
    report = index_encoded([newer], place)
    assert (report.num_unchanged, report.num_updated) == (5, 1)
    fields, words = contents(place)["0001.jpg"]
    assert fields["mood"] == "wild" and words[0].word == "blue"


def test_several_encodings_make_one_index(tmp_path: Path) -> None:
    outs = []
    for name, count in (("a", 5), ("b", 8)):
        paint(tmp_path / name, count)
        outs.append(encode(tmp_path / name, tmp_path / f"out-{name}"))
    report = index_encoded(outs, tmp_path / "a" / ".lexret")
    direct = tmp_path / "a" / "direct"
    index_folders([tmp_path / "a", tmp_path / "b"], direct, colours(), decoding=IN_THREADS)
    assert report.num_pictures == 13
    assert contents(tmp_path / "a" / ".lexret") == contents(direct)


def test_shards_make_an_index_without_folders(tmp_path: Path) -> None:
    stream = {f"{n}.jpg": path.read_bytes() for n, path in enumerate(paint(tmp_path / "p", 4))}
    out = encode(write_shard(tmp_path / "0.tar", stream), tmp_path / "out")
    index_encoded([out], tmp_path / "index")
    index = lexret.open_index(tmp_path / "index")
    assert index.manifest.roots == () and "0.tar/3" in index
    found = CliRunner().invoke(main, ["search", "-", "--index", str(tmp_path / "index")])
    assert found.exit_code in (1, 2)
    with pytest.raises(InputError, match=r"0\.tar, which .* was encoded from, is not in"):
        index_encoded([out], tmp_path / "other" / "below", folders=[tmp_path / "p"])
    assert not (tmp_path / "other").exists()
    paint(tmp_path / "q", 2)
    for folders in ([], [tmp_path / "p"]):
        with pytest.raises(InputError, match="holds pictures of no folder"):
            index_folders(folders, tmp_path / "index", colours(), decoding=IN_THREADS)
    assert len(lexret.open_index(tmp_path / "index")) == 4
    of_folder = encode(tmp_path / "p", tmp_path / "out-p")
    with pytest.raises(InputError, match=r"from shards, but .* from folders: .* Make an index of"):
        index_encoded([of_folder, out], tmp_path / "both")
    assert not (tmp_path / "both").exists()
    with pytest.raises(InputError, match="of no folders"):
        index_encoded([encode(tmp_path / "q", tmp_path / "out-q")], tmp_path / "index")


def test_a_shard_takes_its_part_alone_and_stays_a_shard(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    paint(folders[0], 12)
    paint(folders[1], 7)
    (folders[0] / "bad.png").write_bytes(b"no picture")
    out = encode(folders, tmp_path / "out")
    index_folders(folders, tmp_path / "whole", colours(), decoding=IN_THREADS)
    direct, taken = [], []
    for number in (1, 2, 3):
        shard = Shard(number, 3)
        direct.append(tmp_path / f"direct-{number}")
        index_folders(folders, direct[-1], colours(), shard=shard, decoding=IN_THREADS)
        taken.append(tmp_path / f"taken-{number}")
        report = index_encoded([out], taken[-1], shard=shard)
        assert report.shard == shard
        assert contents(taken[-1]) == contents(direct[-1])
        assert index_encoded([out], direct[-1]).num_added == 0  # it knows which shard it is
        again = index_folders([], taken[-1], colours(), decoding=IN_THREADS)
        assert (again.num_encoded, again.num_unchanged, again.num_removed) == (
            0, report.num_pictures, 0
        )  # fmt: skip
        assert len(again.skipped) == len(report.skipped)
    merge_indexes(taken, tmp_path / "merged")
    assert contents(tmp_path / "merged") == contents(tmp_path / "whole")
    with pytest.raises(InputError, match="holds all pictures, but shard 1/3"):
        index_encoded([out], tmp_path / "whole", shard=Shard(1, 3))
    with pytest.raises(InputError, match="is shard 1/3, but shard 2/3"):
        index_encoded([out], taken[0], shard=Shard(2, 3))


def test_a_shard_without_pictures_is_there_and_takes_nothing_of_another_kind(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a"
    stream = {f"{n}.jpg": path.read_bytes() for n, path in enumerate(paint(folder, 2))}
    out = encode(folder, tmp_path / "out")
    names = [path.name for path in folder.iterdir()]
    empty = next(
        shard
        for shard in (Shard(number, 9) for number in range(1, 10))
        if not any(map(shard.holds, names))
    )
    assert index_encoded([out], tmp_path / "empty", shard=empty).num_pictures == 0
    assert lexret.open_index(tmp_path / "empty").manifest.options == (empty.option,)
    tar = encode(write_shard(tmp_path / "0.tar", stream), tmp_path / "out-tar")
    with pytest.raises(InputError, match="is of folders, but what"):
        index_encoded([tar], tmp_path / "empty")


def test_another_model_or_damage_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    paint(photos, 6)
    out, place = encode(photos, tmp_path / "out"), tmp_path / "index"
    index_encoded([out], place)
    before = contents(place)
    other = ColourEncoder(lexret.Vocabulary(["red", "green", "blue"]), "colours-2")
    with pytest.raises(MismatchError, match=r"colours-1.*were encoded by colours-2"):
        index_encoded([encode(photos, tmp_path / "other", other)], place)
    with pytest.raises(MismatchError, match=r"colours-2.*colours-1"):
        index_encoded([out, tmp_path / "other"], tmp_path / "two")
    with pytest.raises(MismatchError, match=r"encoded by colours-1, but 'mini' is mini-"):
        index_encoded([out], place, model="mini")
    with pytest.raises(InputError, match="stores exact weights, but 8bit"):
        index_encoded([out], place, weights="8bit")
    with pytest.raises(MissingError, match=r"no encode\.json"):
        index_encoded([tmp_path / "nowhere"], place)
    part = out / "vectors" / "part-00000.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 4] ^= 0xFF
    part.write_bytes(data)
    with pytest.raises(CorruptError, match=r"part-00000\.parquet.*makes that part anew"):
        index_encoded([out], tmp_path / "new")
    part.write_bytes(b"")
    with pytest.raises(CorruptError, match=r"part-00000\.parquet cannot be read"):
        index_encoded([out], tmp_path / "new")
    shutil.copy(tmp_path / "other" / "vectors" / "part-00000.parquet", part)
    with pytest.raises(CorruptError, match="is not part 0 of this encoding"):
        index_encoded([out], tmp_path / "new")
    assert contents(place) == before


def test_a_run_that_ends_early_has_committed_what_came_before(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, place = encode(photos, tmp_path / "out"), tmp_path / "index"
    monkeypatch.setattr(into_index, "PICTURES_A_COMMIT", 30)

    def stop(done: int, total: int) -> None:
        if done > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_encoded([out], place, progress=stop)
    assert len(contents(place)) == 30
    report = index_encoded([out], place)
    assert (report.num_unchanged, report.num_added) == (30, 41)


def test_names_that_are_not_utf8_go_through(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (path,) = paint(photos, 1)
    odd = os.fsencode(photos) + b"/caf\xe9.jpg"
    try:
        os.rename(path, odd)
    except OSError:
        pytest.skip("the file system takes UTF-8 alone")
    os.utime(odd, ns=(OLD_NS, OLD_NS))
    place = photos / ".lexret"
    index_encoded([encode(photos, tmp_path / "out")], place)
    assert list(contents(place)) == ["caf\udce9.jpg"]
    assert index_folders([photos], place, colours(), decoding=IN_THREADS).num_unchanged == 1


def test_the_command_line_makes_an_index_that_is_searched(
    photos: Path, portable_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == status, result.output
        return result.output

    said = run("encode", "photos", "-o", "out", "--workers", "0", "--model", str(portable_model))
    assert "71 pictures in 3 parts of out" in said and "Skipped 2 files" in said
    report = json.loads(run("encode", "photos", "-o", "out", "--json"))
    assert (report["pictures"], report["encoded"], report["new"]) == (71, 0, 0)
    assert [one["reason"] for one in report["skipped"]] == ["not a picture", "empty file"]
    assert "71 added, 2 skipped; 0 pictures encoded" in run("index", "photos", "--vectors", "out")
    assert "71 unchanged" in run("index", "--vectors", "out")  # it knows where the folder is
    assert "71 unchanged, 2 skipped; 0 pictures encoded" in run("index", "photos")
    info = json.loads(run("info", "--index", "photos", "--json"))
    assert info["pictures"] == 71
    word = lexret.Library.open("photos").words("0000.jpg")[0].word
    assert "0000.jpg" in run("search", word, "--index", "photos", "-k", "71")
    assert word in run("words", "photos/0000.jpg", "--model", str(portable_model))
    assert "--rebuild says how pictures" in run("index", "--vectors", "out", "--rebuild", status=2)
    shutil.rmtree("photos")
    assert "say with --index where" in run("index", "--vectors", "out", status=2)
    assert "71 added" in run("index", "--vectors", "out", "--index", "elsewhere")


def test_library_takes_encoded_pictures(photos: Path, tmp_path: Path) -> None:
    out = encode(photos, tmp_path / "out")
    library = lexret.Library(tmp_path / "index")
    assert library.take_encoded(out, weights="8bit").num_pictures == 71
    assert len(library) == 71
    weights = lexret.open_index(tmp_path / "index").vector("0000.jpg").weights
    exact = lexret.open_index(tmp_path / "index").manifest
    assert exact.weights == "8bit" and np.isfinite(weights).all()
