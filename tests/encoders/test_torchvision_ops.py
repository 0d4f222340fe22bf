"""timm and transformers can be imported whichever torchvision stands beside torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

DECLARE = "from lexret.encoders.torchvision_ops import declare_missing_operators as declare\n"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_timm_can_be_imported_after_declaring_any_number_of_times() -> None:
    code = DECLARE + "declare(); declare(); import timm; declare(); print('fine')"
    assert run(code) == "fine\n"


@pytest.mark.slow
def test_without_torchvision_nothing_is_declared() -> None:
    code = (
        DECLARE
        + "import importlib.util as u; find = u.find_spec\n"
        + "u.find_spec = lambda name, *a: None if name == 'torchvision' else find(name, *a)\n"
        + "import lexret.encoders.torchvision_ops as ops; declare()\n"
        + "print(ops.operators_fit(), ops._library)"
    )
    assert run(code) == "False None\n"
