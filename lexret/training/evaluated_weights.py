"""Evaluated weights: the averages that a run evaluates and saves, with words held back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.captions.joined import JoinedCaptions
from lexret.config import RunConfig
from lexret.training.average import WeightAverage, replaced_weights
from lexret.training.reading.augmented_views import PictureView
from lexret.training.reading.batches import BatchSource
from lexret.training.step import Learner
from lexret.training.words.class_words import set_class_words
from lexret.training.words.overuse import (
    UseLimit,
    background_rows,
    imagined_features,
    measure_base_rates,
    use_of_words,
)
from lexret.vocabulary import Vocabulary


class EvaluatedWeights:
    """Weights that are evaluated and saved, of a learner that goes on training with others.

    Args:
        average: None: the trained weights themselves.
        captions: the training set.
        batches: its features.
    """

    def __init__(
        self,
        learner: Learner,
        average: WeightAverage | None,
        config: RunConfig,
        captions: CaptionSet,
        batches: BatchSource,
        vocabulary: Vocabulary,
    ) -> None:
        self._learner, self._average, self._config = learner, average, config
        self._captions, self._batches, self._vocabulary = captions, batches, vocabulary

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put them into the learner's network, and the trained ones back afterwards."""
        averages = {} if self._average is None else self._average.tensors()
        with replaced_weights(self._learner, averages):
            try:
                self._learner.eval()
                self._hold_words_back()
                yield
            finally:
                self._learner.network.image.base_rate_V.zero_()
                self._learner.train()

    def _hold_words_back(self) -> None:
        """Set all that is not trained: lower biases, words of classes, base rates."""
        network = self._learner.network
        for limit in self._use_limits:
            limit.apply(network.image)
        if self._config.model.image.class_evidence:
            set_class_words(network, self._real_uses)
        if self._config.train.base_rate_quantile is not None:
            self._measure_base_rates(self._config.train.base_rate_quantile)

    def _measure_base_rates(self, quantile: float) -> None:
        captions, view = self._captions, self._batches.views[0]
        assert not isinstance(view, PictureView)  # RunConfig asks for cached features
        first = captions.sizes[0] if isinstance(captions, JoinedCaptions) else 0
        measure_base_rates(
            self._learner.network.image,
            view,
            background_rows(first, len(captions), seed=self._config.train.seed),
            self._config.model.activation,
            quantile,
        )

    @cached_property
    def _use_limits(self) -> list[UseLimit]:
        train, imagined, limits = self._config.train, self._batches.imagined, []
        view, num_pictures, seed = self._batches.views[0], len(self._captions), train.seed
        if train.most_active is not None:
            assert not isinstance(view, PictureView)  # RunConfig asks for cached features
            uses_V = use_of_words(self._captions, imagined, self._vocabulary)
            limits.append(UseLimit(view, uses_V, num_pictures, train.most_active, seed=seed))
        if train.most_active_imagined is not None:
            assert not isinstance(view, PictureView) and imagined is not None  # likewise
            features, most = (
                imagined_features(imagined, view, seed=seed),
                train.most_active_imagined,
            )
            limits.append(UseLimit(features, self._real_uses, num_pictures, most, seed=seed))
        return limits

    @cached_property
    def _real_uses(self) -> Tensor:
        return use_of_words(self._captions, None, self._vocabulary)
