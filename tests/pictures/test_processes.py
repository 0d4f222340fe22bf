"""Reading files in processes: what a decoder dies of, and what becomes of the others."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from lexret.errors import InputError
from lexret.pictures.memory import MemoryBudget
from lexret.pictures.processes import DIED, ProcessReader, ReaderClosed
from lexret.pictures.reading import (
    FileContent,
    FileState,
    ReadSettings,
    Refusal,
    ThreadReader,
)
from tests.pictures import hostile

SETTINGS = ReadSettings(max_pixels=50_000_000, min_side=64, max_seconds=1)


def unknown(sha256: str) -> bool:
    return False


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessReader]:
    hostile.install(tmp_path / "package")
    monkeypatch.syspath_prepend(tmp_path / "package")
    reader = ProcessReader(SETTINGS, MemoryBudget(1 << 28))
    yield reader
    reader.close()


def refusal(reader: ProcessReader, path: Path) -> Refusal:
    outcome = reader.read(path, is_known=unknown)
    assert isinstance(outcome, Refusal)
    return outcome


def is_read(reader: ProcessReader, path: Path) -> bool:
    outcome = reader.read(path, is_known=unknown)
    return isinstance(outcome, FileContent) and outcome.picture is not None


def test_a_process_reads_what_a_thread_reads(reader: ProcessReader, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica"
    noise = np.random.default_rng(0).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", exif=exif)
    Image.new("RGBA", (9, 7), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    threads = ThreadReader(SETTINGS, MemoryBudget(1 << 28))
    for name in ("noise.jpg", "clear.png", "empty.jpg", "text.jpg", "gone.jpg", "noise.jpg"):
        found = reader.read(tmp_path / name, is_known=unknown)
        expected = threads.read(tmp_path / name, is_known=unknown)
        if isinstance(expected, FileContent):
            assert isinstance(found, FileContent)
            assert (found.state, found.sha256, found.tags) == (
                expected.state, expected.sha256, expected.tags
            )  # fmt: skip
            assert found.picture is not None
            assert expected.picture is not None
            assert found.picture.image.tobytes() == expected.picture.image.tobytes()
            assert found.picture.width == expected.picture.width
        else:
            assert found == expected
    assert isinstance(expected, FileContent)
    assert expected.tags.camera == "Leica"


def test_known_content_is_not_decoded(reader: ProcessReader, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (8, 8)).save(path)
    asked: list[str] = []
    outcome = reader.read(path, is_known=lambda sha256: asked.append(sha256) or True)
    assert isinstance(outcome, FileContent)
    assert outcome.picture is None
    assert asked == [outcome.sha256]


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL])
def test_the_file_that_a_decoder_dies_of_is_named_and_the_next_is_read(
    reader: ProcessReader, tmp_path: Path, number: signal.Signals
) -> None:
    path = hostile.write(tmp_path / "bad.jxl", f"signal {number.value}")
    refused = refusal(reader, path)
    assert refused.reason == DIED
    assert str(path) in refused.message
    assert number.name in refused.message
    assert "free(): invalid pointer" in refused.message
    assert refused.state == FileState.of(path.stat())
    assert is_read(reader, hostile.write(tmp_path / "good.jxl", ""))


def test_a_file_that_is_decoded_at_the_second_try_is_not_blamed(
    reader: ProcessReader, tmp_path: Path
) -> None:
    assert is_read(reader, hostile.write(tmp_path / "a.jxl", f"once {tmp_path / 'died'}"))
    assert (tmp_path / "died").exists()
    assert is_read(reader, hostile.write(tmp_path / "b.jxl", f"memory {tmp_path / 'full'}"))
    assert (tmp_path / "full").exists()


def test_a_decoder_that_never_ends_is_ended(reader: ProcessReader, tmp_path: Path) -> None:
    refused = refusal(reader, hostile.write(tmp_path / "bad.jxl", "busy"))
    assert refused.reason == DIED
    assert "more than 1 s of processor time" in refused.message


def test_files_in_other_processes_are_not_touched(reader: ProcessReader, tmp_path: Path) -> None:
    good = [hostile.write(tmp_path / f"{number}.jxl", "") for number in range(12)]
    bad = [hostile.write(tmp_path / f"bad{number}.jxl", "signal 6") for number in range(2)]
    with ThreadPoolExecutor(3) as pool:
        died = [pool.submit(refusal, reader, path) for path in bad]
        assert all(pool.map(lambda path: is_read(reader, path), good))
        assert [future.result().reason for future in died] == [DIED, DIED]


def test_what_libraries_write_is_told_with_the_file_or_not_at_all(
    reader: ProcessReader, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = refusal(reader, hostile.write(tmp_path / "a.jxl", "remark TIFFRead: odd\x07"))
    assert noisy.message == f"{tmp_path / 'a.jxl'} is damaged: broken. (TIFFRead: odd)"
    (tmp_path / "b.jpg").write_text("no picture")
    assert "TIFFRead" not in refusal(reader, tmp_path / "b.jpg").message
    assert capfd.readouterr().err == ""


def test_what_libtiff_says_of_a_damaged_file_is_told_with_its_name(
    reader: ProcessReader, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fax.tif"
    noise = np.random.default_rng(0).integers(0, 2, (64, 64), dtype=np.uint8) * 255
    Image.fromarray(noise).convert("1").save(path, compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[8:40] = b"\xff" * 32
    path.write_bytes(data)
    assert str(path) in refusal(reader, path).message
    assert capfd.readouterr().err == ""


def test_a_worker_imports_neither_torch_nor_numpy_nor_the_engine(
    reader: ProcessReader, tmp_path: Path
) -> None:
    assert is_read(reader, hostile.write(tmp_path / "a.jxl", f"modules {tmp_path / 'modules'}"))
    modules = set((tmp_path / "modules").read_text().split())
    assert "PIL.Image" in modules
    assert not modules & {"torch", "numpy", "lexret.engine", "lexret.encoders", "lexret.library"}


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false"])
def test_where_no_process_can_be_started_the_way_out_is_told(
    reader: ProcessReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    path = hostile.write(tmp_path / "a.jxl", "")
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(InputError, match="say --jobs 0"):
        reader.read(path, is_known=unknown)


def test_closing_ends_what_is_being_read(reader: ProcessReader, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    path = hostile.write(tmp_path / "slow.jxl", f"sleep {begun}")
    ended: list[type[BaseException]] = []

    def read() -> None:
        try:
            reader.read(path, is_known=unknown)
        except ReaderClosed as error:
            ended.append(type(error))

    thread = threading.Thread(target=read)
    thread.start()
    while not begun.exists():
        time.sleep(0.01)
    reader.close()
    thread.join(30)
    assert ended == [ReaderClosed]
    with pytest.raises(ReaderClosed):
        reader.read(path, is_known=unknown)


def test_no_process_outlives_its_reader(reader: ProcessReader, tmp_path: Path) -> None:
    assert is_read(reader, hostile.write(tmp_path / "a.jxl", ""))
    (worker,) = reader._idle
    process = worker._process.pid
    reader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_an_error_of_the_caller_does_not_spoil_the_next_file(
    reader: ProcessReader, tmp_path: Path
) -> None:
    def fail(sha256: str) -> bool:
        raise RuntimeError("the index is gone")

    path = hostile.write(tmp_path / "a.jxl", "")
    with pytest.raises(RuntimeError, match="the index is gone"):
        reader.read(path, is_known=fail)
    assert is_read(reader, path)
