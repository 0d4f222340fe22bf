"""Vocabularies on disk, and that the shipped ones are what their records describe."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

import pytest

from lexret.errors import CorruptError, InputError, MissingError, StorageError
from lexret.vocabularies import caption_words, phrase_expansion, recipes
from lexret.vocabularies.records import (
    read_record,
    record_for,
    record_path,
    sha256_of,
    shipped_record,
    write_vocabulary,
)
from lexret.vocabularies.word_lists import UNWANTED_PHRASES, UNWANTED_WORDS
from lexret.vocabulary import STOP_WORDS, Vocabulary, number_free

FOLDER = resources.files("lexret") / "vocabularies"
SHIPPED = ("english-20k", "english-21k", "llama2-17k")


def write(file: Path, words: tuple[str, ...] = ("dog", "hot dog"), overwrite: bool = False) -> Path:
    return write_vocabulary(
        file,
        words,
        language="en",
        made_by="a test",
        provenance={"licence": "none"},
        overwrite=overwrite,
    )


def test_a_vocabulary_is_written_with_its_record(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    record_file = write(file)
    assert record_file == record_path(file) == tmp_path / "mine.json"
    assert Vocabulary.load(file).words == ("dog", "hot dog")
    assert read_record(file) == record_for(str(file))
    assert read_record(file) == {
        "name": "mine",
        "language": "en",
        "num_words": 2,
        "sha256": hashlib.sha256(b"dog\nhot dog\n").hexdigest(),
        "made_by": "a test",
        "licence": "none",
    }


def test_a_file_that_is_there_stays_unless_replacing_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    write(file)
    with pytest.raises(InputError, match=r"mine\.txt is there already.*--force"):
        write(file, ("cat",))
    assert Vocabulary.load(file).words == ("dog", "hot dog")
    write(file, ("cat",), overwrite=True)
    assert Vocabulary.load(file).words == ("cat",)
    file.unlink()
    with pytest.raises(InputError, match=r"mine\.json is there already"):
        write(file)


def test_a_vocabulary_needs_a_text_file_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"NAME\.txt"):
        write(tmp_path / "mine")
    with pytest.raises(StorageError, match="Cannot write"):
        write(tmp_path / "none" / "mine.txt")


def test_records_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("dog\n", encoding="utf-8")
    assert record_for(str(file)) == {"name": "mine.txt"}
    with pytest.raises(MissingError, match="no record"):
        read_record(file)
    record_path(file).write_text("{", encoding="utf-8")
    with pytest.raises(CorruptError, match="not JSON"):
        read_record(file)
    record_path(file).write_text("[]", encoding="utf-8")
    with pytest.raises(CorruptError, match="JSON object"):
        read_record(file)
    with pytest.raises(MissingError):
        shipped_record("klingon")
    with pytest.raises(MissingError, match="Cannot read"):
        sha256_of(tmp_path / "none")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_vocabulary_is_the_one_its_record_describes(name: str) -> None:
    record = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    content = (FOLDER / f"{name}.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert content.count(b"\n") == record["num_words"] == len(Vocabulary.shipped(name))
    assert record["name"] == name
    assert record["made_by"].startswith(f"lexret vocab build {name}")
    assert record["licence"]


def test_english_21k_is_english_20k_and_phrases() -> None:
    words, phrases = Vocabulary.shipped("english-20k"), Vocabulary.shipped("english-21k")
    assert phrases.words[: len(words)] == words.words
    assert all(" " in phrase for phrase in phrases.words[len(words) :])
    record = shipped_record("english-21k")
    assert record["num_phrases"] == len(phrases) - len(words)
    assert record["extends"]["fingerprint"] == words.fingerprint
    assert record["rule"] == (phrase_expansion.__doc__ or "").strip()
    names = [source["name"] for source in record["sources"]]
    assert "wordfreq" in names and "Princeton WordNet" in names


@pytest.mark.parametrize(
    "phrase",
    [
        *("hot dog", "polar bear", "fire hydrant", "traffic light", "teddy bear", "tennis court"),
        *("golden retriever", "baseball bat", "swimming pool", "parking lot", "t shirt"),
    ],
)
def test_english_21k_has_what_pictures_need(phrase: str) -> None:
    assert phrase in Vocabulary.shipped("english-21k")


@pytest.mark.parametrize("phrase", ["a dog", "dog running", "young girl", "brown dog", "two dogs"])
def test_english_21k_has_no_mere_descriptions(phrase: str) -> None:
    assert phrase not in Vocabulary.shipped("english-21k")


def test_no_shipped_phrase_is_junk_or_there_twice() -> None:
    phrases = [word.split() for word in Vocabulary.shipped("english-21k") if " " in word]
    keys = {(*words[:-1], number_free(words[-1])) for words in phrases}
    assert len(keys) == len(phrases)
    for words in phrases:
        assert len(words) in (2, 3)
        assert all(word.isascii() and word.isalpha() for word in words)
        assert words[0] not in STOP_WORDS
        assert words[-1] not in STOP_WORDS or words == ["parking", "lot"]
        assert not UNWANTED_WORDS & set(words)
        assert " ".join(words) not in UNWANTED_PHRASES


def test_english_21k_is_only_made_from_the_captions_that_made_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="these 1 pictures' captions have"):
        recipes.english_with_phrases(tmp_path, [["a dog"]], {})


def test_the_hash_of_captions_knows_neither_order_nor_names_of_pictures() -> None:
    first = recipes.captions_sha256([["a", "b"], ["c"]])
    assert first == recipes.captions_sha256([["c"], ["a", "b"]])
    assert first != recipes.captions_sha256([["a"], ["b", "c"]])


def test_a_vocabulary_of_ones_own_records_its_sources() -> None:
    built = recipes.custom(
        {"mine.jsonl": [["a dog", "dogs"], ["the dog"]]},
        size=3,
        min_pictures=2,
        word_list=("cat",),
        list_name="words.txt",
    )
    assert built.words == ("cat", "dog")
    assert built.provenance["rule"] == (caption_words.__doc__ or "").strip()
    listed, captions = built.provenance["sources"]
    assert listed["name"] == "words.txt"
    assert (captions["num_pictures"], captions["num_captions"]) == (2, 3)


def test_an_expanded_vocabulary_records_what_it_extends() -> None:
    words = Vocabulary(["hay", "bale", "sea", "lion"])
    pictures = [["a hay bale and more"]] * 3 + [["the sea"]]
    record = {"name": "farm", "language": "en", "licence": "free", "sources": [{"name": "me"}]}
    sources = recipes.captions_sources({"mine": pictures}, "counts")
    built, phrases = recipes.expanded(
        words, record, pictures=pictures, sources=sources, num_phrases=5
    )
    assert built.words == ("hay", "bale", "sea", "lion", "hay bale")
    assert [phrase.text for phrase in phrases] == ["hay bale"]
    assert built.provenance["extends"]["fingerprint"] == words.fingerprint
    assert built.provenance["parameters"]["num_phrases"] == 5
    assert [source["name"] for source in built.provenance["sources"]] == ["me", "mine"]
    assert built.provenance["licence"] == "free"
