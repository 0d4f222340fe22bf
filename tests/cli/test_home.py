"""Commands leave the home folder as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [
    ["index", ".", "--model", "MODEL"],
    ["search", "dog", "--explain"],
    ["explain", "red.png", "-o", "out"],
    ["sheet", "-o", "sheet.png"],
    ["words", "red.png"],
    ["info"],
]


@pytest.mark.slow
def test_commands_write_nothing_into_the_home_folder(
    picture_folder: Path, static_model_folder: Path, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    names = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR", "HF_HOME",
             "LEXRET_LANGUAGES")  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    for arguments in COMMANDS:
        given = [str(static_model_folder) if one == "MODEL" else one for one in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "lexret", *given],
            env=environment,
            cwd=picture_folder,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode in (0, 1), (arguments, done.stderr)
        assert "Traceback" not in done.stderr, (arguments, done.stderr)
        assert [str(found) for found in home.rglob("*")] == [], arguments
        assert [found.name for found in temporary.iterdir()] == [], arguments
