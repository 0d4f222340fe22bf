"""Sources of a run: its data sets, their features, and the batches of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from lexret.captions.caption_set import CaptionSet
from lexret.captions.joined import JoinedCaptions
from lexret.captions.shards import ShardCaptions
from lexret.captions.sources import SHARDS_PREFIX, open_captions
from lexret.config import RunConfig
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.image.feature_cache import (
    CachedFeatures,
    Features,
    JoinedFeatures,
    cached_features,
)
from lexret.errors import LexretError
from lexret.training.distributed import Processes
from lexret.training.precision import usable_precision
from lexret.training.reading.augmented_views import PictureView
from lexret.training.reading.batches import Batch, BatchSource
from lexret.training.reading.imagined import ImaginedPictures
from lexret.training.reading.unreadable import UnreadablePictures
from lexret.training.run_folder import RunFolder
from lexret.vocabulary import Vocabulary

# Some pictures from the web are always broken.
_UNREADABLE_OF_SHARDS = 1e-3

# Called with (split, pictures or shards done, pictures or shards in all).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class DataSets:
    """Data sets of a run: the training set, and the dev split if the configuration names one."""

    train: CaptionSet
    dev: CaptionSet | None


def open_sets(
    config: RunConfig, folder: RunFolder, processes: Processes, progress: Progress
) -> DataSets:
    """Open the data sets; samples that a shard index leaves out are listed in the run folder.

    Raises:
        MissingError, InputError, CorruptError: if they are missing or cannot be used.
        MissingPackageError: if they need a package that is not installed.
    """
    data, cache = config.data, feature_folder(config, folder)
    with _leader_first(processes):
        named = [("train", source) for source in (data.train, *data.more)]
        if data.dev:
            named.append(("dev", data.dev))
        opened = [
            open_captions(source, cache=cache, progress=partial(progress, name))
            for name, source in named
        ]
    domains, dev = opened[: 1 + len(data.more)], opened[-1] if data.dev else None
    skipped = [
        sample
        for captions in domains
        if isinstance(captions, ShardCaptions)
        for sample in captions.skipped
    ]
    if processes.leads and skipped:
        folder.write_skipped(skipped)
    return DataSets(domains[0] if len(domains) == 1 else JoinedCaptions(domains), dev)


def open_batches(
    sets: DataSets,
    config: RunConfig,
    vocabulary: Vocabulary,
    folder: RunFolder,
    processes: Processes,
    progress: Progress,
) -> tuple[BatchSource, Features | None]:
    """Make or open the sets' features; the leading process does so first.

    Returns:
        this process's share of the training batches, and the dev split's features, if there is one.

    Raises:
        InputError: if pictures cannot be read, or are too few for a batch.
        StorageError, CorruptError: if the feature cache cannot be written or read.
    """
    opener = _FeatureOpener(config, folder, processes, progress)
    with _leader_first(processes):
        views = opener.views(sets.train)
        dev_features = None if sets.dev is None else opener.features(sets.dev, "dev")
    batches = BatchSource(
        sets.train,
        views,
        vocabulary,
        config.train,
        ImaginedPictures(config.model.image) if config.data.imagined else None,
        silent_words=config.model.image.silent_words,
        passes=config.data.passes,
        stream_buffer=config.data.stream_buffer,
        processes=processes,
    )
    return batches, dev_features


def feature_folder(config: RunConfig, folder: RunFolder) -> Path:
    """Return where cached features are kept."""
    return Path(config.data.feature_cache or folder.path / "features")


def batches_ahead(batches: BatchSource, first: int, end: int) -> Iterator[Batch]:
    """Yield the batches of the steps from ``first`` to before ``end``, each made one step ahead."""
    if first >= end:
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        following = pool.submit(batches.batch, first)
        for step in range(first, end):
            batch = following.result()
            if step + 1 < end:
                following = pool.submit(batches.batch, step + 1)
            yield batch


@contextmanager
def _leader_first(processes: Processes) -> Iterator[None]:
    """Let the leading process run a block before the others, which open what it caches."""
    if not processes.leads:
        processes.wait()
    yield
    if processes.leads:
        processes.wait()


class _FeatureOpener:
    """Opener of data sets' features, which makes those that are missing."""

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        processes: Processes,
        progress: Progress,
    ) -> None:
        self._config, self._folder, self._processes = config, folder, processes
        self._cache, self._progress = feature_folder(config, folder), progress

    def views(self, captions: CaptionSet) -> list[CachedFeatures | PictureView]:
        """Return the training pictures' views, of which each step takes one."""
        data = self._config.data
        unreadable = UnreadablePictures(
            self._folder.unreadable(self._processes.rank), self._limit(len(captions))
        )
        if not data.cached:
            device = self._processes.device
            backbone = ImageBackbone(self._config.model.image).to(device)
            train = self._config.train
            view = PictureView(
                captions,
                backbone,
                data,
                seed=train.seed,
                unreadable=unreadable,
                precision=getattr(torch, usable_precision(train.precision, device)),
            )
            return [view]
        views: list[CachedFeatures | PictureView] = [
            self.joined_features(captions, "train", unreadable)
        ]
        if data.flip:
            name = "train, mirrored"
            views.append(self.joined_features(captions, name, unreadable, mirrored=True))
        return views

    def joined_features(
        self,
        captions: CaptionSet,
        name: str,
        unreadable: UnreadablePictures,
        *,
        mirrored: bool = False,
    ) -> CachedFeatures:
        """Return cached features; each of several joined sets has its own cache."""
        if not isinstance(captions, JoinedCaptions):
            return self.features(captions, name, unreadable, mirrored=mirrored)
        return JoinedFeatures(
            [self.features(part, name, unreadable, mirrored=mirrored) for part in captions.sets]
        )

    def features(
        self,
        captions: CaptionSet,
        name: str,
        unreadable: UnreadablePictures | None = None,
        *,
        mirrored: bool = False,
    ) -> Features:
        """Return cached features; unless unreadable pictures are noted, they are errors."""

        def note(i: int, error: LexretError) -> None:
            assert unreadable is not None
            unreadable.note(captions.name(i), error)

        return cached_features(
            captions,
            self._config.model.image,
            self._cache,
            mirrored=mirrored,
            progress=lambda done, total: self._progress(name, done, total),
            on_unreadable=None if unreadable is None else note,
            device=self._processes.device,
        )

    def _limit(self, num_pictures: int) -> int:
        """Return how many pictures this process may leave out of its share of the set."""
        share = self._config.data.max_unreadable
        if share is None:
            of_shards = self._config.data.train.startswith(SHARDS_PREFIX)
            share = _UNREADABLE_OF_SHARDS if of_shards else 0.0
        seen = num_pictures if self._config.data.cached else num_pictures // self._processes.size
        return int(share * seen)
