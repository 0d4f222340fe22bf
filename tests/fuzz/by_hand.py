"""Fuzzes readers with atheris, which looks for bytes that reach new code; run by hand.

``pip install atheris``, then ``python -m tests.fuzz.by_hand query -max_total_time=600``. The
readers are ``query`` (the query language), ``index`` (the index's own files: the first byte
chooses which) and those of ``tests/fuzz/readers.py`` that need no model, such as
``"metadata of JPEG"``. What is found is written as ``crash-...``; ``by_hand query crash-...`` reads
it again.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lexret"], enable_loader_override=False):
    from lexret.engine.query.parser import parse_query
    from lexret.errors import LexretError
    from tests.fuzz.readers import INDEX, READERS, Reader


def query(data: bytes) -> None:
    """Parse a query."""
    try:
        parse_query(data.decode("utf-8", "surrogateescape"))
    except LexretError:
        return


def files_of(reader: Reader) -> Callable[[bytes], None]:
    """Read sound files, one of which has the bytes in its place."""
    folder = Path(tempfile.mkdtemp(prefix="lexret-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    reader.make(folder, folder)
    files = [file for pattern in reader.files for file in sorted(folder.glob(pattern))]
    originals = [file.read_bytes() for file in files]
    seeds = folder / "seeds"
    seeds.mkdir()
    for number, content in enumerate(originals):
        head = bytes([number]) if len(files) > 1 else b""
        (seeds / str(number)).write_bytes(head + content)
    if not any(argument.startswith("crash-") for argument in sys.argv):
        sys.argv.append(str(seeds))

    def read(data: bytes) -> None:
        chosen = data[0] % len(files) if data and len(files) > 1 else 0
        content = data[1:] if len(files) > 1 else data
        fresh = files[chosen].with_name("new")
        fresh.write_bytes(content)
        fresh.replace(files[chosen])
        try:
            reader.read(folder)
        except LexretError:
            return
        finally:
            fresh.write_bytes(originals[chosen])
            fresh.replace(files[chosen])

    return read


def main() -> None:
    """Fuzz the reader that the first argument names; the others are libFuzzer's."""
    name = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    target = query if name == "query" else files_of(INDEX if name == "index" else READERS[name])
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
