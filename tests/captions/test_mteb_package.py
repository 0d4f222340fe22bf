"""Tasks of MTEB as sets of captions: real task classes, with pictures that are made here."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
from PIL import Image

from lexret.captions.sources import open_captions
from lexret.errors import InputError, MissingPackageError

needs_mteb = pytest.mark.skipif(
    importlib.util.find_spec("mteb") is None, reason="needs mteb, which is no dev dependency"
)
PICTURES = {"p1": "red", "p2": "blue", "p3": "green"}
TEXTS = {"t1": "a red square", "t2": "a blue square", "t3": "green", "t4": "red all over"}
OWNERS = {"t1": "p1", "t2": "p2", "t3": "p3", "t4": "p1"}


def test_without_the_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(MissingPackageError, match="pip install mteb"):
        open_captions("mteb:Flickr30kT2IRetrieval")


def task_of(name: str, owners: dict[str, str], *, pictures_ask: bool = False) -> Any:
    """A real task whose data are loaded already."""
    import datasets
    import mteb

    squares = [Image.new("RGB", (40, 30), colour) for colour in PICTURES.values()]
    images = datasets.Dataset.from_dict({"id": list(PICTURES), "image": squares}).cast_column(
        "image", datasets.Image()
    )
    texts = datasets.Dataset.from_dict({"id": list(TEXTS), "text": list(TEXTS.values())})
    relevant: dict[str, dict[str, int]] = {}
    for text, picture in owners.items():
        asks, found = (picture, text) if pictures_ask else (text, picture)
        relevant.setdefault(asks, {})[found] = 1
    corpus, queries = (texts, images) if pictures_ask else (images, texts)
    task = mteb.get_task(name)
    data = {"corpus": corpus, "queries": queries, "relevant_docs": relevant, "top_ranked": None}
    task.dataset, task.data_loaded = {"default": {"test": data}}, True
    return task


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let MTEB give a task that was made here."""

    def let(task: Any) -> None:
        import mteb

        real = mteb.get_task
        own = task.metadata.name
        monkeypatch.setattr(mteb, "get_task", lambda name: task if name == own else real(name))

    return let


@needs_mteb
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "pictures_ask"),
    [("Flickr30kT2IRetrieval", False), ("Flickr30kI2TRetrieval", True)],
)
def test_a_task_is_its_pictures_with_their_texts(name: str, pictures_ask: bool, give: Any) -> None:
    give(task_of(name, OWNERS, pictures_ask=pictures_ask))
    found = open_captions(f"mteb:{name}")
    assert [found.captions(i) for i in range(len(found))] == [
        ("a red square", "red all over"), ("a blue square",), ("green",),
    ]  # fmt: skip
    assert found.name(1) == f"{name}:test[1]"
    assert found.image(1).getpixel((5, 5)) == (0, 0, 255)
    assert open_captions(f"mteb:{name}:test").fingerprint == found.fingerprint


@needs_mteb
@pytest.mark.filterwarnings("ignore")
def test_what_lexret_does_not_measure_is_refused(give: Any) -> None:
    name = "Flickr30kT2IRetrieval"
    give(task_of(name, {**OWNERS, "t3": "p2"}))
    with pytest.raises(InputError, match=r"1 of 3 pictures have no text \(p3\)"):
        open_captions(f"mteb:{name}")
    give(task_of(name, {text: picture for text, picture in OWNERS.items() if text != "t3"}))
    with pytest.raises(InputError, match="'t3' belongs to no picture"):
        open_captions(f"mteb:{name}")
    task = task_of(name, OWNERS)
    task.dataset["default"]["test"]["relevant_docs"]["t1"]["p2"] = 1
    give(task)
    with pytest.raises(InputError, match="'t1' belongs to several pictures"):
        open_captions(f"mteb:{name}")
    with pytest.raises(InputError, match=r"no split 'dev'; it has \['test'\]"):
        open_captions(f"mteb:{name}:dev")
    with pytest.raises(InputError, match="MTEB has no task"):
        open_captions("mteb:NoSuchTask")
