"""Every reader of outside bytes, over damaged files: only lexret's own errors come out."""

from __future__ import annotations

import random
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lexret.engine.segments.manifest import FORMAT_VERSION
from lexret.errors import LexretError
from tests.fuzz.damage import always, damage_of
from tests.fuzz.readers import INDEX, READERS, Reader

EXAMPLES_A_READER = 20


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Pillow warns of broken EXIF data; decoding processes ignore that, and tests fail of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\..*")
        yield


def fault_of(reader: Reader, folder: Path) -> str | None:
    """Read the files; say what came out where it is not one of lexret's own errors."""
    try:
        reader.read(folder)
    except LexretError as error:
        return None if str(error).strip() else f"{type(error).__name__} without a message"
    except Exception:
        return traceback.format_exc(limit=-4)
    return None


def damaged_files(reader: Reader, folder: Path) -> list[Path]:
    """The files that are damaged one by one."""
    found = [file for pattern in reader.files for file in sorted(folder.glob(pattern))]
    assert found
    return found


def replace(file: Path, content: bytes) -> None:
    """Put other content in place; what is mapped into memory of the old file stays as it is."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_bytes(content)
    fresh.replace(file)


@pytest.mark.parametrize("name", READERS)
def test_sound_files_are_read(name: str, tmp_path: Path, static_model_folder: Path) -> None:
    READERS[name].make(tmp_path, static_model_folder)
    assert READERS[name].read(tmp_path) is not None


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_raise_errors_of_lexret_only(
    name: str, tmp_path: Path, static_model_folder: Path
) -> None:
    reader = READERS[name]
    reader.make(tmp_path, static_model_folder)
    for file in damaged_files(reader, tmp_path):
        try_fixed_damages(reader, tmp_path, file)
        try_any_damages(reader, tmp_path, file)


@pytest.mark.skipif(FORMAT_VERSION < 3, reason="indexes are sealed from format 3 on")
def test_damaged_indexes_raise_errors_of_lexret_only(
    tmp_path: Path, static_model_folder: Path
) -> None:
    INDEX.make(tmp_path, static_model_folder)
    for file in damaged_files(INDEX, tmp_path):
        try_fixed_damages(INDEX, tmp_path, file)
        try_any_damages(INDEX, tmp_path, file)


def try_fixed_damages(reader: Reader, folder: Path, file: Path) -> None:
    """Try what every file is tried as."""
    original = file.read_bytes()
    for content in always(original):
        replace(file, content)
        assert fault_of(reader, folder) is None, (file.name, content[:200])
    replace(file, original)


def try_any_damages(reader: Reader, folder: Path, file: Path) -> None:
    """Try what comes out of chance, the same every time."""
    original = file.read_bytes()
    damage = damage_of(original)

    @settings(
        max_examples=EXAMPLES_A_READER,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def try_one(chance: random.Random) -> None:
        content = damage(chance)
        replace(file, content)
        fault = fault_of(reader, folder)
        replace(file, original)
        assert fault is None, (file.name, content[:2000])

    try_one()
