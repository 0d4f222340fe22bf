"""Report of an explanation: clouds, an overlay, figures, a page and JSON in one folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Final

from PIL import Image

from lexret.errors import CorruptError, InputError, StorageError
from lexret.explain.drawing.clouds import add_caption, draw_cloud
from lexret.explain.drawing.figures import describe, draw_marks, query_figure, summary_figure
from lexret.explain.drawing.html import picture_html
from lexret.explain.drawing.overlay import fit_for_display
from lexret.explain.drawing.palette import LIGHT, Theme, region_colour
from lexret.explain.drawing.svg import SvgCanvas, cloud_svg, link_in_report
from lexret.explain.explanation import PictureExplanation
from lexret.explain.explanation_json import from_json, to_json
from lexret.files.folders import make_folder
from lexret.files.whole import replace_file
from lexret.sparse import WordWeight

_NUMBERS: Final = "explanation.json"
_NAMES: Final = (
    *("summary.png", "words.png", "overlay.png", "query.png"),
    *("summary.svg", "words.svg", "query.svg", "report.html"),
)


def write_report(
    photo: Image.Image, explanation: PictureExplanation, folder: Path, *, theme: Theme = LIGHT
) -> list[Path]:
    """Write all files of an explanation.

    They are ``summary.png`` (one figure of all), ``words.png`` (cloud of the whole picture),
    ``overlay.png`` (the photo with numbered regions), ``<name>.png`` for each region that has words
    (such as ``patch-<row>-<col>`` or ``box``), ``query.png`` if there is a text, and
    ``explanation.json``. ``summary.svg``, ``words.svg`` and ``query.svg`` are the same figures with
    real text; their words are links into ``report.html``, a self-contained page. The JSON holds all
    words; a cloud leaves out the weakest if there is no room. Files of the same names are replaced,
    those of an earlier explanation removed, and others left alone.

    Args:
        photo: the picture that was explained, RGB, upright; it may be a smaller copy.
        folder: created if it does not exist.

    Returns:
        the paths written, in that order.

    Raises:
        InputError: if the photo has another shape than the one explained, or there is a file of
            the folder's name.
        StorageError: if a file cannot be written.
    """
    _check_shape(photo, explanation)
    _make_folder(folder)
    files = _draw_all(photo, explanation, theme)
    for name in _files_of_earlier(folder) - files.keys():
        _remove(folder / name)
    # First what tells that the folder is a report's, so that a run that is cut off can be repeated.
    for name in sorted(files, key=lambda name: name != _NUMBERS):
        _write(folder / name, files[name])
    return [folder / name for name in files]


def _files_of_earlier(folder: Path) -> set[str]:
    """Return the names of the files of the explanation in a folder; none if it is damaged."""
    try:
        earlier = from_json((folder / _NUMBERS).read_text(encoding="utf-8"))
    except (OSError, ValueError, CorruptError):
        return set()
    names = {f"{region.name}.png" for region in earlier.regions if region.words}
    names |= {"query.png", "query.svg"} if earlier.hit is not None else set()
    return {name for name in names if Path(name).name == name}


def _draw_all(
    photo: Image.Image, explanation: PictureExplanation, theme: Theme
) -> dict[str, bytes]:
    words = [WordWeight(word.word, word.weight) for word in explanation.words]
    whole = draw_cloud(words, theme=theme, all_words=False, unheld=explanation.unheld(words))
    files = {
        "summary.png": summary_figure(photo, explanation, theme=theme),
        "words.png": _png(whole.image),
        "overlay.png": _png(draw_marks(fit_for_display(photo), explanation)),
    }
    for region in explanation.regions:
        if region.words:
            cloud = draw_cloud(
                region.words,
                width=800,
                height=500,
                theme=theme,
                all_words=False,
                unheld=explanation.unheld(region.words),
            )
            captioned = add_caption(
                cloud.image,
                describe(region),
                badge=str(region.number),
                badge_colour=region_colour(region.number),
                theme=theme,
            )
            files[f"{region.name}.png"] = _png(captioned)
    if explanation.hit is not None:
        files["query.png"] = query_figure(photo, explanation, explanation.hit, theme=theme)
    files[_NUMBERS] = to_json(explanation).encode()
    files["summary.svg"] = summary_figure(photo, explanation, theme=theme, page=SvgCanvas)
    files["words.svg"] = cloud_svg(whole, link=link_in_report).encode()
    if explanation.hit is not None:
        figure = query_figure(photo, explanation, explanation.hit, theme=theme, page=SvgCanvas)
        files["query.svg"] = figure
    files["report.html"] = picture_html(photo, explanation).encode()
    return files


def _check_shape(photo: Image.Image, explanation: PictureExplanation) -> None:
    scale = max(photo.width / explanation.width, photo.height / explanation.height)
    wanted = (explanation.width * scale, explanation.height * scale)
    # A reduced copy is rounded up to whole pixels.
    if abs(photo.width - wanted[0]) > 1 or abs(photo.height - wanted[1]) > 1:
        raise InputError(
            f"The photo has {photo.width} x {photo.height} pixels, the explanation is of one of "
            f"{explanation.width} x {explanation.height}; give the photo that was explained."
        )


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def check_no_other_files(folder: Path) -> None:
    """Raise InputError if a report would replace files that are of no report.

    A folder that holds ``explanation.json`` is one of a report.
    """
    if not (folder / _NUMBERS).exists():
        there = [name for name in _NAMES if os.path.lexists(folder / name)]
        if there:
            raise InputError(
                f"{folder / there[0]} is there already, and not from an explanation. Choose "
                "another folder, or let it be replaced: --force."
            )


def check_folder(folder: Path) -> None:
    """Raise InputError or StorageError if a folder certainly cannot be made or written to."""
    found = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not found.is_dir():
        raise _taken(folder)
    if not os.access(found, os.W_OK | os.X_OK):
        raise StorageError(f"{found} may not be written to. Choose another folder.")


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise _taken(folder) from error
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error}.") from error


def _taken(folder: Path) -> InputError:
    return InputError(f"{folder} cannot be a folder: a file has that name.")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{path}, of the explanation before, cannot be removed: {error}. Choose another folder."
        ) from error


def _write(path: Path, content: bytes) -> Path:
    try:
        replace_file(path, content)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error}. Free some space or choose another folder."
        ) from error
    return path
