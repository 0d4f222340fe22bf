"""Reads a folder of pictures as ``lexret index`` does, in a process of its own.

Run as ``python -m tests.pictures.collection.read_all FOLDER MAX_PIXELS``; the names come as JSON on
the standard input, as file systems' bytes in hexadecimal digits.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from lexret.library.updating.reader import Decoding, PictureFile, read_files
from tests.pictures.collection.cases import Read


def main() -> None:
    """Read the files and write one outcome each, and what the processes took, as JSON."""
    folder, max_pixels = Path(sys.argv[1]), int(sys.argv[2])
    names = [os.fsdecode(bytes.fromhex(name)) for name in json.load(sys.stdin)]
    decoding = Decoding(jobs=2, max_pixels=max_pixels, num_bytes=10 * max_pixels)
    outcomes: list[dict[str, Any]] = []
    before = time.monotonic()
    slowest = 0.0
    for outcome in read_files(
        folder, names, is_known=lambda sha256: False, decoding=decoding, ahead=0
    ):
        if isinstance(outcome, PictureFile):
            assert outcome.picture is not None
            picture = outcome.picture
            found = Read.of(picture.image, (picture.width, picture.height))
            values: dict[str, Any] = {"size": found.size, "quarters": found.quarters}
        else:
            values = {"reason": outcome.reason, "message": outcome.message}
        outcomes.append({"name": os.fsencode(outcome.path).hex(), **values})
        now = time.monotonic()
        slowest, before = max(slowest, now - before), now
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    json.dump(
        {
            "outcomes": outcomes,
            "slowest_seconds": slowest,
            "most_bytes": 1024 * used.ru_maxrss,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
