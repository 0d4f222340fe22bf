"""Model folders: written whole or not at all, every file checked when read."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lexret.encoders import load_model
from lexret.encoders.folder import checkpoint as module
from lexret.encoders.folder.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lexret.errors import CorruptError, InputError, MissingError, StorageError
from lexret.files import folders
from lexret.vocabulary import Vocabulary


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "copy"))


def change_record(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    change(record)
    (folder / "model.json").write_text(json.dumps(record), encoding="utf-8")


def change_tensors(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Replace the weights and record the new hash: only the configuration can tell now."""
    tensors = dict(load_checkpoint(folder).tensors)
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change_record(folder, lambda r: r["sha256"].update({"model.safetensors": digest}))


def save(folder: Path, checkpoint: Checkpoint, **options: Any) -> str:
    return save_checkpoint(
        folder, checkpoint.config, checkpoint.vocabulary, checkpoint.tensors, **options
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_saved_is_what_is_loaded(tiny_model_folder: Path, tmp_path: Path) -> None:
    old = load_checkpoint(tiny_model_folder)
    digest = save(tmp_path / "new", old, numbers={"recall@1": 0.25}, card="# A model\n")
    new = load_checkpoint(tmp_path / "new")
    assert (new.config, new.vocabulary) == (old.config, old.vocabulary)
    assert new.numbers == {"recall@1": 0.25}
    assert new.sha256 == digest
    assert new.model_id == f"tiny-{digest[:12]}"
    assert (tmp_path / "new" / "README.md").read_text(encoding="utf-8") == "# A model\n"
    assert new.tensors.keys() == old.tensors.keys()
    for name, tensor in new.tensors.items():
        # Stored in float16 before: a second time changes nothing.
        assert torch.equal(tensor, old.tensors[name])
        assert tensor.dtype == torch.float32


def test_matrices_take_half_the_place_and_vectors_stay_exact(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    old = load_checkpoint(tiny_model_folder)
    tensors = {"matrix": torch.full((2, 3), 1 / 3), "vector": torch.full((3,), 1 / 3)}
    for half in (True, False):
        save_checkpoint(tmp_path / "m", old.config, old.vocabulary, tensors, half=half)
        found = load_checkpoint(tmp_path / "m").tensors
        assert torch.equal(found["vector"], tensors["vector"])
        assert torch.equal(found["matrix"], tensors["matrix"]) is not half
        torch.testing.assert_close(found["matrix"], tensors["matrix"], rtol=1e-3, atol=0)


def test_a_model_of_the_same_tensors_has_the_same_hash(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    old = load_checkpoint(tiny_model_folder)
    assert save(tmp_path / "a", old) == save(tmp_path / "b", old)


def test_backbones_that_the_folder_brings_along_are_found_wherever_it_lies(folder: Path) -> None:
    config = load_checkpoint(folder).config
    assert config.image.weights == str(folder / "backbone.safetensors")
    assert config.text.backbone == str(folder / "text")
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert record["config"]["image"]["weights"] == "backbone.safetensors"


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.txt", "model.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingError, match=name.replace(".", r"\.")):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.txt"])
@pytest.mark.parametrize("num_bytes", [0, 100])
def test_a_file_that_was_cut_short_is_noticed(folder: Path, name: str, num_bytes: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(CorruptError, match=rf"{name}.*damaged.*Copy or install"):
        load_checkpoint(folder)


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CorruptError, match="damaged"):
        load_checkpoint(folder)


def test_weights_that_are_no_safetensors_file_are_damaged_whatever_their_hash(
    folder: Path,
) -> None:
    (folder / "model.safetensors").write_bytes(b"anything")
    digest = hashlib.sha256(b"anything").hexdigest()
    change_record(folder, lambda r: r["sha256"].update({"model.safetensors": digest}))
    with pytest.raises(CorruptError, match="not a safetensors file"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(format=99), "format 99; this lexret reads format 1"),
        (lambda r: r.pop("format"), "format None"),
        (lambda r: r.pop("config"), r"lacks \['config'\]"),
        (lambda r: r["sha256"].pop("vocabulary.txt"), r"lacks \['sha256.vocabulary.txt'\]"),
        (lambda r: r["config"].update(colour=1), r"colour.*\n?.*another version of lexret"),
    ],
)
def test_a_record_that_cannot_be_used_says_why(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    change_record(folder, change)
    with pytest.raises(CorruptError, match=rf"(?s){message}"):
        load_checkpoint(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]"])
def test_a_record_that_is_no_json_object_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "model.json").write_bytes(content)
    with pytest.raises(CorruptError, match=r"model\.json"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "side", "message"),
    [
        (lambda t: t.pop("image.codebook_VD"), "images", "image.codebook_VD is missing"),
        (
            lambda t: t.update({"text.codebook_VD": torch.zeros(3, 16)}),
            "texts",
            r"text.codebook_VD is of shape \(3, 16\).*ask for \(60, 16\)",
        ),
        (lambda t: t.pop("image.adapter.up.weight"), "images", "lacks.*adapter.up.weight"),
        (lambda t: t.update({"image.more": torch.zeros(1)}), "images", "more'] too many"),
        (lambda t: t.update({"text.bias_V": torch.zeros(2)}), "texts", "bias_V"),
        (
            lambda t: t.pop(next(name for name in t if ".lora_A" in name)),
            "texts",
            r"lacks.*lora_A",
        ),
    ],
)
def test_tensors_that_do_not_fit_the_configuration_are_named(
    folder: Path, change: Callable[[dict[str, Any]], object], side: str, message: str
) -> None:
    change_tensors(folder, change)
    model = load_model(folder)
    with pytest.raises(CorruptError, match=f"(?s)does not fit its configuration.*{message}"):
        getattr(model, side)


def fails_to_save(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_model_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, checkpoint = files(folder), load_checkpoint(folder)
    monkeypatch.setattr(module, "save_file", fails_to_save)
    with pytest.raises(StorageError, match=r"Cannot write the model.*No space left"):
        save(folder, checkpoint)
    assert files(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_replaced_keeps_its_old_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, checkpoint = files(folder), load_checkpoint(folder)

    def refuse(one: Path, other: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(folders, "exchange", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        save(folder, checkpoint)
    assert files(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_of_other_files_is_not_replaced_by_a_model(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match="files that are no model"):
        save(tmp_path, load_checkpoint(tiny_model_folder))
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_place_that_is_no_folder_is_a_storage_error(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match="Cannot write the model"):
        save(tmp_path / "file" / "model", load_checkpoint(tiny_model_folder))


def test_an_old_model_is_replaced_and_nothing_is_left_beside_it(
    folder: Path, tiny_vocabulary: Vocabulary
) -> None:
    config = load_checkpoint(folder).config
    save_checkpoint(folder, config, tiny_vocabulary, {"only": torch.zeros(2)})
    assert load_checkpoint(folder).tensors.keys() == {"only"}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
