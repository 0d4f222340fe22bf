"""Sparsity figure: recall, cost and word use in four panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from lexret.errors import StorageError
from lexret.eval.cost.published import PUBLISHED
from lexret.eval.cost.sparsity import BudgetPoint, SparsityResult
from lexret.files.folders import make_folder
from lexret.files.whole import whole_file

_COLOURS: Final = {"R@1": "#b2182b", "R@5": "#ef8a62", "R@10": "#2166ac"}
_NUM_SHOWN: Final = 20
_DIRECTIONS: Final = {"text_to_image": "text to picture", "image_to_text": "picture to text"}
_GREY: Final = "#888888"
_MARKERS: Final = {"COCO": "s", "Flickr30k": "^"}
_WORD_TICKS: Final = (8, 16, 32, 64, 128, 296, 512, 1100)


def draw_sparsity(path: Path, result: SparsityResult, *, title: str) -> None:
    """Draw a result.

    Raises:
        StorageError: if the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 10), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    draw_panels(figure, result, title=title)
    try:
        make_folder(path.parent)
        with whole_file(path) as fresh:
            figure.savefig(fresh, format=path.suffix[1:] or "png")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def draw_panels(figure: Any, result: SparsityResult, *, title: str) -> None:
    """Draw a result on a figure of matplotlib; what is written lies beside curves, not on them."""
    figure.suptitle(title)
    panels = figure.add_gridspec(2, 2)
    use = panels[1, 1].subgridspec(1, 2, width_ratios=(3, 1))
    for column, (direction, name) in enumerate(_DIRECTIONS.items()):
        _draw_recall(figure.add_subplot(panels[0, column]), result, direction, name)
    _draw_cost(figure.add_subplot(panels[1, 0]), result)
    _draw_use(figure.add_subplot(use[0]), figure.add_subplot(use[1]), result)


def _words(point: BudgetPoint) -> float:
    return point.report.result.active_words_image


def _draw_recall(axis: Any, result: SparsityResult, direction: str, title: str) -> None:
    words = [_words(point) for point in result.points]
    for name, colour in _COLOURS.items():
        intervals = [point.report.intervals[direction][name] for point in result.points]
        figures = [point.report.as_dict()[direction][name] for point in result.points]
        axis.plot(words, figures, "o-", color=colour, label=name)
        low = [interval.low for interval in intervals]
        high = [interval.high for interval in intervals]
        axis.fill_between(words, low, high, color=colour, alpha=0.13, linewidth=0)
    _draw_published(axis, direction)
    axis.set_xscale("log")
    axis.set_xticks(_WORD_TICKS, [str(tick) for tick in _WORD_TICKS])
    axis.minorticks_off()
    axis.set(title=title, xlabel="active words a picture", ylabel="percent", ylim=(0, 100))
    axis.grid(alpha=0.3)
    num_pictures = result.points[-1].report.result.num_images
    axis.legend(
        fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.13),
        title=f"here {num_pictures:,} pictures; published: COCO 5,000, Flickr30k 1,000 "
        "(more are harder)", title_fontsize=7,
    )  # fmt: skip


def _draw_published(axis: Any, direction: str) -> None:
    """Draw R@1 of published systems, in grey because their data differ."""
    for data, marker in _MARKERS.items():
        for system, style in (("LexVLA", "--"), ("CLIP ViT-B/16", "")):
            figures = [row for row in PUBLISHED if (row.system, row.data) == (system, data)]
            axis.plot(
                [row.words for row in figures], [getattr(row, direction)[0] for row in figures],
                style + marker, color=_GREY, markersize=5, linewidth=1,
                markerfacecolor="white" if system == "LexVLA" else _GREY,
                label=f"{system} R@1, {data} (published)",
            )  # fmt: skip


def _draw_cost(axis: Any, result: SparsityResult) -> None:
    words = [_words(point) for point in result.points]
    postings = [point.postings for point in result.points]
    (first,) = axis.plot(words, postings, "o-", color="#1b7837", label="postings read a query")
    axis.set_xscale("log")
    axis.set_xticks(_WORD_TICKS[:6], [str(tick) for tick in _WORD_TICKS[:6]])
    axis.minorticks_off()
    axis.set(title="cost of a search", xlabel="active words a picture", ylabel="postings")
    axis.set_ylim(0, 1.25 * max(postings) or 1.0)  # room for the legend
    axis.grid(alpha=0.3)
    times = axis.twinx()
    milliseconds = [point.milliseconds for point in result.points]
    (second,) = times.plot(words, milliseconds, "s--", color="#762a83", label="milliseconds")
    times.set_ylabel("milliseconds (embedded index, one thread)")
    times.set_ylim(0, 1.25 * max(milliseconds))
    axis.legend(handles=[first, second], fontsize=8, loc="upper left")


def _draw_use(axis: Any, beside: Any, result: SparsityResult) -> None:
    by_use = result.use.by_use()
    shares = 100.0 * np.array([share for _, share in by_use])
    used = int((shares > 0).sum())
    axis.plot(np.arange(1, used + 1), shares[:used], color="#333333", linewidth=1.2)
    axis.set_xscale("log")
    axis.set(title="share of pictures that each word is active in", xlabel="words by use")
    axis.set(ylabel="percent of pictures", ylim=(0, 105))
    top = [f"{word} {100 * share:.0f}%" for word, share in by_use[:_NUM_SHOWN]]
    text, total = "\n".join(top), len(by_use)
    never = f"never used:\n{total - used:,} of {total:,} words"
    beside.set_axis_off()
    beside.text(
        0.0, 1.0, f"most used:\n{text}\n\n{never}", transform=beside.transAxes, ha="left", va="top",
        fontsize=8,
    )  # fmt: skip
    axis.grid(alpha=0.3)
