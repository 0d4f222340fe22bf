"""The doors of the package: what is handed over wrongly is refused with one clear sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lexret
from lexret.arguments import require_several, require_text
from lexret.cli.main import main
from lexret.encoders import load_static_text
from lexret.engine import EmbeddedIndexWriter
from lexret.errors import InputError, MissingError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image


@pytest.fixture
def photos(picture_folder: Path, static_model_folder: Path) -> Path:
    """A folder of three pictures, indexed with a model that has a static text encoder."""
    lexret.Library.create(picture_folder, model=str(static_model_folder))
    return picture_folder


@pytest.fixture(scope="module")
def model(static_model_folder: Path) -> Any:
    return lexret.load_model(static_model_folder)


@pytest.mark.parametrize("given", ["a dog", b"a dog", Path("photo.jpg"), {"a": 1}, 7, None])
def test_one_thing_is_no_list_of_things(given: object) -> None:
    with pytest.raises(InputError, match=r"Expected a list of things; found .* alone: write \["):
        require_several(given, "things")


def test_a_list_of_other_things_names_the_first_of_them() -> None:
    require_several(["a", "b"], "texts", of=(str,))
    require_several((text for text in "ab"), "texts")
    with pytest.raises(InputError, match="list of texts; found 7 at place 1"):
        require_several(["a", 7], "texts", of=(str,))
    with pytest.raises(InputError, match=r"a query, one text; found \['a'\]. Join them."):
        require_text(["a"], "a query", hint="Join them.")
    with pytest.raises(InputError) as error:
        require_several("a" * 10_000, "texts")
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("method", ["encode", "encode_queries"])
@pytest.mark.parametrize("side", ["texts", "contextual_text", "static_text"])
def test_a_text_is_not_encoded_letter_by_letter(model: Any, side: str, method: str) -> None:
    encode = getattr(getattr(model, side), method)
    with pytest.raises(InputError, match=r"list of .*; found 'a dog' alone: write \['a dog'\]"):
        encode("a dog")
    with pytest.raises(InputError, match=r"list of texts; found PosixPath.* at place 0"):
        encode([Path("photo.jpg")])
    assert len(encode(["a dog"])) == 1


@pytest.mark.parametrize("method", ["encode", "encode_dense", "encode_patches", "features"])
@pytest.mark.parametrize("given", ["photo.jpg", Path("photo.jpg"), ["photo.jpg"], [Path("p.jpg")]])
def test_a_path_is_not_encoded_as_a_picture(model: Any, method: str, given: object) -> None:
    with pytest.raises(InputError, match=r"Expected a list of .*; found .*p.*jpg"):
        getattr(model.images, method)(given)
    with pytest.raises(InputError, match=r"one picture alone: write \[picture\]|items to encode"):
        getattr(model.images, method)(Image.new("RGB", (8, 8)))


def test_a_dense_text_is_refused_too(model: Any) -> None:
    with pytest.raises(InputError, match="found 'a dog' alone"):
        model.contextual_text.encode_dense("a dog")


def test_a_photo_is_opened_as_it_is_indexed(photos: Path, model: Any) -> None:
    picture = lexret.open_photo(str(photos / "red.png"))
    assert picture.tobytes() == open_image(photos / "red.png", min_side=ENCODING_MIN_SIDE).tobytes()
    encoded = model.images.encode([picture]).row(0)
    stored = lexret.open_index(photos).vector("red.png")
    np.testing.assert_array_equal(encoded.term_ids, stored.term_ids)
    np.testing.assert_allclose(encoded.weights, stored.weights, rtol=1e-5)  # of another batch
    with pytest.raises(MissingError, match="There is no picture nowhere"):
        lexret.open_photo("nowhere.jpg")


@pytest.mark.parametrize("kind", [str, Path])
def test_an_index_opens_by_its_folder_or_that_of_the_photos(
    photos: Path, kind: Callable[[Path], Any]
) -> None:
    for place in (photos, photos / ".lexret"):
        assert len(lexret.open_index(kind(place))) == 3
        assert len(lexret.Library.open(kind(place))) == 3
        assert len(lexret.Library(kind(place))) == 3


@pytest.mark.parametrize(
    "opening", [lexret.open_index, lexret.Library.open, EmbeddedIndexWriter.open]
)
def test_a_folder_without_an_index_is_named_with_what_to_do(
    opening: Callable[[Any], object], tmp_path: Path
) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingError, match=f"no index at {place}; make one with"):
            opening(place)
    assert list(tmp_path.iterdir()) == []


def test_a_query_scores_the_same_from_python_as_from_the_command_line(
    photos: Path, model: Any
) -> None:
    result = CliRunner().invoke(main, ["search", "a dog", "--index", str(photos), "--json"])
    told = json.loads(result.stdout)
    query = model.texts.encode_queries(["a dog"])
    (found,) = lexret.open_index(photos).search(query)
    by_index = [(Path(hit.doc_id).name, hit.score) for hit in found]
    by_library = [(hit.path.name, hit.score) for hit in lexret.Library.open(photos).search("a dog")]
    by_command = [(Path(hit["path"]).name, hit["score"]) for hit in told["hits"]]
    assert by_command == by_library == by_index != []
    assert told["text_encoder"] == "static"
    other = model.contextual_text.encode_queries(["a dog"])
    assert [hit.score for hit in lexret.open_index(photos).search(other)[0]] != [
        score for _, score in by_index
    ]


def test_a_model_without_a_static_encoder_takes_the_contextual_one(tiny_model_folder: Path) -> None:
    plain = lexret.load_model(tiny_model_folder)
    assert plain.texts is plain.contextual_text


def test_load_static_text_is_what_texts_are_encoded_with(
    model: Any, static_model_folder: Path
) -> None:
    one, other = load_static_text(static_model_folder), model.texts
    np.testing.assert_array_equal(one.encode(["a dog"]).weights, other.encode(["a dog"]).weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.search("a dog"), "takes a SparseBatch, one row a query; found str"),
        (lambda index: index.search(index.vector("red.png")), "found LexicalVector"),
        (lambda index: index.find("a dog"), "Expected a Query; found str"),
        (
            lambda index: index.weights("red.png", [0]),
            "list of document ids; found 'red.png' alone",
        ),
    ],
)
def test_an_index_says_what_it_takes(
    call: Callable[[Any], object], message: str, photos: Path
) -> None:
    with pytest.raises(InputError, match=message):
        call(lexret.open_index(photos))


def test_a_writer_takes_a_list_of_ids(photos: Path) -> None:
    with EmbeddedIndexWriter.open(photos / ".lexret") as writer:
        with pytest.raises(InputError, match=r"list of document ids; found 'red\.png' alone"):
            writer.delete("red.png")
        batch = lexret.open_index(photos).vector("red.png").as_batch()
        with pytest.raises(InputError, match=r"list of document ids; found 'red\.png' alone"):
            writer.add("red.png", batch)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda library: library.search(["a dog"]), r"a query, one text; found \['a dog'\]"),
        (lambda library: library.search(Path("red.png")), "is given as image="),
        (lambda library: library.update(["photos"]), r"named one by one.*found \['photos'\]"),
        (lambda library: library.create(["photos"]), "named one by one"),
        (lambda library: library.explain("red.png", ["a"]), "one text"),
        (lambda library: library.explain("red.png", boxes=(0, 0, 8, 8)), "boxes .*; found 0 at"),
        (lambda library: library.explain("red.png", patches=(0, 1)), "patches .*; found 0 at"),
    ],
)
def test_a_library_says_what_it_takes(
    call: Callable[[Any], object], message: str, photos: Path
) -> None:
    library = lexret.Library.open(photos)
    with pytest.raises(InputError, match=message):
        call(library)


def test_a_library_takes_one_path_or_several(photos: Path) -> None:
    library = lexret.Library.open(photos)
    (one,) = library.search(image=photos / "red.png", k=1)
    (same,) = library.search(image=[photos / "red.png"], k=1)
    assert one.score == same.score
    assert len(library.search(like="red.png")) == len(library.search(like=["red.png"]))
    with pytest.raises(InputError, match="elsewhere is no folder of the index"):
        library.update(remove="elsewhere")


def test_words_are_given_as_a_list() -> None:
    with pytest.raises(InputError, match="list of words; found 'dog' alone"):
        lexret.Vocabulary("dog")
    vocabulary = lexret.Vocabulary(["dog"])
    with pytest.raises(InputError, match=r"rows \{word: weight\}; found \{'dog': 1.0\} alone"):
        lexret.SparseBatch.from_words({"dog": 1.0}, vocabulary)  # type: ignore[arg-type]
    assert len(lexret.SparseBatch.from_words([{"dog": 1.0}], vocabulary)) == 1


def test_a_vocabulary_is_read_from_a_path_in_any_form(tmp_path: Path) -> None:
    lexret.Vocabulary(["dog", "traffic light"]).save(str(tmp_path / "words.txt"))
    assert lexret.Vocabulary.load(str(tmp_path / "words.txt")).words == ("dog", "traffic light")


def test_indexes_to_merge_are_given_as_a_list_of_either_folder(
    photos: Path, tmp_path: Path, static_model_folder: Path
) -> None:
    from lexret.library.updating.merging import merge_indexes

    with pytest.raises(InputError, match="list of indexes; found"):
        merge_indexes(str(photos), tmp_path / "both")
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (64, 64), (10, 200, 30)).save(other / "green.png")
    lexret.Library.create(other, model=str(static_model_folder))
    merged = merge_indexes([str(photos), other / ".lexret"], str(tmp_path / "both"))
    assert merged.num_documents == len(lexret.open_index(tmp_path / "both"))


def test_changes_of_a_recipe_are_given_as_a_list(tmp_path: Path) -> None:
    from lexret.config import load_recipe

    recipe = tmp_path / "recipe.toml"
    recipe.write_text('preset = "mini"\n')
    with pytest.raises(InputError, match=r"list of changes key=value; found 'train\.epochs=3'"):
        load_recipe(recipe, "train.epochs=3")
