"""``lexret doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from lexret.diagnosis import Finding

_MARKS: Final = {"ok": "ok", "missing": "MISSING", "wrong": "WRONG", "note": ""}
_OPTIONAL_MARKS: Final = {**_MARKS, "missing": "-", "wrong": "unfit"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show what is installed, what is missing, and how to get it.

    Checks packages and their versions, the build of PyTorch, the pretrained files and the shipped
    models by hash, and Java for the Lucene backend. The exit status is 0 if everything that lexret
    needs is there, and 2 otherwise; optional packages do not count.

    \b
    Example:
      lexret doctor
      lexret doctor --json
    """
    from lexret.diagnosis import diagnose

    findings = diagnose()
    failures = [finding for finding in findings if finding.is_failure]
    if as_json:
        values = {"ok": not failures, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        click.echo(_table(findings))
        click.echo(_verdict(failures))
    ctx.exit(2 if failures else 0)


def _table(findings: Sequence[Finding]) -> str:
    # `diagnose` may come back to a group; sorting by first appearance keeps the headings' order.
    order = {group: place for place, group in enumerate(dict.fromkeys(f.group for f in findings))}
    in_order = sorted(findings, key=lambda finding: order[finding.group])
    lines: list[str] = []
    for group, members in groupby(in_order, key=lambda finding: finding.group):
        lines += [group, *_group_lines(list(members)), ""]
    return "\n".join(lines)


def _group_lines(findings: Sequence[Finding]) -> list[str]:
    width = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for finding, following in zip_longest(findings, findings[1:]):
        mark = (_MARKS if finding.required else _OPTIONAL_MARKS)[finding.status]
        lines.append(f"  {mark:<8}{finding.name:<{width}}  {finding.found}")
        # One command often cures several findings in a row: it stands once, below them.
        if finding.advice and (following is None or following.advice != finding.advice):
            lines.append(f"          -> {finding.advice}")
    return lines


def _verdict(failures: Sequence[Finding]) -> str:
    if not failures:
        return "Everything that lexret needs is there."
    names = ", ".join(finding.name for finding in failures)
    return f"{len(failures)} of the things that lexret needs are missing or wrong: {names}."
