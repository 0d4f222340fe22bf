"""Figure of a run's training curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexret.files.whole import whole_file


def draw_curves(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw losses, active words and dev recall over the steps into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = [record for record in records if record["kind"] == "step"]
    devs = [record for record in records if record["kind"] == "dev"]
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, words, recall = figure.subplots(1, 3)
    for key in ("contrastive", "dense", "caption_words", "caption_words_text"):
        _draw(loss, steps, key)
    loss.set(title="loss, before its weight", xlabel="step", yscale="log")
    for key in ("active_image", "active_text"):
        _draw(words, steps, key)
    words.set(title="active words (training)", xlabel="step", yscale="log")
    for direction, style in (("text_to_image", "-"), ("image_to_text", "--")):
        for name in ("R@1", "R@5", "R@10"):
            values = [r[direction][name] for r in devs]
            label = f"{direction.replace('_', ' ')} {name}"
            recall.plot([r["step"] for r in devs], values, style, marker="o", ms=3, label=label)
    recall.set(title="dev recall, %", xlabel="step", ylim=(0, None))
    for axes in (loss, words, recall):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    with whole_file(path) as fresh:
        figure.savefig(fresh, format="png", dpi=110)


def _draw(axes: Any, steps: Sequence[dict[str, Any]], key: str) -> None:
    """Draw a figure over the steps that measured it; 0 means not measured."""
    measured = [record for record in steps if record[key] > 0]
    if measured:
        places = [record["step"] for record in measured]
        axes.plot(places, [record[key] for record in measured], label=key, lw=1)
