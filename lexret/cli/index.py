"""``lexret index``: index folders of pictures, or bring their index up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import (
    json_option,
    model_option,
    plural,
    print_json,
    printable,
)
from lexret.cli.index_report import report_as_json, report_as_text
from lexret.cli.progress import progress_bar, quiet_pillow

if TYPE_CHECKING:
    from lexret.encoders.image_settings import Runtime
    from lexret.library.library import Library
    from lexret.library.updating.index_report import IndexReport
    from lexret.sparse import VectorPrecision


@click.command("index")
@click.argument(
    "folders",
    metavar="[DIR]...",
    nargs=-1,
    type=click.Path(path_type=Path),
)
@click.option(
    "--index",
    "index_path",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the index lies; without it, in .lexret of the first DIR that has one, or of a "
    "folder above that holds a DIR, else of the first DIR; a shard in .lexret-shards of that.",
)
@model_option
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True,
              help="Pictures that go through the model together.")  # fmt: skip
@click.option("--weights", type=click.Choice(["exact", "8bit"]),
              help="How a new index stores weights: exact takes at most 6 bytes for one, 8bit at "
              "most 3, rounded by about 1.5% at most.  [default: exact; with --rebuild as "
              "before]")  # fmt: skip
@click.option("--backend", type=click.Choice(["embedded", "milvus"]),
              help="What holds the vectors of a new index: embedded, its own folder; or milvus, "
              "at --uri.  [default: embedded; with --rebuild as before]")  # fmt: skip
@click.option("--uri", metavar="URI",
              help="Where Milvus is: http://HOST:19530, or FILE.db for Milvus Lite. Recorded in "
              "the index; a token is read from LEXRET_MILVUS_TOKEN.")  # fmt: skip
@click.option("--collection", metavar="NAME",
              help="Its name in Milvus.  [default: a new one]")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]),
              help="What the model computes in: int8 takes a fifth less time and finds nearly "
              "the same; bfloat16 runs in torch and may be faster on processors made for it.  "
              "[default: as the index was made; a new one float32]")  # fmt: skip
@click.option("--runtime", type=click.Choice(["onnx", "torch"]),
              help="What encodes pictures: ONNX Runtime, or torch, which lexret[train] brings. "
              "They agree up to rounding.  [default: onnx where the model is exported for "
              "it]")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda", "coreml", "directml", "openvino"]),
              default="cpu", show_default=True,
              help="What ONNX Runtime encodes on, where it can.")  # fmt: skip
@click.option("--exclude", "exclude", multiple=True, metavar="PATTERN",
              help="Do not look at files and folders of that name (repeatable), such as '*.gif' or "
              "'Drafts/'; what the index holds of them leaves it. A file .lexretignore holds such "
              "patterns, one a line.")  # fmt: skip
@click.option("--no-default-excludes", is_flag=True,
              help="Look at recycle bins, thumbnails and previews of other programs "
              "too.")  # fmt: skip
@click.option("--max-pixels", type=click.IntRange(min=1), metavar="N",
              help="Refuse larger pictures, which take 4 bytes a pixel while they are decoded, but "
              "for JPEG.  [default: 250,000,000]")  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=0), metavar="N",
              help="Processes that decode pictures, and threads that encode them; 0 decodes in "
              "this process, which a damaged picture may end.  [default: the processors, at "
              "most 4 that decode]")  # fmt: skip
@click.option("--retry-refused", is_flag=True,
              help="Read files again that an earlier run could not read, changed or "
              "not.")  # fmt: skip
@click.option("--keywords-as-words/--no-keywords-as-words", "keywords_as_words", default=None,
              help="Let keywords that people gave photos, such as grandma, count as words of "
              "theirs, as if added by hand.  [default: as the index was made; a new one "
              "without]")  # fmt: skip
@click.option("--rebuild", is_flag=True, help="Make the index anew, for example for another model.")
@click.option("--allow-empty", is_flag=True,
              help="Accept that every picture of a folder is gone.")  # fmt: skip
@click.option("--remove-root", "remove", multiple=True, metavar="DIR",
              type=click.Path(path_type=Path),
              help="Take a folder and its pictures out of the index (repeatable).")  # fmt: skip
@click.option("--shard", metavar="I/N",
              help="Index only the I-th of N parts of the pictures, as one of N machines does that "
              "see the same folders; `lexret merge` makes one index of all parts.  [default: as "
              "the index was made; a new one holds all]")  # fmt: skip
@click.option("--vectors", "vectors", multiple=True, metavar="OUT",
              type=click.Path(path_type=Path),
              help="Encode nothing: take what `lexret encode` wrote to OUT (repeatable). The "
              "pictures need not be there; DIR says where they lie now.")  # fmt: skip
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    folders: tuple[Path, ...],
    index_path: Path | None,
    model_source: str | None,
    batch_size: int,
    weights: str | None,
    backend: str | None,
    uri: str | None,
    collection: str | None,
    precision: VectorPrecision | None,
    runtime: Runtime | None,
    device: str,
    exclude: tuple[str, ...],
    no_default_excludes: bool,
    max_pixels: int | None,
    jobs: int | None,
    retry_refused: bool,
    keywords_as_words: bool | None,
    rebuild: bool,
    allow_empty: bool,
    remove: tuple[Path, ...],
    shard: str | None,
    vectors: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Index the pictures in DIR and the folders below it, or bring their index up to date.

    An index may hold several folders; naming one that it does not hold adds it. Without DIR, all
    folders of the index of this folder, or of the nearest above it, are looked through; what a
    folder held that is not there now, such as a disk that is not mounted, stays in the index.

    Pictures that did not change are not read again, renamed and moved ones are not encoded again.
    Files that are not readable pictures are skipped and listed at the end; they are not read again
    until they change. An interrupted run
    goes on where it stopped. The exit status is 1 if there is no picture in the index in the end.

    \b
    Example:
      lexret index ./images
      lexret index ./images --index /data/index --model ./my-model
      lexret index ./images /mnt/archive
      lexret index
      lexret index ./images --remove-root /mnt/archive
      lexret index ./images --keywords-as-words
      lexret index ./images --exclude '*.gif' --exclude scans/raw/
      lexret index ./images --backend milvus --uri http://localhost:19530
      lexret index ./images --shard 2/4
      lexret index ./images --vectors ./encoded
      lexret index ./images --vectors ./encoded --shard 2/4
    """
    from lexret.encoders.image_settings import ImageSettings
    from lexret.library.library import Library
    from lexret.library.updating.indexing import DEFAULT_PATTERNS
    from lexret.library.updating.reader import Decoding
    from lexret.library.updating.update_run import UpdateInterrupted
    from lexret.pictures.decoding import MAX_PIXELS
    from lexret.pictures.exclusion import parse_exclusion
    from lexret.pictures.finding import check_folder

    if vectors:
        chosen = {"shard": shard, "backend": backend, "uri": uri, "collection": collection}
        _take_encoded(ctx, vectors, folders, index_path, model_source, weights, chosen, as_json)
        return
    for folder in folders:
        check_folder(folder)
    place = index_path or _default_place(folders, shard)
    library = Library(place, model=model_source)
    try:
        with progress_bar() as progress, quiet_pillow():
            report = library.update(
                *folders,
                decoding=Decoding(jobs=jobs, max_pixels=max_pixels or MAX_PIXELS),
                exclusions=(
                    *(() if no_default_excludes else DEFAULT_PATTERNS),
                    *map(parse_exclusion, exclude),
                ),
                retry_refused=retry_refused,
                keywords_as_words=keywords_as_words,
                remove=remove,
                shard=shard,
                weights=weights,
                precision=precision,
                batch_size=batch_size,
                images=ImageSettings(runtime, device, jobs or None),
                rebuild=rebuild,
                allow_empty=allow_empty,
                backend=backend,
                uri=uri,
                collection=collection,
                progress=progress,
            )
    except UpdateInterrupted as interrupted:
        click.echo(_left_by(interrupted.num_stored), err=True)
        raise
    _print_report(report, place, as_json=as_json)
    _name_waiting_labels(library)
    ctx.exit(_status(report))


# What --vectors goes with; the other options say how pictures are found and encoded.
_WITH_VECTORS: Final = {
    "folders", "index_path", "model_source", "weights", "shard", "backend", "uri", "collection",
    "vectors", "as_json",
}  # fmt: skip


def _take_encoded(
    ctx: click.Context,
    vectors: tuple[Path, ...],
    folders: tuple[Path, ...],
    index_path: Path | None,
    model_source: str | None,
    weights: str | None,
    chosen: dict[str, str | None],
    as_json: bool,
) -> None:
    """Take encoded pictures into an index."""
    from click.core import ParameterSource

    from lexret.library.encoding.into_index import place_of_index
    from lexret.library.library import Library
    from lexret.library.shards import Shard

    for parameter in ctx.command.params:
        name = parameter.name or ""
        is_given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and name not in _WITH_VECTORS and parameter.expose_value:
            raise click.UsageError(
                f"{parameter.opts[0]} says how pictures are found or encoded; with --vectors none "
                "is."
            )
    part = None if chosen["shard"] is None else Shard.parse(chosen["shard"])
    place = index_path or place_of_index(vectors, folders, part)
    library = Library(place, model=model_source)
    with progress_bar() as progress:
        report = library.take_encoded(
            vectors, folders=folders, weights=weights, progress=progress, **chosen
        )
    _print_report(report, place, as_json=as_json)
    ctx.exit(_status(report))


def _print_report(report: IndexReport, place: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(report_as_json(report, place))
    else:
        click.echo(report_as_text(report, place))
    if report.left_behind:
        click.echo(report.left_behind, err=True)


def _name_waiting_labels(library: Library) -> None:
    """Name the labels that new pictures have not been given yet."""
    for name, num_waiting in library.labels.waiting().items():
        click.echo(
            f"The label {printable(name)} has not seen {plural(num_waiting, 'picture')} yet: "
            f"lexret label apply {printable(name)}",
            err=True,
        )


def _status(report: IndexReport) -> int:
    """Return the exit status: 1 where no picture is in the index, but a shard may have none."""
    nothing_is_right = report.shard is not None and not report.skipped
    return 0 if report.num_pictures or nothing_is_right else 1


def _left_by(num_stored: int) -> str:
    """Say what an interrupted run leaves behind."""
    if not num_stored:
        return "Nothing new is stored yet; run it again to begin anew."
    return f"{plural(num_stored, 'picture')} of this run stored; run it again to go on from there."


def _default_place(folders: tuple[Path, ...], shard: str | None) -> Path:
    from lexret.library.folders import find_index, index_for
    from lexret.library.shards import Shard, shard_place

    if folders and shard is not None:
        return shard_place(folders[0], Shard.parse(shard))
    return index_for(folders) if folders else find_index(Path.cwd())
