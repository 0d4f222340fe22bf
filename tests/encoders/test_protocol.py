"""The grid of patches."""

from __future__ import annotations

from lexret.encoders.protocol import PatchGrid


def test_patches_are_numbered_row_by_row() -> None:
    grid = PatchGrid(num_rows=2, num_cols=3)
    assert len(grid) == 6
    assert [grid.place(patch) for patch in (0, 2, 3, 5)] == [(0, 0), (0, 2), (1, 0), (1, 2)]


def test_the_boxes_tile_the_whole_picture() -> None:
    grid = PatchGrid(num_rows=2, num_cols=3)
    assert grid.box(0, 300, 100) == (0, 0, 100, 50)
    assert grid.box(5, 300, 100) == (200, 50, 300, 100)
    boxes = [grid.box(patch, 300, 100) for patch in range(len(grid))]
    assert sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) == 300 * 100
