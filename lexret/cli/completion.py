"""``lexret completion``: the shell's completion, to print or to install."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from lexret.cli.common import printable

VARIABLE: Final = "_LEXRET_COMPLETE"
SHELLS: Final = ("bash", "zsh", "fish")
_MARK: Final = "# completion of lexret"
# Without this, a .zshrc that does not start zsh's completion would report that compdef is missing.
_START_OF_ZSH: Final = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a shell's completion goes.

    Attributes:
        script: the file that holds it.
        start: the file that the shell reads first, which must name the script; ``None`` where the
            shell finds it by itself.
    """

    script: Path
    start: Path | None


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--install", is_flag=True,
              help="Write it where the shell finds it, instead of printing it.")  # fmt: skip
@click.pass_context
def command(ctx: click.Context, shell: str, install: bool) -> None:
    """Print what makes a shell complete lexret's commands by the tab key, or install it.

    Commands, options and their values are completed, models, folders and files, and in queries the
    words of the index: in a quotation too. With --install, a file is written, and for bash and zsh
    a line is added to ~/.bashrc or ~/.zshrc, once. It works in the next shell that is started.

    \b
    Example:
      lexret completion bash --install
      lexret completion zsh --install
      lexret completion fish > ~/.config/fish/completions/lexret.fish
    """
    script = script_for(shell, ctx.find_root().command)
    if not install:
        click.echo(script, nl=False)
        return
    places = places_for(shell)
    _write(places.script, script)
    click.echo(printable(f"Wrote {places.script}."))
    if places.start is not None and _add_line(places.start, f'. "{places.script}"'):
        click.echo(printable(f"Added a line to {places.start} that reads it."))
    click.echo(f"Completion works in the next {shell} that is started.")


def script_for(shell: str, command: click.Command) -> str:
    """Return the script by which a shell completes a command.

    Args:
        command: the command ``lexret`` itself.
    """
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None  # click has one for each of SHELLS
    # The template and not source(), which warns of this machine's bash, perhaps another one.
    found = completion(command, {}, "lexret", VARIABLE)
    script = found.source_template % found.source_vars()
    if shell != "zsh":
        return script
    head, rest = script.split("\n", 1)  # zsh wants its #compdef in the first line
    return f"{head}\n{_START_OF_ZSH}{rest}"


def places_for(shell: str) -> Places:
    """Return where a shell's completion goes, by the folders that its environment names."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "bash":
        return Places(data / "bash-completion" / "completions" / "lexret", home / ".bashrc")
    if shell == "zsh":
        start = Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
        return Places(data / "zsh" / "site-functions" / "_lexret", start)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return Places(config / "fish" / "completions" / "lexret.fish", None)


def _write(path: Path, script: str) -> None:
    from lexret.errors import StorageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(script, encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}. Print the completion without --install, "
            "and put it where your shell finds it."
        ) from error


def _add_line(path: Path, line: str) -> bool:
    """Add a line to a shell's start file; return whether it was not there before."""
    from lexret.errors import StorageError

    try:
        before = path.read_bytes() if path.exists() else b""
        if line.encode() in before.splitlines():
            return False
        with path.open("ab") as file:  # what a link points to stays where it is
            file.write(b"" if before.endswith(b"\n") or not before else b"\n")
            file.write(f"{_MARK}\n{line}\n".encode())
    except OSError as error:
        raise StorageError(
            f"{path} cannot be changed: {error.strerror}. Add this line to it yourself: {line}"
        ) from error
    return True
