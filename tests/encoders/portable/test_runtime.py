"""ONNX Runtime sends nothing and keeps nothing of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "lexret"
PROGRAM = """
from pathlib import Path
from lexret.encoders.portable.sessions import Session
Session(Path({model!r}))
"""


def files_after(program: str, home: Path, **variables: str) -> list[str]:
    """Run a program with an empty home folder, and return what it left there."""
    dropped = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT)} | variables
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return [path.name for path in home.rglob("*")]


def test_a_session_leaves_no_identifier_of_the_machine(tmp_path: Path) -> None:
    model = str(PACKAGE / "models" / "mini" / "image.onnx")
    assert files_after(PROGRAM.format(model=model), tmp_path) == []


def test_one_module_imports_it_so_that_none_forgets_to_keep_it_quiet() -> None:
    importing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) onnxruntime\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert importing == ["encoders/portable/runtime.py"]
