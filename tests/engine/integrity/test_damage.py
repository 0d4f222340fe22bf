"""No damage to a file of an index at rest makes it answer wrongly in silence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from damage import ASKS, Damage, damages_of, make_index, run_grid

from lexret.engine import merge_policy, open_index
from lexret.engine.postings import block_writer


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small index have dense rows; nobody cuts the power, so nothing need be durable."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr(block_writer, "_LEAST_DOCUMENTS", 64)
    monkeypatch.setattr(block_writer, "_BYTES_A_POSTING", {4: 50.0, 1: 50.0})


@pytest.fixture(params=["exact", "8bit"])
def whole(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "whole"
    make_index(folder, weights=request.param)
    monkeypatch.setattr(merge_policy, "MAX_SEGMENTS_A_LEVEL", 1)
    return folder


def test_the_index_has_what_can_be_damaged(whole: Path) -> None:
    index = open_index(whole)
    assert len(index.manifest.segments) == 3
    assert sum(segment.deletions is not None for segment in index.manifest.segments) == 2
    names = {path.name for path in whole.rglob("*") if path.is_file()}
    assert names >= {
        *("manifest.json", "manifest.copy.json", "corrections.json", "corrections.copy.json"),
        *("lists.bin", "lows.bin", "sides.bin", "weights.bin", "dense.bin", "documents.bin"),
        *("checksums.bin", "deleted-00000004.bits"),
    }
    assert any(path.stat().st_size > 4096 for path in whole.rglob("lows.bin"))
    assert any(path.stat().st_size > 4096 for path in whole.rglob("dense.bin"))


def test_every_kind_of_damage_is_answered_rightly_or_refused(whole: Path, tmp_path: Path) -> None:
    damages = list(damages_of(whole, density=2))
    tally = run_grid(whole, damages[:: len(damages) // 40], tmp_path / "work")
    sys.stderr.write(f"{tally}\n")
    assert tally.tried > 25
    assert (tally.wrong, tally.broken) == ([], [])
    assert tally.outcomes["refused"] > 15


@pytest.mark.slow
def test_damage_at_many_places_is_answered_rightly_or_refused(whole: Path, tmp_path: Path) -> None:
    tally = run_grid(whole, list(damages_of(whole, density=12)), tmp_path / "work")
    sys.stderr.write(f"{tally}\n")
    assert tally.tried > 950  # fewer for 8-bit weights, whose files are smaller
    assert (tally.wrong, tally.broken) == ([], [])


def test_the_grid_notices_a_wrong_answer(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without checksums, the same damages are wrong answers: the grid is able to fail."""
    monkeypatch.setattr("lexret.engine.store.checked.CheckedArray._check", lambda *_: None)
    chosen = [
        damage
        for damage in damages_of(whole, density=6)
        if damage.file.endswith("weights.bin") and "flipped" in damage.name
    ]
    assert len(chosen) == 18
    assert isinstance(chosen[0], Damage)
    monkeypatch.setattr("damage.ASKS", {"export": ASKS["export"]})
    assert len(run_grid(whole, chosen, tmp_path / "work").wrong) > 10
