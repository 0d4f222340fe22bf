"""``lexret eval patchdis`` with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main


def patchdis(*arguments: object) -> Result:
    words = ["eval", "patchdis", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture
def masked(picture_folder: Path) -> Path:
    (picture_folder / "images").mkdir()
    (picture_folder / "masks").mkdir()
    for name in ("red.png", "blue.jpg"):
        (picture_folder / name).rename(picture_folder / "images" / name)
        with Image.open(picture_folder / "images" / name) as picture:
            width, height = picture.size
        ids = np.ones((height, width), np.uint8)
        ids[:, width // 2 :] = 2
        Image.fromarray(ids).save(picture_folder / "masks" / f"{Path(name).stem}.png")
    classes = {"0": "unlabeled", "1": "red", "2": "sea", "3": "dog"}
    (picture_folder / "classes.json").write_text(json.dumps(classes))
    return picture_folder


def test_json_has_the_shape_that_programs_expect(masked: Path, tiny_model_folder: Path) -> None:
    figure = masked / "out" / "figure.png"
    result = patchdis(masked, "--model", tiny_model_folder, "--json", "--figure", figure)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer["classes"]) == {"red", "sea"}
    assert set(answer["baselines"]) == {"random", "majority", "class_activation", "dense"}
    assert answer["miou"] == pytest.approx(np.mean(list(answer["classes"].values())), abs=1e-3)
    assert answer["num_classes"] == {"asked": 3, "present": 2}
    with Image.open(figure) as drawn:
        assert drawn.width > 1000


def test_the_table_names_baselines_and_classes_can_be_chosen(
    masked: Path, tiny_model_folder: Path
) -> None:
    result = patchdis(masked, "--model", tiny_model_folder, "--ids", "1,3-9")
    assert result.exit_code == 0, result.output
    assert "class activation" in result.stdout
    assert "1 of 2 classes present" in result.stdout


@pytest.mark.parametrize("ids", ["1..90", "", "a"])
def test_ids_that_cannot_be_read_are_an_error(masked: Path, ids: str) -> None:
    result = patchdis(masked, "--ids", ids)
    assert result.exit_code == 2
    assert "1-90,92" in result.stderr
