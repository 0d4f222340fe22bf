"""``lexret eval speed`` with a tiny model: shapes, not figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lexret.cli.main import main
from lexret.encoders import load_model
from lexret.errors import InputError
from lexret.eval.cost.speed import encode_files, measure_speed
from lexret.pictures.finding import find_images


def speed(*arguments: object) -> Result:
    words = ["eval", "speed", *(str(one) for one in arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_all_stages_and_both_text_encoders_are_timed(
    picture_folder: Path, static_model_folder: Path
) -> None:
    line = {"image": "red.png", "captions": ["a red car", "red"]}
    (picture_folder / "captions.jsonl").write_text(json.dumps(line))
    result = speed(picture_folder, "--model", static_model_folder, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert tuple(answer["stages"]) == ("read", "decode", "transform", "backbone", "head")
    assert sum(one["percent_of_time"] for one in answer["stages"].values()) == pytest.approx(
        100, abs=0.1
    )
    assert 0.9 < answer["backbone_bfloat16"]["mean_cosine_with_float32"] <= 1.001
    backbone = answer["stages"]["backbone"]["images_per_s"]
    for pipeline, share in (
        ("pipeline_images_per_s", "percent_of_bare_backbone"),
        ("pipeline_bfloat16_images_per_s", "percent_of_bare_backbone_bfloat16"),
    ):
        rounding = 0.005 * (1 + 100 * (1 + answer[pipeline] / backbone) / backbone)
        assert answer[share] == pytest.approx(100 * answer[pipeline] / backbone, abs=2 * rounding)
    assert set(answer["texts_per_s"]) == {"contextual", "static"}
    assert (answer["num_images"], answer["num_texts"]) == (1, 2)


def test_a_folder_of_pictures_is_timed_without_texts(
    picture_folder: Path, tiny_model_folder: Path
) -> None:
    result = speed(picture_folder, "--model", tiny_model_folder, "--batch-size", 2)
    assert result.exit_code == 0, result.output
    assert "of the bare backbone\n" in result.stdout
    assert re.search(r"^the same, bfloat16 +[\d.,]+ +[\d.]+$", result.stdout, re.MULTILINE)
    assert re.search(r"^in bfloat16 it reaches \d+% of", result.stdout, re.MULTILINE)
    assert "\n3 pictures" in result.stdout


def test_the_pipeline_gives_the_vectors_that_encoding_gives(
    picture_folder: Path, tiny_model_folder: Path
) -> None:
    from lexret.pictures.decoding import open_image

    model = load_model(tiny_model_folder)
    paths = list(find_images(picture_folder))
    whole = model.images.encode([open_image(path) for path in paths])
    assert encode_files(paths, model.images, batch_size=2) == whole.nnz
    with pytest.raises(InputError, match="no picture"):
        measure_speed([], model)
