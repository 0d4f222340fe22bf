"""``lexret label train``: learn classes of pictures from a few examples."""

from __future__ import annotations

from pathlib import Path

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import index_option, json_option, model_option, open_chosen_library
from lexret.cli.label.reports import print_report


def _parse_classes(
    _ctx: object, _param: object, values: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Read ``NAME=EXAMPLES`` for a callback of click; a class may be given several times.

    A NAME alone is a class without examples.
    """
    found: dict[str, tuple[str, ...]] = {}
    for value in values:
        name, sign, source = value.partition("=")
        if not name.strip() or (sign and not source):
            raise click.BadParameter(f"{value!r}; expected NAME=EXAMPLES, such as dog=dogs/.")
        found[name.strip()] = (*found.get(name.strip(), ()), *([source] if sign else []))
    return found


@click.command("train")
@click.argument("name")
@click.option("--class", "classes", metavar="NAME=EXAMPLES", multiple=True,
              callback=_parse_classes,
              help="A class, and a file, a folder, a picture of the index or a query that gives "
              "examples of it; repeat it for more of either. NAME alone will do where it is made "
              "of words of the vocabulary.")  # fmt: skip
@click.option("--none", "none", metavar="EXAMPLES", multiple=True, shell_complete=complete_file,
              help="Examples of what is none of the classes.")  # fmt: skip
@click.option("--names/--no-names", "use_names", default=None,
              help="Let the names of classes count beside the examples, where they are made of "
              "words of the vocabulary; by default they do.")  # fmt: skip
@click.option("--dry-run", is_flag=True,
              help="Keep nothing; show which pictures each class would be learnt "
              "from.")  # fmt: skip
@click.option("--add", is_flag=True, help="Keep the examples of before, and add these.")
@click.option("--field", metavar="FIELD",
              help="The field for the classes, in filters such as FIELD:invoice; by default "
              "label.")  # fmt: skip
@click.option("--at-least", type=click.FloatRange(0, 1), metavar="SURE",
              help="How sure a class must be to be written; by default 0.5.")  # fmt: skip
@index_option
@model_option
@json_option
def command(
    name: str,
    classes: dict[str, tuple[str, ...]],
    none: tuple[str, ...],
    use_names: bool | None,
    dry_run: bool,
    add: bool,
    field: str | None,
    at_least: float | None,
    index_path: Path | None,
    model_source: str | None,
    as_json: bool,
) -> None:
    """Learn classes of pictures from a few examples, under the NAME of a label.

    One example a class is enough to begin with. The name of a class counts as well where it is made
    of words of the vocabulary, such as dog, and the examples fit it; --no-names leaves names out,
    then and when it is trained again. A picture of the index is not opened: its stored
    words count, with your corrections. A query gives its 50 best hits; --dry-run shows which, and
    a picture that queries give for two classes counts for neither. Nothing is written into
    pictures' fields before `lexret label apply`. What was trained under NAME before is replaced;
    with --add, its examples are kept, which is the way to correct it. Without any examples, those
    of before are read again, as after the index was made anew with another model.

    \b
    Example:
      lexret label train scans --class invoice=examples/invoices/ --class receipt=1.jpg
      lexret label train trips --class beach="+beach date:2023" --class city=city/ --dry-run
      lexret label train scans --add --class receipt=2.jpg --none letters/
      lexret label train pets --class dog --class rex=rex.jpg
    """
    library = open_chosen_library(index_path, model_source=model_source)
    report = library.labels.train(
        name, classes, none=none, field=field, at_least=at_least, use_names=use_names, add=add,
        dry_run=dry_run,
    )  # fmt: skip
    print_report(report, as_json=as_json, with_examples=dry_run)
    if dry_run and not as_json:
        click.echo("Nothing was kept, because of --dry-run.", err=True)
