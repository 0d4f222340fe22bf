"""Tables of a suite's results."""

from __future__ import annotations

from lexret.eval.suite.report import speed_table

BEFORE_BFLOAT16 = {
    "stages": {"backbone": {"images_per_s": 20.0, "ms": 50.0, "percent_of_time": 100.0}},
    "pipeline_images_per_s": 12.0,
    "percent_of_bare_backbone": 60.0,
    "backbone_bfloat16": {"images_per_s": 40.0, "mean_cosine_with_float32": 0.9971},
    "texts_per_s": {"static": 700.0},
    "threads": 1,
}


def test_the_speed_in_bfloat16_stands_beside_that_in_float32() -> None:
    added = {
        "pipeline_bfloat16_images_per_s": 31.0,
        "percent_of_bare_backbone_bfloat16": 155.0,
    }
    table = speed_table(BEFORE_BFLOAT16 | added)
    assert "| file to vector | 12.0 |" in table
    assert "| file to vector, bfloat16 | 31.0 |" in table
    assert "60% of the bare backbone's speed (155% in bfloat16), 1 threads" in table


def test_results_of_before_the_pipeline_in_bfloat16_are_shown_without_it() -> None:
    table = speed_table(BEFORE_BFLOAT16)
    assert "| file to vector | 12.0 |" in table
    assert "file to vector, bfloat16" not in table
    assert "60% of the bare backbone's speed, 1 threads" in table
