"""ONNX Runtime with its telemetry off: the only module that imports it.

Since version 1.29 its packages send events about models and machines to their maker, and keep an
identifier of the machine in the home folder. The variables that are set here before it is
loaded prevent both; to allow them, set the variables to 0.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

for _name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):  # the second: of some releases
    os.environ.setdefault(_name, "1")

import onnxruntime  # noqa: E402 (after what it reads when it is loaded)

__all__ = ["onnxruntime", "quantization"]


def quantization() -> ModuleType:
    """Return ONNX Runtime's module that quantizes networks.

    Raises:
        ModuleNotFoundError: if the package onnx is not installed.
    """
    return import_module("onnxruntime.quantization")
