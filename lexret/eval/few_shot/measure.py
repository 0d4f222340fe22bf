"""Accuracy of N classes from K examples each (Zhu et al., "Beyond Text", CVPR 2024, Table 1).

An episode draws N classes and K examples of each, and asks for the class of further pictures. Only
pictures count that show exactly one of the N classes. All methods are asked the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.eval.control.concepts import Inventory
from lexret.library.labelling.class_means import ClassMeans, mean_of
from lexret.library.labelling.directions import NameEvidence
from lexret.library.labelling.names import is_known, spreads_of
from lexret.sparse import LexicalVector, SparseBatch
from lexret.telling.language_model import (
    LanguageModel,
    NoProbabilitiesError,
    choose,
    choose_by_writing,
)
from lexret.telling.prompts import Sample, label_prompt, words_told

Numbers = npt.NDArray[np.int64]

METHODS: Final = ("label", "without names", "nearest mean", "by name", "language model")
_MOST_ASKED: Final = 15
_LEAST_ASKED: Final = 3
_TRIES: Final = 50

# (ways, words, language model) -> percent with 1, 3 and 5 examples, with the classes' names told
# and no repetition: the paper's Table 1, on Mini-ImageNet.
PUBLISHED: Final = {
    (2, 5, "LLaMA-2 7B"): (73.1, 89.0, 93.4),
    (2, 5, "LLaMA-2 70B"): (87.1, 94.8, 96.1),
    (2, 21, "LLaMA-2 7B"): (76.3, 91.2, 95.3),
    (2, 21, "LLaMA-2 70B"): (89.1, 96.9, 97.8),
    (5, 5, "LLaMA-2 7B"): (54.6, 88.6, 91.1),
    (5, 5, "LLaMA-2 70B"): (81.5, 92.3, 93.0),
    (5, 21, "LLaMA-2 7B"): (44.8, 91.8, 94.0),
    (5, 21, "LLaMA-2 70B"): (79.7, 94.9, 95.6),
}


@dataclass(frozen=True, eq=False)
class Episode:
    """Episode: N classes, examples of each, and pictures to tell apart.

    Attributes:
        classes: numbers of the N classes.
        examples: numbers of pictures, one array a class.
        asked: numbers of further pictures.
        truth: which of the N each of them shows.
    """

    classes: Numbers
    examples: tuple[Numbers, ...]
    asked: Numbers
    truth: Numbers


@dataclass(frozen=True, slots=True)
class FewShot:
    """Accuracy of one method.

    Attributes:
        method: of :data:`METHODS`.
        ways: classes to choose from.
        shots: examples of each.
        words: strongest words of each picture; None: all.
        accuracy: share of the pictures that go to the right class, the mean over episodes.
        low, high: the middle 95% of that mean over draws of whole seeds.
        num_episodes: how many episodes there were.
    """

    method: str
    ways: int
    shots: int
    words: int | None
    accuracy: float
    low: float
    high: float
    num_episodes: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON prints it, in percent."""
        return {
            "method": self.method,
            "ways": self.ways,
            "shots": self.shots,
            "words": self.words,
            "accuracy": round(100 * self.accuracy, 2),
            "interval": [round(100 * self.low, 2), round(100 * self.high, 2)],
            "episodes": self.num_episodes,
        }


def draw_episodes(
    inventory: Inventory, *, ways: int, shots: int, num: int, seed: int
) -> Iterator[Episode]:
    """Draw episodes; fewer than ``num`` where the pictures do not suffice for so many."""
    shown_CI = inventory.shown_CI
    random = np.random.default_rng(seed)
    usable = np.flatnonzero(shown_CI.sum(axis=1) >= shots + _LEAST_ASKED)
    if len(usable) < ways:
        return
    for _ in range(num):
        for _ in range(_TRIES):
            classes = random.choice(usable, ways, replace=False)
            alone_I = shown_CI[classes].sum(axis=0) == 1
            own = [random.permutation(np.flatnonzero(shown_CI[c] & alone_I)) for c in classes]
            if min(map(len, own)) < shots + _LEAST_ASKED:
                continue
            asked = [pictures[shots : shots + _MOST_ASKED] for pictures in own]
            yield Episode(
                classes,
                tuple(pictures[:shots] for pictures in own),
                np.concatenate(asked),
                np.repeat(np.arange(ways), list(map(len, asked))),
            )
            break


def measure_few_shot(
    vectors: SparseBatch,
    inventory: Inventory,
    names: SparseBatch,
    *,
    ways: Sequence[int],
    shots: Sequence[int],
    words: Sequence[int | None],
    num_seeds: int,
    num_episodes: int = 10,
    language_model: LanguageModel | None = None,
) -> list[FewShot]:
    """Measure all methods on the same episodes.

    Args:
        vectors: one row a picture, which are the index as well.
        names: one row a class, the query of its name.
        words: keep so many of each picture's strongest words; None: all.
        num_seeds: how often ``num_episodes`` episodes are drawn.
        language_model: reads the words in the paper's prompt as well, and chooses among the
            classes' names, each scored as a whole, or by writing where it tells no probabilities.

    Raises:
        InputError: if no episode can be drawn at all.
    """
    found = []
    for num_words in words:
        cut = (vectors if num_words is None else vectors.strongest(num_words)).normalized()
        mean_V = mean_of([cut], len(vectors.vocabulary))
        evidence = _evidence(names, inventory.names, cut)
        for num_ways in ways:
            for num_shots in shots:
                right_SM = [
                    _of_seed(
                        [*draw_episodes(inventory, ways=num_ways, shots=num_shots,
                                        num=num_episodes, seed=seed)],
                        cut, names, evidence, mean_V, inventory.names, language_model,
                    )
                    for seed in range(num_seeds)
                ]  # fmt: skip
                right_SM = [right for right in right_SM if len(right)]
                if right_SM:
                    found += _results(right_SM, num_ways, num_shots, num_words)
    if not found:
        raise InputError(
            "The pictures show too few classes often enough: an example and 3 further pictures of "
            "each are needed, for as many classes as are to be told apart."
        )
    return found


def _evidence(
    queries: SparseBatch, names: Sequence[str], vectors: SparseBatch
) -> dict[int, NameEvidence]:
    """Return the names that count as evidence, by the numbers of their classes."""
    spreads = spreads_of(queries, [vectors])
    return {
        number: NameEvidence(query, spread)
        for number, (name, query, spread) in enumerate(zip(names, queries, spreads, strict=True))
        if is_known(name, vectors.vocabulary)
    }


def _of_seed(
    episodes: Sequence[Episode],
    vectors: SparseBatch,
    names: SparseBatch,
    evidence: Mapping[int, NameEvidence],
    mean_V: Any,
    class_names: Sequence[str],
    language_model: LanguageModel | None,
) -> npt.NDArray[np.float64]:
    """Return (episodes, methods) the share of the pictures that are told rightly."""
    rows = []
    for episode in episodes:
        asked = _rows(vectors, episode.asked)
        examples = _rows(vectors, np.concatenate(episode.examples))
        classes = np.repeat(np.arange(len(episode.examples)), [len(e) for e in episode.examples])
        own = names.to_scipy()[episode.classes]
        known = {w: evidence[c] for w, c in enumerate(episode.classes.tolist()) if c in evidence}
        decided = [
            ClassMeans(examples, classes.tolist(), mean_V, known).decide(asked).classes_N,
            ClassMeans(examples, classes.tolist(), mean_V).decide(asked).classes_N,
            ClassMeans(examples, classes.tolist(), 0 * mean_V).decide(asked).classes_N,
            np.asarray((asked.to_scipy() @ own.T).todense()).argmax(axis=1),
        ]
        if language_model is not None:
            told = [class_names[c] for c in episode.classes]
            decided.append(_read(language_model, told, examples, classes, asked))
        rows.append([float(np.mean(numbers == episode.truth)) for numbers in decided])
    return np.array(rows)


def _read(
    model: LanguageModel,
    class_names: Sequence[str],
    examples: SparseBatch,
    classes: Numbers,
    asked: SparseBatch,
) -> Numbers:
    """Return the class that a language model chooses for each picture; -1: none of them."""
    samples = [
        Sample(_told(row), class_names[number])
        for row, number in zip(examples, classes.tolist(), strict=True)
    ]
    chosen = []
    for row in asked:
        prompt = label_prompt(_told(row), class_names, samples)
        try:
            choice = choose(model, prompt, class_names)
        except NoProbabilitiesError:
            choice = choose_by_writing(model, prompt, class_names)
        chosen.append(-1 if choice.text is None else class_names.index(choice.text))
    return np.array(chosen, dtype=np.int64)


def _told(vector: LexicalVector) -> str:
    return words_told([word.word for word in vector.words()])


def _rows(batch: SparseBatch, numbers: Numbers) -> SparseBatch:
    return SparseBatch.from_vectors([batch.row(int(i)) for i in numbers], batch.vocabulary)


def _results(
    right_SM: Sequence[npt.NDArray[np.float64]], ways: int, shots: int, words: int | None
) -> list[FewShot]:
    every = np.concatenate(right_SM)
    random = np.random.default_rng(0)
    means_S = np.stack([seed.mean(axis=0) for seed in right_SM])
    drawn = means_S[random.integers(0, len(means_S), (1000, len(means_S)))].mean(axis=1)
    low_M, high_M = np.quantile(drawn, [0.025, 0.975], axis=0)
    return [
        FewShot(
            method, ways, shots, words, float(every[:, m].mean()), float(low_M[m]),
            float(high_M[m]), len(every),
        )
        for m, method in enumerate(METHODS[: every.shape[1]])
    ]  # fmt: skip
