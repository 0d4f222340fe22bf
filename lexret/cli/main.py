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
from typing import TYPE_CHECKING, Final, NoReturn

import click

from lexret import __version__
from lexret.errors import LexretError, MissingError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXIT_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives, and its line in ``lexret --help``, which must not load it.

    Attributes:
        draws: whether it may draw with matplotlib.
    """

    module: str
    help: str
    attribute: str = "command"
    draws: bool = False

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
    "explain": LazyCommand("lexret.cli.explain", "Draw what a picture's patches say.", draws=True),
    "caption": LazyCommand("lexret.cli.telling.caption", "Tell a picture in a few words."),
    "ask": LazyCommand("lexret.cli.telling.ask", "Ask a language model about a picture's words."),
    "rebuild": LazyCommand("lexret.cli.rebuild", "Draw what an index remembers of a picture."),
    "export": LazyCommand("lexret.cli.export", "Write an index, queries or a model for others."),
    "fields": LazyCommand("lexret.cli.fields.group", "Give pictures fields of your own."),
    "label": LazyCommand("lexret.cli.label.group", "Learn classes from a few examples."),
    "duplicates": LazyCommand("lexret.cli.duplicates", "Find pictures that are there twice."),
    "encode": LazyCommand("lexret.cli.encode", "Encode many pictures into Parquet parts."),
    "merge": LazyCommand("lexret.cli.merge", "Make one index of several."),
    "sheet": LazyCommand(
        "lexret.cli.sheet", "Draw a contact sheet of an index or of a search.", draws=True
    ),
    "serve": LazyCommand("lexret.cli.serve", "Serve a page to search with.", draws=True),
    "tag": LazyCommand("lexret.cli.tag", "Write words into pictures' metadata as keywords."),
    "info": LazyCommand("lexret.cli.info", "Show what an index holds."),
    "check": LazyCommand("lexret.cli.check", "Check whether an index's files are whole."),
    "repair": LazyCommand("lexret.cli.repair", "Save what is whole of a damaged index."),
    "train": LazyCommand("lexret.cli.train", "Train a model from a recipe.", draws=True),
    "distill": LazyCommand("lexret.cli.distill", "Teach a model its static text encoder."),
    "eval": LazyCommand(
        "lexret.cli.eval.group", "Measure a model on pictures with captions.", draws=True
    ),
    "vocab": LazyCommand("lexret.cli.vocab.group", "Make vocabularies, and look into them."),
    "language": LazyCommand(
        "lexret.cli.language.group", "Search in other languages, through dictionaries."
    ),
    "models": LazyCommand(
        "lexret.cli.models.group", "List, show, make, export, share and verify models."
    ),
    "doctor": LazyCommand("lexret.cli.doctor", "Show what is installed and what is missing."),
    "completion": LazyCommand("lexret.cli.completion", "Complete commands by the tab key."),
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
        if lazy is None:
            return None
        if lazy.draws:
            import_module("lexret.cli.figures").keep_out_of_home()
        return lazy.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; of a mistyped one say which is meant."""
        name = args[0]
        # An option that is none is click's to refuse.
        if name not in self._lazy_commands and not name.startswith("-"):
            if ctx.resilient_parsing:
                return None, None, args[1:]
            raise click.UsageError(f"No such command {name!r}.{self._meant(name)}", ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, name: str) -> str:
        """Return a question for the commands that are spelt most like a name."""
        from difflib import get_close_matches

        spelt = get_close_matches(name.lower(), self._lazy_commands)
        begun = [command for command in self._lazy_commands if command.startswith(name.lower())]
        found = list(dict.fromkeys([*begun, *spelt]))
        return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the names of commands without importing any, and the group's own options."""
        from click.shell_completion import CompletionItem

        names = [name for name in self._lazy_commands if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self._lazy_commands[name].help) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

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
            (_no_option(error) if isinstance(error, click.NoSuchOption) else error).show()
            ctx.exit(EXIT_ERROR)  # click's own status can be 1, which means "found nothing" here
        except (KeyboardInterrupt, click.Abort):
            _fail(ctx, "Interrupted.", status=EXIT_INTERRUPTED)
        except BrokenPipeError:
            # Whoever read the output (`| head`) has enough; Python's last flush must not fail too.
            sys.stdout = io.StringIO()
            ctx.exit(EXIT_BROKEN_PIPE)
        except MissingError as error:
            _fail(ctx, f"Error: {error}{_advice(error)}", status=EXIT_ERROR)
        except LexretError as error:
            _fail(ctx, f"Error: {error}", status=EXIT_ERROR)
        except ModuleNotFoundError as error:
            _fail(ctx, _without_package(error, ctx), status=EXIT_ERROR)
        except OSError as error:
            if error.errno not in _NO_SPACE:
                if error.filename is None:
                    raise
                _fail(ctx, f"Error: {error.filename}: {error.strerror}.", status=EXIT_ERROR)
            place = f" while writing {error.filename}" if error.filename else ""
            message = f"Error: no space left on the disk{place}; make room and run it again."
            _fail(ctx, message, status=EXIT_ERROR)
        return value


def _no_option(error: click.NoSuchOption) -> click.NoSuchOption:
    """Of ``--k``, suggest ``-k`` where there is one, rather than long options spelt a bit alike."""
    short = f"-{error.option_name.lstrip('-')}"
    parameters = error.ctx.command.params if error.ctx is not None else ()
    if any(short in parameter.opts for parameter in parameters):
        return click.NoSuchOption(error.option_name, possibilities=[short], ctx=error.ctx)
    return error


def _advice(error: MissingError) -> str:
    """Say what lies near what is missing."""
    from lexret.files.near import advice_for

    advice = "" if error.path is None else advice_for(error.path)
    return f" {advice}" if advice else ""


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
