"""Encoding on Ray: the same parts, bit for bit, also where a machine is lost in the middle.

Ray listens on every interface, so it runs in a network namespace that has the loopback alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lexret
from lexret.cli.main import main
from lexret.errors import MissingPackageError
from lexret.interop.sparse_files import read_sparse_documents
from lexret.library.encoding import ray_workers
from lexret.library.encoding.encode import encode_pictures
from lexret.library.encoding.plan import load_plan
from tests.library.encoding.conftest import paint, parts_of

pytest.importorskip("pyarrow")

ALONE = ("unshare", "-n", "-p", "-f", "--kill-child", "--mount-proc", "bash", "-c",
         'ip link set lo up; exec "$@"', "_")  # fmt: skip
PROJECT = Path(lexret.__file__).parents[1]


def why_not() -> str:
    """Why Ray cannot be run here; empty where it can."""
    if find_spec("ray") is None:
        return "the package ray is not installed (lexret[scale])"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "there is no unshare or no ip, which make a network of its own for Ray"
    tried = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no network namespace can be made: {tried.stderr}"


needs_ray = pytest.mark.skipif(bool(why_not()), reason=why_not())


def run_on_ray(*arguments: object) -> list[dict[str, object]]:
    script = Path(__file__).with_name("ray_runs.py")
    environment = {name: value for name, value in os.environ.items() if "RAY_" not in name}
    environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *sys.path])
    done = subprocess.run(
        [*ALONE, sys.executable, str(script), *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@needs_ray
def test_ray_on_this_machine_makes_the_same_parts(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    encode_pictures(photos, whole, model=portable_model, workers=0)
    (report,) = run_on_ray("local", photos, out, portable_model)
    refused = ["not a picture", "empty file"]
    assert report == {"pictures": 71, "last": [73, 73], "refused": refused}
    assert parts_of(out) == parts_of(whole)
    assert not (Path.home() / ".ray").exists() or "RAY_AUTH_TOKEN" in os.environ


@pytest.mark.skipif(find_spec("ray") is None, reason="the package ray is not installed")
def test_a_ray_that_was_imported_without_a_token_is_not_started(
    photos: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, ray, lexret\n"
        "try: lexret.encode_pictures(*sys.argv[1:], ray='local', workers=1)\n"
        "except lexret.errors.InputError as error: print(error)"
    )
    environment = {name: value for name, value in os.environ.items() if "RAY_" not in name}
    environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code, str(photos), str(tmp_path / "out")],
        capture_output=True, text=True, env=environment, timeout=100, check=False,
    )  # fmt: skip
    assert "Ray was imported in this process before" in done.stdout, done.stderr[-2000:]


def paint_large(folder: Path, num_pictures: int) -> None:
    """Save pictures that take a while to decode: noise, of which a few are copied and renamed."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    contents = []
    for _ in range(4):
        pixels = rng.integers(0, 256, (900, 1200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "one.jpg", quality=90)
        contents.append((folder / "one.jpg").read_bytes())
    (folder / "one.jpg").unlink()
    for number in range(num_pictures):  # other bytes, behind the picture's end
        (folder / f"{number:03d}.jpg").write_bytes(contents[number % 4] + bytes([number]))


@needs_ray
def test_a_node_that_is_killed_loses_nothing_and_doubles_nothing(
    portable_model: Path, tmp_path: Path
) -> None:
    photos, whole, out = tmp_path / "photos", tmp_path / "whole", tmp_path / "out"
    paint(photos / "small", 40)
    paint_large(photos / "large", 216)
    encode_pictures(photos, whole, model=portable_model, workers=0)
    report, killed = run_on_ray("nodes", photos, out, portable_model)
    assert report == {"pictures": 256, "last": [256, 256], "refused": []}
    assert killed["num_done"] < load_plan(out).num_parts == 8
    assert parts_of(out) == parts_of(whole)
    ids = [one.doc_id for one in read_sparse_documents(out)]
    assert len(ids) == len(set(ids)) == 256


def test_an_actor_writes_the_part_and_tells_an_error_that_ray_would_try_again(
    photos: Path, portable_model: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    for folder in (whole, out):
        encode_pictures(photos, folder, model=portable_model, workers=0)
    (out / "vectors" / "part-00001.parquet").unlink()
    actor = ray_workers.RayPartEncoder(str(out), 1, "cpu")
    told = {"part": [1, 0], "kind": ["", ""], "message": ["", ""]}
    assert actor({"part": np.array([1, 0])}) == told
    assert parts_of(out) == parts_of(whole)
    (out / "vectors" / "part-00001.parquet").write_bytes(b"damaged")
    told = actor({"part": np.array([1])})
    assert told["kind"] == ["CorruptError"] and "part-00001" in told["message"][0]
    if actor._encoder is not None:
        actor._encoder.close()


def test_without_ray_the_install_command_is_named(
    photos: Path, portable_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[scale\]'"):
        ray_workers._ray("10.0.0.5:6379")
    arguments = ["encode", str(photos), "-o", str(tmp_path / "out"), "--ray", "local"]
    result = CliRunner().invoke(main, [*arguments, "--model", str(portable_model)])
    assert result.exit_code == 2
    assert "Without --ray, processes of this machine encode." in result.stderr
