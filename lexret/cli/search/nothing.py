"""What ``lexret search`` says when it finds nothing: that, and what other queries would find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lexret.cli.common import plural

if TYPE_CHECKING:
    from lexret.library.asking.relaxing import Relaxed
    from lexret.library.asking.results import Results
    from lexret.library.library import Library


def relaxed_queries(library: Library, results: Results) -> list[Relaxed]:
    """Return what a search that found nothing would find without a condition of its query."""
    understood = results.understood
    if results or understood.is_plain:
        return []
    return library.relax(understood.question, results.snapshot)


def nothing_found(results: Results) -> str:
    """Say that nothing was found."""
    text = results.understood.question.text
    what = f"shares a word with {text!r}" if results.understood.is_plain else "fits the query"
    what = f"surely shows {text!r}" if results.num_unsure else what
    return f"No picture among {len(results.snapshot.index):,} {what}."


def relaxed_notes(relaxed: Sequence[Relaxed]) -> list[str]:
    """Return notes on what would be found, such as ``without -car: 3 pictures``."""
    if not relaxed:
        return []
    parts = [f"without {' and '.join(one.left_out)}: {_counted(one)}" for one in relaxed]
    return ["; ".join(parts)]


def relaxed_to_json(relaxed: Sequence[Relaxed]) -> dict[str, object]:
    """Return what would be found as JSON tells it, by the names of the page's API."""
    queries = [
        {
            "query": one.text,
            "left_out": list(one.left_out),
            "hits": one.num_hits,
            "more": one.more,
        }
        for one in relaxed
    ]
    return {"relaxed": queries} if queries else {}


def _counted(relaxed: Relaxed) -> str:
    return f"{'more than ' if relaxed.more else ''}{plural(relaxed.num_hits, 'picture')}"
