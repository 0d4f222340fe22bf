"""SVG, HTML and contact sheets: whole files, real text, links, nothing that could run."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from lexret.engine import open_index
from lexret.engine.index import EmbeddedIndex
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import CorruptError, InputError
from lexret.explain.contact import (
    ContactEntry,
    ContactSheet,
    sheet_from_json,
    sheet_of_hits,
    sheet_of_index,
    sheet_to_json,
)
from lexret.explain.drawing.clouds import draw_cloud
from lexret.explain.drawing.contact_sheet import contact_figure, contact_html
from lexret.explain.drawing.html import picture_html
from lexret.explain.drawing.palette import LIGHT
from lexret.explain.drawing.svg import SvgCanvas, cloud_svg, word_anchor
from lexret.explain.explanation import TextQuery, explain_picture
from lexret.explain.ranks import RankWithout, rank_without
from lexret.sparse import LexicalVector, SparseBatch, WordWeight
from lexret.vocabulary import Vocabulary

EVIL = "<script>alert('x')</script>&\"\x01"
SVG = "{http://www.w3.org/2000/svg}"


class Checker(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has {name}"
            if name in ("src", "href"):
                self.addresses.append(value or "")


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert "script" not in checker.tags
    return checker


@pytest.fixture
def index(tmp_path: Path, words: Vocabulary) -> EmbeddedIndex:
    rows = [{"dog": 0.8, "sky": 0.4}, {"dog": 0.5, "ball": 0.5}, {"dog": 0.6}, {"red": 1.0}]
    with EmbeddedIndexWriter.create(tmp_path / "index", words, model_id="m-1") as writer:
        writer.add(["a.jpg", "b.jpg", f"{EVIL}.jpg", "d.jpg"], SparseBatch.from_words(rows, words))
        writer.commit()
    return open_index(tmp_path / "index")


@pytest.fixture
def query(words: Vocabulary) -> LexicalVector:
    return SparseBatch.from_words([{"dog": 1.0, "ball": 0.5, "grass": 0.25}], words).row(0)


def photo_of(doc_id: str) -> Image.Image | None:
    return None if doc_id == "b.jpg" else Image.new("RGB", (60, 40), (90, 30, 30))


def test_the_rank_without_a_word_is_that_of_a_search_without_it(
    index: EmbeddedIndex, query: LexicalVector
) -> None:
    # Scores: a 0.8, b 0.75, evil 0.6; without ball: b 0.5; without dog: b 0.25 alone.
    assert rank_without(index, query, "b.jpg", "ball").rank == 3
    assert rank_without(index, query, "b.jpg", "dog").rank == 1
    assert rank_without(index, query, "a.jpg", "ball").rank == 1
    assert rank_without(index, query, "a.jpg", "dog") == RankWithout("dog", None)
    assert str(rank_without(index, query, "a.jpg", "dog")) == "no hit"
    assert rank_without(index, query, "b.jpg", "ball", max_rank=2) == RankWithout("ball", None, 2)


def test_a_cloud_as_svg_has_every_word_as_text_and_link() -> None:
    words = [WordWeight("dog", 0.5), WordWeight("traffic light", 0.3), WordWeight("a<b&c", 0.2)]
    cloud = draw_cloud(words, width=500, height=300)
    root = ElementTree.fromstring(cloud_svg(cloud, link=lambda word: f"#{word_anchor(word)}"))
    texts = {one.text: one for one in root.iter(f"{SVG}text")}
    assert set(texts) == {"dog", "traffic light", "a<b&c"}
    assert {one.get("href") for one in root.iter(f"{SVG}a")} == {
        "#word-dog",
        "#word-traffic-light",
        "#word-a%3Cb%26c",
    }
    sizes = {word: float(one.get("font-size", "0")) for word, one in texts.items()}
    assert sizes["dog"] / sizes["a<b&c"] == pytest.approx(2.5, rel=0.05)


def test_words_in_svg_stand_where_they_stand_in_the_picture() -> None:
    cloud = draw_cloud([WordWeight("Agpx", 0.5), WordWeight("dog", 0.4)], width=400, height=300)
    root = ElementTree.fromstring(cloud_svg(cloud))
    for placed in cloud.words:
        (text,) = [one for one in root.iter(f"{SVG}text") if one.text == placed.word]
        base, top = float(text.get("y", "0")), placed.box[1]
        assert top < base <= placed.box[3] + 1
        assert 0 <= float(text.get("x", "0")) + 3 - placed.box[0] <= 6


def test_a_sheet_in_svg_is_whole_xml() -> None:
    sheet = SvgCanvas(300, 200, LIGHT)
    sheet.text(10, 20, EVIL, bold=True)
    sheet.box(1, 2, 3, 4, fill="#ff0000")
    sheet.picture(0, 0, Image.new("RGB", (10, 10)))
    root = ElementTree.fromstring(sheet.to_bytes())
    assert [one.text for one in root.iter(f"{SVG}text")] == [EVIL.replace("\x01", "\ufffd")]


def test_a_page_of_a_picture_needs_nothing_beside_it_and_runs_nothing(
    photo: Image.Image, encoder: Any, words: Vocabulary
) -> None:
    vector = SparseBatch.from_words([{"dog": 0.5, "red": 0.1}], words).row(0)
    explained = explain_picture(
        photo, encoder, name=f"{EVIL}.jpg", query=TextQuery(EVIL, vector), num_parts=2
    )
    page = picture_html(photo, explained)
    found = check(page)
    assert all(one.startswith(("data:image/", "#word-")) for one in found.addresses)
    targets = {one.removeprefix("#") for one in found.addresses if one.startswith("#")}
    assert all(f'id="{one}"' in page for one in targets if one != "word-hidden")


def test_a_contact_sheet_survives_json_and_is_drawn_again(
    index: EmbeddedIndex, query: LexicalVector
) -> None:
    for sheet in (
        sheet_of_index(index, index.doc_ids(), title="all"),
        sheet_of_hits(index, query, title=EVIL, k=5),
    ):
        again = sheet_from_json(sheet_to_json(sheet))
        assert again == sheet
        for one, other in zip(again.entries, sheet.entries, strict=True):
            assert one.answer is None or one.answer.missing == other.answer.missing
        assert contact_html(again, photo_of) == contact_html(sheet, photo_of)
        found = check(contact_html(sheet, photo_of, link=lambda word: f"/?q={word}"))
        assert all(one.startswith(("data:image/", "/?q=")) for one in found.addresses)
        ElementTree.fromstring(contact_figure(sheet, photo_of, page=SvgCanvas))
        assert contact_figure(sheet, photo_of).startswith(b"\x89PNG")


def test_hits_on_a_sheet_say_why_and_what_is_missing(
    index: EmbeddedIndex, query: LexicalVector
) -> None:
    sheet = sheet_of_hits(index, query, title="q", k=2)
    first = sheet.entries[0]
    assert first.answer is not None
    assert [one.word for one in first.answer.missing] == ["ball", "grass"]
    assert [str(one) for one in first.ranks] == ["no hit"]


def test_a_sheet_says_where_hits_are_less_sure(index: EmbeddedIndex, query: LexicalVector) -> None:
    hits = [entry.doc_id for entry in sheet_of_hits(index, query, title="q", k=5).entries]
    line = "Less sure from here"

    def drawn(sure: set[str] | None) -> tuple[str, str]:
        sure_of = (lambda doc_id: doc_id in sure) if sure is not None else (lambda doc_id: None)
        sheet = sheet_of_hits(index, query, title="q", k=5, sure_of=sure_of)
        assert sheet_from_json(sheet_to_json(sheet)) == sheet
        return (
            contact_html(sheet, photo_of),
            contact_figure(sheet, photo_of, page=SvgCanvas).decode(),
        )

    assert len(hits) >= 2
    for text in drawn({hits[0]}):
        assert text.index(hits[0]) < text.index(line) < text.index(hits[1])
    for text in drawn({hits[1]}):  # sure hits first, whatever their score
        assert text.index(hits[1]) < text.index(line) < text.index(hits[0])
    assert not any(line in text for text in (*drawn(set(hits)), *drawn(set()), *drawn(None)))
    assert all("none is a sure match" in text for text in drawn(set()))
    assert not any("sure" in text for text in drawn(None))


def test_a_sheet_without_pictures_says_so() -> None:
    sheet = ContactSheet("nothing", "m-1", 3, (), has_query=True)
    assert "No picture fits" in contact_html(sheet, photo_of)
    assert contact_figure(sheet, photo_of).startswith(b"\x89PNG")


def test_too_many_pictures_for_one_figure_are_refused() -> None:
    sheet = ContactSheet("all", "m-1", 301, tuple(ContactEntry(str(i), ()) for i in range(301)))
    with pytest.raises(InputError, match="at most 300"):
        contact_figure(sheet, photo_of)


@pytest.mark.parametrize("text", ["", "{}", '{"format": "lexret-contact-sheet", "version": 9}'])
def test_other_json_is_no_sheet(text: str) -> None:
    with pytest.raises(CorruptError, match="lexret-contact-sheet"):
        sheet_from_json(text)
