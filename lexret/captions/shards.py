"""Pictures with captions in webdataset shards, as ``webdataset:PATTERN``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import glob, has_magic
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import final

from PIL import Image

from lexret.captions.shard_index import Progress, ShardIndex, SkippedSample, open_index
from lexret.errors import InputError, MissingError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, read_picture, unreadable

# {00000..01242}, as webdataset writes a range of shards.
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@final
class ShardCaptions:
    """Set of the samples of shards; implements :class:`~lexret.captions.caption_set.CaptionSet`.

    Samples that the index left out (:attr:`skipped`) are not part of the set. A picture that turns
    out to be broken when it is read is an error of :meth:`image`, as in other sets.
    """

    def __init__(self, index: ShardIndex) -> None:
        self._index = index
        self._held: dict[int, bytes] = {}

    @property
    def shard_sizes(self) -> tuple[int, ...]:
        """How many samples each shard holds, in order."""
        return self._index.sizes

    def hold(self, samples: Sequence[int]) -> None:
        """Read these samples' pictures into memory, shard by shard from front to back.

        Those that were held before and are not among them are let go. :meth:`image` takes what is
        held from memory. What cannot be read is left to :meth:`image`, which says so.
        """
        wanted = set(samples)
        held = {i: content for i, content in self._held.items() if i in wanted}
        missing = sorted(wanted - held.keys())
        for number, group in groupby(missing, key=lambda i: int(self._index.places[i, 0])):
            try:
                with self._index.shards[number].open("rb") as file:
                    for i in group:
                        _, offset, size, _ = self._index.places[i].tolist()
                        file.seek(offset)
                        held[i] = file.read(size)
            except OSError:
                continue
        self._held = held

    def __len__(self) -> int:
        return len(self._index)

    @property
    def skipped(self) -> tuple[SkippedSample, ...]:
        """Samples without a picture or without a usable caption."""
        return self._index.skipped

    def name(self, i: int) -> str:
        """Shard and name, such as ``00012.tar/000120345``."""
        shard = self._index.shards[self._index.places[i, 0]]
        return f"{shard.name}/{self._index.entry(i)[0]}"

    def captions(self, i: int) -> tuple[str, ...]:
        """The captions of sample ``i``."""
        return tuple(self._index.entry(i)[1:])

    def by_template(self, i: int) -> bool:
        """Return False: shards do not say how captions were made."""
        return False

    def objects(self, i: int) -> Mapping[str, float]:
        """Return no things: none are outlined."""
        return {}

    def image(self, i: int) -> Image.Image:
        """Read the picture of sample ``i``."""
        held = self._held.get(i)
        if held is not None:
            return read_picture(BytesIO(held), self.name(i), min_side=ENCODING_MIN_SIDE).image
        number, offset, size, _ = self._index.places[i].tolist()
        shard = self._index.shards[number]
        try:
            with shard.open("rb", buffering=0) as file:
                file.seek(offset)
                content = file.read(size)
        except FileNotFoundError as error:
            raise MissingError(f"There is no shard {shard}.") from error
        except OSError as error:
            raise unreadable(shard, error) from error
        return read_picture(BytesIO(content), self.name(i), min_side=ENCODING_MIN_SIDE).image

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names and captions."""
        return self._index.fingerprint


def open_shards(
    pattern: str, *, cache: Path | None = None, progress: Progress | None = None
) -> ShardCaptions:
    """Open shards: a tar file, a folder of them, or a pattern.

    Args:
        pattern: may hold ``*``, ``?``, ``[...]`` and ranges such as ``{00000..01242}``; of a range
            every shard must be there.
        cache: a folder where the index is kept; None: it is made again each time.

    Raises:
        MissingError: if there are no such shards.
        InputError: if they are compressed or hold no usable sample.
        CorruptError: if they are damaged; the message names all of those.
        StorageError: if the index cannot be kept.
    """
    shards = find_shards(pattern)
    packed = [shard.name for shard in shards if shard.suffix in (".gz", ".tgz", ".bz2", ".xz")]
    if packed:
        raise InputError(
            f"{len(packed)} shards are compressed, such as {packed[0]}; single pictures can only "
            "be read from plain tar files. Unpack them (gunzip); pictures are compressed anyway."
        )
    return ShardCaptions(open_index(shards, cache, progress))


def find_shards(pattern: str) -> list[Path]:
    """Return the tar files of a pattern, in order.

    Raises:
        MissingError: if there are none, or one of a range is missing.
    """
    if not pattern:
        raise InputError("No shards are named; expected webdataset:FOLDER or webdataset:PATTERN.")
    if Path(pattern).is_dir():
        pattern = f"{pattern}/*.tar"
    found: list[Path] = []
    for part in _ranges(pattern):
        matches = sorted(glob(part)) if has_magic(part) else [part] * Path(part).is_file()
        if not matches:
            raise MissingError(
                f"There is no shard {part}; the pattern may hold *, ?, [...] and ranges such as "
                "{00000..01242}."
            )
        found += [Path(match) for match in matches]
    return found


def _ranges(pattern: str) -> list[str]:
    """Expand ranges, keeping leading zeros."""
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last = match.groups()
    numbers = range(int(first), int(last) + 1)
    names = (f"{n:0{len(first)}d}" for n in numbers)
    before, after = pattern[: match.start()], pattern[match.end() :]
    return [part for name in names for part in _ranges(f"{before}{name}{after}")]
