"""Candidates of the shell's completion: words of the index, names of models, folders.

Each is asked for in a process of its own while somebody waits at the keyboard: nothing here loads
numpy or opens an index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.errors import LexretError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

WORDS_SHOWN: Final = 40
_LEAST_LETTERS: Final = 2
# What stands before the word that is being typed: other words, and an operator right before it.
_LAST_WORD: Final = re.compile(r"(?P<before>.*?)(?P<word>[^\W_]*)\Z", re.DOTALL)


def complete_words(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the last word of a query by the words of the index, else of the default model."""
    found = _LAST_WORD.match(incomplete)
    assert found is not None  # every text ends like that
    before, word = found["before"], found["word"].lower()
    if len(word) < _LEAST_LETTERS or before.rstrip()[-1:] in (":", "=", "/"):
        return []
    words = [entry for entry in _vocabulary(ctx) if entry.startswith(word) and " " not in entry]
    return _plain(before + entry for entry in sorted(words, key=_length_first)[:WORDS_SHOWN])


def complete_model(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a shipped model; else the path of a model folder."""
    from lexret.encoders.folder.record import META_FILE, SHIPPED

    shipped = sorted(path.parent.name for path in SHIPPED.glob(f"*/{META_FILE}"))
    names = _plain(name for name in shipped if name.startswith(incomplete))
    return names or _shell("dir", incomplete)


def complete_vocabulary(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Complete the name of a shipped vocabulary or model; else the path of a file."""
    from lexret.encoders.folder.record import META_FILE, SHIPPED

    shipped = [path.stem for path in (SHIPPED.parent / "vocabularies").glob("*.txt")]
    shipped += [path.parent.name for path in SHIPPED.glob(f"*/{META_FILE}")]
    names = (name for name in sorted(shipped) if name.startswith(incomplete))
    return _plain(names) or _shell("file", incomplete)


def complete_folder(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Let the shell complete the path of a folder."""
    return _shell("dir", incomplete)


def complete_file(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Let the shell complete the path of a file."""
    return _shell("file", incomplete)


def _vocabulary(ctx: click.Context) -> list[str]:
    """Return the words of the index that the command would open; else of the default model."""
    # Where there is no index, or one that cannot be read, the command itself will say so.
    with suppress(LexretError, OSError, ValueError, KeyError, TypeError):
        several = ctx.params.get("index_paths") or (None,)
        return _lines(_words_of_index(ctx.params.get("index_path", several[0])))
    from lexret.encoders.folder.record import DEFAULT_MODEL, SHIPPED, WORDS_FILE

    with suppress(OSError, ValueError):
        return _lines(SHIPPED / DEFAULT_MODEL / WORDS_FILE)
    return []


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _words_of_index(index_path: Path | None) -> Path:
    """Return the file of an index's words, as its manifest names it."""
    from lexret.engine.place import MANIFEST_FILE
    from lexret.library.folders import find_index, indexes_within

    place = find_index(Path.cwd()) if index_path is None else indexes_within(index_path)[0]
    manifest: dict[str, Any] = json.loads((place / MANIFEST_FILE).read_bytes())
    return place / str(manifest["vocabulary_file"])


def _length_first(word: str) -> tuple[int, str]:
    return len(word), word


def _plain(values: Iterable[str]) -> list[CompletionItem[str]]:
    return list(_items(values, "plain"))


def _shell(kind: str, incomplete: str) -> list[CompletionItem[str]]:
    """Return what makes the shell complete paths of a kind, ``dir`` or ``file``, itself."""
    return list(_items([incomplete], kind))


def _items(values: Iterable[str], kind: str) -> Iterator[CompletionItem[str]]:
    from click.shell_completion import CompletionItem

    return (CompletionItem(value, type=kind) for value in values)
