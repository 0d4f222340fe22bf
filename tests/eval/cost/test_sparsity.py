"""The sparsity curve over vectors whose postings can be counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError
from lexret.eval.cost.sparsity import WordUse, measure_sparsity, postings_per_query
from lexret.eval.cost.sparsity_figure import draw_panels
from lexret.eval.cost.sparsity_files import write_sparsity
from lexret.eval.provenance import Provenance, describe_machine
from lexret.eval.retrieval.encoding import EncodedCaptions
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


@pytest.fixture
def encoded(tiny_vocabulary: Vocabulary) -> EncodedCaptions:
    images = [{"dog": 0.8, "beach": 0.6}, {"dog": 0.6, "red": 0.8}, {"car": 1.0}]
    texts = [{"dog": 1.0, "beach": 0.5}, {"red": 1.0}, {"car": 1.0, "two": 0.1}]
    return EncodedCaptions(
        SparseBatch.from_words(images, tiny_vocabulary),
        SparseBatch.from_words(texts, tiny_vocabulary),
        SparseBatch.from_words(texts, tiny_vocabulary),
        np.array([0, 1, 2]),
        ("a.jpg", "b.jpg", "c.jpg"),
        ("a#0", "b#0", "c#0"),
        ("dog beach", "red", "two cars"),
    )


def test_postings_are_those_of_the_querys_words(encoded: EncodedCaptions) -> None:
    # dog 2 + beach 1, red 1, car 1 + two 0.
    assert postings_per_query(encoded.images, encoded.texts) == pytest.approx(5 / 3)


def test_the_curve_rises_to_the_uncut_vectors(encoded: EncodedCaptions) -> None:
    told: list[tuple[int, int]] = []
    result = measure_sparsity(
        encoded, model_id="m", budgets=[1, 64], progress=lambda *done: told.append(done)
    )
    # 64 words cut nothing, so that they are the uncut vectors.
    assert [point.budget for point in result.points] == [1, None]
    first, whole = (point.as_dict() for point in result.points)
    assert (first["active_words"]["image"], whole["text_to_image"]["R@1"]) == (1.0, 100.0)
    assert first["postings_per_query"] < whole["postings_per_query"]
    assert whole["search_ms"] > 0
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(InputError, match="no word budget"):
        measure_sparsity(encoded, model_id="m", budgets=[])


def test_texts_are_cut_too_unless_told_otherwise(encoded: EncodedCaptions) -> None:
    def words(**kwargs: Any) -> list[tuple[float, float]]:
        points = measure_sparsity(encoded, model_id="m", budgets=[1], **kwargs).points
        found = [point.as_dict()["active_words"] for point in points]
        return [(active["image"], active["text"]) for active in found]

    assert words() == words(cut="both") == [(1.0, 1.0), (1.6667, 1.6667)]
    assert words(cut="pictures") == [(1.0, 1.6667), (1.6667, 1.6667)]
    # A budget that cuts only texts counts where they are cut.
    whole = replace(encoded, images=encoded.cut(image_words=1).images)
    for cut, num_points in (("both", 2), ("pictures", 1)):
        assert len(measure_sparsity(whole, model_id="m", budgets=[1], cut=cut).points) == num_points


def test_word_use_counts_pictures_and_names_the_silent(encoded: EncodedCaptions) -> None:
    use = WordUse.of(encoded.images)
    assert use.by_use()[0] == ("dog", pytest.approx(2 / 3))
    values = use.as_dict()
    assert values["never_used"] == 2  # two and blue
    assert values["in_more_than_20_percent"] == 4
    assert values["vocabulary"] == 6


def test_files_carry_provenance_that_does_not_name_the_machine(
    encoded: EncodedCaptions, tmp_path: Path
) -> None:
    result = measure_sparsity(encoded, model_id="m", budgets=[1])
    provenance = Provenance("m", {"captions": "abc"}, {"budgets": [1]}, "lexret eval sparsity x")
    write_sparsity(tmp_path / "out", result, provenance)
    stored = json.loads((tmp_path / "out" / "sparsity.json").read_text())["provenance"]
    assert (stored["model"], stored["data"], stored["seed"]) == ("m", {"captions": "abc"}, 0)
    assert {"commit", "settings", "machine", "command", "date"} <= set(stored)
    assert set(describe_machine()) >= {"processor", "system", "python", "numpy"}
    table = (tmp_path / "out" / "sparsity.md").read_text()
    assert "| all | 1.7 | 100.0/100.0/100.0 |" in table
    words = (tmp_path / "out" / "words.tsv").read_text().splitlines()
    assert (words[1], len(words)) == ("dog\t66.667", 7)
    with Image.open(tmp_path / "out" / "sparsity.png") as drawn:
        assert drawn.width > 1000


@pytest.mark.parametrize("level", [0.02, 0.5, 1.0])
def test_nothing_written_in_the_figure_lies_on_a_curve(
    level: float, tiny_vocabulary: Vocabulary
) -> None:
    """Words that are used much or hardly, recall that is high or nothing."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures = 50
    held = [["dog"] + ["beach"] * (row < level * pictures) for row in range(pictures)]
    images = [dict.fromkeys(words, 1.0) for words in held]
    texts = [{"dog": 1.0} if level > 0.1 else {"car": 1.0}] * pictures
    encoded = EncodedCaptions(
        SparseBatch.from_words(images, tiny_vocabulary),
        SparseBatch.from_words(texts, tiny_vocabulary),
        SparseBatch.from_words(texts, tiny_vocabulary),
        np.arange(pictures),
        *(tuple(f"{row}.jpg" for row in range(pictures)), tuple(map(str, range(pictures)))),
        ("a text",) * pictures,
    )
    result = measure_sparsity(encoded, model_id="m", budgets=[1])
    figure = Figure(figsize=(14, 10), dpi=110, layout="constrained")
    FigureCanvasAgg(figure).draw()
    draw_panels(figure, result, title="t")
    figure.canvas.draw()
    written = [
        part.get_window_extent()
        for axis in figure.axes
        for part in (*axis.texts, *([axis.get_legend()] if axis.get_legend() else []))
    ]
    assert len(written) == 4
    page = figure.bbox
    for number, box in enumerate(written):
        assert page.x0 <= box.x0 < box.x1 <= page.x1 and page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in written[number + 1 :])
    for axis in figure.axes:
        for line in axis.lines:
            points = axis.transData.transform(line.get_xydata())
            assert not any(box.contains(*point) for box in written for point in points.tolist())
