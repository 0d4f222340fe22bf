"""Batches of training data, which are functions of the seed and the step.

Legend: B pictures a batch, C captions of each, P patches, F features, V words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.captions.joined import JoinedCaptions
from lexret.captions.shards import ShardCaptions
from lexret.config import TrainConfig
from lexret.encoders.image.feature_cache import CachedFeatures
from lexret.errors import InputError
from lexret.training.distributed import Processes
from lexret.training.random_draws import Stream, generator
from lexret.training.reading.augmented_views import PictureView
from lexret.training.reading.domains import Domains, Integers, name_groups
from lexret.training.reading.imagined import ImaginedPictures
from lexret.training.reading.streaming import ShardStream, shard_shuffle
from lexret.vocabulary import Vocabulary

# Pictures whose captions' words are remembered; a small set has fewer.
_REMEMBERED = 1 << 16
# A thing that covers this share of a picture counts as if all of its captions named it.
_WHOLE_AREA = 0.02


@dataclass(frozen=True)
class Batch:
    """Batch of a step, or one process's share of it.

    Attributes:
        features_BPF: float32 backbone features (of the patches that are not hidden), on the
            backbone's device where the step itself encodes them.
        texts: B * C captions, those of one picture next to each other.
        owners_T: (B * C,) which picture each text is of; texts that were made from one name share a
            number, so that no chair is a wrong answer to "a chair".
        shares_BV: in which share of its captions a word stands, or None if not asked for.
        readable_B: bool, False where a picture could not be read; its features are 0.
    """

    features_BPF: Tensor
    texts: list[str]
    owners_T: Tensor
    shares_BV: Tensor | None
    readable_B: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the same on a device."""
        return replace(
            self,
            features_BPF=self.features_BPF.to(device),
            owners_T=self.owners_T.to(device),
            shares_BV=None if self.shares_BV is None else self.shares_BV.to(device),
            readable_B=self.readable_B.to(device),
        )


def domain_sizes(captions: CaptionSet) -> tuple[int, ...]:
    """Return how many real pictures each domain of a training set holds."""
    return captions.sizes if isinstance(captions, JoinedCaptions) else (len(captions),)


def fitting_batch_size(
    captions: CaptionSet, config: TrainConfig, processes: Processes | None = None
) -> int:
    """Return the pictures of a step: as configured, or as many as the smallest domain holds.

    Raises:
        InputError: if that domain gives no process two pictures: there is nothing to tell apart.
    """
    processes, fewest = processes or Processes(), min(domain_sizes(captions))
    if fewest >= config.batch_size:
        return config.batch_size
    size = fewest // processes.size * processes.size
    if size < 2 * processes.size:
        raise InputError(
            f"The training data hold {fewest} pictures for {processes.size} processes; expected "
            "two each or more in every source. Add pictures."
        )
    return size


class BatchSource:
    """Source of the batches of each epoch; a data set's incomplete last batch is left out.

    Of several processes each gets its share of a batch, and draws for the whole of it: together
    they see what a single process would.

    Args:
        views: the pictures' features, in one or more versions of which each step takes one. A row
            of NaN stands for a picture that could not be read.
        stream_buffer: of shards, see :mod:`lexret.training.reading.streaming`; None: any order.

    Raises:
        InputError: if there are too few pictures, or processes cannot share a batch.
    """

    def __init__(
        self,
        captions: CaptionSet,
        views: Sequence[CachedFeatures | PictureView],
        vocabulary: Vocabulary,
        config: TrainConfig,
        imagined: ImaginedPictures | None = None,
        *,
        silent_words: Sequence[str] = (),
        passes: Sequence[float] = (),
        stream_buffer: int | None = None,
        processes: Processes | None = None,
    ) -> None:
        processes = processes or Processes()
        sizes = domain_sizes(captions)
        self._sizes = sizes
        self._views = views
        self._config = config
        #: Pictures a step, over all processes.
        self.batch_size = fitting_batch_size(captions, config, processes)
        self._share = processes.share(self.batch_size)
        self._real = captions
        self._num_real = len(captions)
        self._imagined = imagined
        self._num_items = self._num_real + (len(imagined) if imagined is not None else 0)
        self._passes = tuple(passes) or (1.0,) * len(sizes)
        window, shuffle = self.batch_size, None
        if isinstance(captions, ShardCaptions) and stream_buffer:
            window *= max(1, stream_buffer // self.batch_size)
            shuffle = shard_shuffle(captions.shard_sizes, window)
        self._domains = Domains(
            (*sizes[:-1], sizes[-1] + self._num_items - self._num_real),
            self._passes,
            self.batch_size,
            config.seed,
            shuffle=shuffle,
        )
        self._stream = (
            ShardStream(captions, self._of_this_process, window // self.batch_size)
            if isinstance(captions, ShardCaptions) and stream_buffer
            else None
        )
        self._groups = name_groups(captions, vocabulary)
        # Silent words are never targets.
        self._silent = {vocabulary.term_id(word) for word in silent_words}
        self._vocabulary = vocabulary
        self._words = lru_cache(maxsize=_REMEMBERED)(self._find_words)
        self._objects = lru_cache(maxsize=_REMEMBERED)(self._find_objects)

    @property
    def views(self) -> Sequence[CachedFeatures | PictureView]:
        """The versions of the pictures' features."""
        return self._views

    @property
    def imagined(self) -> ImaginedPictures | None:
        """The imagined pictures among the real ones, if there are any."""
        return self._imagined

    def for_initialisation(self) -> BatchSource:
        """Return the source of the whole batches that the initialisation needs."""
        config = self._config
        size = min(config.start_batch_size, *self._sizes)
        changed = {"batch_size": size, "patch_dropout": 0.0, "captions_per_image": 1}
        changed |= {"caption_words_weight": 0.0, "caption_words_text_weight": 0.0}
        return BatchSource(
            self._real,
            self._views,
            self._vocabulary,
            config.model_copy(update=changed),
            self._imagined,
            passes=self._passes,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of full batches in the data."""
        return self._domains.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """Return this process's share of the batch of a step, counted from 0 over all epochs."""
        if self._stream is not None:
            self._stream.enter(step)
        chosen = self._domains.chosen(step)
        rng = generator(Stream.BATCH, self._config.seed, step)
        texts, owners = self._captions(chosen, rng)
        features_BPF = self._features(chosen, rng, step)
        return Batch(
            features_BPF=features_BPF,
            texts=texts,
            owners_T=torch.tensor(owners),
            shares_BV=self._shares(chosen[self._share]) if self._asks_for_words() else None,
            readable_B=_take_unreadable_out(features_BPF),
        )

    def _of_this_process(self, step: int) -> Integers:
        return self._domains.chosen(step)[self._share]

    def _features(self, chosen: np.ndarray, rng: np.random.Generator, step: int) -> Tensor:
        view = self._views[int(rng.integers(len(self._views)))]
        features_BPF = self._region(self._pictures(chosen, view, rng, step), rng)
        num_patches = features_BPF.shape[1]
        kept = max(1, round(num_patches * (1.0 - self._config.patch_dropout)))
        if kept == num_patches:
            return features_BPF
        every = np.tile(np.arange(num_patches), (len(chosen), 1))
        places = np.sort(rng.permuted(every, axis=1)[self._share, :kept], axis=1)
        index = torch.from_numpy(places).unsqueeze(-1).expand(-1, -1, features_BPF.shape[2])
        return features_BPF.gather(1, index.to(features_BPF.device))

    def _region(self, features_BPF: Tensor, rng: np.random.Generator) -> Tensor:
        """Return the patches of a random rectangle, the same one of all pictures."""
        if self._config.region == 1.0:
            return features_BPF
        num_pictures, num_patches, num_features = features_BPF.shape
        side = round(num_patches**0.5)
        least = max(1, round(side * self._config.region))
        height, width = rng.integers(least, side + 1, size=2).tolist()
        top, left = (int(rng.integers(side - length + 1)) for length in (height, width))
        maps = features_BPF.reshape(num_pictures, side, side, num_features)
        cut = maps[:, top : top + height, left : left + width]
        return cut.reshape(num_pictures, height * width, num_features)

    def _pictures(
        self,
        chosen: np.ndarray,
        view: CachedFeatures | PictureView,
        rng: np.random.Generator,
        step: int,
    ) -> Tensor:
        """Return (B, P, F); those past the real pictures are imagined before a random one."""
        if self._imagined is None:
            return _read(view, chosen[self._share], step)
        sources = np.where(
            chosen < self._num_real, chosen, rng.integers(self._num_real, size=len(chosen))
        )
        features_BPF = _read(view, sources[self._share], step)
        elsewhere_PF = np.zeros(tuple(features_BPF.shape[1:]), np.float32)
        for row in np.flatnonzero(chosen >= self._num_real).tolist():
            label = int(chosen[row]) - self._num_real
            place = row - self._share.start
            is_here = 0 <= place < len(features_BPF)
            # The other processes' pictures are imagined too: they draw from the same generator.
            background_PF = features_BPF[place].cpu().numpy() if is_here else elsewhere_PF
            imagined_PF = self._imagined.features(label, background_PF, rng)
            if is_here:
                features_BPF[place] = torch.from_numpy(imagined_PF)
        return features_BPF

    def _texts(self, i: int) -> tuple[str, ...]:
        if i < self._num_real or self._imagined is None:
            return self._real.captions(i)
        return self._imagined.captions(i - self._num_real)

    def _find_words(self, i: int) -> list[set[int]]:
        """Return the words of each caption of item ``i``, those within phrases too."""
        found = (self._vocabulary.match(text, parts=True)[0] for text in self._texts(i))
        return [set(term_ids) - self._silent for term_ids in found]

    def _find_objects(self, i: int) -> tuple[tuple[int, float], ...]:
        """Return the words of the things that a real picture shows, each with a share up to 1.

        A thing that covers 2% of the picture counts fully. Of a name of several words that is not
        in the vocabulary the last counts: a swivel chair is a chair.
        """
        found = []
        for name, area in self._real.objects(i).items():
            term_ids, _ = self._vocabulary.match(name)
            if term_ids and term_ids[-1] not in self._silent:
                found.append((term_ids[-1], min(1.0, math.sqrt(area / _WHOLE_AREA))))
        return tuple(found)

    def _captions(
        self, chosen: np.ndarray, rng: np.random.Generator
    ) -> tuple[list[str], list[int]]:
        texts: list[str] = []
        owners: list[int] = []
        wanted = self._config.captions_per_image
        for row, i in enumerate(chosen.tolist()):
            captions = self._texts(i)
            picks = rng.choice(len(captions), wanted, replace=len(captions) < wanted)
            if self._share.start <= row < self._share.stop:
                texts.extend(captions[pick] for pick in picks)
                owners.extend(self._groups.get((i, pick), i) for pick in picks.tolist())
        return texts, owners

    def _asks_for_words(self) -> bool:
        config = self._config
        return config.caption_words_weight > 0 or config.caption_words_text_weight > 0

    def _shares(self, chosen: np.ndarray) -> Tensor:
        shares_BV = torch.zeros(len(chosen), len(self._vocabulary))
        for row, i in enumerate(chosen.tolist()):
            found = self._words(i)
            for term_ids in found:
                shares_BV[row, list(term_ids)] += 1.0 / len(found)
            if i < self._num_real:
                for term_id, share in self._objects(i):
                    shares_BV[row, term_id] = max(float(shares_BV[row, term_id]), share)
        return shares_BV


def _take_unreadable_out(features_BPF: Tensor) -> Tensor:
    """Zero the rows that are NaN all through, and return which were not."""
    unreadable_B = features_BPF[:, 0, 0].isnan()
    if unreadable_B.any():  # a NaN elsewhere is the backbone's, and an error
        unreadable_B &= features_BPF.flatten(1).isnan().all(1)
        features_BPF[unreadable_B] = 0.0
    return ~unreadable_B


def _read(view: CachedFeatures | PictureView, rows: np.ndarray, step: int) -> Tensor:
    if isinstance(view, PictureView):
        return view.read(rows, step)
    return torch.from_numpy(view[rows].astype(np.float32))
