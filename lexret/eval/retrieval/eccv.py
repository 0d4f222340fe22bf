"""ECCV Caption's extended positives (Chun et al., ECCV 2022), where its package is installed.

COCO's captions fit more pictures than the one that they were written for. People judged the
candidates of 1,332 captions and 1,261 pictures of Karpathy's test split; the package
``eccv_caption`` carries the outcome under COCO's ids, which ``karpathy:`` and ``coco:`` captions
keep. Only its data files are read; its code is not imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from lexret.errors import CorruptError, InputError, MissingPackageError
from lexret.eval.retrieval.trec import read_qrels
from lexret.files.text import parse_json

ECCV_PREFIX: Final = "eccv:"
_FILES: Final = {
    "text_to_image": "eccv_caption_to_image.json",
    "image_to_text": "eccv_image_to_caption.json",
}


def read_eccv_or_qrels(source: str) -> dict[str, dict[str, int]]:
    """Read ``eccv:text_to_image``, ``eccv:image_to_text`` or a TREC qrels file."""
    if source.startswith(ECCV_PREFIX):
        return read_eccv(source.removeprefix(ECCV_PREFIX))
    return read_qrels(Path(source))


def read_eccv(direction: str) -> dict[str, dict[str, int]]:
    """Return the extended positives of a direction as qrels.

    Raises:
        InputError: if there is no such direction.
        MissingPackageError: if the package is not installed.
        CorruptError: if its file does not have the known form.
    """
    if direction not in _FILES:
        raise InputError(f"Found eccv:{direction}; expected one of {sorted(_FILES)}.")
    spec = importlib.util.find_spec("eccv_caption")
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            "ECCV Caption's positives come with the package eccv_caption, which is not installed: "
            "pip install eccv_caption"
        )
    path = Path(spec.submodule_search_locations[0]) / "data" / _FILES[direction]
    try:
        values = parse_json(path.read_bytes())
        return {
            str(int(query)): {str(int(document)): 1 for document in documents}
            for query, documents in values.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorruptError(
            f"{path} is not the file of judgements that eccv_caption 0.1 has: {error}. "
            "Install it again: pip install --force-reinstall eccv_caption"
        ) from error
