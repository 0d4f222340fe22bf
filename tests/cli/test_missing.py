"""What commands say of what is missing or of another kind, with exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lexret.cli.main import main

HINT = "A relative path begins at the current folder"
MASKS = "a captions file, a folder that holds captions.jsonl, or one of pictures with masks"
CASES = {
    "words pictures/rad.png": "no picture pictures/rad.png. Did you mean pictures/red.png?",
    "words nothere.jpg": HINT,
    "search dog --k 3": "No such option '--k'. Did you mean '-k'?",
    "sheet dog --o sheet.png": "No such option '--o'. Did you mean '-o'?",
    "search dog --expalin": "No such option '--expalin'. Did you mean '--explain'?",
    "search hund": "for words of another language, add a dictionary: lexret language add LANGUAGE",
    "serach dog": "No such command 'serach'. Did you mean 'search'?",
    "eval exclusoin x": "Did you mean 'exclusion'?",
    "info --index empty": "no index at empty; make one with `lexret index DIR`.",
    "eval faithfulness empty": "no file in it ends like a picture",
    "words pictures": "is a folder; expected a picture file",
    "words notes.txt": "expected JPEG, PNG, WebP",
    "explain pictures/rad.png -o out": "Did you mean pictures/red.png?",
    "search dog --image pictures/rad.png": "Did you mean pictures/red.png?",
    "search dog --like pictures/rad.png": "Nearest: red.png",
    "search dog --index picture": "no index at picture; make one with `lexret index DIR`. Did",
    "search dog --index pictures --model minii": "the name of a shipped model: mini.",
    "words edit pictures/rad.png +dog --index pictures": "Nearest: red.png",
    "index pictured": "no folder pictured; expected one of pictures. Did you mean pictures?",
    "index notes.txt": "is a file; expected a folder of pictures",
    "train recipe.tom": "no recipe recipe.tom; expected a TOML file. Did you mean recipe.toml?",
    "train pictures": "pictures is a folder; expected a recipe, a TOML file",
    "eval exclusion nothere": f"There is no nothere; expected {MASKS}",
    "eval exclusion empty": "The folder empty holds neither of what is expected: a captions file",
    "eval no-match nothere": MASKS,
    "eval no-match empty --learn-from nothere": "holds neither",
    "eval held-words nothere": MASKS,
    "eval retrieval captoins.jsonl": "Did you mean captions.jsonl?",
    "eval patchdis nothere": "expected one of pictures with masks",
    "fields load filds.csv --index pictures": "CSV or JSON Lines file. Did you mean fields.csv?",
}


@pytest.fixture
def here(picture_folder: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from lexret.library.library import Library

    Library.create(picture_folder, model=str(static_model_folder))
    monkeypatch.chdir(picture_folder.parent)
    Path("empty").mkdir()
    for name in ("notes.txt", "recipe.toml", "captions.jsonl", "fields.csv"):
        Path(name).write_text("hello")
    return picture_folder.parent


@pytest.mark.parametrize("words", CASES)
def test_what_is_missing_is_told_with_advice(words: str, here: Path) -> None:
    arguments = words.split()
    if arguments[0] == "search" and "--index" not in arguments:
        arguments += ["--index", "pictures"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 2
    assert CASES[words] in " ".join(result.stderr.split())
