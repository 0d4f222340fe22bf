"""Copy recorded numbers into texts, so that nobody types them.

A text holds a block ::

    <!-- eval: mini/retrieval/coco-dev -->
    (anything; it is replaced)
    <!-- end of eval -->

and the block becomes the table of that part of ``eval/results/mini/results.json``, with the model
and commit that it was measured with. ``mini/summary/retrieval`` is the recall on every set, in
short.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from lexret.eval.suite.report import SECTIONS, recall_summary

RESULTS = Path(__file__).parent / "results"
BLOCK = re.compile(
    r"(?P<start><!-- eval: (?P<run>[\w.-]+)/(?P<kind>\w+)/(?P<part>[\w.-]+) -->\n)"
    r".*?(?P<end><!-- end of eval -->)",
    re.DOTALL,
)


def with_numbers(text: str, results: Path) -> str:
    """Return a text whose blocks hold what was recorded."""

    def table(match: re.Match[str]) -> str:
        path = results / match["run"] / "results.json"
        if not path.is_file():
            raise click.ClickException(f"No results at {path}; make them with lexret eval all.")
        values = json.loads(path.read_text(encoding="utf-8"))
        if (match["kind"], match["part"]) == ("summary", "retrieval"):
            part, in_table = values["results"].get("retrieval"), recall_summary
        else:
            part = values["results"].get(match["kind"], {}).get(match["part"])
            in_table = SECTIONS.get(match["kind"], ("", None))[1]
        if part is None or in_table is None:
            raise click.ClickException(f"{path} has no {match['kind']} of {match['part']}.")
        origin = values["provenance"]
        commit = str(origin["commit"])[:12]
        note = f"\n{origin['model']}, commit {commit}, seed {origin['seed']}; `{path.name}`.\n"
        return match["start"] + in_table(part) + note + match["end"]

    return BLOCK.sub(table, text)


@click.command()
@click.argument("texts", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default=False,
              help="The folder of recorded runs; by default eval/results.")  # fmt: skip
@click.option("--check", is_flag=True, help="Change nothing; status 1 if a text is out of date.")
@click.pass_context
def main(ctx: click.Context, texts: tuple[Path, ...], results: Path, check: bool) -> None:
    """Put recorded numbers into the blocks of TEXTS.

    \b
    Example:
      python eval/copy_numbers.py README.md eval/README.md
    """
    stale = []
    for path in texts:
        old = path.read_text(encoding="utf-8")
        new = with_numbers(old, results)
        if new != old:
            stale.append(path)
            if not check:
                path.write_text(new, encoding="utf-8")
    for path in stale:
        click.echo(f"{path} {'is out of date' if check else 'was brought up to date'}", err=True)
    ctx.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
