"""``lexret eval speed``: where the time of encoding goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.candidates import complete_file
from lexret.cli.common import json_option, render_table
from lexret.cli.eval.options import eval_model_option

if TYPE_CHECKING:
    from lexret.eval.cost.runtimes import RuntimeComparison
    from lexret.eval.cost.speed import SpeedResult


@click.command("speed")
@click.argument("source", metavar="SOURCE", shell_complete=complete_file)
@click.option("--pictures", "num_pictures", type=click.IntRange(min=1), default=64,
              show_default=True, help="At most so many pictures.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True,
              help="Pictures that go through the model together.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True,
              help="Rounds in which ONNX Runtime and torch take turns.")  # fmt: skip
@eval_model_option
@json_option
def command(
    source: str,
    num_pictures: int,
    batch_size: int,
    rounds: int,
    model_source: str,
    as_json: bool,
) -> None:
    """Time encoding from file to vector, and every stage of it; and texts.

    First ONNX Runtime, in which `lexret index` encodes, against torch, the reference, in turns
    over the same pictures. Then torch alone by stages: read, decode, transform, backbone, head.

    SOURCE is a folder of pictures, or a captions file, whose captions are timed as well. Each stage
    is timed alone, the fastest of three rounds; the pipeline reads ahead in threads as `lexret
    index` does, in float32 and in bfloat16 (`lexret index --precision`). The bare backbone is what
    the pipeline of the same precision cannot be faster than.

    \b
    Example:
      lexret eval speed photos
      lexret eval speed photos/captions.jsonl --pictures 128 --json
    """
    from lexret.captions.json_lines import CAPTIONS_FILE, read_captions
    from lexret.encoders import load_model
    from lexret.eval.cost.runtimes import compare_runtimes
    from lexret.eval.cost.speed import measure_speed
    from lexret.pictures.finding import find_images

    path, texts = Path(source), []
    if path.is_file() or (path / CAPTIONS_FILE).is_file():
        items = read_captions(path)[:num_pictures]
        paths = [item.image for item in items]
        texts = [text for item in items for text in item.captions]
    else:
        paths = list(find_images(path))[:num_pictures]
    model = load_model(model_source)
    runtimes = None
    if model.has_exported_images:
        runtimes = compare_runtimes(paths, model, batch_size=2 * batch_size, rounds=rounds)
    result = None
    if runtimes is None or runtimes.torch is not None:
        result = measure_speed(paths, model, texts, batch_size=batch_size)
    if as_json:
        values = {} if result is None else result.as_dict()
        if runtimes is not None:
            values["runtimes"] = runtimes.as_dict()
        click.echo(json.dumps({**values, "model": model.model_id}, indent=2))
        return
    if runtimes is not None:
        click.echo(_runtimes_as_text(runtimes))
    if result is not None:
        click.echo(_as_text(result, model.model_id))


def _runtimes_as_text(runtimes: RuntimeComparison) -> str:
    speeds = [
        speed for speed in (runtimes.onnx, runtimes.int8, runtimes.torch) if speed is not None
    ]
    rows = [
        [speed.runtime, f"{speed.per_second:,.1f}", f"{speed.processor_ms:.1f}"] for speed in speeds
    ]
    table = render_table(["file to vector", "pictures/s", "processor ms"], rows, right=(1, 2))
    values = runtimes.as_dict()
    if runtimes.int8 is not None and runtimes.int8_cosine is not None:
        table += (
            "\n\nint8 divides the processor time of float32 by "
            f"{values['int8']['times_the_processor_time']:.2f}; its vectors' mean cosine with "
            f"float32 is {runtimes.int8_cosine:.4f}"
        )
    if runtimes.torch is None:
        return f"{table}\n\ntorch is not installed: nothing to compare with"
    return (
        f"{table}\n\nONNX Runtime is {values['times_as_fast']:.2f} times as fast as torch, "
        f"with the processor time divided by {values['times_the_processor_time']:.2f}; least "
        f"cosine {runtimes.least_cosine:.6f}; best of {runtimes.rounds} rounds in turns\n"
    )


def _as_text(result: SpeedResult, model_id: str) -> str:
    values = result.as_dict()
    rows = [
        [
            name,
            f"{stage['images_per_s']:,.1f}",
            f"{stage['ms']:.2f}",
            f"{stage['percent_of_time']:.1f}%",
        ]
        for name, stage in values["stages"].items()
    ]
    pipelines = {"file to vector": result.pipeline, "the same, bfloat16": result.half.pipeline}
    rows += [
        [name, f"{speed:,.1f}", f"{1000 / speed:.2f}", ""] for name, speed in pipelines.items()
    ]
    table = render_table(["stage", "pictures/s", "ms each", "of the time"], rows, right=(1, 2, 3))
    half = (
        f"backbone in bfloat16: {result.half.speed:,.1f} pictures/s, vectors' mean cosine with "
        f"float32 {result.half.cosine:.4f}\n"
    )
    texts = "".join(f"\n{name} texts: {speed:,.1f}/s" for name, speed in result.texts.items())
    return (
        f"{table}\n\nfile to vector reaches {result.share_of_backbone:.0f}% of the bare backbone\n"
        f"in bfloat16 it reaches {result.half_share_of_backbone:.0f}% of the backbone in float32\n"
        f"{half}"
        f"{result.num_pictures} pictures, batches of {result.batch_size}, {result.threads} "
        f"threads, model {model_id}{texts}"
    )
