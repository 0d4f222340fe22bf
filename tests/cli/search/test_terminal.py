"""Pictures on terminals, paths for pipes."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main
from lexret.cli.search import show
from lexret.cli.search.terminal import encode_picture, picture_protocol

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "dumb"}, None),
        ({}, None),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-sixel"}, "sixel"),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, None),
        ({"TERM": "xterm", "LEXRET_PICTURES": "sixel"}, "sixel"),
        ({"TERM": "xterm-kitty", "LEXRET_PICTURES": "none"}, None),
    ],
)
def test_terminals_are_known_by_their_environment(
    environment: dict[str, str], wanted: str | None
) -> None:
    assert picture_protocol(environment, is_terminal=True) == wanted
    assert picture_protocol(environment, is_terminal=False) is None


def test_kitty_gets_a_png_in_pieces() -> None:
    written = encode_picture(PICTURE, "kitty")
    pieces = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", written)
    assert pieces[0][0] == b"f=100,a=T,m=1" and pieces[-1][0] == b"m=0"
    assert all(len(data) <= 4096 for _, data in pieces)
    with Image.open(io.BytesIO(base64.b64decode(b"".join(d for _, d in pieces)))) as image:
        assert image.size == (70, 50)


def test_iterm_gets_a_png() -> None:
    written = encode_picture(PICTURE, "iterm", side=35)
    found = re.fullmatch(rb"\x1b\]1337;File=inline=1;size=(\d+);width=35px:(.*)\x07\n", written)
    assert found is not None
    data = base64.b64decode(found[2])
    assert len(data) == int(found[1])
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (35, 25)


def test_sixels_are_the_picture_again() -> None:
    colours = Image.new("RGB", (8, 13), (255, 0, 0))
    colours.paste((0, 0, 255), (3, 4, 8, 13))
    text = encode_picture(colours, "sixel").decode()
    assert text.startswith('\x1bPq"1;1;8;13') and text.endswith("\x1b\\\n")
    assert (unsixel(text, 8, 13) == np.asarray(colours)).all()


def unsixel(text: str, width: int, height: int) -> np.ndarray:
    """Draw sixels, as a terminal does."""
    palette: dict[int, tuple[int, ...]] = {}
    drawn = np.zeros((height, width, 3), dtype=np.uint8)
    x, top, colour = 0, 0, 0
    body = text[text.index("#") :].removesuffix("\x1b\\\n")
    for define, pick, count, letter, control in re.findall(
        r"#(\d+;2;\d+;\d+;\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", body
    ):
        if define:
            number, _, *shares = map(int, define.split(";"))
            palette[number] = tuple(round(one * 2.55) for one in shares)
        elif pick:
            colour = int(pick)
        elif letter:
            for _ in range(int(count or 1)):
                for bit in range(6):
                    if (ord(letter) - 63) >> bit & 1:
                        drawn[top + bit, x] = palette[colour]
                x += 1
        else:
            x, top = 0, top + 6 * (control == "-")
    return drawn


@pytest.fixture
def photos(
    tmp_path: Path, static_model_folder: Path, write_index: Any, monkeypatch: pytest.MonkeyPatch
) -> Path:
    words = {"a b.png": {"dog": 0.9}, "c\nd.png": {"dog": 0.5, "cat": 0.8}}
    for name in words:
        PICTURE.save(tmp_path / name)
    write_index(tmp_path, static_model_folder, words)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_paths_go_through_a_pipe_whatever_they_hold(photos: Path) -> None:
    command = f"{sys.executable} -m lexret search 'dog?' --paths -0 | xargs -0 -n1 stat -c %s"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert [int(one) for one in done.stdout.split()] == [
        (photos / name).stat().st_size for name in ("a b.png", "c\nd.png")
    ]


def test_a_path_that_holds_a_line_break_is_named_beside_the_others(photos: Path) -> None:
    result = CliRunner().invoke(main, ["search", "dog? -cat", "--paths"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "a b.png\n", "")
    partly = CliRunner().invoke(main, ["search", "dog?", "--paths"])
    assert (partly.exit_code, partly.stdout) == (2, "a b.png\n")
    told = "Left out: c\ufffdd.png, as its name holds a line break; -0 prints it.\n"
    assert partly.stderr == told
    for command in ("search", "duplicates"):
        assert "line break" in CliRunner().invoke(main, [command, "--help"]).stdout
    assert CliRunner().invoke(main, ["search", "dog?", "-0"]).exit_code == 2


def test_what_was_found_is_opened(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(show.click, "launch", lambda path: opened.append(path) or 0)
    assert CliRunner().invoke(main, ["search", "dog?", "--open", "-k", "1"]).exit_code == 0
    assert opened == [str(photos / "a b.png")]


def test_pictures_are_shown_where_that_is_possible_only(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = CliRunner().invoke(main, ["search", "dog?"])
    assert "\x1b" not in plain.stdout
    refused = CliRunner().invoke(main, ["search", "dog?", "--pictures"])
    assert refused.exit_code == 2 and "LEXRET_PICTURES" in refused.stderr
    monkeypatch.setattr("lexret.cli.search.terminal.picture_protocol", lambda: "kitty")
    shown = CliRunner().invoke(main, ["search", "dog?"]).stdout
    assert shown.count("\x1b_Gf=100") == 2
    assert "\x1b" not in CliRunner().invoke(main, ["search", "dog?", "--no-pictures"]).stdout
    assert "\x1b" not in CliRunner().invoke(main, ["search", "dog?", "--json"]).stdout


def test_an_explanation_tells_ranks_and_what_is_missing(photos: Path) -> None:
    result = CliRunner().invoke(main, ["search", "dog? cat? sea?", "--explain"])
    first, second = result.stdout.strip().split("\n\n")
    assert first.splitlines()[0].endswith("(lacks sea)")
    assert re.search(r"cat +1\.0000 +0\.8000 +2 +0\.800000", first)
    assert re.search(r"dog +1\.0000 +0\.9000 +no hit +0\.900000", second)
