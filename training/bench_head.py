"""Time and peak memory of the vocabulary head: the plain form against the fused one.

    python training/bench_head.py --patches 256 --words 17149 --dim 4096 --batch 8

Each form runs in a process of its own: one forward and backward to warm up and measure memory, then
the timed ones. On a CPU times are the processor's, added up over the threads, so that other work on
the machine hardly changes them (with --threads 1 they are those of an idle machine). Peak memory is
what the process (on CUDA: the allocator) needed beyond the inputs, gradients included; on a CPU it
is read from /proc, which Linux has.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Tensor

from lexret.encoders.image.max_head import head_kernel, max_over_patches

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Case:
    """What is measured; ``share`` of the words of each picture have a gradient."""

    batch: int
    patches: int
    words: int
    dim: int
    share: float
    precision: str
    device: str
    repeats: int
    threads: int


def _plain(patches_BPD: Tensor, codebook_VD: Tensor, *, precision: torch.dtype) -> Tensor:
    return (patches_BPD.to(precision) @ codebook_VD.to(precision).t()).amax(1).float()


def _measure(form: str, case: Case) -> dict[str, float]:
    """Return seconds of forward and of backward (the best of the repeats) and peak bytes."""
    torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    on_cuda = torch.device(case.device).type == "cuda"
    patches = torch.randn(case.batch, case.patches, case.dim, device=case.device)
    codebook = torch.randn(case.words, case.dim, device=case.device).mul_(case.dim**-0.5)
    asked = torch.rand(case.batch, case.words, device=case.device) < case.share
    grad_BV = torch.randn(case.batch, case.words, device=case.device) * asked
    patches.requires_grad_()
    codebook.requires_grad_()
    head = _plain if form == "plain" else max_over_patches
    before = _forget_peak(on_cuda)
    times = []
    for _ in range(case.repeats + 1):
        start = _now(on_cuda)
        logits_BV = head(patches, codebook, precision=_PRECISIONS[case.precision])
        middle = _now(on_cuda)
        torch.autograd.grad(logits_BV, [patches, codebook], grad_BV)
        times.append((middle - start, _now(on_cuda) - middle))
        if len(times) == 1:
            peak = _peak(on_cuda) - before
    forward, backward = (min(column) for column in zip(*times[1:], strict=True))
    return {"forward_s": forward, "backward_s": backward, "peak_bytes": peak}


def _now(on_cuda: bool) -> float:
    if not on_cuda:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _forget_peak(on_cuda: bool) -> float:
    """Let the peak start at what is used now, in bytes, and return that."""
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")
    return _peak(on_cuda)


def _peak(on_cuda: bool) -> float:
    if on_cuda:
        return float(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return 1024.0 * int(status.split()[0])


def _in_own_process(form: str, case: Case) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (form, case))


@click.command()
@click.option("--batch", default=8, show_default=True, help="Pictures.")
@click.option("--patches", default=256, show_default=True, help="Patches of each.")
@click.option("--words", default=17_149, show_default=True, help="Words of the vocabulary.")
@click.option("--dim", default=4096, show_default=True, help="Width of the codebook.")
@click.option("--share", default=1.0, show_default=True, help="Share of words with a gradient.")
@click.option("--precision", type=click.Choice(list(_PRECISIONS)), default="bfloat16")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@click.option("--repeats", default=3, show_default=True, help="Timed runs; the best counts.")
@click.option("--threads", default=1, show_default=True, help="Of the CPU.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(as_json: bool, **values: object) -> None:
    """Compare the plain head (patches x words in memory) with the fused one."""
    case = Case(**values)  # type: ignore[arg-type]
    plain, fused = _in_own_process("plain", case), _in_own_process("fused", case)
    ratios = {key: plain[key] / max(fused[key], 1e-9) for key in plain}
    kernel = head_kernel(torch.device(case.device))
    if as_json:
        answer = {**asdict(case), "kernel": kernel, "plain": plain, "fused": fused}
        click.echo(json.dumps({**answer, "ratio": ratios}))
        return
    click.echo(f"kernel {kernel}; {case}")
    for name, figures in (("plain", plain), ("fused", fused)):
        forward, backward = figures["forward_s"] * 1e3, figures["backward_s"] * 1e3
        peak = figures["peak_bytes"] / 2**20
        click.echo(
            f"{name}  forward {forward:9.1f} ms  backward {backward:9.1f} ms  peak {peak:8.0f} MiB"
        )
    shown = "  ".join(f"{key.rpartition('_')[0]} {ratio:.1f}x" for key, ratio in ratios.items())
    click.echo(f"plain / fused  {shown}")


if __name__ == "__main__":
    main()
