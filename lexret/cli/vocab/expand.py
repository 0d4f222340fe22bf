"""``lexret vocab expand``: append phrases to a vocabulary."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from lexret.cli.candidates import complete_vocabulary
from lexret.cli.common import force_option, json_option
from lexret.cli.vocab.options import (
    captions_option,
    read_captions,
    report,
    wordnet_option,
)


@click.command("expand")
@click.argument("vocabulary", metavar="VOCABULARY", shell_complete=complete_vocabulary)
@captions_option
@wordnet_option
@click.option(
    "--classes", is_flag=True, help="Also take names of ImageNet's and COCO's classes (English)."
)
@click.option("--num", "num_phrases", type=click.IntRange(min=1), help="At most so many phrases.")
@click.option(
    "--min-pictures",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="A phrase of captions counts from so many pictures on.",
)
@click.option(
    "--min-association",
    type=click.FloatRange(-1, 1),
    default=0.6,
    show_default=True,
    help="How much the words of a phrase that only captions have must belong together "
    "(normalised pointwise mutual information, 1: they never stand apart).",
)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="NAME.txt"
)
@force_option
@json_option
def command(
    vocabulary: str,
    captions: tuple[str, ...],
    wordnet: Path | None,
    classes: bool,
    num_phrases: int | None,
    min_pictures: int,
    min_association: float,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Append phrases such as 'hot dog' and 'traffic light' to a vocabulary.

    VOCABULARY is a shipped name or a text file; its entries keep their ids. Phrases come from
    captions (words that stand together far more often than chance has it), from WordNet's nouns,
    and from names of picture classes; with WordNet the choice is much better. A record of rules
    and sources is written beside the list, NAME.json.

    \b
    Example:
      lexret vocab expand english-20k --captions captions.jsonl -o mine.txt
      lexret vocab expand english-20k --classes --wordnet /usr/share/wordnet -o mine.txt
    """
    from lexret.vocabularies import recipes
    from lexret.vocabularies.phrase_expansion import ExpansionRule
    from lexret.vocabularies.records import record_for, write_vocabulary
    from lexret.vocabularies.sources import open_vocabulary

    if not (captions or wordnet or classes):
        raise click.UsageError("Give --captions, --wordnet or --classes: phrases come from there.")
    found = read_captions(captions)
    built, phrases = recipes.expanded(
        open_vocabulary(vocabulary),
        record_for(vocabulary),
        pictures=[texts for pictures in found.values() for texts in pictures],
        sources=recipes.captions_sources(
            found, "how many pictures have a caption with a phrase, how its words go together"
        ),
        wordnet_folder=wordnet,
        class_names=classes,
        rule=ExpansionRule(min_pictures=min_pictures, min_association=min_association),
        num_phrases=num_phrases,
    )
    write_vocabulary(
        out,
        built.words,
        language=built.language,
        made_by="lexret vocab expand",
        provenance=built.provenance,
        token_ids=built.token_ids,
        overwrite=force,
    )
    report(out, built.words, as_json=as_json, phrases=[asdict(phrase) for phrase in phrases])
