"""The script that measures engines side by side, on a handful of vectors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_report_has_the_promised_shape_and_names_what_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 30, 20)
    np.savez(
        tmp_path / "vectors.npz",
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        term_ids=np.concatenate(
            [np.sort(rng.choice(50, n, replace=False)) for n in lengths]
        ).astype(np.int32),
        weights=rng.random(lengths.sum()).astype(np.float32) + np.float32(0.01),
        num_words=50,
    )
    script, source = ROOT / "index" / "bench_search.py", tmp_path / "vectors.npz"
    options = ["--json", "--docs", "100", "--engines", "lexret,scipy,none", "--real", str(source)]
    command = [sys.executable, str(script), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert "left out: none: unknown" in done.stderr
    results = json.loads(done.stdout)
    assert [one["engine"] for one in results] == ["lexret", "scipy"]
    for one in results:
        assert list(one) == ["engine", "docs", "build_s", "disk_bytes", "bytes_per_posting",
                             "rss_bytes", "queries"]  # fmt: skip
        assert one["docs"] == 100
        assert list(one["queries"]) == ["10", "200"]
        for latency in one["queries"].values():
            assert list(latency) == ["p50_ms", "p95_ms", "cpu_ms", "recall"]
            assert latency["recall"] == 1.0
