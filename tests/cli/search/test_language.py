"""``lexret search`` with operators, filters and pictures; the examples of its documentation."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.query import plain
from lexret.engine.query.binding import bind_query
from lexret.engine.query.parser import parse_query
from lexret.engine.query.plain import is_surely_plain
from lexret.engine.query.query import Query
from lexret.explain.answers import answer
from lexret.library.asking import meaning
from lexret.library.asking.mixing import fitted_to_words
from lexret.library.asking.query_fields import PICTURE_FIELDS
from lexret.library.asking.reading import read_query
from lexret.sparse import SparseBatch

DOCS = Path(__file__).parents[3] / "docs" / "query-language.md"
PICTURES: dict[str, dict[str, float]] = {
    "beach/1.png": {"dog": 0.75, "beach": 0.5, "sea": 0.25},
    "beach/2.png": {"beach": 0.75, "sea": 0.5},
    "city/car.png": {"car": 0.75, "street": 0.5, "dog": 0.0625},
    "city/light.png": {"traffic light": 0.75, "night": 0.5},
}
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
GERMAN = {"Hund": "dog", "Strand": "beach", "Ohr": "ear"}
FIELDS = {
    "size": [1000, 2_000_000, 3_000_000, 4_000_000],
    "taken_s": [1717243200, 1717243200 + 86400 * 40, None, None],
    "mtime_ns": [10**18] * 4,
    "width": [2000] * 4,
    "height": [1000] * 4,
    "camera": ["Leica Q", "Canon", None, None],
    "iso": [100, 800, 100, 100],
    "f_number": [1.8, 4.0, 1.8, 1.8],
    "exposure_s": [0.001, 0.01, 0.1, 0.1],
    "_keywords": ["Grandma", "People|Grandma", None, None],
    "_date_from": ["exif", "xmp", None, None],
    "latitude": [47.5, None, None, None],
    "longitude": [8.5, None, None, None],
}


def search(*arguments: object) -> Result:
    words = ["search", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def found(*arguments: object) -> list[str]:
    """Paths of the hits, best first."""
    result = search("--json", *arguments)
    assert result.exit_code in (0, 1), result.output
    return [hit["path"] for hit in json.loads(result.stdout)["hits"]]


@pytest.fixture
def photos(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an index of chosen vectors, and a picture that is not in it."""
    root = tmp_path / "photos"
    root.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "photo.png")
    model = load_model(tiny_model_folder)
    with EmbeddedIndexWriter.create(
        root / ".lexret",
        model.vocabulary,
        model_id=model.model_id,
        model_source=str(tiny_model_folder),
        roots=[".."],
    ) as writer:
        batch = SparseBatch.from_words(list(PICTURES.values()), model.vocabulary)
        writer.add(list(PICTURES), batch, fields=FIELDS)
        writer.commit()
    monkeypatch.chdir(root)
    return root


@given(st.text(alphabet='aO R1"()+-?^>:. \t', max_size=12))
def test_what_is_taken_for_plain_is_plain(text: str) -> None:
    if is_surely_plain(text):
        assert parse_query(text).is_plain


def test_a_plain_text_needs_no_parser(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = search("a dog, on a t-shirt", "--json").stdout
    with monkeypatch.context() as parsing:
        parsing.setattr(plain, "is_surely_plain", lambda text: False)
        assert search("a dog, on a t-shirt", "--json").stdout == expected
    monkeypatch.setattr(meaning, "_parsed", None)
    assert search("a dog, on a t-shirt", "--json").stdout == expected


def test_conditions_are_exact(photos: Path) -> None:
    assert set(found("dog?")) == {"beach/1.png", "city/car.png"}
    assert found("dog? -car") == ["beach/1.png"]
    assert found("dog? -dog>0.1") == []  # an excluded word scores nothing
    assert found("beach? sea? -dog>0.1") == ["beach/2.png"]
    assert found("+dog>0.1 +sea") == ["beach/1.png"]
    assert found("a picture of a +sea with a +street") == []
    assert found('+"traffic light" at night') == ["city/light.png"]
    assert found("-(dog OR beach)") == ["city/light.png"]
    assert found("(dog? OR beach?)") == ["beach/1.png", "beach/2.png", "city/car.png"]


def test_a_sign_changes_no_score_of_the_text(photos: Path) -> None:
    scores = [
        {hit["path"]: hit["score"] for hit in json.loads(search(text, "--json").stdout)["hits"]}
        for text in ("a dog on a beach", "a +dog on a beach")
    ]
    assert scores[1].items() <= scores[0].items()
    assert set(scores[1]) == {"beach/1.png", "city/car.png"}


def test_filters_narrow_the_hits(photos: Path) -> None:
    assert found("path:beach/**") == ["beach/1.png", "beach/2.png"]
    assert found("dog? path:city") == ["city/car.png"]
    assert found("date:2024-06") == ["beach/1.png"]
    assert found("-date:2024 size:3MB..") == ["city/car.png", "city/light.png"]
    assert found('camera:"leica q"') == ["beach/1.png"]
    assert found("-camera:* exposure_s:1/10") == ["city/car.png", "city/light.png"]


@pytest.mark.parametrize("query", ["path:beach", "-car path:beach", "-(car OR street) -night"])
def test_where_nothing_scores_no_score_is_printed(photos: Path, query: str) -> None:
    for option in ((), ("--explain",)):
        lines = [line.split() for line in search(query, *option).stdout.splitlines()]
        assert lines == [["rank", "path"], ["1", "beach/1.png"], ["2", "beach/2.png"]]
    hits = json.loads(search(query, "--json").stdout)["hits"]
    assert [(hit["score"], hit["words"]) for hit in hits] == [(0.0, []), (0.0, [])]
    assert search("dog? path:beach").stdout.split()[:2] == ["rank", "score"]


def test_scores_of_alternatives_are_explained(photos: Path) -> None:
    hits = json.loads(search("dog? (beach? OR sea?^4)", "--json").stdout)["hits"]
    words = {hit["path"]: {w["word"]: w["product"] for w in hit["words"]} for hit in hits}
    assert words == {
        "beach/2.png": {"sea": 2.0},
        "beach/1.png": {"sea": 1.0, "dog": 0.75},
        "city/car.png": {"dog": 0.0625},
    }
    for hit in hits:
        assert hit["score"] == sum(words[hit["path"]].values())
    lines = search("(beach? OR sea?) -dog", "--explain").stdout.splitlines()
    assert lines[-1].split() == ["=", "0.750000"]


def test_a_query_for_postings_alone_needs_no_encoder_and_no_torch(photos: Path) -> None:
    code = (
        "import sys; from lexret.cli.main import main\n"
        "main(['search', 'dog? -car path:beach', '--json'], standalone_mode=False)\n"
        "heavy = {'torch', 'transformers', 'timm', 'scipy', 'pydantic', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert (told["text_encoder"], [hit["path"] for hit in told["hits"]]) == (None, ["beach/1.png"])
    assert done.stderr.strip() == "[]"


def test_words_with_a_minus_are_words_and_no_options(photos: Path) -> None:
    assert found("sea?", "-dog") == found("sea? -dog") == ["beach/2.png"]
    assert found("-dog", "sea?", "-k", 1) == found("-k1", "sea?", "-dog") == ["beach/2.png"]
    assert found("-(dog OR car)", "-k1", "--", "-sea") == ["city/light.png"]
    assert search("dog", "-k", "-dog").exit_code == 2
    result = search("dog", "--explian")
    assert result.exit_code == 2
    assert "--explian" in result.stderr
    for call in ([], ["--json"]):
        result = search(*call)
        assert result.exit_code == 2
        assert "Missing argument 'QUERY'" in result.stderr


def test_more_like_a_picture_of_the_index(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("--like", "beach/1.png") == ["beach/2.png", "city/car.png"]
    assert found("--like", "beach/1.png", "-dog") == ["beach/2.png"]
    told = json.loads(search("--like", "beach/1.png", "dog^0.5 sea^0", "--json").stdout)
    assert (told["like"], told["text_encoder"]) == (["beach/1.png"], None)
    weights = {w["word"]: w["query_weight"] for hit in told["hits"] for w in hit["words"]}
    assert weights == {"beach": 0.5, "dog": 0.375}
    (photos / "beach").mkdir()
    monkeypatch.chdir(photos / "beach")
    for place in ("beach/1.png", "1.png", photos / "beach" / "1.png"):
        assert found("--like", place, "-k1") == ["2.png"]
    result = search("--like", "gone.png")
    assert result.exit_code == 2
    assert "holds no picture 'gone.png'" in result.stderr
    assert "--image" in result.stderr


def test_a_picture_and_a_part_of_it_are_queries(photos: Path, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    index = open_index(photos / ".lexret")
    whole = Image.open(photos / "photo.png")
    for box in (None, (10, 20, 30, 15)):
        part = whole if box is None else whole.crop((10, 20, 40, 35))
        options = [] if box is None else ["--box", "10,20,30,15"]
        expected = answer(index, model.images.encode([part]).row(0))
        told = json.loads(search("--image", "photo.png", *options, "--json").stdout)
        assert [(h["path"], h["score"]) for h in told["hits"]] == [
            (one.doc_id, one.score) for one in expected
        ]
        assert (told["images"], told["box"]) == (["photo.png"], None if box is None else [*box])


def test_what_of_a_picture_goes_with_the_words_is_added_to_them(photos: Path) -> None:
    # The sea is found in beach/2.png, which shows a beach and no dog.
    told = json.loads(search("sea?", "--like", "beach/1.png", "--json").stdout)
    (hit,) = told["hits"]
    length = 0.8 / (0.5**2 + 0.25**2) ** 0.5
    assert {word["word"]: word["query_weight"] for word in hit["words"]} == {
        "beach": pytest.approx(0.5 * length),
        "sea": pytest.approx(1 + 0.25 * length),
    }
    assert sum(word["product"] for word in hit["words"]) == pytest.approx(hit["score"])
    narrowed = json.loads(search("sea? path:beach", "--like", "beach/1.png", "--json").stdout)
    assert narrowed["hits"] == told["hits"]
    assert found("sea?^0", "--like", "beach/1.png") == ["beach/2.png", "city/car.png"]


def test_a_picture_file_counts_beside_words(photos: Path, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    picture = model.images.encode([Image.open(photos / "photo.png")]).row(0)
    text = model.texts.encode_queries(["dog"]).row(0)
    fitted = fitted_to_words([picture], Query(text), open_index(photos / ".lexret"))
    (hit, *_) = json.loads(search("dog", "--image", "photo.png", "--json").stdout)["hits"]
    for word in hit["words"]:
        total = fitted.weight_of(word["word"]) + text.weight_of(word["word"])
        assert word["query_weight"] == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "photo.png", "--box", "50,0,20,10"], "which is 60 x 40 pixels"),
        (["--image", "photo.png", "--box", "1,2,3"], "four whole numbers x,y,w,h"),
        (["--image", "photo.png", "--box", "1,2,0,4"], "the last two above 0"),
        (["--like", "beach/1.png", "--box", "1,2,3,4"], "There is no picture"),
        (["dog", "--box", "1,2,3,4"], "exactly one picture to search by with it; found 0"),
        (["--like", "a", "--image", "b", "--box", "1,2,3,4"], "exactly one picture"),
        (["--image", "a", "--image", "b", "--box", "1,2,3,4"], "exactly one picture"),
        (["--image", "gone.png"], "no picture gone.png"),
        (["dog OR cat"], "(beach OR lake)"),
        (["un chien sur la plage"], "English only: this looks like French, and none of its words"),
        (["dogg -dog"], "of 60 words (nearest: dog, dogs). Say it with"),
        (["dogg path:beach"], "of 60 words (nearest: dog, dogs). Say it with"),
        (["+dogg"], "(nearest: dog, dogs).\n  +dogg\n   ^~~~\n"),
        (["-dogg"], "(nearest: dog, dogs).\n  -dogg\n   ^~~~\n"),
        (["camra:x"], "no field 'camra'; there are: camera, date, date_from, exposure_s"),
    ],
)
def test_what_cannot_be_used_is_told(photos: Path, arguments: list[str], message: str) -> None:
    result = search(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_unknown_words_beside_others_are_noted(photos: Path) -> None:
    result = search("beahc dog? (cat OR doogs)")
    assert result.exit_code == 0
    assert result.stderr.startswith("Note: not in the vocabulary: beahc (nearest: beach), doogs")


@pytest.mark.parametrize(
    ("query", "name"), [("dog date:", "date"), ("dog camera: car", "camera"), ("dog Path:", None),
                        ("dog keyword:", "keyword"), ("dog place:", "place"), ("dog: car", None),
                        ("dog path :", None)]
)  # fmt: skip
def test_a_filter_without_a_value_is_noted(photos: Path, query: str, name: str | None) -> None:
    result = search(query)
    noted = [line for line in result.stderr.splitlines() if "has no value" in line]
    assert len(noted) == (name is not None)
    assert name is None or (f"{name}: has no value" in noted[0] and f"{name}:*" in noted[0])


def test_other_words_stand_for_unknown_ones_and_a_note_says_so(photos: Path) -> None:
    result = search("+automobile", "--json")
    assert [hit["path"] for hit in json.loads(result.stdout)["hits"]] == ["city/car.png"]
    note = 'Note: "automobile" is not a word of this model; searching for "car" instead\n'
    assert result.stderr == note
    assert found("+dóg") == ["beach/1.png", "city/car.png"]


def test_a_contextual_encoder_reads_words_that_nothing_stands_for(photos: Path) -> None:
    result = search("qwertyuiop", "--text-encoder", "contextual")
    assert result.exit_code in (0, 1)
    assert "its text encoder reads it by its pieces" in result.stderr


def test_a_dictionary_translates_and_notes_stay_in_both_languages(
    photos: Path, tmp_path: Path
) -> None:
    def lexret(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["language", *map(str, arguments)], catch_exceptions=False)

    german = tmp_path / "deu.index"
    body = "".join(f"{word} /x/ <n>\n{english}\n" for word, english in GERMAN.items())
    places, start = "", 0
    for word, english in GERMAN.items():
        length = len(f"{word} /x/ <n>\n{english}\n")
        digits = [BASE64[start // 64] + BASE64[start % 64], BASE64[length]]
        places += f"{word.lower()}\t{digits[0]}\t{digits[1]}\n"
        start += length
    german.write_text(places, encoding="utf-8")
    german.with_suffix(".dict").write_text(body, encoding="utf-8")
    assert lexret("list").exit_code == 1
    result = lexret("add", "German", german)
    assert result.exit_code == 0
    assert result.stdout.startswith("German: 3 words of deu, in ")
    assert lexret("list").stdout.split()[-4:] == ["deu", "German", "3", "deu"]
    assert json.loads(lexret("list", "--json").stdout)[0]["language"] == "deu"
    result = search("+Hund am +Strand", "--json")
    assert [hit["path"] for hit in json.loads(result.stdout)["hits"]] == ["beach/1.png"]
    assert result.stderr == 'Note: German: "hund" = dog, "strand" = beach\n'
    assert found("Strand ohne Hund") == ["beach/2.png"]
    assert lexret("remove", "deu").stdout == "Removed the dictionary of German.\n"
    assert search("Hund am Strand").exit_code == 2


def test_negations_exclude_and_say_so(photos: Path) -> None:
    assert search("no dog", "--json").stdout == search("-(dog OR dogs)", "--json").stdout.replace(
        "-(dog OR dogs)", "no dog"
    )
    result = search("beach? without dogs")
    assert result.exit_code == 0
    assert result.stderr == 'Note: "without dogs" excludes: -(dogs OR dog)\n'
    assert "beach/2.png" in result.stdout
    assert "beach/1.png" not in result.stdout


def test_typographic_signs_are_the_plain_ones(photos: Path) -> None:
    assert found("sea?", "\u2013dog") == found("sea? \u2212dog") == ["beach/2.png"]
    assert found("+“traffic light” at night") == ["city/light.png"]
    assert found("“dog sea” beach") == ["beach/1.png"]
    assert search("what is this? a dog", "--json").exit_code == 0


def test_nothing_found_is_told_without_repeating_the_query(photos: Path) -> None:
    result = search("path:nowhere")
    assert (result.exit_code, result.stderr) == (1, "No picture among 4 fits the query.\n")


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("dog? path:nowhere", "without path:nowhere: 2 pictures"),
        (
            "dog? path:city/** -car",
            "without path:city/**: 1 picture; without -car: 1 picture",
        ),
        (
            "+sea? camera:leica* size:2MB..",
            "without camera:leica*: 1 picture; without size:2MB..: 1 picture",
        ),
        ("+sea? iso:1 f_number:9", "without +sea? and iso:1 and f_number:9: 2 pictures"),
    ],
)
def test_what_would_be_found_without_a_condition_is_told(
    photos: Path, query: str, note: str
) -> None:
    result = search(query)
    nothing = "No picture among 4 fits the query.\n"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{nothing}Note: {note}\n"
    assert search("--paths", query).stderr == result.stderr


def test_json_tells_what_would_be_found_without_a_condition(photos: Path) -> None:
    result = search("--json", "dog? path:nowhere")
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert values["hits"] == []
    assert values["relaxed"] == [
        {"query": "dog?", "left_out": ["path:nowhere"], "hits": 2, "more": False}
    ]
    assert found(values["relaxed"][0]["query"]) == ["beach/1.png", "city/car.png"]
    assert "relaxed" not in json.loads(search("--json", "dog?").stdout)


def fences(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def test_every_query_of_the_documentation_means_something(photos: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    examples = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert len(examples) > 20
    index = open_index(photos / ".lexret")
    empty = SparseBatch.from_words([{}], index.vocabulary).row(0)
    for example in examples:
        read = read_query(example, index.vocabulary)
        query = bind_query(
            read.query, index.vocabulary, index.columns, lambda _: empty, aliases=PICTURE_FIELDS
        )
        index.find(query)


def test_every_command_of_the_documentation_runs(photos: Path) -> None:
    lines = [line for block in fences("console") for line in block.splitlines()]
    assert len(lines) > 5
    for line in lines:
        words = shlex.split(line)
        assert words[:2] == ["lexret", "search"]
        assert search(*words[2:]).exit_code in (0, 1), line


def test_the_error_of_the_documentation_is_the_real_one(photos: Path) -> None:
    (shown,) = fences("text")
    query = shown.splitlines()[1].strip()
    assert search(query).stderr == shown


def test_the_grammar_of_the_documentation_is_that_of_the_parser() -> None:
    from lexret.engine.query import parser

    text = DOCS.read_text(encoding="utf-8")
    lines = [line for line in (parser.__doc__ or "").splitlines() if " = " in line]
    assert len(lines) == 8
    for line in lines:
        assert line in text


def test_the_python_example_of_the_documentation_runs(photos: Path) -> None:
    (code,) = fences("python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["hits"]) == 2
    found = open_index(photos / ".lexret").find(names["query"])
    assert [hit.doc_id for hit in found] == [hit.doc_id for hit in names["hits"]]
