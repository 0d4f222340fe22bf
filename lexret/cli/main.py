"""The command ``lexret``: its table of commands, and the one place where errors become messages.

Exit status: 0 done, 1 ran fine and found nothing, 2 an error or a wrong call, 130 interrupted,
141 the reader of the output went away.
"""

from __future__ import annotations

import errno
import io
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Final, NoReturn

import click

from lexret import __version__
from lexret.errors import LexretError

EXIT_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives, and its line in ``lexret --help``, which must not load it."""

    module: str
    help: str
    attribute: str = "command"

    def load(self) -> click.Command:
        """Import the command's module and return the command."""
        command = getattr(import_module(self.module), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}.{self.attribute} is no click command: {command!r}")
        return command


COMMANDS: Final = {
    "index": LazyCommand("lexret.cli.index", "Index folders of pictures, or update their index."),
    "search": LazyCommand("lexret.cli.search.command", "Find the pictures that fit a text."),
    "words": LazyCommand("lexret.cli.words", "Show the top words of a picture, or correct them."),
    "explain": LazyCommand("lexret.cli.explain", "Draw what a picture's patches say."),
    "export": LazyCommand("lexret.cli.export", "Write an index for other search engines."),
    "fields": LazyCommand("lexret.cli.fields.group", "Give pictures fields of your own."),
    "duplicates": LazyCommand("lexret.cli.duplicates", "Find pictures that are there twice."),
    "merge": LazyCommand("lexret.cli.merge", "Make one index of several."),
    "sheet": LazyCommand("lexret.cli.sheet", "Draw a contact sheet of an index or of a search."),
    "serve": LazyCommand("lexret.cli.serve", "Serve a page to search with."),
    "tag": LazyCommand("lexret.cli.tag", "Write words into pictures' metadata as keywords."),
    "info": LazyCommand("lexret.cli.info", "Show what an index holds."),
    "train": LazyCommand("lexret.cli.train", "Train a model from a recipe."),
    "distill": LazyCommand("lexret.cli.distill", "Teach a model its static text encoder."),
    "eval": LazyCommand("lexret.cli.eval.group", "Measure a model on pictures with captions."),
    "vocab": LazyCommand("lexret.cli.vocab.group", "Make vocabularies, and look into them."),
    "language": LazyCommand(
        "lexret.cli.language.group", "Search in other languages, through dictionaries."
    ),
    "models": LazyCommand("lexret.cli.models.group", "List, show, export and verify models."),
    "doctor": LazyCommand("lexret.cli.doctor", "Show what is installed and what is missing."),
}


class LazyGroup(click.Group):
    """A group whose commands come from a table and are imported when they are called."""

    def __init__(self, *, lazy_commands: dict[str, LazyCommand], **attributes: object) -> None:
        super().__init__(**attributes)  # type: ignore[arg-type]
        self._lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the table, in its order."""
        return list(self._lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, or return None for an unknown name."""
        lazy = self._lazy_commands.get(cmd_name)
        return None if lazy is None else lazy.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy_commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; errors become a message on stderr and an exit status."""
        try:
            value: object = super().invoke(ctx)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            ctx.exit(EXIT_ERROR)  # click's own status can be 1, which means "found nothing" here
        except (KeyboardInterrupt, click.Abort):
            _fail(ctx, "Interrupted.", status=EXIT_INTERRUPTED)
        except BrokenPipeError:
            # Whoever read the output (`| head`) has enough; Python's last flush must not fail too.
            sys.stdout = io.StringIO()
            ctx.exit(EXIT_BROKEN_PIPE)
        except LexretError as error:
            _fail(ctx, f"Error: {error}", status=EXIT_ERROR)
        except ModuleNotFoundError as error:
            _fail(ctx, _without_package(error, ctx), status=EXIT_ERROR)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            place = f" while writing {error.filename}" if error.filename else ""
            message = f"Error: no space left on the disk{place}; make room and run it again."
            _fail(ctx, message, status=EXIT_ERROR)
        return value


def _without_package(error: ModuleNotFoundError, ctx: click.Context) -> str:
    """Say how to install what a command needs; other missing modules are faults of lexret."""
    from lexret.encoders.train_packages import TRAIN_MODULES, needs_training_packages

    if (error.name or "").partition(".")[0] not in TRAIN_MODULES:
        raise error
    command = " ".join(filter(None, (ctx.command_path, ctx.invoked_subcommand)))
    return f"Error: {needs_training_packages(f'`{command}`', error)}"


def _fail(ctx: click.Context, message: str, *, status: int) -> NoReturn:
    click.echo(message, err=True)
    ctx.exit(status)


_HELP = """Search a folder of pictures with words, and see why a picture was found.

\b
Example:
  lexret index ./images
  lexret search "a dog on a beach"
  lexret search "a dog on a beach" --explain
"""

main = LazyGroup(
    name="lexret",
    lazy_commands=COMMANDS,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
main = click.version_option(__version__, prog_name="lexret")(main)
