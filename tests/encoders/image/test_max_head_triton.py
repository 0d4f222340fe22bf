"""The Triton head against the torch one: interpreted on a CPU, compiled, and on a real device.

Whether triton interprets is settled when it is imported, hence the processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from lexret.encoders.image import max_head
from lexret.encoders.image.max_head import head_kernel, max_over_patches

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="the package triton is not installed"
)
gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

# float16 stands for the low precisions: the interpreter multiplies with numpy, which has no
# bfloat16. Sizes are not multiples of any tile; 150 patches are more than one tile of them.
_INTERPRETED = """
import torch
from lexret.encoders.image import max_head
from lexret.encoders.image import max_head_triton

def both(patches, codebook, grad, precision):
    for module in (max_head_triton, max_head):
        wanted = precision if module is max_head_triton else torch.float32
        logits = module.max_over_patches(patches, codebook, precision=wanted)
        assert logits.dtype == torch.float32
        yield logits.detach(), *torch.autograd.grad(logits, [patches, codebook], grad)

torch.manual_seed(0)
for b, p, d, v in ((1, 1, 4, 3), (3, 33, 24, 150), (2, 150, 40, 20)):
    patches = torch.randn(b, p, d, requires_grad=True)
    codebook = torch.randn(v, d, requires_grad=True)
    for share in (1.0, 0.1):
        grad = torch.randn(b, v) * (torch.rand(b, v) < share)
        fused, plain = both(patches, codebook, grad, torch.float32)
        torch.testing.assert_close(fused, plain)
    fused, plain = both(patches, codebook, grad, torch.float16)
    torch.testing.assert_close(fused[0], plain[0], rtol=0.01, atol=0.02)

tied = torch.ones(1, 3, 2, requires_grad=True)
logits = max_head_triton.max_over_patches(tied, torch.ones(1, 2))
(grad,) = torch.autograd.grad(logits, [tied], torch.ones(1, 1))
assert grad.tolist() == [[[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]]

broken = torch.full((1, 2, 2), float("nan"))
assert not max_head_triton.max_over_patches(broken, torch.ones(3, 2)).isfinite().any()
"""

# Signatures as a run at the paper's size has them; the compiler needs no device.
_COMPILED = """
import warnings
warnings.simplefilter("ignore")
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from lexret.encoders.image import max_head_triton as head

LOW = {"BLOCK_P": 128, "BLOCK_V": 128, "BLOCK_D": 64}
TILES = {
    head._forward_kernel: {"GROUP": 8, **LOW},
    head._patches_kernel: {**LOW, "BLOCK_V": 64},
    head._words_kernel: {"BLOCK_V": 32, "BLOCK_D": 128},
}
TYPES = {"grads": "*fp32", "winners": "*i32", "maxima": "*fp32", "grad_patches": "*fp32"}
TYPES |= {"grad_codebook": "*fp32", "patches": "*bf16", "codebook": "*bf16"}
for kernel, tiles in TILES.items():
    kinds = {n: "constexpr" if n in tiles else TYPES.get(n, "i32") for n in kernel.arg_names}
    places = {name: (i,) for i, name in enumerate(kernel.arg_names)}
    aligned = {places[n]: [["tt.divisibility", 16]] for n in kinds if n in TYPES or n == "dim"}
    source = ASTSource(kernel, kinds, {places[n]: v for n, v in tiles.items()}, aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 8})
    assert compiled.metadata.shared <= 232448, (kernel, compiled.metadata.shared)
"""


def _run(code: str, **environment: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, **environment}
    )
    assert process.returncode == 0, process.stderr.decode()


@needs_triton
@pytest.mark.slow
def test_the_interpreted_kernels_equal_the_torch_form_forward_and_backward() -> None:
    _run(_INTERPRETED, TRITON_INTERPRET="1")


@needs_triton
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="triton's compiler is for Linux")
def test_the_kernels_compile_for_an_h100_within_its_shared_memory() -> None:
    _run(_COMPILED)


def test_each_device_is_told_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(max_head, "find_spec", lambda name: object())
    assert head_kernel(torch.device("cpu")) == "torch"
    assert head_kernel(torch.device("cuda")) == "triton"
    monkeypatch.setattr(max_head, "find_spec", lambda name: None)
    assert head_kernel(torch.device("cuda")) == "torch"


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("share", [0.02, 1.0])
@pytest.mark.parametrize("shape", [(2, 33, 384, 2000), (3, 256, 4096, 1700)])
@pytest.mark.parametrize("mark", [pytest.param(None, marks=gpu)])
def test_on_a_device_the_kernels_equal_the_plain_form(
    precision: torch.dtype, share: float, shape: tuple[int, int, int, int], mark: None
) -> None:
    b, p, d, v = shape
    generator = torch.Generator().manual_seed(0)
    scale = d**-0.5
    patches = torch.randn(b, p, d, generator=generator).to("cuda", precision).requires_grad_()
    codebook = (torch.randn(v, d, generator=generator) * scale).to("cuda", precision)
    codebook.requires_grad_()
    grad_BV = torch.randn(b, v, generator=generator) * (
        torch.rand(b, v, generator=generator) < share
    )
    grad_BV = grad_BV.cuda()
    assert head_kernel(patches.device) == "triton"
    found_BV = max_over_patches(patches, codebook, precision=precision)
    exact, words = patches.detach().double().requires_grad_(), codebook.detach().double()
    words.requires_grad_()
    plain_BV = (exact @ words.t()).amax(1)
    torch.testing.assert_close(found_BV.double(), plain_BV, rtol=1e-4, atol=1e-4)
    found = torch.autograd.grad(found_BV, [patches, codebook], grad_BV)
    plain = torch.autograd.grad(plain_BV, [exact, words], grad_BV.double())
    for mine, theirs in zip(found, plain, strict=True):
        # A near tie that rounding decides the other way moves one row's share of the gradient.
        error = (mine.double() - theirs).norm() / theirs.norm()
        assert error < (1e-3 if precision == torch.float32 else 2e-2)
