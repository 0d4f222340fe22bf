"""Several caption sets as one: every question goes to the set that holds the picture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from lexret.captions.caption_set import CaptionedImage, FileCaptions
from lexret.captions.joined import JoinedCaptions

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def a_set(folder: Path, *names: str, by_template: bool = False) -> FileCaptions:
    items = []
    for name in names:
        Image.new("RGB", (8, 8), COLOURS[name]).save(folder / f"{name}.png")
        objects = {name: 0.5} if by_template else {}
        item = CaptionedImage(
            f"{name}.png",
            folder / f"{name}.png",
            (f"a {name} one",),
            by_template=by_template,
            objects=objects,
        )
        items.append(item)
    return FileCaptions(items)


@pytest.fixture
def joined(tmp_path: Path) -> JoinedCaptions:
    """Two pictures, none, and one that a template described."""
    first = a_set(tmp_path, "red", "green")
    return JoinedCaptions([first, FileCaptions([]), a_set(tmp_path, "blue", by_template=True)])


def test_pictures_are_numbered_set_after_set(joined: JoinedCaptions) -> None:
    assert (len(joined), joined.sizes) == (3, (2, 0, 1))
    assert [joined.name(i) for i in range(3)] == ["red.png", "green.png", "blue.png"]
    assert [joined.captions(i) for i in range(3)] == [
        *(("a red one",), ("a green one",), ("a blue one",))
    ]
    assert [joined.image(i).getpixel((0, 0)) for i in range(3)] == list(COLOURS.values())


def test_templates_and_objects_are_those_of_the_picture(joined: JoinedCaptions) -> None:
    assert [joined.by_template(i) for i in range(3)] == [False, False, True]
    assert [joined.objects(i) for i in range(3)] == [{}, {}, {"blue": 0.5}]


def test_a_picture_beyond_the_last_set_is_an_error(joined: JoinedCaptions) -> None:
    with pytest.raises(IndexError):
        joined.name(3)


def test_the_fingerprint_follows_the_sets_and_their_order(
    joined: JoinedCaptions, tmp_path: Path
) -> None:
    first, empty, last = joined.sets
    prints = first.fingerprint + empty.fingerprint + last.fingerprint
    assert joined.fingerprint == hashlib.sha256(prints.encode()).hexdigest()
    assert JoinedCaptions([first, empty, last]).fingerprint == joined.fingerprint
    assert JoinedCaptions([last, empty, first]).fingerprint != joined.fingerprint
    assert JoinedCaptions([first, last]).fingerprint != joined.fingerprint
