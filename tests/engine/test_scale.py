"""What docs/scale.md reckons, and the scripts that measure what it reckons from."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scale.md"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "index" / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_the_page_holds_the_tables_that_the_script_makes(tmp_path: Path) -> None:
    tables = run("scale.py").stdout
    text = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- made by index/scale.py: begin -->", "<!-- made by index/scale.py: end -->"
    assert text.partition(begin)[2].partition(end)[0].strip() == tables.strip()
    assert tables.count("\n| ") > 30
    copy = tmp_path / "page.md"
    copy.write_text(text.replace("| photos to read |", "| photos |"), encoding="utf-8")
    assert run("scale.py", "--write", str(copy)).returncode == 0
    assert copy.read_text(encoding="utf-8") == text


def test_a_page_without_a_place_for_the_tables_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing", encoding="utf-8")
    done = run("scale.py", "--write", str(page))
    assert done.returncode == 1 and "has no lines" in done.stderr
    assert page.read_text(encoding="utf-8") == "nothing"


def on_a_disk(folder: Path) -> bool:
    done = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() not in ("tmpfs", "ramfs")


def test_pieces_are_taken_out_of_the_page_cache_mapped_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not on_a_disk(tmp_path):
        pytest.skip("the file system lies in memory, where nothing can be taken out")
    monkeypatch.syspath_prepend(str(ROOT / "index"))
    import page_cache

    piece = page_cache.PIECE
    (tmp_path / "file").write_bytes(bytes(4 * piece) + b"end")
    (tmp_path / "empty").touch()
    with (tmp_path / "file").open("rb") as file:
        os.fsync(file.fileno())
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    cache = page_cache.FolderCache(tmp_path)
    assert cache.num_bytes == 4 * piece + mmap.PAGESIZE
    cache.load()
    assert cache.cached_bytes() == cache.num_bytes == cache.shrink(cache.num_bytes)
    assert mapped[0] == mapped[piece] == 0 and mapped[-3:] == b"end"
    assert piece <= cache.shrink(2 * piece) <= 2 * piece
    assert cache.shrink(0) == 0
    before = page_cache.bytes_from_disk()
    assert mapped[-3:] == b"end" and page_cache.bytes_from_disk() > before
    assert cache.cached_bytes() > 0


@pytest.mark.slow
def test_growth_is_measured_within_the_memory_that_is_allowed(tmp_path: Path) -> None:
    options = ["--folder", str(tmp_path), "--words", "5"]
    done = run("bench_growth.py", *options, "--sizes", "500,2000", "--limit-mib", "1024")
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    for line, size in ((first, 500), (second, 2000)):
        assert line["documents"] == line["search"]["documents"] == size
        assert list(line)[3:] == ["build", "search", "plain", "words", "commit"]
        for step in list(line)[3:]:
            assert 0 < line[step]["private MiB"] <= 1024
    assert second["build"]["added"] == 1500
    if on_a_disk(tmp_path):
        done = run("bench_growth.py", *options, "--sizes", "2000", "--steps", "build", "--cold")
        cold = json.loads(done.stdout)["cold"]
        shares = [cold[state]["share cached"] for state in ("all", "half", "nothing")]
        assert shares[0] == 1 and shares[1] <= 0.5 and shares[2] == 0
        assert cold["nothing"]["200 words"]["MiB read"] > cold["all"]["200 words"]["MiB read"]
    failed = run("bench_growth.py", *options, "--sizes", "500", "--steps", "search",
                 "--limit-mib", "30")  # fmt: skip
    assert json.loads(failed.stdout)["search"] == {"failed with status": 1}
    ends = ("MemoryError", "allocate", "can't start new thread")  # whatever asks for memory first
    assert any(end in failed.stderr for end in ends), failed.stderr
