"""Everything for people with photos runs where the networks' packages cannot be imported.

One process stands for the install without `lexret[train]`: imports of those packages fail in it as
they do where they are not installed. `.ci/run` does the same in a real environment without them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.train_packages import TRAIN_MODULES

BLOCKED = sorted(TRAIN_MODULES | {"datasets", "faiss", "wordllama", "huggingface_hub"})
PROGRAM = f"""
import json, sys
from importlib.machinery import PathFinder

class WithoutNetworks(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [WithoutNetworks if one is PathFinder else one for one in sys.meta_path]
from click.testing import CliRunner
from lexret.cli.main import main

outcomes = []
for words in json.loads(sys.stdin.read()):
    result = CliRunner().invoke(main, words)
    is_error = not isinstance(result.exception, SystemExit | None)
    error = repr(result.exception) if is_error else None
    outcomes.append([result.exit_code, result.output, error])

loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & set({BLOCKED!r}))
print("\\n" + json.dumps([outcomes, loaded]))
"""


def run(commands: list[list[object]], folder: Path) -> list[list[object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[str(word) for word in command] for command in commands]),
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes, loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    return outcomes  # type: ignore[no-any-return]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures of soft noise."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(2):
        noise = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(folder / f"{number}.jpg")
    return folder


def test_indexing_searching_explaining_and_tagging_need_no_network_packages(photos: Path) -> None:
    picture, index = photos / "0.jpg", ["--index", photos]
    commands: list[list[object]] = [
        ["index", photos, "--jobs", "0"],
        ["words", picture, "-k", "3"],
        ["search", *index, "--image", picture, "--box", "0,0,80,80", "a dog", "-k", "1"],
        ["explain", picture, "-o", photos.parent / "out", "--query", "a dog"],
        ["tag", *index, "--help"],
        ["info", *index, "--json"],
        ["doctor"],
        ["models", "verify", "mini"],
        ["eval", "speed", photos, "--rounds", "1"],
        ["index", photos, "--jobs", "0", "--rebuild", "--precision", "int8"],
        ["info", *index],
        ["label", "train", "kinds", "--class", f"noise={picture}", *index],
        ["label", "apply", "kinds", *index],
        ["caption", picture, *index, "--help"],
        ["rebuild", picture, *index, "-o", photos.parent / "rebuilt.png"],
        ["export", "jsonl", photos, "-o", photos.parent / "exact"],
        ["export", "query", "a", "dog", *index, "--for", "elasticsearch"],
        ["export", "st-model", "-o", photos.parent / "st"],
    ]
    outcomes = run(commands, photos.parent)
    for command, (status, output, error) in zip(commands, outcomes, strict=True):
        assert (status, error) == (0, None), f"{command}: {output}"
    info = json.loads(str(outcomes[5][1]))
    assert info["pictures"] == 2
    assert [runtime.partition(" ")[0] for runtime in info["runtimes"]] == ["onnxruntime"]
    assert (photos.parent / "out" / "summary.png").is_file()
    assert (photos.parent / "rebuilt.png").is_file()
    assert "torch is not installed" in str(outcomes[8][1])
    assert re.search(r"^precision +int8$", str(outcomes[10][1]), re.MULTILINE)


def test_what_needs_the_networks_says_how_to_get_them(
    photos: Path, tiny_model_folder: Path
) -> None:
    commands: list[list[object]] = [
        ["train", Path(__file__).parents[2] / "training" / "recipes" / "mini.toml"],
        ["search", "a dog", "--text-encoder", "contextual", "--index", photos],
        ["index", photos, "--runtime", "torch", "--rebuild", "--jobs", "0"],
        ["index", photos, "--precision", "bfloat16", "--rebuild", "--jobs", "0"],
        ["words", photos / "0.jpg", "--model", tiny_model_folder],
        ["models", "export", "mini"],
        ["caption", photos / "0.jpg", "--lm", photos, "--index", photos],
    ]
    first = run([["index", photos, "--jobs", "0"], *commands], photos.parent)[1:]
    for command, (status, output, error) in zip(commands, first, strict=True):
        assert (status, error) == (2, None), f"{command}: {output}"
        assert "pip install 'lexret[train]'" in str(output), f"{command}: {output}"
