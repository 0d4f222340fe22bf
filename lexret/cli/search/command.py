"""``lexret search``: find the pictures that fit a query, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.candidates import complete_file, complete_words
from lexret.cli.common import (
    computation_options,
    copies_option,
    indexes_option,
    json_option,
    model_option,
    near_path,
    open_chosen_libraries,
    path_text,
    plural,
    print_json,
    print_notes,
    print_paths,
    printable,
    render_table,
    text_encoder_option,
)
from lexret.cli.search.certainty import max_false_matches_option
from lexret.cli.search.nothing import (
    nothing_found,
    relaxed_notes,
    relaxed_queries,
    relaxed_to_json,
)
from lexret.cli.search.question import QueryCommand, parse_box_option, query_text
from lexret.cli.search.show import open_pictures, show_pictures, shown_options

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.library.asking.finding import Backend
    from lexret.library.asking.results import Hit, Results
    from lexret.library.model_encoders import TextEncoderKind
    from lexret.pictures.boxes import Box

MATCHING_WORDS_SHOWN: Final = 5
PRODUCTS_SHOWN: Final = 20
DECIMALS: Final = 6


@click.command("search", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1, shell_complete=complete_words)
@indexes_option
@click.option("-k", "k", type=click.IntRange(min=1), default=10, show_default=True,
              help="At most so many hits.")  # fmt: skip
@click.option(
    "--explain", is_flag=True, help="Show for every hit what each word adds to its score."
)
@click.option("--image", "images", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
              help="Look for a picture's content, with or without words (repeatable).")  # fmt: skip
@click.option("--box", metavar="X,Y,W,H", callback=parse_box_option,
              help="Only this part of the one --image or --like: left, top, width, height, in "
              "pixels of its full size.")  # fmt: skip
@click.option("--like", "likes", multiple=True, metavar="PICTURE", shell_complete=complete_file,
              help="Look for more like a picture of the index (repeatable).")  # fmt: skip
@model_option
@text_encoder_option
@click.option("--backend", type=click.Choice(["embedded", "milvus", "lucene"]),
              help="What searches: embedded, lexret's own engine; milvus, where the index keeps "
              "its vectors there; or lucene on whole-number weights, for plain texts and "
              "pictures.  [default: what the index was made with]")  # fmt: skip
@max_false_matches_option
@copies_option
@shown_options
@json_option
@computation_options
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    index_paths: tuple[Path, ...],
    k: int,
    explain: bool,
    images: tuple[Path, ...],
    box: Box | None,
    likes: tuple[str, ...],
    model_source: str | None,
    text_encoder: TextEncoderKind | None,
    backend: Backend | None,
    max_false_matches: float | None,
    copies: bool,
    paths_only: bool,
    null: bool,
    pictures: bool | None,
    open_hits: bool,
    as_json: bool,
    computation: Computation,
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
      lexret search "a dog" --index /data/shard1 --index /data/shard2
    """
    if not words and not (images or likes):
        raise click.UsageError("Missing argument 'QUERY'.")
    if null and not paths_only:
        raise click.UsageError("-0 is a way to print paths: give --paths as well.")
    library = open_chosen_libraries(index_paths, model_source=model_source, computation=computation)

    def building() -> None:
        click.echo(f"Making the Lucene index of {plural(len(library), 'picture')}...", err=True)

    results = library.search(
        query_text(words),
        k=k,
        image=images,
        box=box,
        like=likes,
        text_encoder=text_encoder,
        backend=backend,
        building=building,
        max_false_matches=max_false_matches,
        copies=copies,
    )
    print_notes(results.notes)
    relaxed = relaxed_queries(library, results)
    paths = [near_path(hit.path) for hit in results]
    is_whole = True
    if paths_only:
        is_whole = print_paths(paths, null=null)
    elif as_json or results:
        ranks = _ranks(results) if explain and backend != "lucene" else []
        if as_json:
            asked = _asked(results, images, backend)
            found = {"hits": _hits(results, paths, ranks), **relaxed_to_json(relaxed)}
            print_json({**asked, **found})
        else:
            _note_unsure(results)
            click.echo(_as_text(results, paths, ranks if explain else None))
            show_pictures(results, paths, wanted=pictures)
            _note_more(results, k)
    if open_hits:
        open_pictures(results, paths)
    if not results:
        click.echo(nothing_found(results), err=True)
        print_notes(relaxed_notes(relaxed))
        ctx.exit(1)
    if not is_whole:
        ctx.exit(2)


def _note_unsure(results: Results) -> None:
    if results.num_sure == 0:
        click.echo("Note: none of these is a sure match; they are the best guesses.", err=True)


def _note_more(results: Results, k: int) -> None:
    if results.more:
        click.echo(f"Note: at least one more picture fits; -k {2 * k} shows more.", err=True)


def _asked(results: Results, images: Sequence[Path], backend: Backend | None) -> dict[str, object]:
    """Return what was asked for, as JSON tells it; pictures only where there are some."""
    understood = results.understood
    question = understood.question
    values: dict[str, object] = {"query": question.text, "text_encoder": understood.text_encoder}
    if images:
        values["images"] = [path_text(path) for path in images]
    if images or question.box is not None:
        values["box"] = question.box
    if question.likes:
        values["like"] = [path_text(picture) for picture in question.likes]
    entry = results.snapshot.index.manifest.backend
    used = backend or ("embedded" if entry is None else entry.name)
    if used != "embedded":
        values["backend"] = used
    return values


def _hits(
    hits: Sequence[Hit], paths: Sequence[str], ranks: Sequence[Mapping[str, str]]
) -> list[dict[str, object]]:
    """Return the hits as JSON tells them; ``ranks`` may be empty, where none are asked for."""
    listed = [_hit(hit, path) for hit, path in zip(hits, paths, strict=True)]
    for values, hit, without in zip(listed, hits, ranks, strict=False):
        values["rank_without"], values["missing"] = without, [asdict(word) for word in hit.missing]
    return listed


def _hit(hit: Hit, path: str) -> dict[str, object]:
    words = [asdict(contribution) for contribution in hit.words]
    return {
        "path": path_text(path),
        "score": hit.score,
        "rank": hit.rank,
        "sure": hit.sure,
        "words": words,
        "from_keywords": list(hit.from_keywords),
        "copies": [path_text(near_path(copy.path)) for copy in hit.copies],
    }


def _as_text(
    results: Results, paths: Sequence[str], ranks: Sequence[Mapping[str, str]] | None
) -> str:
    """Set the hits in a table, or explain each where ``ranks`` is given.

    Where nothing scores, as in a search with filters alone, there is no score to show or explain.
    """
    if not results.understood.scores:
        rows = [
            [str(hit.rank), _named(hit, path)] for hit, path in zip(results, paths, strict=True)
        ]
        return render_table(["rank", "path"], rows, right=(0,))
    return _table(results, paths) if ranks is None else _explanations(results, paths, ranks)


def _table(hits: Sequence[Hit], paths: Sequence[str]) -> str:
    """Set hits in a table: the sure ones, a line, and the others, each by falling score."""
    rows = []
    shown = sorted(zip(hits, paths, strict=True), key=lambda pair: pair[0].sure is False)
    num_sure = sum(hit.sure is True for hit in hits)
    for number, (hit, path) in enumerate(shown):
        if number == num_sure > 0 and hit.sure is False:
            rows.append(["", "", "-- less sure from here --", ""])
        words = ", ".join(f"{w.word} {w.product:.3f}" for w in hit.words[:MATCHING_WORDS_SHOWN])
        more = len(hit.words) - MATCHING_WORDS_SHOWN
        rows.append(
            [
                str(hit.rank),
                f"{hit.score:.4f}",
                _named(hit, path),
                words + (f", +{more}" * (more > 0)),
            ]
        )
    return render_table(["rank", "score", "path", "matching words"], rows, right=(0, 1))


def _ranks(results: Results) -> list[dict[str, str]]:
    """Return, for every hit, where it would stand without each of its strongest words."""
    from lexret.explain.contact import ranks_of

    query = results.understood.query
    found = (ranks_of(results.searched, query, hit) for hit in results)
    return [{rank.word: str(rank) for rank in ranks} for ranks in found]


def _explanations(
    hits: Sequence[Hit], paths: Sequence[str], ranks: Sequence[Mapping[str, str]]
) -> str:
    rows = zip(hits, paths, ranks or [{}] * len(hits), strict=True)
    return "\n\n".join(_explanation(*row) for row in rows)


def _explanation(hit: Hit, path: str, ranks: Mapping[str, str]) -> str:
    """Set the products of a hit in a table whose printed numbers add up to the printed score."""
    shown, rest = hit.words[:PRODUCTS_SHOWN], hit.words[PRODUCTS_SHOWN:]
    products = [word.product for word in shown] + ([sum(w.product for w in rest)] if rest else [])
    printed = _rounded_to_sum(products, hit.score)
    rows = [
        [
            word.word + " (from the photo's keywords)" * (word.word in hit.from_keywords),
            f"{word.query_weight:.4f}",
            f"{word.image_weight:.4f}",
            ranks.get(word.word, ""),
            product,
        ]
        for word, product in zip(shown, printed, strict=False)
    ]
    if rest:
        rows.append([f"({plural(len(rest), 'other word')})", "", "", "", printed[-1]])
    rows.append(["", "", "", "=", f"{hit.score:.{DECIMALS}f}"])
    headings = ["word", "query", "picture", "rank without", "product"]
    table = render_table(headings, rows, right=(1, 2, 3, 4))
    indented = "\n".join(f"   {line}" for line in table.splitlines())
    missing = ", ".join(word.word for word in hit.missing[:MATCHING_WORDS_SHOWN])
    lacks = f"   (lacks {missing})" if missing else ""
    return f"{hit.rank}. {printable(_named(hit, path))}{lacks}\n{indented}"


def _named(hit: Hit, path: str) -> str:
    """Return a hit's path, and how many copies of the file fit as well."""
    from lexret.explain.answers import told_copies

    return path + told_copies(len(hit.copies))


def _rounded_to_sum(products: Sequence[float], total: float) -> list[str]:
    """Round numbers, each by less than one last digit, so that they add up to the rounded total."""
    unit = 10**DECIMALS
    floors = [int(product * unit) for product in products]
    missing = round(total * unit) - sum(floors)
    by_remainder = sorted(range(len(products)), key=lambda i: floors[i] - products[i] * unit)
    for i in by_remainder[:missing]:
        floors[i] += 1
    return [f"{floor / unit:.{DECIMALS}f}" for floor in floors]
