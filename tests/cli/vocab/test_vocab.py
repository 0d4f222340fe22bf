"""``lexret vocab`` on small captions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.cli.vocab.build import KINDS, NAMES
from lexret.vocabulary import Vocabulary

CAPTIONS = ["a hay bale in the sun", "Two hay bales", "A dog on a hay bale", "the dog", "the sun"]


def vocab(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["vocab", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    file = tmp_path / "texts.txt"
    file.write_text("".join(f"{text}\n" for text in CAPTIONS), encoding="utf-8")
    return file


def test_build_makes_a_vocabulary_of_captions_and_words(tmp_path: Path, captions: Path) -> None:
    listed = tmp_path / "words.txt"
    listed.write_text("Hot  Dog\n", encoding="utf-8")
    out = tmp_path / "mine.txt"
    result = vocab("build", "--captions", captions, "--words", listed, "--size", 4, "-o", out)
    assert result.exit_code == 0, result.output
    assert Vocabulary.load(out).words == ("hot dog", "hay", "bale", "dog")
    assert f"{out}: 4 words, 1 of them phrases" in result.stdout
    record = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert [source["name"] for source in record["sources"]] == ["words.txt", "texts.txt"]
    assert str(tmp_path) not in json.dumps(record)


def test_build_makes_llama2_17k_again_the_same_bytes(tmp_path: Path) -> None:
    out = tmp_path / "llama2-17k.txt"
    result = vocab("build", "llama2-17k", "-o", out, "--json")
    assert result.exit_code == 0, result.output
    values = json.loads(result.stdout)
    shipped = Vocabulary.shipped("llama2-17k")
    assert Vocabulary.load(out) == shipped
    assert values["num_words"] == len(shipped)
    assert values["fingerprint"] == shipped.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give one of english-20k"),
        (["english-20k"], "--wordnet DIR"),
        (["english-21k", "--wordnet", "."], "Flickr8k's train split"),
        (["klingon"], "'klingon' is not one of"),
        (["english-20k", "--wordnet", "/none"], "does not exist"),
    ],
)
def test_build_says_what_is_missing(arguments: list[str], message: str) -> None:
    result = vocab("build", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_build_does_not_replace_a_file_unless_told(tmp_path: Path, captions: Path) -> None:
    out = tmp_path / "mine.txt"
    assert vocab("build", "--captions", captions, "-o", out).exit_code == 0
    again = vocab("build", "--captions", captions, "-o", out)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert vocab("build", "--captions", captions, "-o", out, "--force").exit_code == 0
    assert vocab("build", "--captions", captions).exit_code == 2


def test_the_names_that_build_offers_are_those_that_ship() -> None:
    for name in NAMES:
        if name != KINDS:  # a table of words that the others lack
            assert len(Vocabulary.shipped(name)) > 10_000


def test_expand_appends_phrases_and_keeps_the_ids(tmp_path: Path, captions: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("hay\nsun\nbale\n", encoding="utf-8")
    out = tmp_path / "more.txt"
    result = vocab("expand", words, "--captions", captions, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    assert Vocabulary.load(out).words == ("hay", "sun", "bale", "hay bale")
    values = json.loads(result.stdout)
    assert values["num_phrases"] == 1
    assert values["phrases"] == [
        {"text": "hay bale", "num_pictures": 3, "num_glosses": 0, "sources": ["captions"]}
    ]
    record = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["extends"]["name"] == "words.txt"
    assert record["parameters"]["min_pictures"] == 3


def test_expand_takes_the_names_of_picture_classes(tmp_path: Path) -> None:
    out = tmp_path / "more.txt"
    result = vocab("expand", "english-20k", "--classes", "--num", 300, "-o", out)
    assert result.exit_code == 0, result.output
    assert {"golden retriever", "fire hydrant"} <= set(Vocabulary.load(out))
    assert "20,300 words, 300 of them phrases" in result.stdout


def test_expand_without_a_source_or_a_phrase_is_an_error(tmp_path: Path, captions: Path) -> None:
    out = tmp_path / "more.txt"
    assert "phrases come from there" in vocab("expand", "english-20k", "-o", out).stderr
    none = vocab(*("expand", "english-20k", "--captions", captions, "--min-pictures", 9, "-o", out))
    assert none.exit_code == 2
    assert "No phrase passes the rules" in none.stderr
    assert not out.exists()


def test_show_tells_size_fingerprint_and_samples() -> None:
    result = vocab("show", "english-21k")
    assert result.exit_code == 0
    assert Vocabulary.shipped("english-21k").fingerprint in result.stdout
    assert "CC BY-SA 4.0" in result.stdout
    values = json.loads(vocab("show", "english-21k", "--json").stdout)
    assert values["num_words"] == len(Vocabulary.shipped("english-21k"))
    assert values["num_phrases"] == values["num_words"] - 20_000
    assert "words" not in values


def test_show_looks_words_up() -> None:
    words = ("dog", "Traffic Lights", "red dog", "surfbord")
    result = vocab("show", "english-21k", *words)
    assert result.exit_code == 0
    rows = result.stdout.splitlines()[1:]
    assert rows[0].split() == ["dog", "yes", str(Vocabulary.shipped().term_id("dog"))]
    assert "as 'traffic light'" in rows[1]
    assert "its words: red, dog" in rows[2]
    assert "nearest: surfboard" in rows[3]
    values = json.loads(vocab("show", "english-21k", *words, "--json").stdout)
    entries = [one["entry"] for one in values["words"]]
    assert entries == ["dog", "traffic light", None, None]
    assert [one["term_id"] is None for one in values["words"]] == [False, False, True, True]


def test_show_ends_with_1_if_no_word_is_in() -> None:
    assert vocab("show", "english-20k", "xyzzyx").exit_code == 1
    assert vocab("show", "english-20k", "xyzzyx", "dog").exit_code == 0


def test_show_opens_models_files_and_names(tiny_model_folder: Path, tmp_path: Path) -> None:
    values = json.loads(vocab("show", tiny_model_folder, "traffic light", "--json").stdout)
    assert values["model"].startswith("tiny-")
    assert values["words"][0]["entry"] == "traffic light"
    words = tmp_path / "words.txt"
    words.write_text("dog\n", encoding="utf-8")
    assert "words        1" in vocab("show", words).stdout
    missing = vocab("show", "klingon")
    assert missing.exit_code == 2
    assert "english-21k" in missing.stderr


@pytest.mark.parametrize(
    "arguments",
    [["vocab", "--help"], ["vocab", "show", "--help"], ["vocab", "show", "mini", "dog"]],
)
def test_help_and_show_need_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from lexret.cli.main import main; "
        f"main({arguments!r}, standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
