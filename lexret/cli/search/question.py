"""Arguments that are queries, and parts of pictures: ``-dog`` is a word, 1,2,3,4 is a box."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from lexret.pictures.boxes import Box

# No argument of a program can hold it.
_TEXT: Final = "\0"
_EXCLUDED: Final = re.compile(r'-(?!k\d*\Z|h\Z)[^\W\d_][^\0]*|-[("][^\0]*')


class QueryCommand(click.Command):
    """A command whose arguments may begin with a minus: ``-dog`` is a word, no option.

    Options are ``--long`` ones, ``-h``, ``-k`` with or without its number, and the command's
    short ones, such as ``-o``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark such words, so that click takes them for arguments; see :func:`query_text`."""
        valued = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        options = {name for parameter in self.params for name in parameter.opts}
        marked, before = [], ""
        for place, argument in enumerate(args):
            if argument == "--":
                marked += args[place:]
                break
            is_word = (
                before not in valued
                and argument not in options
                and _EXCLUDED.fullmatch(argument) is not None
            )
            marked.append(_TEXT + argument if is_word else argument)
            before = argument
        return super().parse_args(ctx, marked)


def plain_arguments(arguments: tuple[str, ...]) -> list[str]:
    """Return the arguments of a :class:`QueryCommand` as they were given."""
    return [argument.removeprefix(_TEXT) for argument in arguments]


def query_text(words: tuple[str, ...]) -> str:
    """Join a command's arguments to the text of a query."""
    return " ".join(plain_arguments(words))


def parse_box_option(_ctx: object, _param: object, value: str | None) -> Box | None:
    """Read ``x,y,w,h`` for a callback of click."""
    from lexret.errors import InputError
    from lexret.pictures.boxes import parse_box

    if value is None:
        return None
    try:
        return parse_box(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from error
