"""What is seen when: every choice is a function of the seed and the step, so that a resumed run
makes the same ones and no generator has to be stored.

Legend: B pictures a batch, C captions of each, P patches, F features, V words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lexret.config import TrainConfig
from lexret.data.captions import CaptionSet
from lexret.errors import InputError
from lexret.training.features import Features
from lexret.training.imagined import FloatArray, ImaginedPictures
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True)
class Batch:
    """One step's data.

    Attributes:
        features_BPF: float32 backbone features (of the patches that are not hidden).
        texts: B * C captions, those of one picture side by side.
        owners_T: (B * C,) which picture each text is of.
        shares_BV: in which share of its captions a word stands, or None if not asked for.
    """

    features_BPF: Tensor
    texts: list[str]
    owners_T: Tensor
    shares_BV: Tensor | None


class BatchSource:
    """Cuts a data set into the batches of each epoch; the incomplete last one is left out.

    Raises:
        InputError: if there are fewer pictures than a batch holds.
    """

    def __init__(
        self,
        captions: CaptionSet,
        views: Sequence[Features],
        vocabulary: Vocabulary,
        config: TrainConfig,
        imagined: ImaginedPictures | None = None,
        *,
        silent_words: Sequence[str] = (),
    ) -> None:
        if len(captions) < config.batch_size:
            raise InputError(
                f"The training data hold {len(captions)} pictures, fewer than one batch of "
                f"{config.batch_size}. Add pictures or set train.batch_size lower."
            )
        self._views = views
        self._config = config
        self._texts = [captions.captions(i) for i in range(len(captions))]
        self._num_real = len(captions)
        self._imagined = imagined
        if imagined is not None:
            self._texts += [imagined.captions(i) for i in range(len(imagined))]
        # What no picture may say is asked of none.
        silent = {vocabulary.term_id(word) for word in silent_words}
        self._words = [
            [set(vocabulary.match(text)[0]) - silent for text in texts] for texts in self._texts
        ]
        self._num_words = len(vocabulary)

    @property
    def steps_per_epoch(self) -> int:
        """Number of full batches in the data."""
        return len(self._texts) // self._config.batch_size

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0 over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self._config.seed, 1, epoch]).permutation(len(self._texts))
        size = self._config.batch_size
        chosen = np.sort(order[place * size : (place + 1) * size])
        rng = np.random.default_rng([self._config.seed, 2, step])
        texts, owners = self._captions(chosen, rng)
        return Batch(
            features_BPF=self._features(chosen, rng),
            texts=texts,
            owners_T=torch.tensor(owners),
            shares_BV=self._shares(chosen) if self._asks_for_words() else None,
        )

    def _features(self, chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
        view = self._views[int(rng.integers(len(self._views)))]
        features_BPF = torch.from_numpy(self._pictures(chosen, view, rng))
        num_patches = features_BPF.shape[1]
        kept = max(1, round(num_patches * (1.0 - self._config.patch_dropout)))
        if kept == num_patches:
            return features_BPF
        every = np.tile(np.arange(num_patches), (len(chosen), 1))
        places = np.sort(rng.permuted(every, axis=1)[:, :kept], axis=1)
        index = torch.from_numpy(places).unsqueeze(-1).expand(-1, -1, features_BPF.shape[2])
        return features_BPF.gather(1, index)

    def _pictures(self, chosen: np.ndarray, view: Features, rng: np.random.Generator) -> FloatArray:
        """Return (B, P, F); those past the real pictures are imagined before a random one."""
        if self._imagined is None:
            real_BPF: FloatArray = view[chosen].astype(np.float32)
            return real_BPF
        sources = np.where(
            chosen < self._num_real, chosen, rng.integers(self._num_real, size=len(chosen))
        )
        features_BPF: FloatArray = view[sources].astype(np.float32)
        for row in np.flatnonzero(chosen >= self._num_real):
            label = int(chosen[row]) - self._num_real
            features_BPF[row] = self._imagined.features(label, features_BPF[row], rng)
        return features_BPF

    def _captions(
        self, chosen: np.ndarray, rng: np.random.Generator
    ) -> tuple[list[str], list[int]]:
        texts: list[str] = []
        owners: list[int] = []
        for i in chosen.tolist():
            captions = self._texts[i]
            wanted = self._config.captions_per_image
            picks = rng.choice(len(captions), wanted, replace=len(captions) < wanted)
            texts.extend(captions[pick] for pick in picks)
            owners.extend([i] * wanted)
        return texts, owners

    def _asks_for_words(self) -> bool:
        config = self._config
        return config.caption_words_weight > 0 or config.caption_words_text_weight > 0

    def _shares(self, chosen: np.ndarray) -> Tensor:
        shares_BV = torch.zeros(len(chosen), self._num_words)
        for row, i in enumerate(chosen.tolist()):
            for term_ids in self._words[i]:
                shares_BV[row, list(term_ids)] += 1.0 / len(self._words[i])
        return shares_BV
