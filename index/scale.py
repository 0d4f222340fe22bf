"""Reckons what 1 million, 100 million and 10 billion pictures take, from what was measured for one.

    python index/scale.py                       # prints the tables of docs/scale.md
    python index/scale.py --write docs/scale.md # writes them there

Everything is proportional to pictures or postings but for what says otherwise. What was measured,
and how, and what is assumed of machines, is in the two tables below and nowhere else.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SIZES = {"1 million": 10**6, "100 million": 10**8, "10 billion": 10**10}
BEGIN, END = "<!-- made by index/scale.py: begin -->\n", "<!-- made by index/scale.py: end -->\n"


@dataclass(frozen=True)
class Input:
    """A measured or assumed number: what it is, and how it was measured, or why it is assumed."""

    value: float
    what: str
    how: str


_GROWTH = "`bench_growth.py --sizes 10000000`, 8-bit weights"
MEASURED = {
    "words": Input(242, "words a picture", "`lexret info`, 300 photos, the shipped model"),
    "posting": Input(2.85, "bytes a posting, 8-bit weights", "index/FORMAT.md; " + _GROWTH),
    "exact": Input(5.85, "bytes a posting, exact weights", "index/FORMAT.md; `bench_search.py`"),
    "fields": Input(182, "bytes of path, hash and other fields a picture", _GROWTH),
    "encode": Input(20.5, "pictures a second and core, float32",
                    "`lexret eval speed`, half of two cores"),
    "int8": Input(27.0, "pictures a second and core, int8",
                  "`lexret eval speed`, half of two cores"),
    "build": Input(64, "microseconds of one core to index a vector, merges included", _GROWTH),
    "read10": Input(0.92, "postings a picture that a query of 10 words reads",
                    "`bench_data.py`, mean of 60 queries"),
    "read200": Input(17.7, "postings a picture that one of 200 words reads",
                     "`bench_data.py`, mean of 20 queries"),
    "ten": Input(1.29, "milliseconds of one core a million pictures, 10 words", _GROWTH),
    "two hundred": Input(20.2, "milliseconds of one core a million pictures, 200 words", _GROWTH),
    "lists": Input(5.0, "bytes of private memory a picture while it is searched",
                   _GROWTH),
    "process": Input(80e6, "bytes of private memory of a process that searches", _GROWTH),
    "names": Input(94_000, "unchanged files a second and core",
                   "`bench_unchanged.py --pictures 1000000`"),
    "state": Input(165, "bytes of private memory a picture of an index's update",
                   "`bench_unchanged.py`, 1,000,000 pictures against 100,000"),
    "counts": Input(1.3, "seconds of one core a million pictures, first counts of the words",
                    _GROWTH),
}  # fmt: skip
ASSUMED = {
    "cores": Input(16, "cores a machine", "a common size"),
    "memory": Input(96e9, "bytes a machine keeps of an index in memory", "of 128 GB"),
    "photo": Input(500e3, "bytes a photo's file", "a photo of some megapixels, compressed"),
    "disk": Input(3e9, "bytes a second that a machine's disk reads", "one SSD (NVMe)"),
}


def value(name: str) -> float:
    """Return an input."""
    return {**MEASURED, **ASSUMED}[name].value


def index_bytes(number: int, *, kind: str = "posting") -> float:
    """Return the bytes of an index of so many pictures."""
    return number * (value("words") * value(kind) + value("fields"))


def machines(number: int) -> int:
    """Return how many machines hold an index with 8-bit weights in memory."""
    return math.ceil(index_bytes(number) / value("memory"))


def _machine_ms(number: int, rate: float) -> float:
    """Return how long one machine takes for what a core does so many times a second."""
    return 1000 * number / rate / value("cores")


def _query_core_ms(number: int, kind: str) -> float:
    return value(kind) * number / 1e6


def _queries_a_second(number: int, kind: str) -> float:
    return machines(number) * value("cores") * 1000 / _query_core_ms(number, kind)


def _from_disk_s(number: int, kind: str) -> float:
    """Return how long one machine reads what a query needs, if none of it is in memory."""
    return number * value(kind) * value("posting") / value("disk")


Row = tuple[str, Callable[[int], str]]
ROWS: Sequence[Row] = (
    ("index, 8-bit weights", lambda n: _size(index_bytes(n))),
    ("index, exact weights", lambda n: _size(index_bytes(n, kind="exact"))),
    ("machines that hold the 8-bit index in memory", lambda n: f"{machines(n):,}"),
    ("photos to read", lambda n: _size(n * value("photo"))),
    ("encoding, float32: time of one machine", lambda n: _time(_machine_ms(n, value("encode")))),
    ("encoding, int8: time of one machine", lambda n: _time(_machine_ms(n, value("int8")))),
    ("indexing the vectors: time of one machine",
     lambda n: _time(_machine_ms(n, 1e6 / value("build")))),
    ("query of 10 words: processor time", lambda n: _time(_query_core_ms(n, "ten"))),
    ("queries of 10 words a second, at most", lambda n: _number(_queries_a_second(n, "ten"))),
    ("picture as query (200 words): processor time",
     lambda n: _time(_query_core_ms(n, "two hundred"))),
    ("pictures as queries a second, at most",
     lambda n: _number(_queries_a_second(n, "two hundred"))),
    ("one machine, 10 words, all from its disk",
     lambda n: _time(1000 * _from_disk_s(n, "read10"))),
    ("one machine, 200 words, all from its disk",
     lambda n: _time(1000 * _from_disk_s(n, "read200"))),
    ("private memory of searching processes, together",
     lambda n: _size(n * value("lists") + value("process") * machines(n))),
    ("`lexret index`, nothing changed: time on one core",
     lambda n: _time(1000 * n / value("names"))),
    ("private memory of that run", lambda n: _size(n * value("state"))),
    ("first counts of the words (page): time on one core",
     lambda n: _time(n / 1000 * value("counts"))),
)  # fmt: skip


def _number(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.2g}"


def _size(num_bytes: float) -> str:
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9)):
        if num_bytes >= factor:
            return f"{_number(num_bytes / factor)} {unit}"
    return f"{_number(num_bytes / 1e6)} MB"


def _time(milliseconds: float) -> str:
    units = (("days", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))
    for unit, factor in units:
        if milliseconds >= 2 * factor:
            return f"{_number(milliseconds / factor)} {unit}"
    return f"{_number(milliseconds)} ms"


def tables() -> str:
    """Return the tables of docs/scale.md."""
    lines = ["| | " + " | ".join(SIZES) + " |", "| --- |" + " --- |" * len(SIZES)]
    lines += [f"| {name} | " + " | ".join(map(row, SIZES.values())) + " |" for name, row in ROWS]
    lines += ["", "From these:", "", "| | | measured by, or assumed |", "| --- | --- | --- |"]
    for given in (*MEASURED.values(), *ASSUMED.values()):
        lines.append(f"| {given.what} | {given.value:,g} | {given.how} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables, or write them into a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", type=Path, help="a page that has the place for them")
    page = parser.parse_args().write
    if page is None:
        sys.stdout.write(tables())
        return
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} has no lines {BEGIN.strip()} and {END.strip()}, in this order")
    page.write_text(before + begin + "\n" + tables() + "\n" + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
