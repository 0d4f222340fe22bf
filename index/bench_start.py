"""Measures how long `lexret` takes to start from the shell, beside what it cannot do without.

    python index/bench_start.py --pictures 100000 --rounds 21
    python index/bench_start.py --before ../lexret-of-before

It makes an index of random vectors over the words of `mini` (as index/bench_serve.py does) and
runs each command in a process of its own, all commands in turn in every round, so that a busy
moment of the machine meets all of them alike. A search is held against `import numpy`, everything
else against `import click`. With --before, another checkout runs in the same rounds. Times are
those of the whole process: wall time, and processor time of all its threads. Printed is JSON: the
least and the median of the rounds, in milliseconds, and the ratio of each to what it is held
against, of the least times and of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_serve import make_index

# As the script does that pip makes for `lexret`.
LEXRET = "import sys; from lexret.cli.main import main; sys.argv[0] = 'lexret'; sys.exit(main())"
NUMPY, CLICK = "import numpy", "import click"


@dataclass(frozen=True)
class Case:
    """One command: what it is held against, its arguments, the exit status, the checkout."""

    against: str
    arguments: tuple[str, ...]
    status: int = 0
    environment: tuple[tuple[str, str], ...] = ()
    root: Path = Path(__file__).resolve().parent.parent


def completing(words: str) -> tuple[tuple[str, str], ...]:
    """Return what the shell's completion sets before it asks."""
    place = len(words.split(" ")) - 1
    variables = {"_LEXRET_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
    return tuple(variables.items())


CASES = {
    "search": Case(NUMPY, ("search", "a dog on a beach")),
    "search --json": Case(NUMPY, ("search", "a dog on a beach", "--json")),
    "search +dog -car": Case(NUMPY, ("search", "+dog -car")),
    "--help": Case(CLICK, ("--help",)),
    "--version": Case(CLICK, ("--version",)),
    "no index": Case(CLICK, ("search", "a dog", "--index", "nowhere"), status=2),
    "search --help": Case(CLICK, ("search", "--help")),
    "a mistyped command": Case(CLICK, ("serach", "a dog"), status=2),
    "a mistyped option": Case(CLICK, ("search", "a dog", "--explian"), status=2),
    "completing a command": Case(CLICK, (), environment=completing("lexret se")),
    "completing an option": Case(CLICK, (), environment=completing("lexret search --te")),
    "completing a word": Case(CLICK, (), environment=completing("lexret search lightho")),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--index", type=Path, help="an index made before: the folder that holds it")
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--only", default=",".join(CASES), help="names of commands, with commas")
    arguments = parser.parse_args()
    wanted = set(arguments.only.split(","))
    cases = {name: case for name, case in CASES.items() if name in wanted}
    if arguments.before:
        other = arguments.before.resolve()
        cases |= {f"before: {name}": replace(case, root=other) for name, case in cases.items()}
    if arguments.index:
        report = measure(arguments.index, arguments.rounds, cases)
    else:
        with tempfile.TemporaryDirectory() as folder:
            make_index(Path(folder) / ".lexret", arguments.pictures)
            report = measure(Path(folder), arguments.rounds, cases)
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} processors"
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def measure(folder: Path, rounds: int, cases: Mapping[str, Case]) -> dict[str, object]:
    """Run every command once a round, and once before, so that its files are in memory."""
    codes = {NUMPY: Case("", (NUMPY,)), CLICK: Case("", (CLICK,)), **cases}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in codes}
    for number in range(rounds + 1):
        for name, case in codes.items():
            took = run(case, folder)
            if number:
                times[name].append(took)
    best = {name: best_of(taken) for name, taken in times.items()}
    for name, case in cases.items():
        figures, base = best[name], best[case.against]
        ratios = {f"{key} ratio": round(figures[key] / base[key], 2) for key in base}
        best[name] = {**figures, **ratios}
    return {"rounds": rounds, "milliseconds": best}


def run(case: Case, folder: Path) -> tuple[float, float]:
    """Return the seconds of wall time and of processor time that a process takes."""
    # Like an installed package's, the modules are compiled once, before the first round.
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    own = {"PYTHONPATH": str(case.root), **dict(case.environment)}
    code = case.arguments if not case.against else (LEXRET, *case.arguments)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", *code], cwd=folder, env={**plain, **own},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != case.status:
        raise SystemExit(f"{case}: exit status {process.returncode}, expected {case.status}")
    return wall, usage.ru_utime + usage.ru_stime


def best_of(taken: list[tuple[float, float]]) -> dict[str, float]:
    """Return the least and the median of both times, in milliseconds."""
    wall, processor = ([1000 * one[side] for one in taken] for side in (0, 1))
    return {
        "wall least": round(min(wall), 1),
        "wall median": round(statistics.median(wall), 1),
        "processor least": round(min(processor), 1),
        "processor median": round(statistics.median(processor), 1),
    }


if __name__ == "__main__":
    main()
