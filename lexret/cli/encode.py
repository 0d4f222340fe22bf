"""``lexret encode``: encode many pictures into Parquet parts, on this machine or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_model
from lexret.cli.common import (
    backbones_option,
    json_option,
    near_path,
    path_text,
    plural,
    print_json,
    printable,
)

if TYPE_CHECKING:
    from lexret.library.encoding.encode import EncodeReport
    from lexret.sparse import VectorPrecision


@click.command("encode")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...",
                type=click.Path(path_type=str))  # fmt: skip
@click.option("-o", "--out", required=True, metavar="OUT", type=click.Path(path_type=Path),
              help="A new folder, or one where the same was begun, to go on.")  # fmt: skip
@click.option("--model", "model_source", metavar="MODEL", shell_complete=complete_model,
              help="A shipped model's name or a model folder; without it, the one of OUT, if that "
              "was begun, else mini.")  # fmt: skip
@backbones_option
@click.option("--workers", type=click.IntRange(min=0), metavar="N",
              help="Processes that encode, each with a model of its own; 0 encodes in this one.  "
              "[default: one for each 4 processors; with --ray, what has room]")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1, max=8), metavar="N",
              help="Threads of each worker.  [default: its share of the processors; with --ray "
              "ADDRESS, 2]")  # fmt: skip
@click.option("--ray", metavar="ADDRESS",
              help="Encode on the Ray cluster at host:port, or by a Ray of this machine's own: "
              "local. Needs lexret[scale].")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "bfloat16", "int8"]),
              help="What the model computes in.  [default: float32]")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda", "coreml", "directml", "openvino"]),
              default="cpu", show_default=True,
              help="What ONNX Runtime encodes on, where it can.")  # fmt: skip
@click.option("--exclude", "exclude", multiple=True, metavar="PATTERN",
              help="Do not look at files and folders of that name (repeatable), as `lexret index` "
              "has it.")  # fmt: skip
@click.option("--max-pixels", type=click.IntRange(min=1), metavar="N",
              help="Refuse larger pictures.  [default: 250,000,000]")  # fmt: skip
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[str, ...],
    out: Path,
    model_source: str | None,
    workers: int | None,
    threads: int | None,
    ray: str | None,
    precision: VectorPrecision | None,
    device: str,
    exclude: tuple[str, ...],
    max_pixels: int | None,
    as_json: bool,
) -> None:
    """Encode many pictures into a folder of Parquet parts, of which an index is made later.

    A SOURCE is a folder of pictures, a tar shard of webdataset (or a pattern of them, such as
    'shards/{00000..00099}.tar'), or a Parquet file whose rows hold pictures; all of one kind.
    OUT/vectors holds a row a picture: its id, its words and weights, and what `lexret index` would
    record of it. `lexret index --vectors OUT` makes an index of it, without the pictures.

    A run that was ended, however that was, goes on where it stopped when it is given again;
    nothing is lost, and nothing is there twice. Pictures that cannot be read are listed in
    OUT/refused.jsonl with their reasons. The exit status is 1 if there is no picture in OUT in the
    end.

    \b
    Example:
      lexret encode ./images -o ./encoded --workers 2
      lexret encode 'shards/{00000..00099}.tar' -o ./encoded --ray 10.0.0.5:6379
      lexret index ./images --vectors ./encoded
    """
    from lexret.cli.progress import progress_bar, quiet_pillow
    from lexret.library.encoding.encode import encode_pictures
    from lexret.library.updating.indexing import DEFAULT_PATTERNS
    from lexret.library.updating.update_run import UpdateInterrupted
    from lexret.pictures.exclusion import parse_exclusion

    try:
        with progress_bar() as progress, quiet_pillow():
            report = encode_pictures(
                sources,
                out,
                model=model_source,
                workers=workers,
                threads=threads,
                ray=ray,
                precision=precision,
                device=device,
                max_pixels=max_pixels,
                exclusions=(*DEFAULT_PATTERNS, *map(parse_exclusion, exclude)),
                progress=progress,
            )
    except UpdateInterrupted as interrupted:
        click.echo(
            f"{plural(interrupted.num_stored, 'picture')} of this run stored; run it again to go "
            "on from there.",
            err=True,
        )
        raise
    if as_json:
        print_json(_as_json(report, out))
    else:
        click.echo(_as_text(report, out))
    ctx.exit(0 if report.num_pictures else 1)


def _as_json(report: EncodeReport, out: Path) -> dict[str, object]:
    from lexret.cli.index_report import skipped_as_json

    return {
        "out": path_text(near_path(out.resolve())),
        "model": report.model_id,
        "runtimes": list(report.runtimes),
        "pictures": report.num_pictures,
        "encoded": report.num_encoded,
        "parts": report.num_parts,
        "new": report.num_new,
        "gone": report.num_gone,
        "skipped": skipped_as_json(report.refused),
        "seconds": round(report.seconds, 3),
    }


def _as_text(report: EncodeReport, out: Path) -> str:
    from lexret.cli.index_report import skipped_lines

    where = printable(near_path(out.resolve()))
    speed = f", {report.num_encoded / report.seconds:.1f} a second" if report.num_encoded else ""
    lines = [
        f"{plural(report.num_pictures, 'picture')} in {plural(report.num_parts, 'part')} of "
        f"{where} ({report.model_id})",
        f"{plural(report.num_encoded, 'picture')} encoded in {report.seconds:.1f} s{speed}",
    ]
    if report.num_new or report.num_gone:
        lines.append(
            f"The sources have changed since this was begun: {plural(report.num_new, 'picture')} "
            f"more, {report.num_gone:,} gone. To encode those that are new, name another OUT."
        )
    return "\n".join([*lines, *skipped_lines(report.refused, report.reasons())])
