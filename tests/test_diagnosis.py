"""The findings of `lexret doctor`."""

from __future__ import annotations

import configparser
import hashlib
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lexret import diagnosis
from lexret.encoders import pretrained
from lexret.encoders.pretrained import PackageFile

SETUP = Path(__file__).parents[1] / "setup.cfg"


def lines_of(text: str) -> set[str]:
    return {line for line in text.split("\n") if line and not line.startswith("#")}


def test_the_requirements_are_those_of_setup_cfg() -> None:
    setup = configparser.ConfigParser()
    setup.read(SETUP, encoding="utf-8")
    assert set(diagnosis.REQUIRED) == lines_of(setup["options"]["install_requires"])
    for extra, texts in diagnosis.OPTIONAL.items():
        assert set(texts) == lines_of(setup["options.extras_require"][extra])


def find(look: str, name: str) -> diagnosis.Finding:
    (finding,) = (finding for finding in getattr(diagnosis, look)() if finding.name == name)
    return finding


@pytest.mark.parametrize("fit", [True, False])
def test_torchvision_operators_are_no_reason_to_worry_as_lexret_uses_none(
    monkeypatch: pytest.MonkeyPatch, fit: bool
) -> None:
    monkeypatch.setattr("lexret.encoders.torchvision_ops.operators_fit", lambda: fit)
    finding = find("_torch_build", "torchvision operators")
    assert (finding.status, finding.is_failure) == ("ok" if fit else "note", False)
    assert ("all right: lexret does not use them" in finding.found) != fit
    assert finding.advice == ""  # nothing is to be done


def test_an_absent_package_comes_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "REQUIRED", ("no-such-package-here>=3",))
    finding = find("_required_packages", "no-such-package-here")
    assert (finding.status, finding.is_failure) == ("missing", True)
    assert finding.advice == 'pip install "no-such-package-here>=3"'


def test_a_package_of_a_wrong_version_is_named_with_both_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnosis, "REQUIRED", ("click>=99",))
    finding = find("_required_packages", "click")
    assert finding.status == "wrong"
    assert metadata.version("click") in finding.found
    assert ">=99" in finding.found


def test_a_pretrained_file_with_other_bytes_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    altered = PackageFile("lexret", "lexret", "errors.py", "0" * 64, "not weights")
    monkeypatch.setattr(pretrained, "package_files", lambda: [altered])
    finding = find("_pretrained_files", "lexret: errors.py")
    assert (finding.status, finding.is_failure) == ("wrong", True)
    assert "--force-reinstall" in finding.advice


def test_an_absent_pretrained_file_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = PackageFile("no-such", "no_such_module", "w.bin", "0" * 64, "weights")
    monkeypatch.setattr(pretrained, "package_files", lambda: [absent])
    assert find("_pretrained_files", "no-such: w.bin").status == "missing"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped model `mini` of one tensor, with its hash recorded."""
    monkeypatch.setattr("lexret.diagnosis.resources.files", lambda _: tmp_path)
    folder = tmp_path / "models" / "mini"
    folder.mkdir(parents=True)
    save_file({"weight": np.zeros(3, dtype=np.float32)}, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    record = json.dumps({"sha256": {"model.safetensors": digest}})
    (folder / "model.json").write_text(record, encoding="utf-8")
    return folder


def test_a_whole_model_is_ok(model: Path) -> None:
    finding = find("_shipped_models", "mini")
    assert finding.status == "ok"
    assert finding.found == "2 files, 1 tensors, 1 hashes as recorded"


def test_a_model_with_other_bytes_is_wrong(model: Path) -> None:
    save_file({"weight": np.ones(3, dtype=np.float32)}, model / "model.safetensors")
    finding = find("_shipped_models", "mini")
    assert (finding.status, finding.is_failure) == ("wrong", True)
    assert "SHA-256" in finding.found


def test_a_truncated_model_without_hashes_is_wrong(model: Path) -> None:
    (model / "model.json").write_text("{}", encoding="utf-8")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    assert "cut short" in find("_shipped_models", "mini").found


def test_an_installation_without_the_model_says_so(model: Path) -> None:
    for file in model.iterdir():
        file.unlink()
    model.rmdir()
    assert find("_shipped_models", "mini").status == "missing"
