"""Tensors of safetensors files as memory maps: the same as the package reads, or an error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lexret.files.tensors import map_tensors


def write(path: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def test_arrays_and_metadata_are_those_of_the_package(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    types = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?")
    arrays = {kind: rng.integers(0, 2, (3, 5)).astype(kind) for kind in types}
    arrays |= {"empty": np.zeros((0, 4), np.float32), "scalar": np.array(7, np.int32)}
    save_file(arrays, tmp_path / "a", metadata={"one": "two"})
    metadata, mapped = map_tensors(tmp_path / "a")
    assert metadata == {"one": "two"}
    assert mapped.keys() == load_file(tmp_path / "a").keys() == arrays.keys()
    for name, array in load_file(tmp_path / "a").items():
        np.testing.assert_array_equal(mapped[name], array)
        assert (mapped[name].dtype, mapped[name].shape) == (array.dtype, array.shape)


def test_arrays_are_read_only_and_outlive_the_file(tmp_path: Path) -> None:
    save_file({"a": np.arange(5)}, tmp_path / "a")
    array = map_tensors(tmp_path / "a").arrays["a"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 7
    (tmp_path / "a").unlink()
    assert array.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kept", [0, 7, 8, 40, -1])
def test_a_file_that_is_cut_short_is_an_error(kept: int, tmp_path: Path) -> None:
    save_file({"a": np.arange(5)}, tmp_path / "a")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:kept])
    with pytest.raises(ValueError):
        map_tensors(tmp_path / "a")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}, "takes the bytes 0 to 9"),
        ({"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}, "of shape"),
        ({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}, "of shape"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}, "of shape"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}, "of shape"),
        ({"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}, "BF16"),
        ({"shape": [2], "data_offsets": [0, 8]}, "dtype"),
        ({"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}, "'a'"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [0]}, "'a'"),
        (["F32"], "'a'"),
    ],
)
def test_a_header_that_contradicts_the_file_is_an_error(
    entry: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        map_tensors(write(tmp_path / "a", {"a": entry}, bytes(8)))


@pytest.mark.parametrize("header", [[], 7, {"__metadata__": 7}])
def test_a_header_of_another_form_is_an_error(header: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON object"):
        map_tensors(write(tmp_path / "a", header, bytes(8)))


def test_a_file_that_is_not_there_is_the_system_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        map_tensors(tmp_path / "nowhere")
