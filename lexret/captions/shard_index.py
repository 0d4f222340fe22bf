"""Index of tar shards: where each picture and its captions lie, so that any one can be read.

The shards are those of webdataset: tar files in which the members of a sample follow each other
and share their name up to the first dot (``00012.jpg``, ``00012.txt``, ``00012.json``).

An index holds for each sample its shard, the picture's place and size in bytes, and its name and
captions. It may be kept in a folder (``index.json``, ``places.npy``, ``texts.bin``), which several
processes then map into memory together: 32 bytes a picture and its texts.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import check_captions
from lexret.errors import CorruptError, InputError, StorageError
from lexret.files.folders import whole_folder
from lexret.files.text import parse_json

PICTURES: Final = ("jpg", "jpeg", "png", "webp")
CAPTION_KEYS: Final = ("captions", "caption", "sentences", "text")
_TEXT: Final = "txt"
_JSON: Final = "json"
_BLOCK: Final = 512
_FORMAT: Final = 1
_EXPECTED: Final = "expected a text, or a list of texts"

# Called with (shards done, shards in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SkippedSample:
    """Sample that was left out of an index: its shard and name, and why."""

    name: str
    problem: str


@dataclass(frozen=True)
class ShardIndex:
    """Index of the samples of shards, in order.

    Attributes:
        shards: the tar files.
        places: (N, 4) int64: number of the shard, offset and size of the picture in it, and where
            its text begins in ``texts``.
        texts: JSON lists ``[name, caption, ...]``, one after the other, UTF-8.
        skipped: what was left out.
    """

    shards: tuple[Path, ...]
    places: npt.NDArray[np.int64]
    texts: npt.NDArray[np.uint8]
    skipped: tuple[SkippedSample, ...]

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many samples each shard holds."""
        return tuple(np.bincount(self.places[:, 0], minlength=len(self.shards)).tolist())

    def entry(self, i: int) -> list[str]:
        """Return name and captions of sample ``i``."""
        end = self.places[i + 1, 3] if i + 1 < len(self.places) else len(self.texts)
        entry: list[str] = parse_json(self.texts[self.places[i, 3] : end].tobytes())
        return entry

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and captions, in order."""
        digest = hashlib.sha256(self.texts.tobytes())
        digest.update(np.ascontiguousarray(self.places[:, [0, 3]]).tobytes())
        digest.update("\n".join(shard.name for shard in self.shards).encode())
        return digest.hexdigest()


def open_index(
    shards: Sequence[Path], cache: Path | None, progress: Progress | None = None
) -> ShardIndex:
    """Return the index of shards: the cached one if it is of the same files, else a new one.

    Args:
        cache: a folder to keep it in; None: it is made in memory only.

    Raises:
        InputError: if no shard holds a usable sample.
        CorruptError: if shards are cut short or not tar files; the message names all of them.
        StorageError: if the index cannot be kept.
    """
    identity = [[shard.name, *_stamp(shard)] for shard in shards]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    folder = None if cache is None else cache / f"shards-{digest}"
    if folder is not None and (folder / "index.json").is_file():
        return _load(folder, shards)
    index = _build(shards, progress)
    if folder is None:
        return index
    _save(index, folder)
    return _load(folder, shards)


def _stamp(shard: Path) -> tuple[int, int]:
    status = shard.stat()
    return status.st_size, status.st_mtime_ns


@dataclass
class ShardSample:
    """Sample of a shard: its members as they come.

    Attributes:
        name: what the names of its members have in common.
        picture: where its picture begins in the shard, and its size, in bytes.
        mtime_s: time of the picture's last change, in seconds, as the shard tells it.
        texts: its texts by what their names end with.
    """

    name: str
    picture: tuple[int, int] | None = None
    mtime_s: float = 0
    texts: dict[str, bytes] = field(default_factory=dict)

    def captions(self) -> tuple[str, ...]:
        """Return the captions: those of the text member if there is one, else of the JSON."""
        if _TEXT in self.texts:
            text = " ".join(self.texts[_TEXT].decode("utf-8").split())
            return check_captions([text], f"{self.name}.{_TEXT}", _EXPECTED)
        if _JSON not in self.texts:
            raise InputError(f"{self.name} has no caption: neither .{_TEXT} nor .{_JSON}.")
        value = parse_json(self.texts[_JSON].decode("utf-8"))
        found = [value[key] for key in CAPTION_KEYS if key in value] if _is_table(value) else []
        if not found:
            keys = ", ".join(CAPTION_KEYS)
            raise InputError(f"{self.name}.{_JSON} has no caption: none of the keys {keys}.")
        cell = [found[0]] if isinstance(found[0], str) else found[0]
        return check_captions(cell, f"{self.name}.{_JSON}", _EXPECTED)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _build(shards: Sequence[Path], progress: Progress | None) -> ShardIndex:
    places: list[npt.NDArray[np.int64]] = []
    texts: list[bytes] = []
    skipped: list[SkippedSample] = []
    broken: list[str] = []
    length = 0
    for number, shard in enumerate(shards):
        rows = []
        try:
            for sample in read_samples(shard):
                entry, problem = _entry(sample)
                if sample.picture is None or problem:
                    skipped.append(SkippedSample(f"{shard.name}/{sample.name}", problem))
                    continue
                rows.append((number, *sample.picture, length))
                texts.append(entry)
                length += len(entry)
        except CorruptError as error:
            broken.append(str(error))
        places.append(np.array(rows, np.int64).reshape(-1, 4))
        if progress is not None:
            progress(number + 1, len(shards))
    if broken:
        raise CorruptError(
            " ".join(broken) + " Fetch them again, or leave them out of the pattern."
        )
    if not length:
        first = f", the first: {skipped[0].problem}" if skipped else ""
        raise InputError(
            f"The {len(shards)} shards from {shards[0]} on hold no usable sample (skipped "
            f"{len(skipped)}{first}); expected members such as 0001.jpg with 0001.txt or 0001.json."
        )
    blob = np.frombuffer(b"".join(texts), np.uint8)
    return ShardIndex(tuple(shards), np.concatenate(places), blob, tuple(skipped))


def _entry(sample: ShardSample) -> tuple[bytes, str]:
    """Return the text of a sample's place, and why it cannot be used, if so."""
    if sample.picture is None:
        return b"", f"no picture: none of the members .{', .'.join(PICTURES)}"
    if sample.picture[1] == 0:
        return b"", "the picture is empty (0 bytes)"
    try:
        captions = sample.captions()
    except ValueError as error:
        return b"", f"the caption cannot be read: {error}"
    except InputError as error:
        return b"", str(error)
    return json.dumps([sample.name, *captions], ensure_ascii=False).encode(), ""


def read_samples(shard: Path) -> Iterator[ShardSample]:
    """Yield the samples of a shard, with the place of each picture and without its content.

    Raises:
        CorruptError: if the file is not a tar file or is cut short.
    """
    sample: ShardSample | None = None
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                folder, _, base = member.name.rpartition("/")
                stem, _, extension = base.partition(".")
                name = f"{folder}/{stem}" if folder else stem
                if sample is None or sample.name != name:
                    if sample is not None:
                        yield sample
                    sample = ShardSample(name)
                _take(sample, extension.lower(), member, archive)
            _require_end(archive, shard)
    except (tarfile.TarError, EOFError) as error:
        raise CorruptError(f"The shard {shard} is damaged or no tar file: {error}.") from error
    except OSError as error:
        raise CorruptError(f"The shard {shard} cannot be read: {error}.") from error
    if sample is not None:
        yield sample


def _take(sample: ShardSample, extension: str, member: Any, archive: Any) -> None:
    """Note a member: where a picture lies, what a text holds; others are ignored."""
    if extension in PICTURES and sample.picture is None:
        sample.picture = (member.offset_data, member.size)
        sample.mtime_s = member.mtime
    elif extension in (_TEXT, _JSON):
        sample.texts[extension] = archive.extractfile(member).read()


def _require_end(archive: Any, shard: Path) -> None:
    """Check that a shard ends with its end mark: tarfile also stops where one breaks off."""
    archive.fileobj.seek(archive.offset)
    found = archive.fileobj.read(_BLOCK)
    if len(found) < _BLOCK or any(found):
        raise CorruptError(
            f"The shard {shard} is cut short: at byte {archive.offset} of {shard.stat().st_size} "
            "stands neither a member nor the end mark."
        )


def _save(index: ShardIndex, folder: Path) -> None:
    """Write an index, whole or not at all."""
    record = {
        "format": _FORMAT,
        "shards": [shard.name for shard in index.shards],
        "num_samples": len(index),
        "num_bytes": len(index.texts),
        "skipped": [[sample.name, sample.problem] for sample in index.skipped],
    }
    try:
        with whole_folder(folder) as fresh:
            np.save(fresh / "places.npy", index.places)
            index.texts.tofile(fresh / "texts.bin")
            (fresh / "index.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"Cannot keep the index of shards in {folder}: {error}.") from error


def _load(folder: Path, shards: Sequence[Path]) -> ShardIndex:
    try:
        record = parse_json((folder / "index.json").read_text(encoding="utf-8"))
        places = np.load(folder / "places.npy", mmap_mode="r", allow_pickle=False)
        texts = np.memmap(folder / "texts.bin", np.uint8, "r")
        whole = (places.shape, len(texts)) == ((record["num_samples"], 4), record["num_bytes"])
        if record["format"] != _FORMAT or not whole:
            raise ValueError("its parts do not belong together")
        skipped = tuple(SkippedSample(*entry) for entry in record["skipped"])
        return ShardIndex(tuple(shards), places, texts, skipped)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptError(
            f"The index of shards in {folder} cannot be read ({error}); delete that folder."
        ) from error
