"""ECCV Caption's positives from a package that is shaped as the published one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lexret.errors import CorruptError, InputError, MissingPackageError
from lexret.eval.retrieval.eccv import read_eccv, read_eccv_or_qrels


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "eccv_caption"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('its code is not to be run')")
    values = {"552666": [445512, 68120], "38": [179765]}
    (folder / "data" / "eccv_caption_to_image.json").write_text(json.dumps(values))
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def test_extended_positives_become_qrels(package: Path) -> None:
    expected = {"552666": {"445512": 1, "68120": 1}, "38": {"179765": 1}}
    assert read_eccv("text_to_image") == expected
    assert read_eccv_or_qrels("eccv:text_to_image") == expected


def test_a_damaged_package_and_unknown_directions_are_errors(package: Path) -> None:
    with pytest.raises(CorruptError, match=r"eccv_image_to_caption\.json"):
        read_eccv("image_to_text")
    with pytest.raises(InputError, match="expected one of"):
        read_eccv("both")


def test_without_the_package_the_install_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install eccv_caption"):
        read_eccv("text_to_image")
