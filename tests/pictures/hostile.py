"""Files that do with their decoder what hostile and damaged ones do, each on its own order.

A package that Pillow is to read JPEG XL with is put on the path: workers import it as they import
the real one. A file of that format then aborts, hangs or eats memory as it says.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

# A JPEG XL file's first bytes, and its size: 8 x 8 pixels.
_HEAD = b"\xff\x0a\x41\x00"
_PACKAGE = """
import os, signal, sys, time
from PIL import Image, ImageFile

class Obeying(ImageFile.ImageFile):
    format, format_description = "JXL", "does what it is told"

    def _open(self):
        self.fp.read(4)
        order, _, argument = self.fp.read().decode().partition(" ")
        if order == "signal":
            os.write(2, b"free(): invalid pointer\\n")
            os.kill(os.getpid(), int(argument))
        elif order == "once" and not os.path.exists(argument):
            open(argument, "w").close()
            os.abort()
        elif order == "busy":
            while True:
                pass
        elif order == "sleep":
            open(argument, "w").close()
            time.sleep(60)
        elif order == "memory" and not os.path.exists(argument):
            open(argument, "w").close()
            raise MemoryError
        elif order == "modules":
            open(argument, "w").write(" ".join(sys.modules))
        elif order == "remark":
            os.write(2, (argument + "\\n").encode())
            raise ValueError("broken")
        elif order == "count":
            open(argument, "a").write("read ")
            os.abort()
        self._mode, self._size, self.tile = "RGB", (8, 8), []
        self.im = Image.core.fill("RGB", (8, 8), (1, 2, 3))

    def load(self):
        return Image.Image.load(self)

Image.register_open("JXL", Obeying, lambda head: head[:2] == b"\\xff\\x0a")
"""


def install(folder: Path) -> None:
    """Write the package into a folder, which the caller puts on the path."""
    folder.mkdir(exist_ok=True)
    (folder / "pillow_jxl.py").write_text(textwrap.dedent(_PACKAGE))


def write(path: Path, order: str) -> Path:
    """Write a file that does what it is told; without a known order it is a plain picture."""
    path.write_bytes(_HEAD + order.encode())
    return path
