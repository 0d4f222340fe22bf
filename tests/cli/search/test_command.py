"""``lexret search`` over named pictures."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from sealing import change_sealed

from lexret.cli.main import main
from lexret.cli.search.command import _rounded_to_sum
from lexret.encoders import load_model
from lexret.encoders.folder.record import STATIC_TEXT_FILE
from lexret.encoders.protocol import QueryEncoder
from lexret.engine import EmbeddedIndexWriter
from lexret.errors import MissingError
from lexret.files.names import text_to_name
from lexret.library.folders import find_index
from lexret.sparse import SparseBatch


def search(*arguments: object) -> Result:
    words = ["search", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def collection(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an index of chosen vectors; the current folder is below it."""
    root = make_collection(tmp_path / "photos", tiny_model_folder)
    monkeypatch.chdir(root / "below")
    return root


@pytest.fixture
def static_collection(
    tmp_path: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The same, made with a model that has a static text encoder."""
    root = make_collection(tmp_path / "photos", static_model_folder)
    monkeypatch.chdir(root)
    return root


def make_collection(root: Path, model_folder: Path) -> Path:
    (root / "below").mkdir(parents=True)
    model = load_model(model_folder)
    rows = [
        {"dog": 0.8, "beach": 0.6},
        {"dog": 0.6, "red": 0.8},
        {"car": 0.6, "blue": 0.8},
    ]
    with EmbeddedIndexWriter.create(
        root / ".lexret",
        model.vocabulary,
        model_id=model.model_id,
        model_source=str(model_folder),
        roots=[".."],
    ) as writer:
        names = ["beach dog.jpg", "below/red dog.jpg", "car.jpg"]
        writer.add(names, SparseBatch.from_words(rows, model.vocabulary))
        writer.commit()
    return root


def test_json_is_what_programs_expect(collection: Path, tiny_model_folder: Path) -> None:
    result = search("a dog", "--json", "-k", 2)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert list(answer) == ["query", "text_encoder", "hits"]
    assert answer["query"] == "a dog"
    assert len(answer["hits"]) == 2
    query = load_model(tiny_model_folder).texts.encode_queries(["a dog"]).row(0)
    for rank, hit in enumerate(answer["hits"], start=1):
        assert list(hit) == ["path", "score", "rank", "sure", "words", "from_keywords", "copies"]
        assert hit["rank"] == rank
        assert math.isclose(math.fsum(w["product"] for w in hit["words"]), hit["score"])
        for word in hit["words"]:
            assert list(word) == ["word", "query_weight", "image_weight", "product"]
            assert word["product"] == word["query_weight"] * word["image_weight"]
            assert word["query_weight"] == query.weight_of(word["word"])
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_paths_open_from_the_current_folder(collection: Path) -> None:
    hits = json.loads(search("dog", "--json", "--index", collection / ".lexret").stdout)["hits"]
    paths = {hit["path"] for hit in hits}
    assert {"red dog.jpg", str(collection / "beach dog.jpg")} <= paths


def test_the_table_shows_rank_score_path_and_words(collection: Path) -> None:
    lines = search("dog").stdout.splitlines()
    assert lines[0].split() == ["rank", "score", "path", "matching", "words"]
    assert re.match(r" +1  \d\.\d{4}  .*dog\.jpg +.*dog 0\.\d{3}", lines[1])


def test_more_hits_than_are_shown_are_noted_beside_the_table(collection: Path) -> None:
    note = "Note: at least one more picture fits; -k 2 shows more.\n"
    for option in ((), ("--explain",)):
        result = search("dog", "-k", 1, *option)
        assert (result.exit_code, result.stderr) == (0, note)
        assert "2" not in [line[:2].strip(" .") for line in result.stdout.splitlines()]
    num_hits = len(json.loads(search("dog", "--json").stdout)["hits"])
    assert num_hits > 1
    assert search("dog", "-k", num_hits).stderr == ""
    for option in ("--json", "--paths"):
        result = search("dog", "-k", 1, option)
        assert result.stderr == ""
    assert len(search("dog", "-k", 1, "--paths").stdout.splitlines()) == 1
    assert len(json.loads(search("dog", "-k", 1, "--json").stdout)["hits"]) == 1


def test_explained_products_add_up_to_the_printed_score(collection: Path) -> None:
    result = search("red dog", "--explain")
    assert result.exit_code == 0
    blocks = result.stdout.strip().split("\n\n")
    assert blocks[0].startswith("1. ")
    for block in blocks:
        numbers = [int(line.split()[-1].replace(".", "")) for line in block.splitlines()[2:]]
        assert block.splitlines()[-1].split()[0] == "="
        assert sum(numbers[:-1]) == numbers[-1]


@given(st.lists(st.floats(1e-9, 2.0), min_size=1, max_size=30))
def test_rounded_products_always_add_up(products: list[float]) -> None:
    total = math.fsum(products)
    printed = _rounded_to_sum(products, total)
    assert sum(int(one.replace(".", "")) for one in printed) == round(total * 1e6)
    for one, product in zip(printed, products, strict=True):
        assert abs(float(one) - product) < 1.000001e-6


def test_many_words_are_summed_up_in_one_line(
    collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lexret.cli.search.command.PRODUCTS_SHOWN", 1)
    (block, *_) = search("red dog beach", "--explain").stdout.split("\n\n")
    lines = block.splitlines()
    assert re.search(r"\(\d other words?\) +0\.\d{6}", lines[3])
    first, other, total = (int(line.split()[-1].replace(".", "")) for line in lines[2:])
    assert first + other == total


def test_nothing_found_exits_with_1(tmp_path: Path, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    with EmbeddedIndexWriter.create(
        tmp_path, model.vocabulary, model_id=model.model_id, model_source=str(tiny_model_folder)
    ) as writer:
        writer.add(["a.jpg"], SparseBatch.from_words([{}], model.vocabulary))
        writer.commit()
    for option in ((), ("--explain",)):
        result = search("dog", "--index", tmp_path, *option)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "No picture among 1 shares a word with 'dog'" in result.stderr
    result = search("dog", "--index", tmp_path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "query": "dog",
        "text_encoder": "contextual",
        "hits": [],
    }


def test_a_text_without_a_known_word_is_an_error_with_the_nearest_words(collection: Path) -> None:
    result = search("beahc dogg birdd")
    assert result.exit_code == 2
    assert "beahc (nearest: beach)" in result.stderr
    assert "dogg (nearest: dog, dogs)" in result.stderr
    assert "birdd" in result.stderr
    assert result.stdout == ""
    for empty in ("", " ?! "):
        result = search(empty)
        assert result.exit_code == 2
        assert "The query holds no word; type what a picture should show" in result.stderr


def test_unknown_words_beside_known_ones_are_noted(collection: Path) -> None:
    result = search("the dog on a beahc")
    assert result.exit_code == 0
    assert result.stderr == "Note: not in the vocabulary: beahc (nearest: beach)\n"


def test_without_an_index_the_way_to_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for result in (search("dog"), search("dog", "--index", tmp_path / "gone")):
        assert result.exit_code == 2
        assert "lexret index DIR" in result.stderr


def test_the_folder_of_pictures_may_be_named_for_its_index(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named, inner = (search("dog", "--index", one) for one in (collection, collection / ".lexret"))
    assert named.exit_code == 0
    assert named.stdout == inner.stdout


def test_an_index_of_another_model_is_refused(collection: Path) -> None:
    manifest = collection / ".lexret" / "manifest.json"
    values = json.loads(manifest.read_text())
    change_sealed(manifest, model_id="other-1")
    result = search("dog")
    assert result.exit_code == 2
    assert "other-1" in result.stderr
    assert values["model_id"] in result.stderr


@pytest.mark.parametrize("k", ["0", "-3", "many"])
def test_a_wrong_k_is_a_wrong_call(collection: Path, k: str) -> None:
    result = search("dog", "-k", k)
    assert result.exit_code == 2
    assert "Invalid value for '-k'" in result.stderr


def test_a_file_name_that_would_upset_the_terminal_is_made_printable(
    collection: Path, tiny_model_folder: Path
) -> None:
    vocabulary = load_model(tiny_model_folder).vocabulary
    with EmbeddedIndexWriter.open(collection / ".lexret") as writer:
        batch = SparseBatch.from_words([{word: 5.0 for word in vocabulary}], vocabulary)
        writer.add(["bad\x1b[31m\n\udce9.jpg"], batch)
        writer.commit()
    for option in ((), ("--explain",)):
        assert "bad\ufffd[31m\ufffd\ufffd.jpg" in search("dog", *option).stdout
    hits = json.loads(search("dog", "--json").stdout)["hits"]
    assert text_to_name(hits[0]["path"]).endswith("bad\x1b[31m\n\udce9.jpg")


def test_the_static_text_encoder_is_the_default_where_there_is_one(
    static_collection: Path, static_model_folder: Path
) -> None:
    model = load_model(static_model_folder)
    encoders: dict[str, QueryEncoder] = {
        "static": model.static_text,
        "contextual": model.contextual_text,
    }
    for kind, encoder in encoders.items():
        options = [] if kind == "static" else ["--text-encoder", kind]
        answer = json.loads(search("a red dog", "--json", *options).stdout)
        assert answer["text_encoder"] == kind
        query = encoder.encode_queries(["a red dog"]).row(0)
        words = {word["word"]: word for hit in answer["hits"] for word in hit["words"]}
        assert words["dog"]["query_weight"] == query.weight_of("dog")
    first, second = (search("dog", "--json", *o).stdout for o in ([], ["--text-encoder", "static"]))
    assert first == second


def test_a_model_without_a_static_text_encoder_says_so(collection: Path) -> None:
    result = search("dog", "--text-encoder", "static")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no static text encoder. Use the contextual one" in result.stderr


def test_a_damaged_static_text_encoder_is_an_error_and_not_left_aside(
    static_model_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(static_model_folder, tmp_path / "model"))
    root = make_collection(tmp_path / "photos", folder)
    (folder / STATIC_TEXT_FILE).write_bytes(b"anything")
    result = search("dog", "--index", root)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "static_text.safetensors is damaged" in result.stderr


def test_another_model_is_refused_with_both_text_encoders(
    static_collection: Path, static_model_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(static_model_folder, tmp_path / "model"))
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    record["sha256"]["model.safetensors"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(record), encoding="utf-8")
    for kind in ("static", "contextual"):
        result = search("dog", "--model", folder, "--text-encoder", kind)
        assert result.exit_code == 2
        assert "was made with the model tiny-" in result.stderr
        assert "(60 words), but" in result.stderr


def test_a_search_with_the_static_text_encoder_loads_no_network_library(
    static_collection: Path,
) -> None:
    code = (
        "import sys; from lexret.cli.main import main\n"
        "main(['search', 'a dog', '--json'], standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'transformers', 'timm', 'scipy', 'peft', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["text_encoder"] == "static"
    assert done.stderr.strip() == "[]"


def test_an_index_just_below_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "images" / ".lexret"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingError, match="There is one in images: go there"):
        find_index(tmp_path)
