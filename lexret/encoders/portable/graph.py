"""Small ONNX graphs, written as bytes without the package ``onnx``.

What a model was trained to (its adapter, its words) lies in ``model.safetensors``; ONNX Runtime
takes such weights only inside a graph. This writes the few messages of protocol buffers that such a
graph needs: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, whose field numbers are used
here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_IR_VERSION: Final = 8
_OPSET: Final = 17
_VARINT, _BYTES, _FIXED32 = 0, 2, 5
# numpy type -> TensorProto.DataType
_TYPES: Final = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_FLOAT, _INT, _INTS = 1, 2, 7  # AttributeProto.AttributeType

Attribute = int | float | Sequence[int]
Dimension = int | str


class Graph:
    """Graph under construction: inputs, operators and constants; names are made here.

    Every method returns the name of what it added, which later operators take.
    """

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._num_names = 0

    def input(self, name: str, dtype: str, shape: Sequence[Dimension]) -> str:
        """Add an input; a dimension that is a name may have any size."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        """Add a constant tensor of one of the types that lexret uses.

        Raises:
            KeyError: for another type.
        """
        name = self._new_name()
        array = np.ascontiguousarray(values)
        self._constants.append(
            b"".join(_integer(1, size) for size in values.shape)
            + _integer(2, _TYPES[array.dtype.name])
            + _text(8, name)
            + _field(9, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        )
        return name

    def op(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Add an operator of one output."""
        name = self._new_name()
        self._nodes.append(
            b"".join(_text(1, each) for each in inputs)
            + _text(2, name)
            + _text(4, kind)
            + b"".join(_field(5, _attribute(*item)) for item in attributes.items())
        )
        return name

    def output(self, name: str, source: str, dtype: str, shape: Sequence[Dimension]) -> None:
        """Give a value a name outside; for the shape see :meth:`input`."""
        self._nodes.append(_text(1, source) + _text(2, name) + _text(4, "Identity"))
        self._outputs.append(_value_info(name, dtype, shape))

    def model(self) -> bytes:
        """Return the whole as an ONNX model."""
        graph = (
            b"".join(_field(1, node) for node in self._nodes)
            + _text(2, "lexret")
            + b"".join(_field(5, constant) for constant in self._constants)
            + b"".join(_field(11, value) for value in self._inputs)
            + b"".join(_field(12, value) for value in self._outputs)
        )
        opset = _text(1, "") + _integer(2, _OPSET)
        return _integer(1, _IR_VERSION) + _field(7, graph) + _field(8, opset)

    def _new_name(self) -> str:
        self._num_names += 1
        return f"v{self._num_names}"


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are written as 64 bits
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode("utf-8"))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, _INT)
    if isinstance(value, float):
        number = _varint(2 << 3 | _FIXED32) + struct.pack("<f", value)
        return _text(1, name) + number + _integer(20, _FLOAT)
    return _text(1, name) + b"".join(_integer(8, each) for each in value) + _integer(20, _INTS)


def _value_info(name: str, dtype: str, shape: Sequence[Dimension]) -> bytes:
    sizes = (_integer(1, size) if isinstance(size, int) else _text(2, size) for size in shape)
    dimensions = b"".join(_field(1, size) for size in sizes)
    tensor = _integer(1, _TYPES[dtype]) + _field(2, dimensions)
    return _text(1, name) + _field(2, _field(1, tensor))
