"""Turns decoded pictures of every mode into RGB of 8 bits a channel, and makes them smaller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_TRANSPARENT_MODES: Final = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_WHITE: Final = (255, 255, 255, 255)
# Larger pictures are converted in strips of about so many pixels: a copy of the whole would double
# what decoding takes.
_STRIP_PIXELS: Final = 1 << 18
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
# How a PNG file's transparent colour, told in the file's own depth, becomes one of 8 bits.
_PNG_DEPTHS: Final = {"L;2": 85, "L;4": 17}


@dataclass(frozen=True)
class Tones:
    """What the numbers of a picture mean, which only its header or all of its pixels tell.

    Attributes:
        top: the number that is white, of grey that is wider than 8 bits.
        inverted: whether 0 is white there and ``top`` black.
        transparent: the colour that is transparent, in the numbers of the decoded picture.
    """

    top: float = 255.0
    inverted: bool = False
    transparent: Any = None


def is_wide(image: Image.Image) -> bool:
    """Whether a picture is grey of more than 8 bits, whose numbers Pillow would cut off at 255."""
    return image.mode.startswith("I") or image.mode == "F"


def transparent_colour(image: Image.Image) -> Any:
    """Return the colour of a picture that is transparent as its decoded numbers will have it.

    To be asked before the picture is decoded. PNG files tell it in their own depth.
    """
    colour = image.info.get("transparency")
    if image.format != "PNG" or not image.tile:  # type: ignore[attr-defined]
        return colour
    raw_mode = image.tile[0][3]  # type: ignore[attr-defined]
    if image.mode == "L" and isinstance(colour, int):
        return colour * _PNG_DEPTHS.get(raw_mode, 1)
    if raw_mode == "RGB;16B" and isinstance(colour, tuple):
        return tuple(part >> 8 for part in colour)
    return colour


def tones_of(image: Image.Image, transparent: Any = None) -> Tones:
    """Find out what the numbers of a decoded picture mean.

    Grey of 16 bits goes up to 65535, of 12 bits to 4095. Of the wider types, whose range no header
    tells, numbers up to 1 (floating point), 255 and 65535 are taken to fill these ranges, others
    their own. TIFF files may have white as 0; Pillow minds that up to 8 bits only.
    """
    if not is_wide(image):
        return Tones(transparent=transparent)
    tags: Any = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    inverted = tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    return Tones(_top(image, tags), inverted, transparent)


def _top(image: Image.Image, tags: Any) -> float:
    if image.mode.startswith("I;16"):
        bits = tags.get(_TIFF_BITS, (16,))[0]
        return float((1 << bits) - 1)
    if image.mode == "I" and image.format in ("PNG", "PPM"):
        return 65535.0
    highest = max((_highest(strip) for _, strip in _strips(image, 1)), default=0.0)
    if image.mode == "F" and highest <= 1:
        return 1.0
    return next((limit for limit in (255.0, 65535.0) if highest <= limit), highest)


def _highest(strip: Image.Image) -> float:
    import numpy as np  # only wide grey needs it, and it takes longer to import than Pillow

    values = np.asarray(strip)
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


def small_rgb(image: Image.Image, factor: int, tones: Tones) -> Image.Image:
    """Return a decoded picture as RGB, each side divided by a whole number, rounded up.

    The result carries nothing else: no EXIF data, no profile.
    """
    if factor == 1 and image.width * image.height <= _STRIP_PIXELS:
        return _bare(_to_rgb(image, tones))
    result = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top, strip in _strips(image, factor):
        rgb = _to_rgb(strip, tones)
        result.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    return result


def _strips(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """Yield strips of whole blocks of ``factor`` rows, and where each begins."""
    rows = max(1, _STRIP_PIXELS // (image.width * factor)) * factor
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def _bare(image: Image.Image) -> Image.Image:
    image.info = {}
    return image


def _to_rgb(image: Image.Image, tones: Tones) -> Image.Image:
    if is_wide(image):
        return _wide_to_rgb(image, tones)
    if image.mode in _TRANSPARENT_MODES or tones.transparent is not None:
        if tones.transparent is not None:
            image.info["transparency"] = tones.transparent
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, _WHITE)
        return Image.alpha_composite(white, rgba).convert("RGB")
    image.info.pop("transparency", None)
    return image.convert("RGB")


def _wide_to_rgb(image: Image.Image, tones: Tones) -> Image.Image:
    """Bring grey of more than 8 bits to 8; what is no number is black, what is transparent white.

    16 bits are divided by 257.
    """
    import numpy as np

    numbers = np.asarray(image)
    values: npt.NDArray[np.float64] = np.nan_to_num(
        numbers.astype(np.float64), nan=0.0, posinf=tones.top, neginf=0.0
    )
    if tones.inverted:
        values = tones.top - values
    grey = np.clip(values * (255 / tones.top) + 0.5, 0, 255).astype(np.uint8)
    if isinstance(tones.transparent, int):
        grey[numbers == tones.transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def shows_something(image: Image.Image, *, least_contrast: int = 8) -> bool:
    """Whether a picture is more than one plain colour, compression's noise aside."""
    extremes: Any = image.getextrema()  # of an RGB picture: the lowest and highest of each channel
    return any(high - low > least_contrast for low, high in extremes)
