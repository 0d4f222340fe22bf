"""The static text encoder: tables in place of a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lexret.encoders import load_model
from lexret.encoders.folder.record import STATIC_TEXT_FILE, WEIGHTS_FILE, read_record, write_record
from lexret.encoders.text.static_encoder import StaticTextEncoder, load_static_text
from lexret.encoders.text.static_table import (
    LEVELS,
    QuantizedMatrix,
    StaticSettings,
    StaticTable,
    read_static_table,
    save_static_table,
)
from lexret.errors import CorruptError, MismatchError, MissingError
from lexret.files.hashes import file_sha256
from lexret.sparse import LexicalVector
from lexret.vocabulary import Vocabulary

WORDS = Vocabulary(["dog", "beach", "sand", "traffic light", "light", "puppy"])


def settings(vocabulary: Vocabulary = WORDS, **changes: object) -> StaticSettings:
    values = {
        "vocabulary": vocabulary.fingerprint,
        "imitates": "0" * 64,
        "activation": "log1p_relu",
        "max_words": 3,
        "own_word_floor": 0.05,
    }
    return StaticSettings(**{**values, **changes})  # type: ignore[arg-type]


def a_table(num_rows: int = len(WORDS), num_words: int = len(WORDS), seed: int = 0) -> StaticTable:
    rng = np.random.default_rng(seed)
    bias, own = rng.normal(size=(2, num_words)).astype(np.float32)
    return StaticTable(
        rows=QuantizedMatrix.of(rng.normal(size=(num_rows, 4)).astype(np.float32)),
        base_C=rng.normal(size=4).astype(np.float32),
        codebook=QuantizedMatrix.of(rng.normal(size=(num_words, 4)).astype(np.float32)),
        bias_V=bias,
        own_V=np.abs(own),
    )


def encoder(
    table: StaticTable, vocabulary: Vocabulary = WORDS, **changes: object
) -> StaticTextEncoder:
    return StaticTextEncoder(table, settings(vocabulary, **changes), vocabulary, model_id="tiny-0")


def plain(*further: dict[str, float], **first: float) -> StaticTable:
    """One coordinate a word: the rows of "dog" and of what lies beyond the vocabulary as given,
    the other rows zero; an own weight of 1 for "dog"; no base, no bias."""
    rows = np.zeros((len(WORDS) + len(further), len(WORDS)), dtype=np.float32)
    for place, row in [(0, first), *enumerate(further, len(WORDS))]:
        for word, value in row.items():
            rows[place, WORDS.term_id(word)] = value
    zeros = np.zeros(len(WORDS), dtype=np.float32)
    own = zeros.copy()
    own[0] = 1.0
    identity = QuantizedMatrix.of(np.eye(len(WORDS), dtype=np.float32))
    return StaticTable(
        rows=QuantizedMatrix.of(rows), base_C=zeros, codebook=identity, bias_V=zeros, own_V=own
    )


def weights(vector: LexicalVector) -> dict[str, float]:
    return {word.word: word.weight for word in vector.words()}


def unit(**weights: float) -> dict[str, float]:
    norm = np.linalg.norm(list(weights.values()))
    return {word: pytest.approx(weight / norm, rel=0.02) for word, weight in weights.items()}


def test_a_vector_is_what_the_formula_says() -> None:
    # |(4, 3)| = 5, so the vector is (8, 6); dog has 1 of its own.
    vector = encoder(plain(dog=4.0, puppy=3.0), cosine_scale=10.0).encode(["A dog!"]).row(0)
    assert weights(vector) == unit(dog=np.log1p(9.0), puppy=np.log1p(6.0))


def test_without_a_scale_a_text_is_divided_by_the_root_of_its_rows_and_one() -> None:
    vector = encoder(plain(dog=4.0, puppy=2.0, sand=-2.0)).encode(["A dog!"]).row(0)
    root = np.sqrt(2)
    assert weights(vector) == unit(dog=np.log1p(4 / root + 1), puppy=np.log1p(2 / root))


def test_a_word_counts_once_and_a_phrase_is_not_its_parts() -> None:
    encode = encoder(a_table()).encode
    once, twice, phrase, part = encode(["dog", "dog Dog's dog", "traffic light", "light"])
    np.testing.assert_array_equal(once.weights, twice.weights)
    assert phrase.weight_of("traffic light") > 0
    assert part.weight_of("light") > 0
    assert not np.array_equal(phrase.weights, part.weights)


def test_the_models_threshold_cuts_what_does_not_exceed_it() -> None:
    def encoded(threshold: float, **changes: object) -> LexicalVector:
        chosen = settings(WORDS, cosine_scale=10.0, activation="elu1p", max_words=9, **changes)
        given = StaticTextEncoder(
            plain(dog=-4.0, puppy=3.0), chosen, WORDS, model_id="tiny-0", threshold=threshold
        )
        return given.encode(["dog"]).row(0)

    assert len(encoded(0.0)) == len(WORDS)  # elu1p is never zero
    assert [word.word for word in encoded(len(WORDS) ** -0.5).words()] == ["puppy", "dog"]
    without_floor = encoded(len(WORDS) ** -0.5, own_word_floor=None)
    assert [word.word for word in without_floor.words()] == ["puppy"]
    even = plain()
    chosen = settings(WORDS, activation="elu1p", max_words=9, own_word_floor=None)
    silent = StaticTextEncoder(even, chosen, WORDS, model_id="tiny-0", threshold=len(WORDS) ** -0.5)
    assert len(silent.encode(["sand"]).row(0)) == 0


def test_further_words_have_rows_but_no_dimension() -> None:
    table = plain({"dog": 4.0, "puppy": 2.0})
    assert table.problem(num_words=6, num_rows=7) is None
    vector = encoder(table, further_words=("hound",), cosine_scale=1.0).encode(["Hound"]).row(0)
    assert weights(vector) == unit(dog=np.log1p(4 / np.sqrt(20)), puppy=np.log1p(2 / np.sqrt(20)))
    assert len(encoder(table).encode(["hound"]).row(0)) == 0


def test_a_pair_has_a_row_where_its_words_follow_each_other() -> None:
    table = plain({"puppy": 3.0}, {"sand": 3.0})
    encode = encoder(table, further_words=("tail",), pairs=("dog tail",)).encode
    together, apart, turned = encode(["A dog tail", "a dog, the tail", "tail dog"])
    assert set(weights(together)) == {"dog", "puppy", "sand"}
    assert set(weights(apart)) == set(weights(turned)) == {"dog", "puppy"}


def test_own_words_are_kept_however_few_there_may_be() -> None:
    for max_words in (1, 2, 6):
        batch = encoder(a_table(), max_words=max_words).encode(["dog beach sand"])
        vector = batch.row(0)
        assert all(vector.weight_of(word) > 0 for word in ("dog", "beach", "sand"))
        assert len(vector) <= max(3, max_words)
        assert np.linalg.norm(vector.weights) == pytest.approx(1.0)


def test_an_own_word_is_active_even_where_the_table_is_against_it() -> None:
    vector = encoder(plain(dog=-9.0, puppy=-9.0)).encode(["dog beach"]).row(0)
    assert {word.word for word in vector.words()} == {"dog", "beach"}


def test_a_text_of_unknown_words_has_no_active_words() -> None:
    table = plain({"dog": 4.0}, {"dog": 0.5})
    encode = encoder(
        table, further_words=("hound", "of"), cosine_scale=10.0, least_length=1.0
    ).encode
    assert [len(vector) > 0 for vector in encode(["hound", "of", "zzz", "", "sand", "of dog"])] == [
        *(True, False, False, False, True, True)
    ]
    assert len(encode([])) == 0


def test_the_same_text_gives_the_same_vector_in_any_company() -> None:
    encode = encoder(a_table()).encode
    alone, together = encode(["sand"]), encode(["a dog", "sand"], batch_size=1)
    np.testing.assert_array_equal(alone.row(0).weights, together.row(1).weights)


def test_elu1p_is_never_zero() -> None:
    every = encoder(a_table(), activation="elu1p", max_words=6).encode(["dog"])
    assert len(every.row(0)) == len(WORDS)


def test_equal_weights_keep_the_lower_id() -> None:
    vector = encoder(plain(beach=2.0, sand=2.0, puppy=2.0), max_words=2).encode(["dog"]).row(0)
    assert {word.word for word in vector.words()} == {"dog", "beach"}


@pytest.mark.parametrize("seed", range(3))
def test_rounding_is_off_by_half_a_level_at_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = (rng.normal(size=(6, 4)) * 10.0 ** rng.integers(-3, 3, (6, 1))).astype(np.float32)
    matrix[2] = 0.0
    bounds = np.abs(matrix).max(axis=1, keepdims=True) / LEVELS / 2
    assert (
        np.abs(QuantizedMatrix.of(matrix).rows(list(range(6))) - matrix) <= bounds * 1.001
    ).all()


@pytest.fixture
def folder(static_model_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(static_model_folder, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Record the hash of the static part as it is now."""
    record = read_record(folder)
    digest = file_sha256(folder / STATIC_TEXT_FILE)
    write_record(folder, {**record.values, "sha256": {**record.sha256, STATIC_TEXT_FILE: digest}})


def test_what_is_saved_is_what_is_loaded(folder: Path, tmp_path: Path) -> None:
    table, chosen = a_table(), settings(further_words=("a",), pairs=("a dog", "a cat"))
    save_static_table(tmp_path / "a", table, chosen)
    found = read_static_table(tmp_path / "a")
    assert found[0] == chosen
    for left, right in ((found[1].rows, table.rows), (found[1].codebook, table.codebook)):
        np.testing.assert_array_equal(left.levels_NC, right.levels_NC)
        np.testing.assert_array_equal(left.scale_N, right.scale_N)
    for name in ("base_C", "bias_V", "own_V"):
        np.testing.assert_array_equal(getattr(found[1], name), getattr(table, name))
    save_static_table(tmp_path / "b", table, chosen)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_both_ways_to_an_encoder_are_one(folder: Path) -> None:
    static, model = load_static_text(folder), load_model(folder)
    assert static.model_id == model.static_text.model_id == model.model_id
    assert model.has_static_text
    assert model.static_text is model.static_text
    texts = ["a dog on the beach", "two cars"]
    found, wanted = static.encode(texts), model.static_text.encode(texts)
    np.testing.assert_array_equal(found.weights, wanted.weights)
    norms = [np.linalg.norm(vector.weights) for vector in found]
    np.testing.assert_allclose(norms, 1.0, rtol=1e-6)


def test_only_the_static_part_is_read(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    vocabulary = Vocabulary.load(folder / "vocabulary.txt")
    (folder / "vocabulary.txt").unlink()
    assert load_static_text(folder, vocabulary=vocabulary).encode(["dog"]).nnz > 0


def test_a_model_without_one_says_how_to_make_it(tiny_model_folder: Path) -> None:
    assert not load_model(tiny_model_folder).has_static_text
    with pytest.raises(MissingError, match=r"no static text encoder.*lexret distill"):
        load_static_text(tiny_model_folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / STATIC_TEXT_FILE).unlink()
    with pytest.raises(MissingError, match=r"lacks static_text\.safetensors"):
        load_static_text(folder)


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    content = bytearray((folder / STATIC_TEXT_FILE).read_bytes())
    content[-1] ^= 1
    (folder / STATIC_TEXT_FILE).write_bytes(content)
    with pytest.raises(CorruptError, match="damaged"):
        load_static_text(folder)


def test_another_vocabulary_is_refused(folder: Path) -> None:
    with pytest.raises(MismatchError, match=r"Vocabularies differ: .*6 words"):
        load_static_text(folder, vocabulary=WORDS)


def test_the_static_part_of_another_model_is_refused(folder: Path) -> None:
    chosen = settings(Vocabulary.load(folder / "vocabulary.txt"), imitates="1" * 64)
    save_static_table(folder / STATIC_TEXT_FILE, a_table(), chosen)
    sign(folder)
    with pytest.raises(CorruptError, match="imitates another model"):
        load_static_text(folder)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("rows", lambda a: a[:-1], "rows of shape"),
        ("rows", lambda a: a.astype(np.float32), "rows of shape"),
        ("codebook", lambda a: a[:, 1:], "rows of shape"),
        ("rows.scale", lambda a: a[:-1], "60 finite scales"),
        ("codebook.scale", lambda a: a * np.float32(np.nan), "60 finite scales"),
        ("base_C", lambda a: a * np.float32(np.inf), "base"),
        ("own_V", lambda a: a[:-1], "60 words"),
        ("bias_V", lambda a: a * np.float32(np.nan), "NaN"),
        ("own_V", None, "own"),
        ("rows.scale", None, "rows.scale"),
    ],
)
def test_arrays_that_do_not_fit_are_damage_whatever_their_hash(
    folder: Path, name: str, change: object, message: str
) -> None:
    path = folder / STATIC_TEXT_FILE
    header = {"static_text": _header(path)}
    arrays = load_file(path)
    array = arrays.pop(name)
    if callable(change):
        arrays[name] = change(array)
    save_file(arrays, path, metadata=header)
    sign(folder)
    with pytest.raises(CorruptError, match=f"static_text.safetensors .*{message}"):
        load_static_text(folder)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "another format"),
        ('{"format": 1}', "another format"),
        ('{"format": 2}', "is not a static text encoder"),
        ("{", "cannot be read"),
        ("[]", "another format"),
    ],
)
def test_a_header_that_cannot_be_used_is_damage(
    folder: Path, header: str | None, message: str
) -> None:
    path = folder / STATIC_TEXT_FILE
    arrays = load_file(path)
    save_file(arrays, path, metadata=None if header is None else {"static_text": header})
    sign(folder)
    with pytest.raises(CorruptError, match=message):
        load_static_text(folder)


def test_a_file_that_is_no_safetensors_file_is_damaged(folder: Path) -> None:
    (folder / STATIC_TEXT_FILE).write_bytes(b"anything")
    sign(folder)
    with pytest.raises(CorruptError, match="cannot be read"):
        load_static_text(folder)


def _header(path: Path) -> str:
    size = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + size])
    return str(header["__metadata__"]["static_text"])


def test_encoding_loads_no_network_library(folder: Path) -> None:
    code = (
        "import sys; from lexret.encoders import load_static_text;"
        f"load_static_text({str(folder)!r}).encode(['a dog']);"
        "heavy = {'torch', 'transformers', 'timm', 'scipy', 'peft', 'tokenizers', 'pydantic'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
