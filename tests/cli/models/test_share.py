"""``lexret models get`` and ``push``: the hub's cache and its client stand in for the hub."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.encoders import load_model

hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub (extra hub)")


def models(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def fetched(static_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a download leaves in the cache; the hub gives nothing but this."""
    snapshot = tmp_path / "cache" / "snapshot"
    shutil.copytree(static_model_folder, snapshot)

    def download(repo_id: str, **options: Any) -> str:
        assert "*.safetensors" in options["allow_patterns"]
        assert not any(pattern.endswith((".bin", ".pth", ".py")) for pattern in
                       options["allow_patterns"])  # fmt: skip
        if repo_id != "some-one/tiny":
            raise OSError(f"404 Client Error: no repository {repo_id}")
        return str(snapshot)

    monkeypatch.setattr(hub, "snapshot_download", download)
    return snapshot


def test_a_model_is_fetched_into_a_folder_that_every_command_takes(
    fetched: Path, tmp_path: Path, static_model_folder: Path
) -> None:
    out = tmp_path / "mine"
    result = models("get", "some-one/tiny", "-o", out)
    assert result.exit_code == 0, result.output
    assert "60 words" in result.stdout
    assert load_model(out).model_id == load_model(static_model_folder).model_id
    assert models("show", out).exit_code == 0
    assert models("get", "some-one/tiny", "-o", out).exit_code == 0  # replaces it


def test_what_cannot_be_fetched_is_said(fetched: Path, tmp_path: Path) -> None:
    result = models("get", "some-one/else", "-o", tmp_path / "mine")
    assert result.exit_code == 2
    assert "404 Client Error" in result.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert models("get", "some-one/tiny", "-o", tmp_path / "full").exit_code == 2
    assert (tmp_path / "full" / "file").exists()


def test_a_model_is_pushed(static_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    def create(_api: object, name: str, **options: Any) -> None:
        made.update(name=name, **options)

    def upload(_api: object, **_options: Any) -> SimpleNamespace:
        return SimpleNamespace(commit_url="https://h/1")

    monkeypatch.setattr(hub.HfApi, "create_repo", create)
    monkeypatch.setattr(hub.HfApi, "upload_folder", upload)
    result = models("push", static_model_folder, "some-one/tiny", "--private")
    assert result.exit_code == 0, result.output
    assert result.stdout == "https://h/1\n"
    assert made == {"name": "some-one/tiny", "private": True, "exist_ok": True}
    assert models("push", static_model_folder, "no-user").exit_code == 2
    assert models("push", "nowhere", "some-one/tiny").exit_code == 2
