"""The collection of hostile pictures: thousands of files, and what is expected of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.pictures.collection import bombs, claims, damaged, names, notes, order, whole
from tests.pictures.collection.cases import Case, Read, Refused

# The reader is told to take so many pixels at most, so that bombs need not be large.
MAX_PIXELS = 4_000_000


def all_cases(seed: int = 0) -> list[Case]:
    """All of them, the same for the same seed; they are larger than what a quick test makes."""
    return list(chain(quick_cases(seed), bombs.cases()))


def quick_cases(seed: int = 0) -> list[Case]:
    """Those that are made within seconds."""
    return list(
        chain(
            whole.cases(), damaged.cases(seed), claims.cases(), order.cases(), notes.cases(seed),
            names.cases(),
        )
    )  # fmt: skip


def write(folder: Path, cases: Sequence[Case]) -> None:
    """Write the files into an empty folder."""
    for case in cases:
        with open(os.path.join(os.fsencode(folder), case.name), "xb") as file:
            file.write(case.data)


@dataclass(frozen=True)
class Reading:
    """What reading the files came to.

    Attributes:
        faults: what was not as expected, with the names of the files.
        num_read: how many of the files were read.
        slowest_seconds: what the slowest file took, with the waiting for its turn.
        most_bytes: what the largest decoding process took.
    """

    faults: list[str]
    num_read: int
    slowest_seconds: float
    most_bytes: int


def read(folder: Path, cases: Sequence[Case]) -> Reading:
    """Have the decoding processes read the files, from a process that does nothing else."""
    command = [sys.executable, "-m", "tests.pictures.collection.read_all", folder, str(MAX_PIXELS)]
    done = subprocess.run(
        command,
        input=json.dumps([case.name.hex() for case in cases]),
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # libraries' messages stay with the files that they are about
    found = json.loads(done.stdout)
    faults, num_read = [], 0
    for case, values in zip(cases, found["outcomes"], strict=True):
        assert bytes.fromhex(values["name"]) == case.name
        if "reason" in values:
            fault = case.fault(Refused(values["reason"], values["message"]))
        else:
            num_read += 1
            quarters = tuple(tuple(colour) for colour in values["quarters"])
            fault = case.fault(Read(tuple(values["size"]), quarters))  # type: ignore[arg-type]
        if fault is not None:
            faults.append(f"{case.path!r}: {fault}")
    return Reading(faults, num_read, found["slowest_seconds"], found["most_bytes"])
