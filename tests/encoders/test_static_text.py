"""The static text encoder: a table of words in place of a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from lexret.encoders import load_model
from lexret.encoders.model_folder import (
    STATIC_TEXT_FILE,
    WEIGHTS_FILE,
    file_sha256,
    read_record,
    write_record,
)
from lexret.encoders.static_table import (
    LEVELS,
    StaticSettings,
    StaticTable,
    read_static_table,
    save_static_table,
)
from lexret.encoders.static_text import StaticTextEncoder, load_static_text
from lexret.errors import CorruptError, MismatchError, MissingError
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


def a_table(vocabulary: Vocabulary = WORDS, seed: int = 0, num_entries: int = 4) -> StaticTable:
    rng = np.random.default_rng(seed)
    size = len(vocabulary)
    ids_VK = np.stack([rng.permutation(size)[:num_entries] for _ in range(size)])
    entries_VK = rng.normal(1.0, 2.0, ids_VK.shape).astype(np.float32)
    gate, base, bias, own = rng.normal(size=(4, size)).astype(np.float32)
    return StaticTable.quantized(
        ids_VK, entries_VK, gate=np.abs(gate), base=base, bias=bias, own=np.abs(own)
    )


def encoder(table: StaticTable, **changes: object) -> StaticTextEncoder:
    return StaticTextEncoder(table, settings(**changes), WORDS, model_id="m-0")


def plain(**words: float) -> StaticTable:
    """Only dog, with the given row, a gate of 3, and an own weight of 1; no base, no bias."""
    ids = np.array([[WORDS.term_id(word.replace("_", " ")) for word in words]] * len(WORDS))
    entries = np.zeros((len(WORDS), len(words)), dtype=np.float32)
    entries[0] = list(words.values())
    zeros = np.zeros(len(WORDS), dtype=np.float32)
    gate, own = zeros.copy(), zeros.copy()
    gate[0], own[0] = 3.0, 1.0
    return StaticTable.quantized(ids, entries, gate=gate, base=zeros, bias=zeros, own=own)


def test_a_vector_is_what_the_formula_says() -> None:
    # sqrt(1 + 3) halves the row: dog 4/2 + 1 of its own, puppy 1, sand below zero.
    vector = encoder(plain(dog=4.0, puppy=2.0, sand=-2.0)).encode(["A dog!"]).row(0)
    row = np.log1p([3.0, np.rint(2 / 4 * LEVELS) / LEVELS * 4 / 2])
    assert [one.word for one in vector.words()] == ["dog", "puppy"]
    np.testing.assert_allclose([one.weight for one in vector.words()], row / np.linalg.norm(row))


def test_a_word_counts_once_and_a_phrase_is_not_its_parts() -> None:
    encode = encoder(a_table()).encode
    once, twice, phrase, part = encode(["dog", "dog Dog's dog", "traffic light", "light"])
    np.testing.assert_array_equal(once.weights, twice.weights)
    assert phrase.weight_of("traffic light") > 0
    assert part.weight_of("light") > 0
    assert not np.array_equal(phrase.weights, part.weights)


def test_further_words_have_rows_but_no_dimension() -> None:
    table = plain(dog=4.0, puppy=2.0)  # row 0 is dog's
    longer = replace(
        table,
        indptr=np.append(table.indptr, table.indptr[-1] + 2),
        term_ids=np.append(table.term_ids, table.term_ids[:2]),
        levels=np.append(table.levels, table.levels[:2]),
        row_scale=np.append(table.row_scale, table.row_scale[0]),
        gate=np.append(table.gate, table.gate[0]),
    )
    assert longer.problem(num_words=6, num_rows=7) is None
    vector = encoder(longer, further_words=("hound",)).encode(["Hound"]).row(0)
    np.testing.assert_allclose(vector.weight_of("dog") / vector.weight_of("puppy"),
                               np.log1p(2) / np.log1p(1), rtol=0.02)  # fmt: skip
    assert len(encoder(longer).encode(["hound"]).row(0)) == 0


def test_own_words_are_kept_however_few_there_may_be() -> None:
    for max_words in (1, 2, 6):
        batch = encoder(a_table(), max_words=max_words).encode(["dog beach sand"])
        vector = batch.row(0)
        assert all(vector.weight_of(word) > 0 for word in ("dog", "beach", "sand"))
        assert len(vector) <= max(3, max_words)
        assert np.linalg.norm(vector.weights) == pytest.approx(1.0)


def test_an_own_word_is_active_even_where_the_table_is_against_it() -> None:
    vector = encoder(plain(dog=-9.0, puppy=-9.0)).encode(["dog beach"]).row(0)
    assert {one.word for one in vector.words()} == {"dog", "beach"}


def test_without_a_known_word_the_biases_alone_speak() -> None:
    assert len(encoder(plain(dog=1.0)).encode(["zzz", ""]).term_ids) == 0
    assert len(encoder(plain(dog=1.0)).encode([])) == 0


def test_the_same_text_gives_the_same_vector_in_any_company() -> None:
    encode = encoder(a_table()).encode
    alone, together = encode(["sand"]), encode(["a dog", "sand"], batch_size=1)
    np.testing.assert_array_equal(alone.row(0).weights, together.row(1).weights)


def test_elu1p_is_never_zero() -> None:
    every = encoder(a_table(), activation="elu1p", max_words=6).encode(["dog"])
    assert len(every.row(0)) == len(WORDS)


def test_equal_weights_keep_the_lower_id() -> None:
    vector = encoder(plain(beach=2.0, sand=2.0, puppy=2.0), max_words=2).encode(["dog"]).row(0)
    assert {one.word for one in vector.words()} == {"dog", "beach"}


@pytest.mark.parametrize("seed", range(3))
def test_rounding_is_off_by_half_a_level_at_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids_VK = np.stack([rng.permutation(6)[:4] for _ in range(6)])
    entries_VK = (rng.normal(size=(6, 4)) * 10.0 ** rng.integers(-3, 3, (6, 1))).astype(np.float32)
    entries_VK[2] = 0.0
    zeros = np.zeros(6, dtype=np.float32)
    table = StaticTable.quantized(ids_VK, entries_VK, gate=zeros, base=zeros, bias=zeros, own=zeros)
    for word in range(6):
        dense: npt.NDArray[np.float32] = np.zeros(6, dtype=np.float32)
        ids, entries = table.row(word)
        dense[ids] = entries
        bound = np.abs(entries_VK[word]).max() / LEVELS / 2
        assert np.abs(dense[ids_VK[word]] - entries_VK[word]).max() <= bound * 1.001
        assert (np.diff(ids.astype(int)) > 0).all()


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
    table, chosen = a_table(), settings()
    save_static_table(tmp_path / "a", table, chosen)
    found = read_static_table(tmp_path / "a")
    assert found[0] == chosen
    for name in ("indptr", "term_ids", "levels", "row_scale", "gate", "base", "bias", "own"):
        np.testing.assert_array_equal(getattr(found[1], name), getattr(table, name))
    save_static_table(tmp_path / "b", table, chosen)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_both_ways_to_an_encoder_are_one(folder: Path) -> None:
    static, model = load_static_text(folder), load_model(folder)
    assert static.model_id == model.static_texts.model_id == model.model_id
    assert model.has_static_texts
    assert model.static_texts is model.static_texts
    texts = ["a dog on the beach", "two cars"]
    found, wanted = static.encode(texts), model.static_texts.encode(texts)
    np.testing.assert_array_equal(found.weights, wanted.weights)
    norms = [np.linalg.norm(vector.weights) for vector in found]
    np.testing.assert_allclose(norms, 1.0, rtol=1e-6)


def test_only_the_static_part_is_read(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    vocabulary = Vocabulary.load(folder / "vocabulary.txt")
    (folder / "vocabulary.txt").unlink()
    assert load_static_text(folder, vocabulary=vocabulary).encode(["dog"]).nnz > 0


def test_a_model_without_one_says_how_to_make_it(tiny_model_folder: Path) -> None:
    assert not load_model(tiny_model_folder).has_static_texts
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
        ("gate", lambda a: a[:-1], "60 rows"),
        ("own", lambda a: a[:-1], "60 words"),
        ("bias", lambda a: a * np.float32(np.nan), "NaN"),
        ("indptr", lambda a: a[:-1], "rows do not cover"),
        ("term_ids", lambda a: a + np.uint16(60), "do not fit the vocabulary"),
        ("own", None, "own"),
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
        ('{"format": 2}', "another format"),
        ('{"format": 1}', "is not a static text encoder"),
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
