"""``lexret search``: find the pictures that fit a query, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import (
    index_option,
    json_option,
    model_option,
    near_path,
    open_chosen_index,
    plural,
    print_paths,
    printable,
    render_table,
    text_encoder_option,
)
from lexret.cli.search.backend import answers_of
from lexret.cli.search.certainty import keep_sure, max_false_matches_option
from lexret.cli.search.question import (
    Box,
    QueryCommand,
    Understood,
    Wanted,
    parse_box,
    query_text,
    understand,
)
from lexret.cli.search.show import open_pictures, show_pictures, shown_options

if TYPE_CHECKING:
    from lexret.cli.common import TextEncoderKind
    from lexret.cli.search.backend import Backend
    from lexret.engine.index import EmbeddedIndex
    from lexret.explain.answers import Answer

MATCHING_WORDS_SHOWN: Final = 5
PRODUCTS_SHOWN: Final = 20
DECIMALS: Final = 6


@click.command("search", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1)
@index_option
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True,
              help="At most so many hits.")  # fmt: skip
@click.option(
    "--explain", is_flag=True, help="Show for every hit what each word adds to its score."
)
@click.option("--image", "images", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
              help="Look for a picture's content, with or without words (repeatable).")  # fmt: skip
@click.option("--box", metavar="X,Y,W,H", callback=parse_box,
              help="Only this part of --image: left, top, width, height, in pixels.")  # fmt: skip
@click.option("--like", "likes", multiple=True, metavar="PICTURE",
              help="Look for more like a picture of the index (repeatable).")  # fmt: skip
@model_option
@text_encoder_option
@click.option("--backend", type=click.Choice(["embedded", "lucene"]), default="embedded",
              help="What searches: lexret's own engine (default), or Lucene on whole-number "
              "weights, for plain texts and pictures.")  # fmt: skip
@max_false_matches_option
@shown_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    index_path: Path | None,
    k: int,
    explain: bool,
    images: tuple[Path, ...],
    box: Box | None,
    likes: tuple[str, ...],
    model_source: str | None,
    text_encoder: TextEncoderKind | None,
    backend: Backend,
    max_false_matches: float | None,
    paths_only: bool,
    null: bool,
    pictures: bool | None,
    open_hits: bool,
    as_json: bool,
) -> None:
    """Find the pictures that fit QUERY, the best first.

    The score of a picture is the sum, over the words that query and picture share, of query
    weight times picture weight. The exit status is 1 if nothing was found.

    QUERY is a text. In it, +dog is required, -dog excluded, dog^2 counts twice, dog? is not
    expanded by the text encoder, and of (beach OR lake) the better counts. "traffic light" is a
    phrase of the vocabulary. Filters are path:holiday/**, date:2024-06.., size:1MB.., and the
    same for every field, such as camera:Leica*. See docs/query-language.md.

    \b
    Example:
      lexret search "a dog on a beach"
      lexret search "a dog on a beach" -k 3 --explain
      lexret search "a dog on a beach" --text-encoder contextual --json
      lexret search "+dog (beach OR lake) -car>0.1 date:2024-06.. path:holiday/**"
      lexret search --like beach/1.jpg -dog
      lexret search --image photo.jpg --box 10,10,200,150 at night
      lexret search "a dog on a beach" --backend lucene
      lexret search "a giraffe" --max-false-matches 5% || echo "no giraffe"
      lexret search "a dog" --paths -0 | xargs -0 ls -l
      lexret search "a dog" -k 3 --open
    """
    from lexret.library.folders import picture_path, picture_root

    if not words and not (images or likes):
        raise click.UsageError("Missing argument 'QUERY'.")
    query = query_text(words)
    wanted = Wanted(query, images, box, likes, model_source, text_encoder)
    wanted.check()
    if null and not paths_only:
        raise click.UsageError("-0 is a way to print paths: give --paths as well.")
    index = open_chosen_index(index_path)
    understood = understand(wanted, index)
    found = _find(
        index, wanted, understood, k=k, backend=backend, max_false_matches=max_false_matches
    )
    answers = found.answers
    base = picture_root(index.manifest, index.path)
    paths = [near_path(picture_path(base, one.doc_id)) for one in answers]
    ranks = _ranks(index, understood, answers) if explain and backend == "embedded" else []
    is_whole = True
    if paths_only:
        is_whole = print_paths(paths, null=null)
    elif as_json:
        values = {**_asked(wanted, understood, backend), "hits": _hits(answers, paths, ranks)}
        click.echo(json.dumps(values, indent=2))
    elif answers:
        click.echo(_as_text(understood, answers, paths, ranks if explain else None))
        show_pictures(paths, wanted=pictures)
        if found.has_more:
            click.echo(f"Note: at least one more picture fits; -k {2 * k} shows more.", err=True)
    if open_hits:
        open_pictures(paths)
    if not answers:
        verb = f"shares a word with {query!r}" if understood.is_plain else "fits the query"
        verb = f"surely shows {query!r}" if found.has_unsure else verb
        click.echo(f"No picture among {len(index):,} {verb}.", err=True)
        ctx.exit(1)
    if not is_whole:
        ctx.exit(2)


@dataclass(frozen=True, slots=True)
class _Found:
    """The hits to show.

    Attributes:
        has_more: as many are shown as were asked for, and there are more.
        has_unsure: some were left out as they are not surely enough a match.
    """

    answers: list[Answer]
    has_more: bool
    has_unsure: bool


def _find(
    index: EmbeddedIndex,
    wanted: Wanted,
    understood: Understood,
    *,
    k: int,
    backend: Backend,
    max_false_matches: float | None,
) -> _Found:
    """Look for one hit more than is shown, which tells whether there are more."""
    every = answers_of(index, understood, k=k + 1, backend=backend)
    sure = every
    if max_false_matches is not None:
        sure = keep_sure(every, index, wanted, understood, max_false_matches)
    beyond = {one.doc_id for one in every[k:]}
    shown = [one for one in sure if one.doc_id not in beyond]
    return _Found(shown, len(sure) > k, len(sure) < len(every))


def _asked(wanted: Wanted, understood: Understood, backend: Backend) -> dict[str, object]:
    """Return what was asked for, as JSON tells it; pictures only where there are some."""
    values: dict[str, object] = {"query": wanted.text, "text_encoder": understood.text_encoder}
    if wanted.images:
        values["images"] = [str(path) for path in wanted.images]
        values["box"] = wanted.box
    if wanted.likes:
        values["like"] = list(wanted.likes)
    if backend != "embedded":
        values["backend"] = backend
    return values


def _hits(
    answers: Sequence[Answer], paths: Sequence[str], ranks: Sequence[Mapping[str, str]]
) -> list[dict[str, object]]:
    """Return the hits as JSON tells them; ``ranks`` may be empty, where none are asked for."""
    hits = [_hit(one, path) for one, path in zip(answers, paths, strict=True)]
    for hit, one, without in zip(hits, answers, ranks, strict=False):
        hit["rank_without"], hit["missing"] = without, [asdict(word) for word in one.missing]
    return hits


def _hit(one: Answer, path: str) -> dict[str, object]:
    words = [asdict(contribution) for contribution in one.words]
    return {"path": path, "score": one.score, "rank": one.rank, "words": words}


def _as_text(
    understood: Understood,
    answers: Sequence[Answer],
    paths: Sequence[str],
    ranks: Sequence[Mapping[str, str]] | None,
) -> str:
    """Set the hits in a table, or explain each where ``ranks`` is given.

    Where nothing scores, as in a search with filters alone, there is no score to show or explain.
    """
    if not understood.scores:
        rows = [[str(one.rank), path] for one, path in zip(answers, paths, strict=True)]
        return render_table(["rank", "path"], rows, right=(0,))
    return _table(answers, paths) if ranks is None else _explanations(answers, paths, ranks)


def _table(answers: Sequence[Answer], paths: Sequence[str]) -> str:
    rows = []
    for one, path in zip(answers, paths, strict=True):
        words = ", ".join(f"{w.word} {w.product:.3f}" for w in one.words[:MATCHING_WORDS_SHOWN])
        more = len(one.words) - MATCHING_WORDS_SHOWN
        rows.append([str(one.rank), f"{one.score:.4f}", path, words + (f", +{more}" * (more > 0))])
    return render_table(["rank", "score", "path", "matching words"], rows, right=(0, 1))


def _ranks(
    index: EmbeddedIndex, understood: Understood, answers: Sequence[Answer]
) -> list[dict[str, str]]:
    """Return, for every hit, where it would stand without each of its strongest words."""
    from lexret.explain.contact import ranks_of

    found = (ranks_of(index, understood.query, one) for one in answers)
    return [{rank.word: str(rank) for rank in ranks} for ranks in found]


def _explanations(
    answers: Sequence[Answer], paths: Sequence[str], ranks: Sequence[Mapping[str, str]]
) -> str:
    rows = zip(answers, paths, ranks or [{}] * len(answers), strict=True)
    return "\n\n".join(_explanation(*row) for row in rows)


def _explanation(one: Answer, path: str, ranks: Mapping[str, str]) -> str:
    """Set the products of a hit in a table whose printed numbers add up to the printed score."""
    shown, rest = one.words[:PRODUCTS_SHOWN], one.words[PRODUCTS_SHOWN:]
    products = [word.product for word in shown] + ([sum(w.product for w in rest)] if rest else [])
    printed = _rounded_to_sum(products, one.score)
    rows = [
        [
            word.word,
            f"{word.query_weight:.4f}",
            f"{word.image_weight:.4f}",
            ranks.get(word.word, ""),
            product,
        ]
        for word, product in zip(shown, printed, strict=False)
    ]
    if rest:
        rows.append([f"({plural(len(rest), 'other word')})", "", "", "", printed[-1]])
    rows.append(["", "", "", "=", f"{one.score:.{DECIMALS}f}"])
    headings = ["word", "query", "picture", "rank without", "product"]
    table = render_table(headings, rows, right=(1, 2, 3, 4))
    indented = "\n".join(f"   {line}" for line in table.splitlines())
    missing = ", ".join(word.word for word in one.missing[:MATCHING_WORDS_SHOWN])
    lacks = f"   (lacks {missing})" if missing else ""
    return f"{one.rank}. {printable(path)}{lacks}\n{indented}"


def _rounded_to_sum(products: Sequence[float], total: float) -> list[str]:
    """Round numbers, each by less than one last digit, so that they add up to the rounded total."""
    unit = 10**DECIMALS
    floors = [int(product * unit) for product in products]
    missing = round(total * unit) - sum(floors)
    by_remainder = sorted(range(len(products)), key=lambda i: floors[i] - products[i] * unit)
    for i in by_remainder[:missing]:
        floors[i] += 1
    return [f"{floor / unit:.{DECIMALS}f}" for floor in floors]
