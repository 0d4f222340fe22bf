"""The Python examples of docs/sharing.md run, over the tiny model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.folder.record import read_record
from lexret.encoders.folder.sentence_folder import save_sentence_model
from lexret.encoders.torchvision_ops import declare_missing_operators

PAGE = Path(__file__).parents[2] / "docs/sharing.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_an_example_runs(
    number: int,
    static_model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = EXAMPLES[number].replace('"mini"', repr(str(static_model_folder)))
    if "sentence_transformers" in code:
        declare_missing_operators()
        pytest.importorskip("sentence_transformers", reason="needs sentence-transformers")
        save_sentence_model(read_record(static_model_folder), tmp_path / "mini-st")
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (2, 60, 80, 3), np.uint8)
    for name, array in zip(("photo.jpg", "other.jpg"), noise, strict=True):
        Image.fromarray(array).save(name)
    names: dict[str, Any] = {}
    exec(code, names)
    printed = capsys.readouterr().out
    assert bool(printed) == ("print(" in code)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
