"""Graphs that lexret writes itself, as ONNX Runtime and the package onnx read them."""

from __future__ import annotations

import numpy as np
import pytest

from lexret.encoders.portable.graph import Graph
from lexret.encoders.portable.sessions import Session, check_device
from lexret.errors import CorruptError, InputError, MissingPackageError


def test_a_graph_computes_what_its_operators_say() -> None:
    graph = Graph()
    rows = graph.input("rows", "float32", ["n", 3])
    shifted = graph.op("Add", rows, graph.constant(np.array([-1.0, 0.0, 1.0], np.float32)))
    mean = graph.op("ReduceMean", shifted, axes=[-1], keepdims=0)
    graph.output("mean", mean, "float32", ["n"])
    even = graph.constant(np.ones(3, np.float32))
    normed = graph.op("LayerNormalization", rows, even, axis=-1, epsilon=0.5)
    graph.output("normed", normed, "float32", ["n", 3])
    values = np.array([[3.0, 6.0, 9.0], [1.0, 1.0, 1.0]], np.float32)
    means, rows_normed = Session(graph.model()).run(rows=values)
    assert means.tolist() == [6.0, 1.0]
    # (3 - 6) / sqrt(6 + 0.5), by hand
    np.testing.assert_allclose(rows_normed, [[-1.176697, 0.0, 1.176697], [0, 0, 0]], rtol=1e-5)


def test_the_package_onnx_finds_nothing_wrong() -> None:
    onnx = pytest.importorskip("onnx")
    graph = Graph()
    rows = graph.input("rows", "uint8", ["n", 2])
    words = graph.constant(np.array([[1, -2], [3, 4]], np.int8))
    zero = graph.constant(np.array(128, np.uint8))
    products = graph.op("MatMulInteger", rows, words, zero)
    graph.output("products", products, "int32", ["n", 2])
    data = graph.model()
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert onnx.numpy_helper.to_array(model.graph.initializer[0]).tolist() == [[1, -2], [3, 4]]
    (found,) = Session(data).run(rows=np.array([[129, 126]], np.uint8))
    assert found.tolist() == [[1 - 6, -2 - 8]]


def test_bytes_that_are_no_graph_are_refused() -> None:
    with pytest.raises(CorruptError, match="cannot be loaded by ONNX Runtime"):
        Session(b"no graph")


def test_a_device_that_is_not_there_is_refused_with_what_would_bring_it() -> None:
    check_device("cpu")
    with pytest.raises(MissingPackageError, match=r"cannot run on 'directml'.*offers .*cpu.*pip"):
        check_device("directml")
    with pytest.raises(InputError, match="Unknown device 'tpu'; known: cpu, cuda"):
        check_device("tpu")
