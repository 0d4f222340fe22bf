"""``lexret explain`` on small pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.explain.explanation_json import from_json


def explain(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a model is loaded."""
    monkeypatch.setattr("lexret.encoders.load_model", None)


@pytest.fixture
def picture(picture_folder: Path) -> Path:
    """Noise of 40 x 40 pixels."""
    return picture_folder / "more" / "noise.png"


def test_the_files_written_are_printed(
    picture: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    result = explain(picture, "-o", out, "--model", tiny_model_folder)
    assert result.exit_code == 0, result.output
    printed = [Path(line) for line in result.stdout.splitlines() if line.startswith(str(out))]
    assert sorted(printed) == sorted(out.iterdir())
    names = {path.name for path in printed}
    assert {"summary.png", "words.png", "overlay.png", "explanation.json"} <= names
    assert any(name.startswith("patch-") for name in names)
    assert "query.png" not in names


def test_patches_boxes_and_a_query_are_explained(
    picture: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    result = explain(
        *(picture, "-o", tmp_path / "out", "--model", tiny_model_folder, "-k", 10),
        *("--patch", "0,2", "--patch", "2, 1", "--box", "0,0,20,40", "--query", "a dog, two cats"),
    )
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "explanation.json").read_text(encoding="utf-8")
    explanation = from_json(text)
    assert [one.name for one in explanation.regions] == ["patch-0-2", "patch-2-1", "box"]
    assert len(explanation.words) == 10
    hit = json.loads(text)["hit"]
    model = load_model(tiny_model_folder)
    query = model.contextual_text.encode_queries(["a dog, two cats"]).row(0)
    with Image.open(picture) as image:
        vector = model.images.encode([image.convert("RGB")]).row(0)
    shared = set(query.term_ids.tolist()) & set(vector.term_ids.tolist())
    assert len(hit["words"]) == len(shared)
    assert len(hit["words"]) + len(hit["missing"]) == len(query)
    assert math.isclose(math.fsum(one["product"] for one in hit["words"]), hit["score"])
    assert f"{hit['score']:.4f}" in result.stdout
    assert (tmp_path / "out" / "query.png").is_file()


def test_masks_and_parts_have_clouds_and_a_page_shows_them(
    picture: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    mask = Image.new("L", (40, 40))
    mask.paste(255, (0, 0, 40, 20))
    mask.save(tmp_path / "mask.png")
    command = (picture, "-o", tmp_path / "out", "--model", tiny_model_folder)
    result = explain(*command, "--mask", tmp_path / "mask.png", "--parts", 3)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "explanation.json").read_text(encoding="utf-8")
    names = [one.name for one in from_json(text).regions]
    assert names == ["mask", "part-1", "part-2", "part-3"]
    for name in ("summary.svg", "words.svg", "report.html", "mask.png"):
        assert (tmp_path / "out" / name).is_file()
    assert "mask" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    wrong = explain(*command, "--mask", tmp_path / "none.png")
    assert wrong.exit_code == 2


def test_boxes_count_the_pixels_of_the_upright_picture(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.effect_noise((60, 40), 90).convert("RGB").save(tmp_path / "a.jpg", exif=exif)
    command = (tmp_path / "a.jpg", "-o", tmp_path / "out", "--model", tiny_model_folder)
    assert explain(*command, "--box", "0,0,40,60").exit_code == 0
    refused = explain(*command, "--box", "0,0,60,40")
    assert refused.exit_code == 2
    assert "the picture, which is 40 x 60 pixels" in refused.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--patch", "3,0"], "row from 0 to 2 and a column from 0 to 2"),
        (["--box", "0,0,41,40"], "the picture, which is 40 x 40 pixels; expected x,y,w,h"),
        (["--box", "10,20,35,40"], "are written --box 10,20,25,20 now, as in `lexret search`"),
        (["--patch", "1"], "expected whole numbers from 0 as ROW,COL"),
        (["--patch", "-1,0"], "expected whole numbers from 0 as ROW,COL"),
        (["--box", "1,2,3"], "expected four whole numbers x,y,w,h"),
        (["--box", "a,b,c,d"], "expected four whole numbers x,y,w,h"),
        (["--text-encoder", "static", "--query", "a dog"], "has no static text encoder"),
        (["--query", "dogg"], "'dogg' is not in the vocabulary"),
        (["--query", ""], "The query holds no word"),
        (["--patch", "0,0"] * 25, "expected at most 24"),
    ],
)
def test_wrong_options_are_refused_with_what_is_legal_before_the_model_is_loaded(
    picture: Path,
    tiny_model_folder: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    no_loading: None,
) -> None:
    result = explain(picture, "-o", tmp_path / "out", "--model", tiny_model_folder, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_picture_is_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for name in ("empty.jpg", "none.jpg", "."):
        result = explain(tmp_path / name, "-o", tmp_path / "out", "--model", tiny_model_folder)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: ")
    assert not (tmp_path / "out").exists()


def test_the_folder_is_required(picture: Path) -> None:
    result = explain(picture)
    assert result.exit_code == 2
    assert "--out" in result.stderr


@pytest.mark.parametrize("place", ["out", "out/below", "out/far/below"])
def test_a_file_in_the_folder_s_place_is_refused(
    picture: Path, tiny_model_folder: Path, tmp_path: Path, place: str, no_loading: None
) -> None:
    (tmp_path / "out").touch()
    result = explain(picture, "-o", tmp_path / place, "--model", tiny_model_folder)
    assert result.exit_code == 2
    assert "a file has that name" in result.stderr


@pytest.mark.parametrize("colour", [0, 255])
def test_wrong_masks_are_refused_before_the_model_is_loaded(
    picture: Path, tiny_model_folder: Path, tmp_path: Path, colour: int, no_loading: None
) -> None:
    Image.new("L", (40, 40 if not colour else 80), colour).save(tmp_path / "mask.png")
    command = (picture, "-o", tmp_path / "out", "--model", tiny_model_folder)
    result = explain(*command, "--mask", tmp_path / "mask.png")
    assert result.exit_code == 2
    assert ("expected the same shape" if colour else "is all black") in result.stderr


def test_what_is_being_done_is_said_on_a_terminal_only(
    picture: Path, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (picture, "-o", tmp_path / "out", "--model", tiny_model_folder)
    silent = explain(*command)
    assert silent.stderr == ""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True)
    result = explain(*command)
    assert result.stdout == silent.stdout
    for doing in ("Loading the model...", "Looking at the picture...", "Drawing..."):
        assert doing in result.stderr


def test_the_score_of_a_text_is_that_of_a_search(
    picture: Path, static_model_folder: Path, tmp_path: Path
) -> None:
    """Both take the static text encoder where the model has one."""
    model = load_model(static_model_folder)
    with Image.open(picture) as image:
        vector = model.images.encode([image.convert("RGB")]).row(0)
    for kind, encoder in (("static", model.static_text), ("contextual", model.contextual_text)):
        query = encoder.encode_queries(["a dog"]).row(0)
        wanted = sum(one.weight * vector.weight_of(one.word) for one in query.words())
        options = [] if kind == "static" else ["--text-encoder", kind]
        out = tmp_path / kind
        result = explain(
            *(picture, "-o", out, "--model", static_model_folder, "--query", "a dog", *options)
        )
        assert result.exit_code == 0, result.output
        text = (out / "explanation.json").read_text(encoding="utf-8")
        assert math.isclose(json.loads(text)["hit"]["score"], wanted, rel_tol=1e-4)


def test_a_folder_of_other_files_is_written_to_where_that_is_said(
    picture_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    out, mine = tmp_path / "out", tmp_path / "out" / "words.png"
    out.mkdir()
    mine.write_bytes(b"mine")
    (out / "other.txt").write_text("other")
    arguments = [picture_folder / "red.png", "-o", out, "--model", tiny_model_folder]
    result = explain(*arguments)
    assert result.exit_code == 2
    assert "words.png is there already" in result.stderr and "--force" in result.stderr
    assert mine.read_bytes() == b"mine" and len(list(out.iterdir())) == 2
    assert explain(*arguments, "--force").exit_code == 0
    assert mine.read_bytes() != b"mine" and (out / "other.txt").read_text() == "other"
    assert explain(*arguments).exit_code == 0  # its own files are replaced
