"""The optional keys of a captions file: who wrote the captions, and what the picture shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lexret.captions.json_lines import read_captions
from lexret.captions.sources import open_captions
from lexret.errors import InputError

Writer = Callable[..., Path]


@pytest.fixture
def write(picture_folder: Path) -> Writer:
    """Write the line of one picture with further keys, given as values or as JSON."""

    def writer(raw: str = "", **keys: object) -> Path:
        line = json.dumps({"image": "red.png", "captions": ["A red chair."], **keys})
        path = picture_folder / "captions.jsonl"
        path.write_text(line.removesuffix("}") + raw + "}\n", encoding="utf-8")
        return path

    return writer


@pytest.mark.parametrize(
    ("keys", "by_template"),
    [
        ({}, False),
        ({"written_by": None}, False),
        ({"written_by": "people"}, False),
        ({"written_by": "template"}, True),
    ],
)
def test_a_line_says_whether_a_template_made_its_captions(
    write: Writer, keys: dict[str, object], by_template: bool
) -> None:
    path = write(**keys)
    assert read_captions(path)[0].by_template is by_template
    assert open_captions(path).by_template(0) is by_template


def test_objects_are_names_with_shares_of_the_picture(write: Writer) -> None:
    objects = {"swivel chair": 0.38, "sky": 1, "fly": 0}
    path = write(objects=objects)
    assert read_captions(path)[0].objects == objects
    assert open_captions(path).objects(0) == objects
    assert read_captions(write())[0].objects == {}


@pytest.mark.parametrize("found", ["people and template", "", 1, ["template"]])
def test_another_writer_is_refused(write: Writer, found: object) -> None:
    with pytest.raises(InputError) as caught:
        read_captions(write(written_by=found))
    message = str(caught.value)
    assert ":1: written_by is " in message and repr(found) in message
    assert 'expected "people" or "template"' in message


@pytest.mark.parametrize(
    "found",
    [
        '["sky"]',
        '{"sky": 1.5}',
        '{"sky": -0.1}',
        '{"sky": NaN}',
        '{"sky": true}',
        '{"sky": "0.38"}',
        '{" ": 0.5}',
        '{"\\ud83d": 0.5}',
        "null",
    ],
)
def test_objects_of_another_form_are_refused(write: Writer, found: str) -> None:
    with pytest.raises(InputError) as caught:
        read_captions(write(f', "objects": {found}'))
    message = str(caught.value)
    assert ":1: objects are " in message
    assert 'from 0 to 1, such as {"sky": 0.38}' in message


def test_the_optional_keys_are_not_part_of_the_fingerprint(write: Writer) -> None:
    """Cached features belong to names and captions; they stay valid when objects are outlined."""
    plain = open_captions(write()).fingerprint
    assert open_captions(write(objects={"sky": 0.1}, written_by="template")).fingerprint == plain
