"""What several commands share: options, the index and model they mean, tables."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from lexret.cli.candidates import complete_folder, complete_model

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.engine.index import EmbeddedIndex
    from lexret.library.library import Library
    from lexret.sparse import Precision

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MODEL: Final = "mini"
# As in lexret.encoders.folder.backbones, which is loaded with a model only.
BACKBONES_VARIABLE: Final = "LEXRET_BACKBONES"


def _only_one(_ctx: click.Context, _param: object, paths: tuple[Path, ...]) -> Path | None:
    """Return the one index that was named; more are refused rather than left aside."""
    if len(paths) > 1:
        raise click.BadParameter(
            f"this command takes one index; {len(paths)} are named. `lexret merge` makes one of "
            "several."
        )
    return paths[0] if paths else None


def _index_option(name: str, more: str, **options: Any) -> Callable[[F], F]:
    return click.option(
        "--index",
        name,
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="PATH",
        shell_complete=complete_folder,
        help="The index folder, or the folder of pictures that holds it; without it, .lexret in "
        f"this folder or one above it.{more}",
        **options,
    )


index_option: Callable[[F], F] = _index_option("index_path", "", callback=_only_one)
indexes_option: Callable[[F], F] = _index_option(
    "index_paths", " Shards of an index are named all (repeatable), or by the folder of them."
)


def _name_backbones(ctx: click.Context, _param: object, folder: Path | None) -> None:
    """Let the models of this call find their backbones in a folder."""
    if folder is None:
        return
    before = os.environ.get(BACKBONES_VARIABLE)
    os.environ[BACKBONES_VARIABLE] = str(folder.resolve())

    def restore() -> None:
        del os.environ[BACKBONES_VARIABLE]
        if before is not None:
            os.environ[BACKBONES_VARIABLE] = before

    ctx.call_on_close(restore)


backbones_option: Callable[[F], F] = click.option(
    "--backbones",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    expose_value=False,
    callback=_name_backbones,
    help="Where backbones lie that the model names and does not bring; else LEXRET_BACKBONES says.",
)
_model_option: Callable[[F], F] = click.option(
    "--model",
    "model_source",
    metavar="MODEL",
    shell_complete=complete_model,
    help="A shipped model's name or a model folder; without it, the index's own, else mini.",
)
_picture_model_option: Callable[[F], F] = click.option(
    "--model",
    "model_source",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    shell_complete=complete_model,
    help="A shipped model's name or a model folder.",
)


def model_option(command: F) -> F:
    """Give a command --model, as ``model_source``, and --backbones."""
    return _model_option(backbones_option(command))


def picture_model_option(command: F) -> F:
    """Give a command without an index --model, as ``model_source``, and --backbones."""
    return _picture_model_option(backbones_option(command))


text_encoder_option: Callable[[F], F] = click.option(
    "--text-encoder",
    "text_encoder",
    type=click.Choice(["static", "contextual"]),
    help="static: a table of words, fast, without torch; contextual: the whole transformer. By "
    "default static where the model has one.",
)
copies_option: Callable[[F], F] = click.option(
    "--copies/--no-copies",
    "copies",
    default=False,
    help="Show each copy of a file, or only one of those that hold the same bytes, which counts "
    "the others (default).",
)


def computation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --device and --precision; it gets both as ``computation``."""

    @click.option("--device", default="auto", show_default=True, metavar="DEVICE",
                  help="What networks compute on: cpu, cuda, cuda:N, or auto: CUDA where there is "
                  "any.")  # fmt: skip
    @click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32",
                  show_default=True, help="What networks compute in; patches always in "
                  "float32.")  # fmt: skip
    @functools.wraps(command)
    def with_computation(*args: Any, device: str, precision: Precision, **kwargs: Any) -> Any:
        from lexret.encoders.computation import Computation

        return command(*args, computation=Computation(device, precision), **kwargs)

    return with_computation


force_option: Callable[[F], F] = click.option(
    "--force", is_flag=True, help="Replace what is there already."
)


def check_free(path: Path | None, option: str, *, force: bool) -> None:
    """Refuse to replace a file that is there already, before anything is loaded.

    Args:
        path: the file to write; ``None`` is free.
        option: what named it, such as ``-o``.
        force: it may be replaced.

    Raises:
        click.BadParameter: if it must stay.
    """
    if path is not None and not force and os.path.lexists(path) and path.is_file():
        raise click.BadParameter(
            f"{path} is there already. Choose another name, or let it be replaced: --force.",
            param_hint=f"'{option}'",
        )


json_option: Callable[[F], F] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)


def open_chosen_index(index_path: Path | None) -> EmbeddedIndex:
    """Open the index that was named, or the one of this folder or of the nearest above it."""
    place = chosen_index_path(index_path)
    from lexret.interop.backends import open_index

    return open_index(place)


def chosen_index_path(index_path: Path | None) -> Path:
    """Return where the index lies that :func:`open_chosen_index` opens.

    Raises:
        MissingError: if there is none; told before anything else is loaded.
    """
    from lexret.engine.place import require_index
    from lexret.library.folders import find_index, indexes_within

    if index_path is None:
        return find_index(Path.cwd())
    found = indexes_within(index_path)
    if len(found) > 1:
        from lexret.errors import InputError

        raise InputError(
            f"{index_path} holds {len(found)} shards, and this command takes one index. Name one, "
            f"such as {found[0]}, or make one index of them: `lexret merge {index_path} -o PATH`."
        )
    return require_index(found[0])


def open_chosen_library(
    index_path: Path | None,
    *,
    model_source: str | None = None,
    computation: Computation | None = None,
) -> Library:
    """Open the library of the index that :func:`open_chosen_index` opens."""
    place = chosen_index_path(index_path)
    from lexret.library.library import Library

    return Library.open(place, model=model_source, computation=computation)


def chosen_index_paths(index_paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return where the index lies that is searched, or all shards of one.

    Raises:
        MissingError: if there is none; told before anything else is loaded.
    """
    from lexret.engine.place import require_index
    from lexret.library.folders import all_indexes, find_indexes

    if not index_paths:
        return find_indexes(Path.cwd())
    return tuple(map(require_index, all_indexes(index_paths)))


def open_chosen_libraries(
    index_paths: Sequence[Path],
    *,
    model_source: str | None = None,
    computation: Computation | None = None,
) -> Library:
    """Open the library of an index, or of all shards of one, which are searched as one.

    A shard that is named alone is opened alone, and that is said.
    """
    places = chosen_index_paths(index_paths)
    from lexret.library.library import Library
    from lexret.library.shards import Shard

    library = Library.open(places, model=model_source, computation=computation)
    shard = Shard.of(library.snapshot().index.manifest.options)
    if shard is not None and shard.total > 1:
        print_notes(
            [f"this is shard {shard} alone; to search all, name each with --index, or their folder"]
        )
    return library


def print_notes(notes: Iterable[str]) -> None:
    """Tell on stderr what is to be told beside a result; a progress line steps aside."""
    for note in notes:
        if "tqdm" in sys.modules:
            from tqdm import tqdm

            tqdm.write(f"Note: {note}", file=sys.stderr)
        else:
            click.echo(f"Note: {note}", err=True)


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """Give a function that says what is being done, on stderr where that is a terminal.

    The line goes away in the end.
    """
    from tqdm import tqdm

    with tqdm(bar_format="{desc}", leave=False, dynamic_ncols=True, disable=None) as line:
        yield lambda doing: line.set_description_str(f"{doing}...")


def near_path(path: Path) -> str:
    """Return a path that opens from the current folder: relative beneath it, else absolute."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def path_text(path: Path | str) -> str:
    """Return a path as JSON tells it: itself, or its bytes, where it is not UTF-8."""
    from lexret.files.names import name_to_text

    return name_to_text(str(path))


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print JSON that every program can read; paths in it come from :func:`path_text`."""
    from lexret.files.names import strict_json

    click.echo(strict_json(value, indent=indent))


def printable(text: str) -> str:
    """Replace what would upset a terminal or break a line: control characters, stray bytes."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def print_paths(paths: Sequence[str], *, null: bool) -> bool:
    """Print paths for other programs, byte by byte as the system has them.

    A path with a line break would be taken for two: without ``null`` it is named on stderr instead.

    Returns:
        whether all were printed.
    """
    end = b"\0" if null else b"\n"
    held_back = [] if null else [path for path in paths if "\n" in path]
    whole = [path for path in paths if path not in held_back]
    click.echo(b"".join(os.fsencode(path) + end for path in whole), nl=False)
    for path in held_back:
        message = f"Left out: {path}, as its name holds a line break; -0 prints it."
        click.echo(printable(message), err=True)
    return not held_back


def render_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> str:
    """Set a table in columns of text; ``right`` lists the columns that are set to the right."""
    lines = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def plural(count: int, noun: str) -> str:
    """Return "1 picture", "2 pictures"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
