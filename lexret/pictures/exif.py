"""What the camera wrote into a picture: when, where and with what it was taken (EXIF)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from PIL import ExifTags, Image

_DATES: Final = ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S")
_BASE, _GPS = ExifTags.Base, ExifTags.GPS


@dataclass(frozen=True, slots=True)
class CameraTags:
    """What EXIF data tell; ``None`` is what they do not.

    Attributes:
        taken_s: when, by the camera's own clock: seconds since 1970-01-01 00:00 of that clock.
        camera: maker and model.
        lens: model of the lens.
        iso: sensitivity.
        exposure_s: exposure time, in seconds.
        f_number: aperture.
        focal_mm: focal length, in millimetres.
        latitude: in degrees, north is positive.
        longitude: in degrees, east is positive.
    """

    taken_s: int | None = None
    camera: str | None = None
    lens: str | None = None
    iso: int | None = None
    exposure_s: float | None = None
    f_number: float | None = None
    focal_mm: float | None = None
    latitude: float | None = None
    longitude: float | None = None


NO_TAGS: Final = CameraTags()


def read_camera_tags(image: Image.Image) -> CameraTags:
    """Read a picture's EXIF data; what is missing or damaged is ``None``.

    Of the dates that there are, the first counts: taken, digitised, changed.
    """
    try:
        base = image.getexif()
        detail, place = base.get_ifd(ExifTags.IFD.Exif), base.get_ifd(ExifTags.IFD.GPSInfo)
    except MemoryError:
        raise
    except Exception:  # whatever broken data drive the reader to; the picture itself is whole
        return NO_TAGS
    dates = (detail.get(_BASE.DateTimeOriginal), detail.get(_BASE.DateTimeDigitized),
             base.get(_BASE.DateTime))  # fmt: skip
    iso = _number(detail.get(_BASE.ISOSpeedRatings))
    return CameraTags(
        taken_s=next((one for one in map(_date, dates) if one is not None), None),
        camera=_camera(_text(base.get(_BASE.Make)), _text(base.get(_BASE.Model))),
        lens=_text(detail.get(_BASE.LensModel)),
        iso=None if iso is None else round(iso),
        exposure_s=_number(detail.get(_BASE.ExposureTime)),
        f_number=_number(detail.get(_BASE.FNumber)),
        focal_mm=_number(detail.get(_BASE.FocalLength)),
        latitude=_degrees(place, _GPS.GPSLatitude, _GPS.GPSLatitudeRef, 90, "S"),
        longitude=_degrees(place, _GPS.GPSLongitude, _GPS.GPSLongitudeRef, 180, "W"),
    )


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    text = value.partition("\0")[0].encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split()) or None


def _camera(maker: str | None, model: str | None) -> str | None:
    """Join maker and model, which often begins with the maker's name already."""
    if maker is None or model is None or model.lower().startswith(maker.lower()):
        return model or maker
    return f"{maker} {model}"


def _number(value: Any) -> float | None:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        value = value[0]
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and abs(number) < 2**53 else None


def _date(value: Any) -> int | None:
    text = _text(value)
    for form in _DATES if text else ():
        try:
            return int(datetime.strptime(str(text), form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None


def _degrees(
    place: Mapping[int, Any], tag: int, side_tag: int, most: int, negative: str
) -> float | None:
    value = place.get(tag)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != 3:
        return None
    parts = [_number(one) for one in value]
    if any(one is None for one in parts):
        return None
    degrees: float = sum((one or 0.0) / 60**power for power, one in enumerate(parts))
    if not 0 <= degrees <= most:
        return None
    return -degrees if _text(place.get(side_tag)) == negative else degrees
