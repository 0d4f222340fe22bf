"""``lexret label``: what people see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from lexret.cli.main import main


def run(root: Path, *arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, [*arguments, "--index", str(root)])
    assert result.exit_code == status, (result.output, result.exception)
    return result


def as_json(root: Path, *arguments: str) -> Any:
    return json.loads(run(root, *arguments, "--json").stdout)


TRAIN = ("label", "train", "kinds", "--class", "warm=red.png", "--class", "cold=blue.jpg")


def test_a_label_from_its_examples_to_a_search_and_away_again(indexed: Path) -> None:
    assert "No class has two examples" in run(indexed, *TRAIN).stdout
    preview = as_json(indexed, "label", "apply", "kinds", "--dry-run", "--at-least", "0")
    assert {one["id"]: one["class"] for one in preview["pictures"]}["red.png"] == "warm"
    assert as_json(indexed, "label", "list")[0]["waiting"] == 0
    run(indexed, "search", "label:warm", status=2)  # there is no such field yet
    applied = as_json(indexed, "label", "apply", "kinds", "--at-least", "0")
    assert applied["counts"]["warm"] + applied["counts"]["cold"] == 3
    assert "red.png" in run(indexed, "search", "label:warm").stdout
    fields = {field["name"] for field in as_json(indexed, "fields", "list")}
    assert "label" in fields and not any("_label" in name for name in fields)
    run(indexed, "label", "remove", "kinds")
    run(indexed, "search", "label:warm", status=1)
    assert as_json(indexed, "label", "list") == []


def test_the_table_tells_the_words_that_decide(indexed: Path) -> None:
    run(indexed, *TRAIN)
    text = run(indexed, "label", "apply", "kinds", "--dry-run", "--at-least", "0").stdout
    assert "an example" in text and "words that decide" in text and "would change" in text


def test_indexing_says_what_waits(indexed: Path, tiny_model_folder: Path) -> None:
    run(indexed, *TRAIN)
    run(indexed, "label", "apply", "kinds")
    assert "has not seen" not in run(indexed, "index", str(indexed)).stderr
    (indexed / "copy.png").write_bytes((indexed / "more/noise.png").read_bytes())
    said = run(indexed, "index", str(indexed)).stderr
    assert "The label kinds has not seen 1 picture yet: lexret label apply kinds" in said


def test_what_example_queries_match_is_shown_before_anything_is_kept(indexed: Path) -> None:
    train = ("label", "train", "kinds", "--class", "warm=path:red*", "--class", "cold=blue.jpg")
    shown = run(indexed, *train, "--dry-run")
    assert "warm by path:red*, 1 picture:\n  red.png\ncold by blue.jpg:\n  blue.jpg" in shown.stdout
    assert "Nothing was kept" in shown.stderr
    assert as_json(indexed, "label", "list") == []
    assert "red.png" not in run(indexed, *train).stdout
    assert "  red.png" in run(indexed, "label", "show", "kinds", "--examples").stdout


def test_nothing_labelled_is_status_1_and_wrong_calls_2(indexed: Path) -> None:
    run(indexed, "label", "train", "kinds", "--class", "a=red.png", "--none", "blue.jpg")
    (indexed / "red.png").unlink()
    run(indexed, "index", str(indexed))
    run(indexed, "label", "apply", "kinds", "--at-least", "1", status=1)
    assert "NAME=EXAMPLES" in run(indexed, "label", "train", "x", "--class", "a=", status=2).stderr
    other = ("label", "train", "x", "--field", "x", "--class")
    said = run(indexed, *other, "xyzzy-17", status=2).stderr
    assert "'xyzzy-17' has no example" in said and "not made of words of the vocabulary" in said
    assert "no label 'x'" in run(indexed, "label", "show", "x", status=2).stderr
