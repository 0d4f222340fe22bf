"""Figure of pictures with their true and their predicted maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import StorageError
from lexret.eval.patches.masks import Mask, MaskedImages, spoken
from lexret.eval.patches.patchdis_model import PatchMaps
from lexret.files.folders import make_folder
from lexret.files.whole import whole_file

_COLUMNS: Final = 2
_NAMED: Final = 6
_UNNAMED_COLOUR: Final = (0.93, 0.93, 0.93)
_GOLDEN: Final = 0.61803398875


def draw_maps(
    path: Path, pictures: MaskedImages, maps: PatchMaps, *, num_pictures: int = 10
) -> None:
    """Draw evenly chosen pictures, each with its true and its predicted map.

    Raises:
        StorageError: if the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    num_pictures = min(num_pictures, len(pictures.items))
    chosen = np.linspace(0, len(pictures.items) - 1, num_pictures).round().astype(int)
    num_rows = -(-num_pictures // _COLUMNS)
    figure = Figure(figsize=(16, 3.3 * num_rows), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(num_rows, 3 * _COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, i in enumerate(chosen):
        row, column = divmod(place, _COLUMNS)
        _draw_picture(axes[row, 3 * column : 3 * column + 3], pictures, maps, int(i))
    try:
        make_folder(path.parent)
        with whole_file(path) as fresh:
            figure.savefig(fresh, format=path.suffix[1:] or "png")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def _draw_picture(axes: Any, pictures: MaskedImages, maps: PatchMaps, i: int) -> None:
    mask = pictures.mask(i)
    said = maps.predicted[i].reshape(maps.grid.num_rows, maps.grid.num_cols)
    # As it is counted: where the truth has no name, nothing is counted.
    height, width = mask.shape
    rows = ((np.arange(height) + 0.5) * maps.grid.num_rows / height).astype(int)
    cols = ((np.arange(width) + 0.5) * maps.grid.num_cols / width).astype(int)
    shown = said[rows][:, cols].astype(np.int32)
    axes[0].imshow(pictures.image(i).resize((width, height)))
    axes[0].set_title(pictures.items[i].name, fontsize=8)
    for axis, places, title in ((axes[1], mask, "truth"), (axes[2], shown, "patches say")):
        axis.imshow(_coloured(places, len(pictures.names)))
        axis.set_title(title, fontsize=8)
        _label(axis, places, pictures.names)


def _coloured(places: Mask, num_classes: int) -> npt.NDArray[np.float64]:
    from matplotlib.colors import hsv_to_rgb

    number = np.arange(num_classes)
    hues = (number * _GOLDEN) % 1.0
    hsv = np.stack([hues, 0.45 + 0.4 * (number % 2), 0.95 - 0.25 * (number % 3 == 0)], axis=1)
    palette = np.vstack([hsv_to_rgb(hsv), _UNNAMED_COLOUR])
    coloured: npt.NDArray[np.float64] = palette[places]
    return coloured


def _label(axis: Any, places: Mask, names: tuple[str, ...]) -> None:
    """Write the largest classes' names where they lie."""
    classes, counts = np.unique(places[places >= 0], return_counts=True)
    for k in classes[np.argsort(-counts)][:_NAMED]:
        rows, cols = np.nonzero(places == k)
        # The pixel nearest to the middle lies within the class, also where the middle does not.
        nearest = np.argmin((rows - rows.mean()) ** 2 + (cols - cols.mean()) ** 2)
        axis.text(
            cols[nearest], rows[nearest], spoken(names[k]), fontsize=6, ha="center", va="center",
            bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.8, "linewidth": 0},
        )  # fmt: skip
