"""Sources of captioned pictures, which training and evaluation read.

A source is a JSON-lines file, one picture a line::

    {"image": "images/1.jpg", "captions": ["A dog runs.", "A brown dog on grass."]}

a folder that holds such a file under the name ``captions.jsonl``, ``datasets:NAME[:SPLIT]``,
``webdataset:PATTERN``, ``karpathy:FILE[:SPLIT[:IMAGES]]``, ``coco:FILE[:IMAGES]``, or
``mteb:TASK[:SPLIT]``, a task of MTEB. Of a captions file ``people:FILE`` keeps the pictures whose
captions people wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from lexret.captions.caption_set import CaptionSet, FileCaptions
from lexret.captions.json_lines import read_captions
from lexret.errors import InputError

DATASETS_PREFIX: Final = "datasets:"
SHARDS_PREFIX: Final = "webdataset:"
KARPATHY_PREFIX: Final = "karpathy:"
COCO_PREFIX: Final = "coco:"
PEOPLE_PREFIX: Final = "people:"
MTEB_PREFIX: Final = "mteb:"
PREFIXES: Final = (
    DATASETS_PREFIX, SHARDS_PREFIX, KARPATHY_PREFIX, COCO_PREFIX, PEOPLE_PREFIX, MTEB_PREFIX,
)  # fmt: skip


def open_captions(
    source: str | Path,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CaptionSet:
    """Open a captions file, a folder that holds one, a data set or shards by prefix.

    Args:
        cache: a folder where indexes of shards are kept, so that they are made once.
        progress: called with (shards indexed, shards in all).

    Raises:
        MissingError: if there is no such file, folder or data set.
        InputError: if it cannot be used; the message says where and why.
        MissingPackageError: if it needs ``datasets`` or ``mteb``, which is not installed.
        CorruptError, StorageError: if shards are damaged, or their index cannot be kept.
    """
    if str(source).startswith(DATASETS_PREFIX):
        from lexret.captions.datasets_package import open_dataset

        return open_dataset(str(source).removeprefix(DATASETS_PREFIX))
    if str(source).startswith(SHARDS_PREFIX):
        from lexret.captions.shards import open_shards

        pattern = str(source).removeprefix(SHARDS_PREFIX)
        return open_shards(pattern, cache=cache, progress=progress)
    if str(source).startswith(KARPATHY_PREFIX):
        from lexret.captions.formats import read_karpathy

        return FileCaptions(read_karpathy(str(source).removeprefix(KARPATHY_PREFIX)))
    if str(source).startswith(COCO_PREFIX):
        from lexret.captions.formats import read_coco

        return FileCaptions(read_coco(str(source).removeprefix(COCO_PREFIX)))
    if str(source).startswith(MTEB_PREFIX):
        from lexret.captions.mteb_package import open_task

        return open_task(str(source).removeprefix(MTEB_PREFIX))
    if str(source).startswith(PEOPLE_PREFIX):
        return _written_by_people(Path(str(source).removeprefix(PEOPLE_PREFIX)))
    return FileCaptions(read_captions(Path(source)))


def _written_by_people(file: Path) -> FileCaptions:
    items = [item for item in read_captions(file) if not item.by_template]
    if not items:
        raise InputError(
            f'No line of {file} has captions that people wrote: all say "written_by": "template".'
        )
    return FileCaptions(items)
