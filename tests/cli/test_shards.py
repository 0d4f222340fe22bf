"""``lexret index --shard`` and ``lexret merge`` of shards, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexret.cli.main import main


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    return result.exit_code, result.stdout, result.stderr


def test_machines_index_a_shard_each_and_one_merges_them(
    picture_folder: Path, static_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = ("--model", static_model_folder, "--jobs", "0")
    held = []
    for number in range(1, 8):  # of three pictures: some shards hold none
        status, out, _ = run("index", picture_folder, "--shard", f"{number}/7", *model, "--json")
        report = json.loads(out)
        assert (status, report["shard"]) == (0, f"{number}/7")
        assert Path(report["index"]).name == f"{number}-of-7"
        held.append(report["pictures"])
    assert sum(held) == 3
    assert 0 in held
    shards = picture_folder / ".lexret-shards"
    status, out, _ = run("info", "--index", shards / "2-of-7", "--json")
    assert json.loads(out)["shard"] == "2/7"
    status, out, _ = run("info", "--index", shards / "2-of-7")
    assert "2/7, a part of the pictures; the others hold the rest" in out
    full = held.index(max(held)) + 1
    status, out, _ = run("index", "--index", shards / f"{full}-of-7", *model)
    assert f"shard {full}/7" in out
    assert "no change" not in out
    assert "unchanged; 0 pictures encoded" in out
    for wrong in ("8/7", "0/7", "seven", "1/0"):
        status, out, told = run("index", picture_folder, "--shard", wrong, *model)
        assert (status, out) == (2, "")
        assert f"such as 2/4; found '{wrong}'" in told
    (shards / "3-of-7").rename(tmp_path / "away")
    merged = tmp_path / "merged"
    status, _, told = run("merge", shards, "-o", merged)
    assert status == 2
    assert "Shard 3/7 is missing" in told
    assert not merged.exists()
    (tmp_path / "away").rename(shards / "3-of-7")
    status, out, _ = run("merge", shards, "-o", merged, "--json")
    assert (status, json.loads(out)["pictures"]) == (0, 3)
    status, out, _ = run("index", "--index", merged, *model)
    assert status == 0
    assert "3 unchanged; 0 pictures encoded" in out
    found = run("search", "path:**", "--index", merged, "--paths")
    assert found[0] == 0
    assert run("search", "path:**", "--index", picture_folder, "--paths") == found
    monkeypatch.chdir(picture_folder)
    here = run("search", "path:**", "--json")
    assert len(json.loads(here[1])["hits"]) == 3
    status, _, told = run("search", "dog", "--index", shards / f"{full}-of-7", "-k", "1")
    assert f"this is shard {full}/7 alone" in told
