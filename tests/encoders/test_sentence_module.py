"""A folder of `lexret export st-model`, opened by sentence-transformers' SparseEncoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import InputError
from lexret.pictures.decoding import open_photo
from lexret.sparse import SparseBatch

declare_missing_operators()  # a torchvision of another build than torch would stop its import
sentence_transformers = pytest.importorskip(
    "sentence_transformers", reason="needs sentence-transformers, which is no dev dependency"
)
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
TEXTS = ["a dog on a beach", "two red cars", "a dog"]


@pytest.fixture(scope="module")
def folder(static_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("st") / "model"
    arguments = ["export", "st-model", "--model", str(static_model_folder), "-o", str(out)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "60 words" in result.output
    return out


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Any:
    return sentence_transformers.SparseEncoder(str(folder), trust_remote_code=True, device="cpu")


def assert_same(found: Any, expected: SparseBatch) -> None:
    dense = found.to_dense().cpu().numpy()
    assert np.allclose(dense, expected.to_scipy().toarray(), rtol=1e-5)


def test_texts_become_the_queries_and_documents_of_the_model(encoder: Any, folder: Path) -> None:
    texts = load_model(folder).texts
    assert_same(encoder.encode_query(TEXTS), texts.encode_queries(TEXTS))
    assert_same(encoder.encode_document(TEXTS), texts.encode(TEXTS))
    assert_same(encoder.encode(TEXTS), texts.encode(TEXTS))
    assert encoder.get_embedding_dimension() == 60
    strongest = texts.encode(TEXTS[:1]).row(0).words(3)
    decoded = encoder.decode(encoder.encode(TEXTS[:1])[0], top_k=3)
    assert [word for word, _ in decoded] == [word.word for word in strongest]


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_pictures_become_their_words_and_similarity_is_lexrets_score(
    encoder: Any, folder: Path
) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (2, 40, 60, 3), np.uint8)
    pictures = [Image.fromarray(array) for array in noise]
    model = load_model(folder)
    found = encoder.encode(pictures)
    assert_same(found, model.images.encode(pictures))
    scores = encoder.similarity(encoder.encode_query(TEXTS), found).numpy()
    queries = model.texts.encode_queries(TEXTS).to_scipy()
    expected = (queries @ model.images.encode(pictures).to_scipy().T).toarray()
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_saving_and_opening_again_gives_the_same(encoder: Any, tmp_path: Path) -> None:
    encoder.save_pretrained(str(tmp_path / "again"), create_model_card=False)
    again = sentence_transformers.SparseEncoder(
        str(tmp_path / "again"), trust_remote_code=True, device="cpu"
    )
    one, other = encoder.encode_query(TEXTS), again.encode_query(TEXTS)
    assert np.array_equal(one.to_dense().numpy(), other.to_dense().numpy())


def test_without_trust_the_library_says_what_to_do(folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        sentence_transformers.SparseEncoder(str(folder), device="cpu")


def test_paths_of_pictures_are_opened_and_addresses_refused(
    encoder: Any, folder: Path, picture_folder: Path
) -> None:
    paths = [picture_folder / "red.png", picture_folder / "blue.jpg"]
    expected = load_model(folder).images.encode([open_photo(path) for path in paths])
    assert_same(encoder.encode([str(path) for path in paths]), expected)
    with pytest.raises(InputError, match="address"):
        encoder.encode(["https://pictures.example/dog.jpg"])


def test_mixed_items_are_refused(encoder: Any) -> None:
    with pytest.raises(InputError, match="Expected texts, or pictures"):
        encoder[0].preprocess(["a dog", Image.new("RGB", (8, 8))])


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    result = CliRunner().invoke(main, ["export", "st-model", "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert (tmp_path / "thesis.tex").exists()
