"""The precision in which a processor computes fastest what need not be exact."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def quick_precision() -> AbstractContextManager[object]:
    """Compute in bfloat16 where the CPU does: matrices in half the time, off by 0.4% at most."""
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.autocast("cpu", torch.bfloat16, enabled=native)
