"""Files that packages carry: found without importing them, checked by hash."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lexret.encoders.pretrained import (
    LLAMA2_TOKENIZER,
    PackageFile,
    locate,
    package_files,
    verified_path,
    verify,
)
from lexret.errors import CorruptError, MissingPackageError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageFile:
    """A package of one file, which fails if it is imported."""
    (tmp_path / "carrier" / "data").mkdir(parents=True)
    (tmp_path / "carrier" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "carrier" / "data" / "words.bin").write_bytes(b"the bytes")
    monkeypatch.syspath_prepend(str(tmp_path))
    digest = hashlib.sha256(b"the bytes").hexdigest()
    return PackageFile("the-carrier", "carrier", "data/words.bin", digest, "Some words")


def test_a_file_is_found_and_checked_without_importing_its_package(file: PackageFile) -> None:
    assert verified_path(file).read_bytes() == b"the bytes"
    assert "carrier" not in sys.modules


def test_other_bytes_than_the_expected_ones_are_refused(file: PackageFile) -> None:
    changed = replace(file, sha256="0" * 64)
    assert not verify(changed)
    with pytest.raises(CorruptError, match="--force-reinstall --no-deps the-carrier"):
        verified_path(changed)


@pytest.mark.parametrize("change", [{"module": "no_such_carrier"}, {"path": "data/none.bin"}])
def test_a_missing_package_or_file_says_how_to_install_it(
    file: PackageFile, change: dict[str, str]
) -> None:
    with pytest.raises(MissingPackageError, match=r"Some words comes.*pip install the-carrier"):
        locate(replace(file, **change))


def test_every_file_that_lexret_needs_is_listed_once_with_a_whole_hash() -> None:
    files = package_files()
    assert len({(file.module, file.path) for file in files}) == len(files)
    assert all(len(file.sha256) == 64 for file in files)


def test_the_installed_tokenizer_is_the_expected_one() -> None:
    assert verified_path(LLAMA2_TOKENIZER).is_file()
