"""Pictures to encode, and a tiny exported model that encodes them in any process."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

OLD_NS = 1_600_000_000_000_000_000


@pytest.fixture(scope="session")
def portable_model(
    tiny_model_folder: Path, static_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny model with a static text encoder, exported for ONNX Runtime."""
    from lexret.encoders.export import export_backbone
    from lexret.encoders.folder.record import read_record

    folder = tmp_path_factory.mktemp("model") / "portable"
    shutil.copytree(static_model_folder, folder)
    export_backbone(read_record(folder))
    return folder


def paint(folder: Path, num_pictures: int, *, size: tuple[int, int] = (60, 44)) -> list[Path]:
    """Save different pictures, some in a folder below, with EXIF data and an old time of change."""
    rng = np.random.default_rng(num_pictures)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leica"
    exif[ExifTags.Base.DateTime] = "2021:05:04 10:11:12"
    paths = []
    for number in range(num_pictures):
        path = folder / ("more" if number % 5 == 4 else "") / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        base = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(base).resize(size, Image.Resampling.BICUBIC).save(path, exif=exif)
        os.utime(path, ns=(OLD_NS + number,) * 2)
        paths.append(path)
    return paths


def spoil(folder: Path) -> None:
    """Put files into a folder that are no pictures."""
    for name, content in (("0003b.jpg", b"no picture"), ("0007b.png", b"")):
        (folder / name).write_bytes(content)
        os.utime(folder / name, ns=(OLD_NS, OLD_NS))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 70 pictures, one of them in two places, and two files that are none."""
    folder = tmp_path / "photos"
    paths = paint(folder, 70)
    shutil.copy2(paths[0], folder / "0001 copy.jpg")
    spoil(folder)
    return folder


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    """Write a tar file of members, in their order, with an old time of change."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), OLD_NS // 10**9
            archive.addfile(member, io.BytesIO(content))
    return path


def parts_of(out: Path) -> dict[str, bytes]:
    """The files of an encoding's parts, byte by byte; nothing else may lie beside them."""
    return {path.name: path.read_bytes() for path in sorted((out / "vectors").iterdir())}
