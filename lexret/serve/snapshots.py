"""The index that is served, always as last committed, and the model's encoders for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lexret.engine.corrections.corrections import CORRECTIONS_FILE
from lexret.engine.index import EmbeddedIndex, open_index
from lexret.engine.segments.manifest import MANIFEST_FILE
from lexret.errors import InputError, LexretError
from lexret.library.folders import picture_folders, picture_path, picture_root
from lexret.library.model import record_of_model

if TYPE_CHECKING:
    from PIL import Image

    from lexret.encoders.folder.record import ModelRecord
    from lexret.encoders.protocol import Encoder, PatchEncoder

_SECONDS_BETWEEN_LOOKS: Final = 0.25
State = tuple[tuple[int, int, int] | None, ...]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One commit of the index; a request keeps the one it began with."""

    index: EmbeddedIndex

    @cached_property
    def _sorted_words(self) -> list[str]:
        return sorted(self.index.vocabulary.words)

    def complete(self, prefix: str, *, k: int) -> list[str]:
        """Return words that begin with some letters, the shortest first, then that hold them."""
        prefix = " ".join(prefix.lower().split())
        if not prefix:
            return []
        words = self._sorted_words
        start, end = bisect_left(words, prefix), bisect_left(words, prefix + "\U0010ffff")
        found = sorted(words[start:end], key=lambda one: (len(one), one))[:k]
        if len(found) < k and len(prefix) > 2:
            inside = [one for one in words if prefix in one and not one.startswith(prefix)]
            found += sorted(inside, key=lambda one: (len(one), one))[: k - len(found)]
        return found

    def path_of(self, doc_id: str, *, allow_links: bool) -> Path | None:
        """Return where a picture of the index lies.

        Returns:
            ``None`` where the index holds no such picture, or where its file lies outside of the
            folders of the index: the index may be someone else's, a link may have been changed.
        """
        if "\0" in doc_id or doc_id not in self.index:
            return None
        manifest, place = self.index.manifest, self.index.path
        path = picture_path(picture_root(manifest, place), doc_id)
        folders = [one.path for one in picture_folders(manifest.roots, place)]
        if not any(path.is_relative_to(one) for one in folders):
            return None
        real = Path(os.path.realpath(path))
        inside = any(real.is_relative_to(one.resolve()) for one in folders)
        return path if inside or allow_links else None


class Library:
    """Opens an index and its model; looks for newer commits while it serves.

    Safe to share by threads.

    Args:
        index_path: the index folder.
        model_source: a model's name or folder; by default the one that the index records.

    Raises:
        MissingError: if there is no index or no such model.
        CorruptError: if the index is damaged.
        MismatchError: if the model is not the one that made the index.
    """

    def __init__(self, index_path: Path, *, model_source: str | None = None) -> None:
        self._path, self._source = index_path, model_source
        self._lock, self._models_lock = threading.Lock(), threading.Lock()
        self._state = self._look()
        self._snapshot = Snapshot(open_index(index_path))
        self._looked = time.monotonic()
        self._texts: Encoder[str] | None = None
        self._images: PatchEncoder | None = None
        self._record(self._snapshot.index)

    @property
    def path(self) -> Path:
        """The index folder."""
        return self._path

    def snapshot(self) -> Snapshot:
        """Return the index as last committed and corrected.

        Where a newer commit cannot be read, the last one that could goes on being served.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= _SECONDS_BETWEEN_LOOKS:
                self._looked = now
                state = self._look()
                if state != self._state:
                    self._open(state)
            return self._snapshot

    def _open(self, state: State) -> None:
        try:
            self._snapshot = Snapshot(open_index(self._path))
            self._state = state
        except (LexretError, OSError) as error:
            _log.warning("Going on with the commit before, as the newest cannot be read: %s", error)

    def _look(self) -> State:
        """Return what changes with every commit and correction."""
        return tuple(_identity(self._path / name) for name in (MANIFEST_FILE, CORRECTIONS_FILE))

    def texts(self, snapshot: Snapshot) -> Encoder[str]:
        """Return the text encoder, the static one where the model has one; loaded once.

        Raises:
            MismatchError: if the model is not the one that made the index.
        """
        with self._models_lock:
            if self._texts is None or not _fits(self._texts, snapshot):
                record = self._record(snapshot.index)
                if record.has_static_text:
                    from lexret.encoders.text.static_encoder import static_text_of

                    self._texts = static_text_of(record, vocabulary=snapshot.index.vocabulary)
                else:
                    from lexret.encoders import load_model

                    self._texts = load_model(record.folder).texts
            return self._texts

    def images(self, snapshot: Snapshot) -> PatchEncoder:
        """Return the image encoder; loaded once, which takes seconds.

        Raises:
            MismatchError: if the model is not the one that made the index.
        """
        with self._models_lock:
            if self._images is None or not _fits(self._images, snapshot):
                from lexret.encoders import load_model

                self._images = load_model(self._record(snapshot.index).folder).images
            return self._images

    def _record(self, index: EmbeddedIndex) -> ModelRecord:
        return record_of_model(index, self._source)


def check_box(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return a box x, y, width, height; raise InputError unless it lies in a picture."""
    x, y, width, height = box
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > size[0] or y + height > size[1]:
        raise InputError(
            f"The box {x},{y},{width},{height} does not lie in the picture, which is {size[0]} x "
            f"{size[1]} pixels."
        )
    return box


def crop(
    image: Image.Image, size: tuple[int, int], box: tuple[int, int, int, int] | None
) -> Image.Image:
    """Return the part of a picture that a box in pixels of its full size means."""
    if box is None:
        return image
    x, y, width, height = check_box(box, size)
    scale_x, scale_y = image.width / size[0], image.height / size[1]
    left, upper = int(x * scale_x), int(y * scale_y)
    right = max(left + 1, min(image.width, round((x + width) * scale_x)))
    lower = max(upper + 1, min(image.height, round((y + height) * scale_y)))
    return image.crop((left, upper, right, lower))


def _fits(encoder: Encoder[str] | PatchEncoder, snapshot: Snapshot) -> bool:
    index = snapshot.index
    fingerprint = index.manifest.vocabulary_fingerprint
    return (encoder.model_id, encoder.vocabulary.fingerprint) == (index.model_id, fingerprint)


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
