"""What a call of lexret loads: a table, as loading is most of the time that a search takes.

Times are measured by index/bench_start.py; here stands what must not come back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Beyond these, a call that only reads its arguments needs nothing but click.
NETWORKS = ("torch", "torchvision", "transformers", "timm", "peft", "onnxruntime", "tokenizers")
HEAVY = (*NETWORKS, "scipy", "pydantic", "matplotlib", "numba", "fastapi", "jnius", "faiss")
# What was imported once for nothing, each for 1 to 15 ms.
IN_PASSING = ("numpy.ma", "PIL", "safetensors", "socket", "tempfile", "difflib", "logging",
              "tqdm", "base64", "concurrent.futures", "lexret.config")  # fmt: skip
LIGHT = (*HEAVY, *IN_PASSING, "numpy", "lexret.library.library")
PARSER = ("lexret.engine.query.parser",)
# What click loads to say what was meant, and where it looks for -o among the long options.
SUGGESTED = ("difflib",)

CALLS: dict[tuple[str, ...], tuple[int, tuple[str, ...]]] = {
    ("--help",): (0, LIGHT),
    ("--version",): (0, LIGHT),
    ("search", "--help"): (0, LIGHT),
    ("index", "--help"): (0, LIGHT),
    ("train", "--help"): (0, LIGHT),
    ("eval", "--help"): (0, LIGHT),
    ("completion", "bash"): (0, LIGHT),
    ("serach", "a dog"): (2, LIGHT),
    ("search", "a dog", "--explian"): (2, LIGHT),
    ("search",): (2, LIGHT),
    ("search", "a dog", "-k", "none"): (2, LIGHT),
    ("search", "a dog", "--index", "nowhere"): (2, LIGHT),
    ("info", "--index", "nowhere"): (2, LIGHT),
    ("serve", "--index", "nowhere"): (2, LIGHT),
    ("words", "nowhere.jpg"): (2, (*HEAVY, *IN_PASSING)),  # the index here may hold it
    ("explain", "nowhere.jpg", "-o", "out"): (2, HEAVY),
    ("rebuild", "nowhere.jpg", "-o", "out.png"): (2, HEAVY),
    ("search", "a dog"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("search", "a dog", "--json"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("search", "a dog", "--explain"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("search", "a dog", "--paths", "-0"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("search", "+dog -car"): (0, (*HEAVY, *IN_PASSING)),
    ("search", "--like", "1.jpg"): (0, (*HEAVY, *IN_PASSING)),
    ("info",): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("words", "edit", "1.jpg"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("vocab", "mute"): (0, (*HEAVY, *IN_PASSING, *PARSER)),
    ("fields", "list"): (0, HEAVY),
    ("models", "list"): (0, NETWORKS),
}


@pytest.fixture
def photos(tmp_path: Path, write_index: Callable[..., None], static_model_folder: Path) -> Path:
    """A folder of an index whose model has a static text encoder; there are no files."""
    pictures = {"1.jpg": {"dog": 0.6, "beach": 0.8}, "2.jpg": {"dog": 0.6, "beach": 0.8}}
    write_index(tmp_path, static_model_folder, pictures)
    return tmp_path


def loaded_by(code: str, folder: Path, environment: dict[str, str] | None = None) -> set[str]:
    """The modules that an interpreter has loaded when it ends, its packages' hooks left out."""
    report = (
        "import sys; before = set(sys.modules); import atexit, json\n"
        "def report(): print('loaded ' + json.dumps(sorted(set(sys.modules) - before)), "
        "file=sys.stderr)\n"
        "atexit.register(report)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", report + code], capture_output=True, text=True, check=False,
        cwd=folder, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    *said, last = done.stderr.splitlines()
    assert last.startswith("loaded "), done.stderr
    return {f"exit {done.returncode}", *json.loads(last.removeprefix("loaded ")), *said}


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_a_call_loads_nothing_that_it_does_without(
    arguments: tuple[str, ...], photos: Path
) -> None:
    status, unwanted = CALLS[arguments]
    called = f"from lexret.cli.main import main; sys.argv = {['lexret', *arguments]!r}; main()"
    loaded = loaded_by(called, photos)
    assert f"exit {status}" in loaded, loaded
    wanted = SUGGESTED if status or "-0" in arguments else ()
    assert sorted(loaded & set(unwanted) - set(wanted)) == []
    assert "lexret.cli.main" in loaded


@pytest.mark.parametrize("typed", ["lexret se", "lexret search --te", "lexret search be"])
def test_completing_loads_neither_numpy_nor_an_index(typed: str, photos: Path) -> None:
    environment = {
        "_LEXRET_COMPLETE": "bash_complete", "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }  # fmt: skip
    called = "from lexret.cli.main import main; sys.argv = ['lexret']; main()"
    loaded = loaded_by(called, photos, environment)
    assert "exit 0" in loaded
    assert not loaded & {*HEAVY, "numpy", "PIL", "lexret.engine.index"}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import lexret; dir(lexret)", LIGHT),
        ("import lexret; lexret.LexretError", LIGHT),
        ("import lexret; lexret.Vocabulary", LIGHT),
        ("import lexret; lexret.load_model, lexret.open_index", (*HEAVY, "PIL", "numpy.ma")),
        ("import lexret; lexret.Library", (*HEAVY, *IN_PASSING, *PARSER)),
        ("import lexret; lexret.Library.open().search('a dog')", (*HEAVY, *IN_PASSING, *PARSER)),
    ],
)
def test_python_loads_what_is_used(code: str, unwanted: tuple[str, ...], photos: Path) -> None:
    loaded = loaded_by(code, photos)
    assert "exit 0" in loaded, loaded
    assert sorted(loaded & set(unwanted)) == []
