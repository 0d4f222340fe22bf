"""The adapters as ONNX graphs: backbone features in, vectors in the codebook's space out.

They are those of :mod:`lexret.encoders.image.context_adapter` and
:mod:`lexret.encoders.image.attention_adapter`, operator for operator, without dropout.

Legend: B pictures, P patches, F features, W adapter width, D codebook dimension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from lexret.config import ImageConfig
from lexret.encoders.portable.graph import Graph
from lexret.errors import CorruptError
from lexret.sparse import FloatArray

Tensors = Mapping[str, FloatArray]

# As torch.nn.functional.normalize and torch.nn.LayerNorm have them.
_LEAST_LENGTH: Final = 1e-12
_NORM_EPSILON: Final = 1e-5


def adapter_graph(tensors: Tensors, config: ImageConfig) -> bytes:
    """Return a graph from ``features`` (B, P, F) to ``patches`` (B, P, D) and ``pictures`` (B, D).

    Patches have the length ``cosine_scale`` where the model has one. The second output stands for
    the whole pictures; its length means nothing.

    Args:
        tensors: of the image side, without the prefix ``image.``.

    Raises:
        CorruptError: if a tensor is missing or does not fit the configuration.
    """
    graph = Graph()
    features = graph.input("features", "float32", ["pictures", "patches", config.feature_dim])
    weights = _Weights(tensors, "adapter.")
    if config.adapter == "context":
        patches, pictures = _context(graph, features, weights, config)
    else:
        patches = _attention(graph, features, weights, config)
        pictures = ""
    if config.cosine_scale is not None:
        patches = _with_length(graph, patches, config.cosine_scale)
    pictures = pictures or graph.op("ReduceMean", patches, axes=[1], keepdims=0)
    graph.output("patches", patches, "float32", ["n", "rows", "columns"])
    graph.output("pictures", pictures, "float32", ["n", "columns"])
    return graph.model()


class _Weights:
    """Tensors of a part of the network; a missing one, or one of another shape, is an error."""

    def __init__(self, tensors: Tensors, prefix: str) -> None:
        self._tensors, self._prefix = tensors, prefix

    def has(self, name: str) -> bool:
        return self._prefix + name in self._tensors

    def get(self, name: str, *shape: int | None) -> FloatArray:
        found = self._tensors.get(self._prefix + name)
        fits = found is not None and len(found.shape) == len(shape)
        if (
            found is None
            or not fits
            or any(size not in (None, here) for size, here in zip(shape, found.shape, strict=True))
        ):
            what = "missing" if found is None else f"of shape {found.shape}"
            raise CorruptError(
                f"The checkpoint does not fit its configuration: image.{self._prefix}{name} is "
                f"{what}; expected {tuple('any' if size is None else size for size in shape)}."
            )
        return found


def _context(
    graph: Graph, features: str, weights: _Weights, config: ImageConfig
) -> tuple[str, str]:
    wide = config.feature_dim
    rows = graph.op("Sqrt", graph.op("Relu", features))
    rows = graph.op("Sub", rows, graph.constant(weights.get("mean_F", wide)))
    rows = graph.op("Div", rows, graph.constant(weights.get("scale_F", wide)))
    mean = graph.op("ReduceMean", rows, axes=[1], keepdims=1)
    spread = graph.constant(np.array(config.spread, np.float32))
    seen = graph.op("Add", mean, graph.op("Mul", graph.op("Sub", rows, mean), spread))
    mapped = _residual_map(graph, graph.op("Concat", seen, mean, axis=1), weights, config)
    last, end = graph.constant(np.array([-1])), graph.constant(np.array([np.iinfo(np.int64).max]))
    first, axis = graph.constant(np.array([0])), graph.constant(np.array([1]))
    patches = graph.op("Slice", mapped, first, last, axis)
    return patches, graph.op("Squeeze", graph.op("Slice", mapped, last, end, axis), axis)


def _residual_map(graph: Graph, rows: str, weights: _Weights, config: ImageConfig) -> str:
    result = _linear(graph, rows, weights, "map.direct", config.feature_dim, None)
    if not config.mlp_width:
        return result
    up = _linear(graph, rows, weights, "map.up", config.feature_dim, config.mlp_width)
    down = _linear(graph, graph.op("Relu", up), weights, "map.down", config.mlp_width, None)
    return graph.op("Add", result, down)


def _attention(graph: Graph, features: str, weights: _Weights, config: ImageConfig) -> str:
    width = config.width or config.feature_dim
    rows = _normed(graph, features, config.feature_dim)
    if config.width is not None:
        rows = _linear(graph, rows, weights, "narrow", config.feature_dim, width)
    rows = graph.op("Add", rows, _attend(graph, _normed(graph, rows, width), weights, config))
    up = _linear(graph, _normed(graph, rows, width), weights, "up", width, config.mlp_width)
    return _linear(graph, _gelu(graph, up), weights, "down", config.mlp_width, None)


def _attend(graph: Graph, rows: str, weights: _Weights, config: ImageConfig) -> str:
    width = config.width or config.feature_dim
    heads, size = config.num_heads, width // config.num_heads
    of_heads = graph.constant(np.array([0, 0, heads, size]))
    of_rows = graph.constant(np.array([0, 0, width]))
    query, key, value = (
        graph.op("Reshape", graph.op("MatMul", rows, graph.constant(part.T)), of_heads)
        for part in np.split(weights.get("qkv.weight", 3 * width, width), 3)
    )
    query = graph.op("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.op("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.op("Transpose", value, perm=[0, 2, 1, 3])
    scale = graph.constant(np.array(size**-0.5, np.float32))
    shares = graph.op("Softmax", graph.op("Mul", graph.op("MatMul", query, key), scale), axis=-1)
    mixed = graph.op("Transpose", graph.op("MatMul", shares, value), perm=[0, 2, 1, 3])
    return _linear(graph, graph.op("Reshape", mixed, of_rows), weights, "out", width, width)


def _linear(
    graph: Graph, rows: str, weights: _Weights, name: str, num_in: int, num_out: int | None
) -> str:
    matrix = weights.get(f"{name}.weight", num_out, num_in)
    result = graph.op("MatMul", rows, graph.constant(matrix.T))
    if weights.has(f"{name}.bias"):
        result = graph.op("Add", result, graph.constant(weights.get(f"{name}.bias", len(matrix))))
    return result


def _normed(graph: Graph, rows: str, width: int) -> str:
    even = graph.constant(np.ones(width, np.float32))
    return graph.op("LayerNormalization", rows, even, axis=-1, epsilon=_NORM_EPSILON)


def _gelu(graph: Graph, rows: str) -> str:
    """x / 2 (1 + erf(x / sqrt 2)): Hendrycks and Gimpel, 2016, the exact form."""
    root, one, half = (graph.constant(np.array(x, np.float32)) for x in (2**-0.5, 1.0, 0.5))
    gate = graph.op("Add", graph.op("Erf", graph.op("Mul", rows, root)), one)
    return graph.op("Mul", graph.op("Mul", rows, gate), half)


def _with_length(graph: Graph, rows: str, length: float) -> str:
    least = graph.constant(np.array(_LEAST_LENGTH, np.float32))
    lengths = graph.op("Max", graph.op("ReduceL2", rows, axes=[-1], keepdims=1), least)
    unit = graph.op("Div", rows, lengths)
    return graph.op("Mul", unit, graph.constant(np.array(length, np.float32)))
