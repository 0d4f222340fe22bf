"""Dictionaries in FreeDict's and StarDict's formats: read, kept, listed and removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lexret.errors import CorruptError, InputError, MissingError
from lexret.language.dictionaries.compact import CompactDictionary
from lexret.language.dictionaries.dictd import read_dictd
from lexret.language.dictionaries.entries import read_entry
from lexret.language.dictionaries.folder import (
    add_dictionary,
    dictionary_folder,
    installed_dictionaries,
    remove_dictionary,
)
from lexret.language.dictionaries.stardict import read_stardict
from lexret.language.languages import language_code


@pytest.fixture
def dictionary(german: Path, tmp_path: Path) -> CompactDictionary:
    _, file = add_dictionary("deu", str(german), folder=tmp_path / "kept")
    return CompactDictionary(file)


@pytest.mark.parametrize(
    ("text", "senses"),
    [
        ("chien /Sj/ <n, masc>\ndog\n", [("dog",)]),
        ("chien /Sj/\n1. above, on top\n2. on\n", [("above", "on top"), ("on",)]),
        ("chien\n[zool.] dog <n>; hound <n> [Br.]\n", [("dog", "hound")]),
        ("<b>chien</b><br>dog (an animal)<br/>the hound", [("dog",), ("hound",)]),
        ('chien /S/\ndog\n  "le chien"  - the dog\n   Synonyms: {clebs}\n see: {chiens}\n',
         [("dog",)]),
        ("to run, to walk with sb. on a lead", [("run",)]),
    ],
)  # fmt: skip
def test_translations_are_read_from_text_for_people(
    text: str, senses: list[tuple[str, ...]]
) -> None:
    entry = read_entry("chien", text)
    assert entry is not None
    assert list(entry.senses) == senses


@pytest.mark.parametrize("text", ["", "chien /S/\n", "Haus\u2026 /haUs/ <adj>\nhouse\n", "chien"])
def test_an_entry_about_another_word_or_without_english_is_left_out(text: str) -> None:
    assert read_entry("haus" if "haus" in text.casefold() else "chien", text) is None


def test_a_dictionary_of_freedict_is_read(german: Path) -> None:
    entries = {entry.word for entry in read_dictd(german)}
    assert entries == {"hund", "strand", "ball", "rot", "haus", "laufen", "ampel", "wombat"}


@pytest.mark.parametrize("types", ["m", "tm", ""])
def test_a_dictionary_of_stardict_is_read(
    tmp_path: Path, write_stardict: Callable[..., Path], types: str
) -> None:
    sound = "hUnt\0" if types == "tm" else ""
    info = write_stardict(
        tmp_path / "test.ifo", {"Hund": f"{sound}dog; hound", "Strand": f"{sound}beach"},
        types=types, synonyms={"Hunde": 0},
    )  # fmt: skip
    assert [(entry.word, entry.senses) for entry in read_stardict(info)] == [
        ("Hund", (("dog", "hound"),)),
        ("Strand", (("beach",),)),
        ("Hunde", (("dog", "hound"),)),
    ]
    added, file = add_dictionary("deu", str(info), folder=tmp_path / "kept")
    assert (added.name, added.num_words) == ("A test", 3)
    assert CompactDictionary(file).translations("hunde")[0] == "dog"


def test_what_is_meant_comes_before_what_is_rare(dictionary: CompactDictionary) -> None:
    # "Mine car" stands first in the dictionary, and "tub" is another word for it.
    assert dictionary.translations("Hund")[0] == "dog"
    assert "tub" not in dictionary.translations("Hund")
    assert dictionary.translations("strand") == ("beach",)
    assert dictionary.translations("ampel") == ("traffic light",)
    assert dictionary.translations("laufen")[0] == "run"


@pytest.mark.parametrize(
    ("form", "translation"),
    [("Hunde", "dog"), ("Häuser", "house"), ("haeuser", "house"), ("rotes", "red"),
     ("Bälle", "ball"), ("rote", "red"), ("Strände", "beach"), ("ROT", "red")],
)  # fmt: skip
def test_inflected_forms_are_found(
    dictionary: CompactDictionary, form: str, translation: str
) -> None:
    assert dictionary.translations(form)[0] == translation


def test_compounds_are_cut_into_headwords(dictionary: CompactDictionary) -> None:
    assert dictionary.parts("strandhund") == ("strand", "hund")
    assert dictionary.parts("Hundestrand") == ("hund", "strand")
    assert dictionary.parts("xyzzy") == ()
    assert dictionary.translations("xyzzy") == ()


def test_every_word_is_found_and_no_other(tmp_path: Path, write_dictd: Callable[..., Path]) -> None:
    words = [f"wort{number}x" for number in range(300)] + ["éa", "z"]
    index = write_dictd(tmp_path / "x.index", {word: f"{word} /x/\nword\n" for word in words})
    _, file = add_dictionary("epo", str(index), folder=tmp_path)
    kept = CompactDictionary(file)
    assert all(kept.translations(word) == ("word",) for word in [*words, "ea"])
    assert not any(kept.translations(f"{word}y") for word in words)
    assert not kept.translations("a")


def test_a_dictionary_is_found_by_a_file_a_folder_and_its_name(
    german: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lexret.language.dictionaries import folder

    monkeypatch.setattr(folder, "_PLACES", (str(german.parent),))
    sources = [german, german.parent, german.with_suffix(".dict.dz"), "freedict-deu-eng", None]
    for source in sources:
        info, _ = add_dictionary("deu", None if source is None else str(source))
        assert info.name == "freedict-deu-eng"
    (one,) = installed_dictionaries()
    assert one.language == "deu"
    assert remove_dictionary("deu") == dictionary_folder() / "deu.dictionary"
    assert installed_dictionaries() == []


def test_the_folder_is_the_systems_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEXRET_LANGUAGES")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert dictionary_folder() == tmp_path / "lexret" / "languages"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    assert dictionary_folder() == tmp_path / "roaming" / "lexret" / "languages"
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dictionary_folder().parts[-4:-2] == ("Library", "Application Support")


def test_what_is_missing_is_told(tmp_path: Path, german: Path) -> None:
    with pytest.raises(MissingError, match="apt install dict-freedict-xho-eng"):
        add_dictionary("xho")
    with pytest.raises(MissingError, match="No dictionary nowhere was found"):
        add_dictionary("deu", "nowhere")
    with pytest.raises(MissingError, match=r"no dictionary of French in .*; there are: none"):
        remove_dictionary("fra")
    with pytest.raises(InputError, match=r"One dictionary .* there are: none"):
        add_dictionary("deu", str(tmp_path))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"notes\.txt is no file of a dictionary"):
        add_dictionary("deu", str(tmp_path / "notes.txt"))
    german.with_suffix(".dict.dz").unlink()
    with pytest.raises(MissingError, match=r"freedict-deu-eng\.dict"):
        add_dictionary("deu", str(german))


def test_a_dictionary_without_english_words_is_refused(
    tmp_path: Path, write_dictd: Callable[..., Path]
) -> None:
    index = write_dictd(tmp_path / "x.index", {"hund": "Hund /x/\n"})
    with pytest.raises(InputError, match="no word with a translation"):
        add_dictionary("deu", str(index), folder=tmp_path)


def test_damaged_files_are_named(
    german: Path, tmp_path: Path, write_stardict: Callable[..., Path]
) -> None:
    content = german.read_text(encoding="utf-8")
    german.write_text(content + "hund\tA!\tB\n", encoding="utf-8")
    with pytest.raises(CorruptError, match="two numbers in base 64"):
        list(read_dictd(german))
    german.write_text(content + "hund\t//\t////\n", encoding="utf-8")
    with pytest.raises(CorruptError, match="beyond the end"):
        list(read_dictd(german))
    german.with_suffix(".dict.dz").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(CorruptError, match="cannot be decompressed"):
        list(read_dictd(german))
    info = write_stardict(tmp_path / "s.ifo", {"hund": "dog"})
    index = info.with_suffix(".idx").read_bytes()
    info.with_suffix(".idx").write_bytes(index[:-2])
    with pytest.raises(CorruptError, match="ends within an entry"):
        list(read_stardict(info))
    info.write_text("something else\n", encoding="utf-8")
    with pytest.raises(CorruptError, match="no StarDict dictionary"):
        list(read_stardict(info))


def test_a_kept_dictionary_that_was_cut_short_is_refused(german: Path, dictionaries: Path) -> None:
    _, file = add_dictionary("deu", str(german))
    data = file.read_bytes()
    file.write_bytes(data[:-3])
    with pytest.raises(CorruptError, match="cut short"):
        installed_dictionaries()
    file.write_bytes(b'{"format": "other"}\n')
    with pytest.raises(CorruptError, match="add the dictionary anew"):
        installed_dictionaries()


@pytest.mark.parametrize("given", ["deu", "de", "German", "ger", " DEU "])
def test_a_language_is_named_by_its_code_or_its_name(given: str) -> None:
    assert language_code(given) == "deu"


@pytest.mark.parametrize("given", ["english", "d", "12", "../deu", "en"])
def test_other_names_of_languages_are_refused(given: str) -> None:
    with pytest.raises(InputError):
        language_code(given)
