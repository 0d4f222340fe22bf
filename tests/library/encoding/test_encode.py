"""Pictures in, Parquet parts out: the same whoever works at it, and nothing lost or twice."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lexret
from lexret.encoders.image_settings import ImageSettings
from lexret.errors import (
    CorruptError,
    InputError,
    LexretError,
    LockedError,
    MismatchError,
    MissingError,
    StorageError,
)
from lexret.interop.sparse_files import read_export, read_sparse_documents
from lexret.library.encoding import workers
from lexret.library.encoding.encode import encode_pictures
from lexret.library.encoding.fields import FIELD_TYPES, columns_of
from lexret.library.encoding.plan import load_plan, part_size_for
from lexret.library.updating.records import KnownPicture
from lexret.pictures.exif import CameraTags
from tests.library.conftest import ColourEncoder
from tests.library.encoding.conftest import paint, parts_of, write_shard

pq = pytest.importorskip("pyarrow.parquet")


def documents(out: Path) -> dict[str, tuple[list[int], list[float]]]:
    found = [(one.doc_id, (one.indices, one.values)) for one in read_sparse_documents(out)]
    assert len(found) == len(dict(found))
    return dict(found)


def test_the_parts_are_the_same_whoever_works_at_them(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    reports = {}
    for name, options in {
        "here": {"workers": 0},
        "one": {"workers": 1, "threads": 2},
        "two": {"workers": 2, "threads": 1},
    }.items():
        reports[name] = encode_pictures(photos, tmp_path / name, model=portable_model, **options)
    found = {name: parts_of(tmp_path / name) for name in reports}
    assert found["here"] == found["one"] == found["two"]
    assert list(found["one"]) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    for report in reports.values():
        assert (report.num_pictures, report.num_encoded, report.num_parts) == (71, 71, 3)
        assert report.reasons() == [("empty file", 1), ("not a picture", 1)]
        assert report.runtimes[0].startswith("onnxruntime")


def test_a_folder_of_parts_is_an_export_and_holds_what_index_records(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    encode_pictures(photos, out, model=portable_model, workers=0)
    model = lexret.load_model(portable_model)
    record = read_export(out)
    assert (record.model_id, record.num_documents) == (model.model_id, 71)
    names = sorted(documents(out))
    assert names[:2] == ["0000.jpg", "0001 copy.jpg"] and "more/0004.jpg" in names
    images = model.portable_images(ImageSettings(jobs=1))
    pictures = [lexret.open_photo(photos / name) for name in names]
    expected = images.encode(pictures).to_scipy().toarray()
    for row, name in enumerate(names):
        indices, values = documents(out)[name]
        np.testing.assert_allclose(expected[row][indices], values, atol=1e-6)
        assert (expected[row] > 0).sum() == len(indices)
    (first,) = (one for one in read_sparse_documents(out) if one.doc_id == "0000.jpg")
    assert first.fields["camera"] == "Leica" and first.fields["date_from"] == "exif_changed"
    assert (first.fields["width"], first.fields["height"]) == (60, 44)
    table = pq.read_table(out / "vectors")  # any reader of Parquet takes it
    assert table.num_rows == 71
    assert table.schema.metadata[b"lexret.model_id"].decode() == model.model_id
    refused = [json.loads(line) for line in (out / "refused.jsonl").read_text().splitlines()]
    assert [(one["path"], one["reason"]) for one in refused] == [
        ("0003b.jpg", "not a picture"),
        ("0007b.png", "empty file"),
    ]


def test_every_field_that_index_records_is_in_a_part() -> None:
    tags = CameraTags(*range(9), "exif", "a\nb")  # type: ignore[arg-type]
    record = KnownPicture("1.jpg", 1, 2, "ab", 3, 4, tags, 5)
    columns = columns_of([record])
    assert list(columns) == list(FIELD_TYPES)
    given = {name: values for name, values in record.as_fields().items() if name != "path"}
    assert sorted(columns.values(), key=str) == sorted(given.values(), key=str)


def test_the_same_again_encodes_nothing_and_changes_nothing(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    encode_pictures(photos, out, model=portable_model, workers=0)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"}
    shutil.copy2(photos / "0000.jpg", photos / "new.jpg")
    (photos / "0001.jpg").unlink()
    report = encode_pictures(photos, out, workers=1)  # the model is the one of the folder
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"}
    assert before == after
    assert (report.num_pictures, report.num_encoded) == (71, 0)
    assert (report.num_new, report.num_gone) == (1, 1)


def test_what_is_missing_or_was_cut_off_is_made_again(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    for folder in (whole, out):
        encode_pictures(photos, folder, model=portable_model, workers=0)
    (out / "vectors" / "part-00001.parquet").unlink()
    (out / "vectors" / ".part-00001.parquet.0a0a0a0a.lexret-new").write_bytes(b"half")
    (out / "export.json").unlink()
    report = encode_pictures(photos, out, workers=1)
    assert report.num_encoded == 32
    assert parts_of(out) == parts_of(whole)
    assert (out / "export.json").read_bytes() == (whole / "export.json").read_bytes()


COMMAND = [sys.executable, "-m", "lexret", "encode"]


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(lexret.__file__).parents[1])}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def wait_for_parts(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    while len(list((out / "vectors").glob("part-*"))) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_killed_goes_on_where_it_was(
    workers: int, portable_model: Path, tmp_path: Path
) -> None:
    photos, whole, out = tmp_path / "photos", tmp_path / "whole", tmp_path / "out"
    paint(photos, 200, size=(500, 400))
    encode_pictures(photos, whole, model=portable_model, workers=0)
    process = start(photos, "-o", out, "--model", portable_model, "--workers", workers)
    wait_for_parts(out, 1, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    num_done = len(list((out / "vectors").glob("part-*")))
    assert 1 <= num_done < 7 and not (out / "export.json").exists()
    with pytest.raises(MissingError, match=r"of the 7 parts .* are done; give the same"):
        lexret.Library(tmp_path / "index").take_encoded(out)
    done = start(photos, "-o", out, "--workers", workers)
    said, errors = done.communicate()
    assert done.returncode == 0, errors
    assert "200 pictures in 7 parts" in said
    assert parts_of(out) == parts_of(whole)
    assert len(documents(out)) == 200


def test_a_worker_that_is_killed_is_replaced(
    photos: Path, portable_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    class Fragile(workers.HelperProcess):
        """Process that is killed with its first part, if it is among the first two."""

        def receive(self) -> object:
            message = super().receive()
            if self.pid not in started:
                started.append(self.pid)
                if len(started) <= 2:
                    os.kill(self.pid, signal.SIGKILL)
            return message

    monkeypatch.setattr(workers, "HelperProcess", Fragile)
    counts: list[tuple[int, int]] = []
    encode_pictures(
        photos, tmp_path / "out", model=portable_model, workers=2, threads=1,
        progress=lambda done, total: counts.append((done, total)),
    )  # fmt: skip
    encode_pictures(photos, tmp_path / "whole", model=portable_model, workers=0)
    assert len(started) == 4 and counts[-1] == (73, 73)
    assert parts_of(tmp_path / "out") == parts_of(tmp_path / "whole")


def test_a_part_that_workers_die_of_is_told_and_the_others_stay(
    photos: Path, portable_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(workers.HelperProcess):
        """Process that dies of the second part."""

        def send(self, message: object) -> None:
            if message == 1:
                os.kill(self.pid, signal.SIGKILL)
            super().send(message)

    monkeypatch.setattr(workers, "HelperProcess", Dying)
    told = r"Part 1 \(the pictures from .*\.jpg to .*\) could not be encoded in 3 tries.*SIGKILL"
    with pytest.raises(InputError, match=told):
        encode_pictures(photos, tmp_path / "out", model=portable_model, workers=1)
    assert list(parts_of(tmp_path / "out")) == ["part-00000.parquet"]


def test_an_error_of_a_worker_is_the_error_of_the_run(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(portable_model, model)
    out = tmp_path / "out"
    started = encode_pictures(photos, out, model=model, workers=1)
    (out / "vectors" / "part-00002.parquet").unlink()
    (model / "image.onnx").write_bytes(b"damaged")
    with pytest.raises(CorruptError, match=r"image\.onnx is damaged"):
        encode_pictures(photos, out, workers=1)
    shutil.rmtree(model)
    with pytest.raises(MissingError):
        encode_pictures(photos, out, workers=1)
    assert isinstance(workers.error_of("DamageError", "x"), LexretError)
    assert started.num_parts == 3


def image_bytes(number: int, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (number * 7 % 256, number * 31 % 256, 90)).save(stream, form)
    return stream.getvalue()


def test_shards_are_read_in_place_and_what_is_wrong_with_them_is_told(
    portable_model: Path, tmp_path: Path
) -> None:
    first = {f"{n:03d}.png": image_bytes(n) for n in range(40)}
    first |= {"100.json": b"{}", "101.jpg": b"", "102.jpg": b"bad", "000.jpg": image_bytes(9)}
    write_shard(tmp_path / "00000.tar", first)
    write_shard(tmp_path / "00001.tar", {"a/b.webp": image_bytes(3, "WEBP"), "a/b.txt": b"hello"})
    out, pattern = tmp_path / "out", str(tmp_path / "{00000..00001}.tar")
    report = encode_pictures(pattern, out, model=portable_model, workers=2, threads=1)
    assert report.num_pictures == 41
    assert [(one.path, one.reason) for one in report.refused] == [
        ("00000.tar/100", "no picture"),
        ("00000.tar/000", "name used twice"),
        ("00000.tar/101", "empty file"),
        ("00000.tar/102", "not a picture"),
    ]
    assert {"00000.tar/039", "00001.tar/a/b"} <= documents(out).keys()
    encode_pictures(pattern, tmp_path / "again", model=portable_model, workers=0)
    assert parts_of(out) == parts_of(tmp_path / "again")
    (found,) = (one for one in read_sparse_documents(out) if one.doc_id == "00001.tar/a/b")
    assert found.fields["mtime_ns"] == 1_600_000_000_000_000_000
    (tmp_path / "00001.tar").write_bytes((tmp_path / "00001.tar").read_bytes()[:700])
    with pytest.raises(CorruptError, match=r"is cut short|damaged"):
        encode_pictures(pattern, tmp_path / "cut", model=portable_model, workers=0)


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_parquet_files_of_pictures_are_read_row_by_row(
    form: str, portable_model: Path, tmp_path: Path
) -> None:
    import pyarrow as pa

    contents: list[bytes | None] = [image_bytes(number) for number in range(70)]
    contents[5], contents[66] = None, b"bad"
    if form == "struct":
        held = [{"bytes": one, "path": None} for one in contents]
        table = pa.table({"label": list(range(70)), "image": held})
    else:
        table = pa.table({"label": list(range(70)), "photo": pa.array(contents, pa.binary())})
    pq.write_table(table, tmp_path / "train-0.parquet", row_group_size=9)
    report = encode_pictures(
        tmp_path / "train-0.parquet", tmp_path / "out", model=portable_model, workers=2, threads=1
    )
    assert report.num_pictures == 68 and report.num_parts == 3
    assert [one.path for one in report.refused] == [
        "train-0.parquet/00000005",
        "train-0.parquet/00000066",
    ]
    images = lexret.load_model(portable_model).images
    (vector,) = images.encode([Image.open(io.BytesIO(image_bytes(40)))])
    indices, values = documents(tmp_path / "out")["train-0.parquet/00000040"]
    assert indices == vector.term_ids.tolist()
    np.testing.assert_allclose(values, vector.weights, atol=1e-6)
    pq.write_table(pa.table({"n": [1]}), tmp_path / "none.parquet")
    with pytest.raises(InputError, match=r"has no column of pictures: none of its columns \(n\)"):
        encode_pictures(tmp_path / "none.parquet", tmp_path / "no", workers=0)


def test_what_is_asked_for_wrongly_is_refused_and_nothing_is_made(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    shard = write_shard(tmp_path / "0.tar", {"0.png": image_bytes(0)})
    for sources, message in (
        ([], "Name the pictures to encode"),
        ([photos, shard], "cannot be encoded in one call"),
        ([tmp_path / "nowhere"], "is not there; expected a folder"),
        ([tmp_path / "none.tar"], "There is no shard"),
        ([photos / "0000.jpg"], "is a file that ends like none"),
        ([tmp_path / "0.tar.gz"], "is compressed"),
        ([shard, write_shard(photos / "more" / "0.tar", {})], r"Several .* are called 0\.tar"),
        ([photos, photos / "more"], "lies inside of"),
    ):
        with pytest.raises(LexretError, match=message):
            encode_pictures(sources, tmp_path / "out", model=portable_model, workers=0)
    for options, message in (
        ({"workers": -1}, "0 or more workers"),
        ({"workers": 0, "ray": "local"}, "workers of its own"),
        ({"model": "nonesuch"}, "nonesuch"),
        ({"model": portable_model, "precision": "int8"}, "int8"),
        ({"encoder": ColourEncoder(lexret.Vocabulary(["a"]))}, "say workers=0"),
    ):
        with pytest.raises(LexretError, match=message):
            encode_pictures(photos, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(LexretError, match="nonesuch"):
        encode_pictures(photos, tmp_path / "mine", model="nonesuch")
    assert list((tmp_path / "mine").iterdir()) == []
    with pytest.raises(InputError, match="is not empty and holds no encoding"):
        encode_pictures(photos, photos, model=portable_model)
    with pytest.raises(InputError, match="is a file"):
        encode_pictures(photos, shard, model=portable_model)


def test_shards_that_came_later_are_named_and_go_into_a_folder_of_their_own(
    tmp_path: Path,
) -> None:
    encoder = ColourEncoder(lexret.Vocabulary(["red", "green", "blue"]))
    for number in range(9):
        write_shard(tmp_path / f"{number}.tar", {f"{number}.png": image_bytes(number)})
        if number == 1:
            encode_pictures(str(tmp_path / "*.tar"), tmp_path / "out", workers=0, encoder=encoder)
    with pytest.raises(
        InputError, match=r"before 7 of the 9 files came \(.*2\.tar, .*4\.tar and 4 more\)"
    ):
        encode_pictures(str(tmp_path / "*.tar"), tmp_path / "out", workers=0, encoder=encoder)
    with pytest.raises(InputError, match=r"begun with other pictures: .*0\.tar.*, not .*1\.tar\."):
        encode_pictures(str(tmp_path / "1.tar"), tmp_path / "out", workers=0, encoder=encoder)


def test_a_folder_goes_on_only_with_what_it_was_begun_with(
    photos: Path, portable_model: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    encode_pictures(photos, out, model=portable_model, workers=0)
    paint(tmp_path / "others", 3)
    with pytest.raises(InputError, match="was begun with other pictures"):
        encode_pictures(tmp_path / "others", out)
    with pytest.raises(InputError, match="another model"):
        encode_pictures(photos, out, model="mini")
    with pytest.raises(InputError, match="another precision"):
        encode_pictures(photos, out, precision="bfloat16")
    plan = load_plan(out)
    other = ColourEncoder(lexret.Vocabulary(["red", "green", "blue"]))
    with pytest.raises((InputError, MismatchError)):
        encode_pictures(photos, out, workers=0, encoder=other)
    data = bytearray((out / "plan.parquet").read_bytes())
    data[100] ^= 1
    (out / "plan.parquet").write_bytes(data)
    with pytest.raises(CorruptError, match=r"plan\.parquet is damaged"):
        encode_pictures(photos, out)
    assert plan.num_parts == 3


def test_two_runs_cannot_write_one_folder(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    from lexret.files.locks import WriterLock

    out = tmp_path / "out"
    out.mkdir()
    lock = WriterLock(out, what="encoding")
    with pytest.raises(LockedError, match="is writing the encoding at"):
        encode_pictures(photos, out, model=portable_model, workers=0)
    lock.release()
    assert encode_pictures(photos, out, model=portable_model, workers=0).num_pictures == 71


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write where it may not")
def test_a_folder_that_may_not_be_written_is_told(photos: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Could not write"):
        encode_pictures(photos, tmp_path / "out")


@pytest.mark.parametrize(
    ("num_pictures", "size"),
    [(1, 32), (1000, 32), (3000, 96), (20_000, 256), (1_000_000, 256), (10_000_000, 2464)],
)
def test_parts_are_small_in_small_sets_and_few_in_large_ones(num_pictures: int, size: int) -> None:
    assert part_size_for(num_pictures) == size
