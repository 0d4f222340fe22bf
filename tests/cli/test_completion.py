"""The shell's completion: what it offers, in real shells where they are, how it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from lexret.cli.main import LazyGroup, main

VARIABLE = "_LEXRET_COMPLETE"
# Who asks for these is given names, words, folders or files.
COMPLETED = ("MODEL", "PICTURE", "IMAGE", "DIR", "FILE", "FOLDER", "INDEX", "QUERY", "WORD",
             "VOCABULARY", "CAPTIONS", "PATH_OR_NAME", "SOURCE", "QRELS", "RUN")  # fmt: skip


def offered(*words: str) -> list[str]:
    """The values that are offered for the last of some words."""
    completion = ShellComplete(main, {}, "lexret", VARIABLE)
    return [item.value for item in completion.get_completions(list(words[:-1]), words[-1])]


def kinds(*words: str) -> set[str]:
    completion = ShellComplete(main, {}, "lexret", VARIABLE)
    return {item.type for item in completion.get_completions(list(words[:-1]), words[-1])}


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all commands."""
    if not isinstance(group, LazyGroup):
        yield path
        return
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        yield from commands(command, (*path, name))


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """All parameters of all commands, by the command's path."""
    for path in commands(main):
        command: click.Command = main
        for name in path:
            assert isinstance(command, LazyGroup)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        yield from ((" ".join(path), parameter) for parameter in command.params)


def test_commands_and_options_are_offered() -> None:
    assert offered("se") == ["search", "serve"]
    assert offered("eval", "ret") == ["retrieval"]
    assert offered("search", "--te") == ["--text-encoder"]
    assert offered("search", "--text-encoder", "") == ["static", "contextual"]
    assert offered("--ver") == ["--version"]


def test_models_and_vocabularies_are_offered_by_name_else_paths() -> None:
    assert offered("search", "--model", "m") == ["mini"]
    assert offered("models", "show", "") == ["mini"]
    assert offered("vocab", "show", "english-") == ["english-20k", "english-21k"]
    assert kinds("search", "--model", "./runs") == {"dir"}
    assert kinds("search", "--index", "") == {"dir"}
    assert kinds("words", "") == kinds("search", "--like", "") == {"file"}


def test_what_names_a_path_a_model_or_a_word_is_completed() -> None:
    named = [
        (place, parameter)
        for place, parameter in parameters()
        if parameter.metavar and parameter.metavar.strip("[].").split("...")[0].split("|")[0]
        in COMPLETED
    ]  # fmt: skip
    assert len(named) > 40
    for place, parameter in named:
        has_own = parameter._custom_shell_complete is not None
        assert has_own or isinstance(parameter.type, click.Path | click.Choice), (
            f"lexret {place}: {parameter.human_readable_name} is not completed; give it one of "
            "lexret.cli.candidates"
        )


def test_words_of_the_index_are_offered(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(indexed)
    words = (next((indexed / ".lexret").glob("vocabulary-*.txt"))).read_text().splitlines()
    beach = sorted((word for word in words if word.startswith("be")), key=lambda w: (len(w), w))
    assert offered("search", "be") == [word for word in beach if " " not in word] != []
    monkeypatch.chdir("/")
    assert offered("search", "--index", str(indexed), "a Dog and +be") == [
        f"a Dog and +{word}" for word in beach
    ]


def test_without_an_index_the_words_of_mini_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("search", "lighth") == ["lighthouse"]
    assert offered("search", "a dog near a lighth")[0] == "a dog near a lighthouse"
    assert offered("words", "edit", "photo.jpg", "+lighth")[0] == "+lighthouse"
    assert len(offered("search", "be")) == 40
    assert offered("search", "b") == offered("search", "path:be") == []
    # A damaged index is for the command itself to report.
    (tmp_path / ".lexret").mkdir()
    (tmp_path / ".lexret" / "manifest.json").write_text("{")
    assert offered("search", "lighth")[0] == "lighthouse"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_can_read(shell: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{VARIABLE}={shell}_complete" in result.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(result.stdout)
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0


def test_bash_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    called = tmp_path / "lexret"
    called.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lexret "$@"\n')
    called.chmod(0o755)
    script = CliRunner().invoke(main, ["completion", "bash"]).stdout
    ask = """
        compopt() { echo "compopt $*"; }
        COMP_WORDS=(lexret search %s) COMP_CWORD=2 COMPREPLY=()
        _lexret_completion lexret; printf '%%s\\n' "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for typed, wanted in (
        ("lighthou", "lighthouse"),
        ("'\"a dog on a lighthou'", "a dog on a lighthouse"),
        ("--expl", "--explain"),
    ):
        done = subprocess.run(
            [bash, "--norc", "-c", script + ask % typed], capture_output=True, text=True,
            check=False, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert (done.stdout.strip(), done.stderr) == (wanted, "")


@pytest.mark.parametrize(
    ("shell", "script", "start"),
    [
        ("bash", ".local/share/bash-completion/completions/lexret", ".bashrc"),
        ("zsh", ".local/share/zsh/site-functions/_lexret", ".zshrc"),
        ("fish", ".config/fish/completions/lexret.fish", None),
    ],
)
def test_installing_twice_adds_one_line_and_keeps_what_was_there(
    shell: str, script: str, start: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    if start:
        (tmp_path / start).write_text("alias ll='ls -l'")
    for _ in range(2):
        result = CliRunner().invoke(main, ["completion", shell, "--install"])
        assert (result.exit_code, result.stderr) == (0, "")
        assert str(tmp_path / script) in result.stdout
    assert (tmp_path / script).read_text() == CliRunner().invoke(main, ["completion", shell]).stdout
    if start:
        lines = (tmp_path / start).read_text().splitlines()
        assert lines == ["alias ll='ls -l'", "# completion of lexret", f'. "{tmp_path / script}"']
        assert start not in result.stdout  # the second time


def test_a_place_that_cannot_be_written_is_an_error_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    result = CliRunner().invoke(main, ["completion", "bash", "--install"])
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
    assert "without --install" in result.stderr
    assert not (tmp_path / ".bashrc").exists()


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["serach", "a dog"], "Did you mean 'search'"),
        (["ind"], "Did you mean 'index'?"),
        (["eval", "retreival"], "Did you mean 'retrieval'?"),
        (["vocab", "shwo"], "Did you mean 'show'?"),
        (["search", "a dog", "--explian"], "--explain"),
        (["index", "--model-folder", "x"], "--model"),
    ],
)
def test_a_mistyped_command_or_option_suggests_the_right_one(
    arguments: list[str], meant: str
) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert meant in result.stderr


def test_where_nothing_is_near_nothing_is_suggested() -> None:
    result = CliRunner().invoke(main, ["xyzzy"])
    assert "No such command 'xyzzy'." in result.stderr
    assert "mean" not in result.stderr
