"""Declarations of torchvision's operators, so that it can be imported with any build of torch.

torchvision's wheels carry operators compiled for one build of torch. With another build (a CPU
torch and a CUDA torchvision, say) they are not loaded, and registering their fake kernels then
fails with "operator torchvision::nms does not exist", which breaks ``import timm`` and parts of
transformers. lexret uses none of these operators: declaring their schemas is enough.
"""

from __future__ import annotations

import importlib.util
import sys

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
# The declarations live as long as this object does.
_library: torch.library.Library | None = None


def operators_fit() -> bool:
    """Tell whether torchvision's compiled operators can be loaded with this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    folder = spec.submodule_search_locations[0]
    from pathlib import Path

    compiled = sorted(Path(folder).glob("_C*.so")) + sorted(Path(folder).glob("_C*.pyd"))
    try:
        for file in compiled:
            torch.ops.load_library(str(file))
    except OSError:
        return False
    return bool(compiled)


def declare_missing_operators() -> None:
    """Declare the schemas of torchvision's operators where they would be missing.

    Call before the first import of timm, transformers or torchvision. Does nothing where
    torchvision is absent, imported already, or fits.
    """
    global _library
    if _library is not None or "torchvision" in sys.modules:
        return
    if importlib.util.find_spec("torchvision") is None or operators_fit():
        return
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            _library.define(schema)
