"""The Python example of README.md runs, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lexret

README = Path(__file__).parents[2] / "README.md"


def test_the_python_example_of_the_readme_runs(
    tmp_path: Path,
    static_model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "images" / "sea").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "images/1.jpg", "images/sea/2.jpg", "images/sea/3.jpg"):
        noise = rng.integers(0, 256, (190, 230, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    lexret.Library.create(tmp_path / "images", model=str(static_model_folder))
    (tmp_path / "images" / "4.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "1 new pictures of 4"
    assert len(printed) == 2 + len(names["results"])
    assert printed[-1] == "()"
