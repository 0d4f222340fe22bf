"""What is written of a picture: when, where and with what it was taken, and its keywords."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from PIL import ExifTags, Image

# 2024:06:15 14:30:05 and what programs make of it: ISO 8601, without seconds, with a fraction or a
# time zone, or only the beginning of it.
_DATE: Final = re.compile(
    r"(\d{4})(?:[-:/.](\d\d?)(?:[-:/.](\d\d?)"
    r"(?:(?:\s+|T)(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d*)?)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
FROM_EXIF: Final = "exif"
FROM_EXIF_CHANGED: Final = "exif_changed"
_BASE, _GPS = ExifTags.Base, ExifTags.GPS


@dataclass(frozen=True, slots=True)
class CameraTags:
    """What is written of a picture; ``None`` is what is not.

    Attributes:
        taken_s: when, by the camera's own clock: seconds since 1970-01-01 00:00 of that clock.
        date_from: what tells that: ``exif`` (when it was taken or digitised), ``xmp``, ``iptc``,
            or ``exif_changed`` where EXIF data tell of the last change alone.
        camera: maker and model.
        lens: model of the lens.
        iso: sensitivity.
        exposure_s: exposure time, in seconds.
        f_number: aperture.
        focal_mm: focal length, in millimetres.
        latitude: in degrees, north is positive.
        longitude: in degrees, east is positive.
        keywords: of people, one a line.
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
    date_from: str | None = None
    keywords: str | None = None

    @property
    def is_of_camera(self) -> bool:
        """Whether any of it comes from EXIF data."""
        if self.taken_s is not None and self.date_from in (FROM_EXIF, FROM_EXIF_CHANGED):
            return True
        values = (self.camera, self.lens, self.iso, self.exposure_s, self.f_number,
                  self.focal_mm, self.latitude, self.longitude)  # fmt: skip
        return any(value is not None for value in values)


NO_TAGS: Final = CameraTags()


def read_camera_tags(image: Image.Image) -> CameraTags:
    """Read a picture's EXIF data; what is missing or damaged is ``None``.

    Of the dates that there are, the first counts: taken, digitised, changed. A time zone is left
    aside: what the clock showed counts.
    """
    try:
        base = image.getexif()
        detail, place = base.get_ifd(ExifTags.IFD.Exif), base.get_ifd(ExifTags.IFD.GPSInfo)
    except MemoryError:
        raise
    except Exception:  # whatever broken data drive the reader to; the picture itself is whole
        return NO_TAGS
    made = (detail.get(_BASE.DateTimeOriginal), detail.get(_BASE.DateTimeDigitized))
    taken_s = next((date for date in map(_date, made) if date is not None), None)
    date_from = None if taken_s is None else FROM_EXIF
    if taken_s is None and (taken_s := _date(base.get(_BASE.DateTime))) is not None:
        date_from = FROM_EXIF_CHANGED
    iso = _number(detail.get(_BASE.ISOSpeedRatings))
    return CameraTags(
        taken_s=taken_s,
        camera=_camera(_text(base.get(_BASE.Make)), _text(base.get(_BASE.Model))),
        lens=_text(detail.get(_BASE.LensModel)),
        iso=None if iso is None else round(iso),
        exposure_s=_number(detail.get(_BASE.ExposureTime)),
        f_number=_number(detail.get(_BASE.FNumber)),
        focal_mm=_number(detail.get(_BASE.FocalLength)),
        latitude=_degrees(place, _GPS.GPSLatitude, _GPS.GPSLatitudeRef, 90, "S"),
        longitude=_degrees(place, _GPS.GPSLongitude, _GPS.GPSLongitudeRef, 180, "W"),
        date_from=date_from,
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
    return None if text is None else clock_seconds(text)


def clock_seconds(text: str) -> int | None:
    """Read a date as cameras and programs write it; a time zone and a fraction are left aside.

    Returns:
        seconds since 1970-01-01 00:00 of the clock that is meant; of a day, month or year, its
        beginning; ``None`` where it is no date.
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    numbers = [int(part) for part in found.groups() if part is not None]
    try:
        moment = datetime(*[*numbers, *(1, 1, 1)[len(numbers) :]], tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None
    return int(moment.timestamp())


def _degrees(
    place: Mapping[int, Any], tag: int, side_tag: int, most: int, negative: str
) -> float | None:
    value = place.get(tag)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return None
    return degrees_of(
        [_number(part) for part in value], most, _text(place.get(side_tag)) == negative
    )


def degrees_of(parts: Sequence[float | None], most: int, is_negative: bool) -> float | None:
    """Return an angle of degrees, minutes and seconds, of which the last may have a fraction.

    Returns:
        degrees; ``None`` where a part is missing, or the angle is beyond ``most``.
    """
    given = [part for part in parts if part is not None]
    if not 1 <= len(parts) <= 3 or len(given) != len(parts):
        return None
    degrees: float = sum(part / 60**power for power, part in enumerate(given))
    if not 0 <= degrees <= most:
        return None
    return -degrees if is_negative else degrees
