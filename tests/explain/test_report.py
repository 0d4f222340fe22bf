import errno
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.errors import CorruptError, InputError, StorageError
from lexret.explain.drawing.palette import DARK, LIGHT
from lexret.explain.explanation import PictureExplanation, TextQuery, explain_picture
from lexret.explain.explanation_json import from_json, to_json
from lexret.explain.report import write_report
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


@pytest.fixture
def explanation(photo: Image.Image, encoder: Any, words: Vocabulary) -> PictureExplanation:
    vector = SparseBatch.from_words([{"dog": 0.5, "red": 0.1, "hidden": 0.25}], words).row(0)
    query = TextQuery("$x^2$ a dog <b>", vector)
    return explain_picture(photo, encoder, name="dog & ball.png", query=query)


def test_all_files_are_written_and_are_pictures(
    photo: Image.Image, explanation: PictureExplanation, tmp_path: Path
) -> None:
    paths = write_report(photo, explanation, tmp_path / "new" / "out")
    assert [path.name for path in paths] == [
        "summary.png",
        "words.png",
        "overlay.png",
        "patch-1-1.png",
        "patch-0-3.png",
        "query.png",
        "explanation.json",
        "summary.svg",
        "words.svg",
        "query.svg",
        "report.html",
    ]
    for path in paths[:6]:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            assert min(image.size) >= 200


def test_a_folder_holds_one_explanation_only(
    photo: Image.Image, explanation: PictureExplanation, tmp_path: Path
) -> None:
    write_report(photo, explanation, tmp_path)
    (tmp_path / "mine.png").write_bytes(b"mine")
    fewer = replace(explanation, regions=explanation.regions[:1], hit=None)
    written = {path.name for path in write_report(photo, fewer, tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == {*written, "mine.png"}
    assert "patch-1-1.png" in written and "patch-0-3.png" not in written


def test_words_that_are_not_held_are_grey_in_every_cloud(
    photo: Image.Image, encoder: Any, tmp_path: Path
) -> None:
    levels_V = np.array([0.1, 0.9, 0.1, 0.1, 0.1, 0.1], np.float32)  # "dog" is not held
    explanation = explain_picture(photo, encoder, levels_V=levels_V)
    write_report(photo, explanation, tmp_path)
    cloud = (tmp_path / "words.svg").read_text(encoding="utf-8")
    assert re.findall(r'class="unheld"[^>]*>(\w+)', cloud) == ["dog"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert set(re.findall(r'class="unheld"[^>]*>(\w+)', page)) == {"dog"}
    assert "the 5 surest" in page and "grey: less sure" in page
    summary = (tmp_path / "summary.svg").read_text(encoding="utf-8")
    assert set(
        re.findall(rf'fill="{LIGHT.faint}" textLength="[^"]*"[^>]*>(dog|sky|ball)<', summary)
    ) == {"dog"}


def test_an_explanation_survives_json(explanation: PictureExplanation) -> None:
    assert from_json(to_json(explanation)) == explanation


def test_json_is_enough_to_draw_the_same_pictures(
    photo: Image.Image, explanation: PictureExplanation, tmp_path: Path
) -> None:
    first = write_report(photo, explanation, tmp_path / "first")
    again = from_json((tmp_path / "first" / "explanation.json").read_text(encoding="utf-8"))
    second = write_report(photo, again, tmp_path / "second")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_json_holds_what_a_program_needs(explanation: PictureExplanation) -> None:
    plain = json.loads(to_json(explanation))
    assert plain["image"] == "dog & ball.png"
    assert plain["model"] == "handmade-0123456789ab"
    assert plain["size"] == {"width": 400, "height": 200}
    assert plain["grid"] == {"rows": 2, "cols": 4}
    assert plain["words"][0] == {
        "word": "dog",
        "weight": 0.75,
        "patch": [1, 1],
        "heat": [[0, 0, 0, 0], [0.125, 0.75, 0.25, 0]],
    }
    assert plain["regions"][0]["box"] == [100, 100, 200, 200]
    assert plain["regions"][0]["words"][0] == {"word": "dog", "weight": 0.75}
    hit = plain["hit"]
    assert hit["score"] == sum(one["product"] for one in hit["words"])
    assert hit["missing"] == [{"word": "hidden", "query_weight": 0.25}]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "lexret-explanation", "version": 99}']
)
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(CorruptError, match="lexret-explanation"):
        from_json(text)


def test_a_cut_off_explanation_is_refused(explanation: PictureExplanation) -> None:
    with pytest.raises(CorruptError):
        from_json(to_json(explanation)[:-40])


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (24, 24), (90, 400), (1200, 150)])
def test_odd_shapes_can_be_drawn(size: tuple[int, int], encoder: Any, tmp_path: Path) -> None:
    photo = Image.new("RGB", size, (10, 90, 200))
    explanation = explain_picture(photo, encoder, boxes=[(0, 0, *size)])
    assert write_report(photo, explanation, tmp_path, theme=DARK)


def test_a_text_that_shares_nothing_can_be_drawn(
    photo: Image.Image, encoder: Any, words: Vocabulary, tmp_path: Path
) -> None:
    vector = SparseBatch.from_words([{"hidden": 1.0}], words).row(0)
    explanation = explain_picture(photo, encoder, query=TextQuery("hidden", vector))
    names = [path.name for path in write_report(photo, explanation, tmp_path)]
    assert "query.png" in names


def test_a_silent_region_has_no_cloud(photo: Image.Image, encoder: Any, tmp_path: Path) -> None:
    explanation = explain_picture(photo, encoder, patches=[(0, 2)])
    names = [path.name for path in write_report(photo, explanation, tmp_path)]
    assert not any(name.startswith("patch") for name in names)


def test_a_smaller_copy_of_the_photo_will_do(
    photo: Image.Image, encoder: Any, tmp_path: Path
) -> None:
    explanation = explain_picture(photo, encoder, size=(4001, 1999))
    assert write_report(photo, explanation, tmp_path)


def test_another_photo_is_refused(explanation: PictureExplanation, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="400 x 200"):
        write_report(Image.new("RGB", (200, 400)), explanation, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_folder_s_place_is_an_error(
    photo: Image.Image, explanation: PictureExplanation, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("taken", encoding="utf-8")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(InputError, match="a file has that name"):
            write_report(photo, explanation, folder)


def test_a_full_disk_is_told(
    photo: Image.Image,
    explanation: PictureExplanation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(StorageError, match=r"explanation\.json cannot be written.*No space left"):
        write_report(photo, explanation, tmp_path)
