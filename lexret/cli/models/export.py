"""``lexret models export``: let a model's pictures be encoded without torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from lexret.cli.candidates import complete_model
from lexret.cli.common import json_option, near_path, plural, print_json, printable


@click.command("export")
@click.argument("source", metavar="MODEL", shell_complete=complete_model)
@click.option("--pictures", "folder", metavar="DIR",
              type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Compare with torch over the pictures in DIR.  [default: over eight that are "
              "made for it]")  # fmt: skip
@click.option("--most", type=click.IntRange(min=1), default=64, show_default=True,
              help="At most so many of them.")  # fmt: skip
@click.option("--int8", "to_int8", is_flag=True,
              help="Also write image-int8.onnx, rounded to 8 bits and calibrated on the pictures "
              "of --pictures, for `lexret index --precision int8`. An image.onnx that is there "
              "stays.")  # fmt: skip
@json_option
def command(source: str, folder: Path | None, most: int, to_int8: bool, as_json: bool) -> None:
    """Write a model's image backbone for ONNX Runtime into its folder, and compare it with torch.

    MODEL is a shipped name or a folder. It gains image.onnx, the frozen backbone with its weights,
    and image.json, which says what it is; pictures are encoded without torch from then on. The
    adapter and the words stay in model.safetensors. Nothing is written unless every picture has the
    same words in both, and a cosine of at least 0.9999. Needs the packages of lexret[train].

    \b
    Example:
      lexret models export ./my-model
      lexret models export ./my-model --pictures photos
      lexret models export ./my-model --int8 --pictures photos --most 200
    """
    from lexret.encoders.export import export_backbone
    from lexret.encoders.folder.exported import IMAGE_FILE, INT8_FILE, find_exported
    from lexret.encoders.folder.record import find_model, read_record
    from lexret.errors import InputError
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image
    from lexret.pictures.finding import find_images

    if to_int8 and folder is None:
        raise click.UsageError("--int8 is calibrated on pictures: name a folder by --pictures.")
    record = read_record(find_model(source))
    paths = [] if folder is None else list(find_images(folder))[:most]
    if folder is not None and not paths:
        raise InputError(f"There is no picture in {folder} to compare with.")
    pictures = [open_image(path, min_side=ENCODING_MIN_SIDE) for path in paths]
    file = record.folder / IMAGE_FILE
    if not to_int8 or find_exported(record) is None:
        agreement = export_backbone(record, pictures)
        told = (
            f"{plural(agreement.num_pictures, 'picture')}: least cosine with torch "
            f"{agreement.least_cosine:.8f}, the same words"
        )
        _tell(file, asdict(agreement), told, as_json=as_json)
    if to_int8:
        from lexret.encoders.quantization import quantize_backbone

        quantization = quantize_backbone(record, pictures)
        told = (
            f"{plural(quantization.num_pictures, 'picture')}: mean cosine with float32 "
            f"{quantization.mean_cosine:.4f}, least {quantization.least_cosine:.4f}"
        )
        _tell(record.folder / INT8_FILE, asdict(quantization), told, as_json=as_json)


def _tell(file: Path, values: dict[str, float], told: str, *, as_json: bool) -> None:
    name = near_path(file.resolve())
    if as_json:
        print_json({"file": name, **values})
    else:
        click.echo(f"{printable(name)}: {file.stat().st_size / 1e6:.1f} MB\n{told}")
