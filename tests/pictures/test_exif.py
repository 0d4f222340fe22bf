"""What the camera wrote into a picture."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from lexret.pictures.decoding import read_picture, read_tags
from lexret.pictures.exif import CameraTags, read_camera_tags

BASE, GPS = ExifTags.Base, ExifTags.GPS


def picture(exif: Image.Exif | None, form: str = "JPEG") -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (32, 24)).save(file, form, **({} if exif is None else {"exif": exif}))
    file.seek(0)
    return file


def full_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[BASE.Make], exif[BASE.Model] = "LEICA", "Leica Q2 "
    exif[BASE.DateTime] = "2024:08:01 00:00:00"
    detail, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    detail |= {
        BASE.DateTimeOriginal: "2024:06:15 14:30:05",
        BASE.ISOSpeedRatings: 200,
        BASE.ExposureTime: IFDRational(1, 125),
        BASE.FNumber: IFDRational(28, 10),
        BASE.FocalLength: IFDRational(28),
        BASE.LensModel: "Summilux",
    }
    place |= {
        GPS.GPSLatitude: (47.0, 30.0, 36.0),
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLongitude: (8.0, 15.0, 0.0),
        GPS.GPSLongitudeRef: "W",
    }
    exif._ifds |= {ExifTags.IFD.Exif: detail, ExifTags.IFD.GPSInfo: place}
    return exif


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_tags_are_read_with_the_picture_and_alone(form: str) -> None:
    expected = CameraTags(
        taken_s=int(datetime(2024, 6, 15, 14, 30, 5, tzinfo=UTC).timestamp()),
        camera="Leica Q2",
        lens="Summilux",
        iso=200,
        exposure_s=1 / 125,
        f_number=2.8,
        focal_mm=28.0,
        latitude=47.51,
        longitude=-8.25,
        date_from="exif",
    )
    assert read_tags(picture(full_exif(), form), "it") == expected
    assert read_picture(picture(full_exif(), form), "it", min_side=8).tags == expected


def test_a_picture_without_tags_has_none() -> None:
    assert read_tags(picture(None), "it") == CameraTags()
    assert read_tags(picture(None, "BMP"), "it") == CameraTags()


class Odd:
    """Stands for a picture whose EXIF data say odd things."""

    def __init__(self, base: dict[int, object], detail: dict[int, object], place: object) -> None:
        self.base, self.detail, self.place = base, detail, place

    def getexif(self) -> Odd:
        return self

    def get(self, tag: int) -> object:
        return self.base.get(tag)

    def get_ifd(self, tag: int) -> object:
        if self.place is OSError:
            raise OSError("broken")
        return self.detail if tag == ExifTags.IFD.Exif else self.place


def test_odd_values_are_left_out_and_the_next_best_date_is_taken() -> None:
    odd = Odd(
        {BASE.Make: b"Canon\0\xff", BASE.Model: "EOS\0junk", BASE.DateTime: "2024-01-02 00:00:00"},
        {
            BASE.DateTimeOriginal: "0000:00:00 00:00:00",
            BASE.DateTimeDigitized: 7,
            BASE.ISOSpeedRatings: (100, 200),
            BASE.ExposureTime: IFDRational(1, 0),
            BASE.FNumber: "f/2",
            BASE.FocalLength: (),
            BASE.LensModel: "  \0",
        },
        {GPS.GPSLatitude: (95.0, 0.0, 0.0), GPS.GPSLongitude: (1.0, float("nan"), 0.0)},
    )
    assert read_camera_tags(odd) == CameraTags(  # type: ignore[arg-type]
        taken_s=int(datetime(2024, 1, 2, tzinfo=UTC).timestamp()),
        camera="Canon EOS",
        iso=100,
        date_from="exif_changed",
    )
    assert read_camera_tags(Odd({}, {}, OSError)) == CameraTags()  # type: ignore[arg-type]
