"""docs/backends.md says of each backend what its declaration says, which the contract tests."""

from __future__ import annotations

from pathlib import Path

from lexret.interop.offers import OFFERED, OFFERS

PAGE = Path(__file__).parents[3] / "docs" / "backends.md"


def test_the_page_says_what_each_backend_offers() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What each backend can do\n")[2]
    table = table.partition("\n\nAnything that is refused")[0]
    lines = [line for line in table.splitlines() if line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, _, *rows = cells
    assert head[1:] == list(OFFERED)
    assert [row[0] for row in rows] == list(OFFERS)
    for name, *said in rows:
        assert said == ["yes" if name in OFFERED[b] else "refused" for b in head[1:]], name
