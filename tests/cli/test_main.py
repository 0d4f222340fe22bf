"""The command line as a whole: lazy help, exit statuses, one translation of errors."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lexret import __version__
from lexret.cli import main
from lexret.errors import InputError, StorageError

HEAVY_MODULES = ("torch", "numpy", "PIL", "transformers", "timm", "matplotlib", "pydantic", "jnius")


def loaded_by(code: str) -> set[str]:
    """The heavy modules that a fresh interpreter has loaded after running `code`."""
    report = "import sys, json; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr)).intersection(HEAVY_MODULES)


def test_import_lexret_loads_nothing_heavy() -> None:
    assert loaded_by("import lexret; dir(lexret)") == set()


def test_help_and_version_load_nothing_heavy() -> None:
    code = "from lexret.cli.main import main; main({!r}, standalone_mode=False)"
    assert loaded_by(code.format(["--help"])) == set()
    assert loaded_by(code.format(["--version"])) == set()


def test_help_lists_every_command_with_one_line() -> None:
    result = CliRunner().invoke(main.main, ["--help"])
    assert result.exit_code == 0
    for name, command in main.COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert command.help in result.stdout
    assert "Example:" in result.stdout


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(main.main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example" in result.stdout
    assert f"lexret {name}" in result.stdout.partition("Example")[2]


def test_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(main.main, ["--version"])
    assert result.stdout.split()[-1] == __version__


def test_an_unknown_command_is_a_wrong_call() -> None:
    result = CliRunner().invoke(main.main, ["serach"])
    assert result.exit_code == 2
    assert "serach" in result.stderr


def test_python_dash_m_lexret_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lexret", "--version"], capture_output=True, text=True, check=True
    )
    assert __version__ in done.stdout


def group_that(raised: BaseException) -> main.LazyGroup:
    """A group with one command, `go`, that raises."""

    class Ready(main.LazyCommand):
        def load(self) -> click.Command:
            def go() -> None:
                click.echo("so far")
                raise raised

            return click.Command("go", callback=go)

    return main.LazyGroup(name="lexret", lazy_commands={"go": Ready("", "Go.")})


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (InputError("k is 0; give 1 or more"), 2, "Error: k is 0; give 1 or more\n"),
        (StorageError("the disk is full"), 2, "Error: the disk is full\n"),
        (click.ClickException("no"), 2, "Error: no\n"),
        (click.FileError("a.jpg", "gone"), 2, "Error: Could not open file 'a.jpg': gone\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (click.Abort(), 130, "Interrupted.\n"),
        (BrokenPipeError(errno.EPIPE, "pipe"), 141, ""),
        (PermissionError(errno.EACCES, "Denied", "/data/x"), 2, "Error: /data/x: Denied.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/x.bin"),
            2,
            "Error: no space left on the disk while writing /data/x.bin; make room and run it "
            "again.\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_becomes_a_message_and_an_exit_status(
    raised: BaseException, status: int, message: str
) -> None:
    result = CliRunner().invoke(group_that(raised), ["go"])
    assert (result.exit_code, result.stderr) == (status, message)


def test_an_unexpected_error_keeps_its_traceback() -> None:
    for raised in (RuntimeError("bug"), PermissionError(errno.EACCES, "denied")):
        result = CliRunner().invoke(group_that(raised), ["go"])
        assert result.exception is raised


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "lexret", "doctor"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_table_entry_that_is_no_command_is_a_clear_bug() -> None:
    with pytest.raises(TypeError, match="is no click command"):
        main.LazyCommand("lexret.cli.main", "x", attribute="COMMANDS").load()
