"""Fits how sure a label is, and tells how often it is right of other kinds of things.

    python eval/fit_labels.py varied/train.jsonl

What a photo's first caption says is its kind; those of 20 photos or more count, with 25 photos of
each at most. A task learns one class from some examples and looks at all other photos; a logistic
curve from scores to being of the class is fitted to these. Half of the kinds are tried with the
curve of the other half, and the other way round. `lexret/library/labelling/sureness.py` holds the
curves that are fitted on all; with these, kinds are also tried under the names of others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import click
import numpy as np
import numpy.typing as npt

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.cli.eval.options import progress_bars
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.errors import InputError, LexretError
from lexret.eval.retrieval.encoding import encode_pictures
from lexret.library.labelling.class_means import ClassMeans, mean_of
from lexret.library.labelling.directions import NameEvidence
from lexret.library.labelling.names import is_known, spreads_of
from lexret.library.labelling.sureness import Curve, probability
from lexret.sparse import SparseBatch

LEAST, MOST = 20, 25
EXAMPLES = {False: (1, 3, 10), True: (0, 1, 3, 10)}
SURE = (0.5, 0.3)
DRAWS = 10
_NO_KINDS = frozenset({"outdoor", "_sample_images"})
_BEGINNING = re.compile(r"^(there (is|are) )?(an?|the)? ?\b")

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of known kinds.

    Attributes:
        vectors: one row a photo.
        kinds: name of each kind.
        kind_I: number of each photo's kind.
        mean_V: the mean of the vectors.
        names: number of a kind -> its name as evidence, where that is known.
    """

    vectors: SparseBatch
    kinds: Sequence[str]
    kind_I: Numbers
    mean_V: Values
    names: Mapping[int, NameEvidence]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of many tasks.

    Attributes:
        values: scores of photos that are no examples.
        right: which of them are of the class.
    """

    values: Values
    right: npt.NDArray[np.bool_]


def choose(captions: CaptionSet) -> dict[str, list[int]]:
    """Return the photos of each kind that has enough of them."""
    found: dict[str, list[int]] = defaultdict(list)
    for i in range(len(captions)):
        found[_BEGINNING.sub("", captions.captions(i)[0].lower())].append(i)
    enough = {kind: own for kind, own in found.items() if len(own) >= LEAST}
    random = np.random.default_rng(0)
    return {
        kind: sorted(random.permutation(own)[:MOST].tolist())
        for kind, own in sorted(enough.items())
        if kind not in _NO_KINDS
    }


def open_photos(captions: CaptionSet, model: LexicalModel) -> Photos:
    """Encode the photos of all kinds."""
    chosen = choose(captions)
    rows = [i for own in chosen.values() for i in own]
    with progress_bars() as tell:
        vectors = encode_pictures(
            lambda i: captions.image(rows[i]), len(rows), model.images, 32, tell
        )
    return with_names(vectors, chosen, model)


def with_names(
    vectors: SparseBatch, chosen: Mapping[str, Sequence[int]], model: LexicalModel
) -> Photos:
    """Return photos with what their kinds are called."""
    kinds = list(chosen)
    known = [number for number, kind in enumerate(kinds) if is_known(kind, vectors.vocabulary)]
    queries = model.texts.encode_queries([kinds[number] for number in known])
    spreads = spreads_of(queries, [vectors])
    names = {
        number: NameEvidence(query, spread)
        for number, query, spread in zip(known, queries, spreads, strict=True)
    }
    kind_I = np.repeat(np.arange(len(kinds)), [len(own) for own in chosen.values()])
    mean_V = mean_of([vectors], len(vectors.vocabulary))
    return Photos(vectors, kinds, kind_I, mean_V, names)


def scores_of(photos: Photos, kinds: Sequence[int], num_examples: int, *, named: bool) -> Scores:
    """Learn each kind from some of its photos, ten times, and score all others."""
    found = list(_tasks(photos, kinds, num_examples, named=named))
    if not found:
        raise InputError(f"No kind has enough photos for {num_examples} examples.")
    return Scores(
        np.concatenate([values for values, _ in found]),
        np.concatenate([right for _, right in found]),
    )


def _tasks(
    photos: Photos, kinds: Sequence[int], num_examples: int, *, named: bool
) -> Iterator[tuple[Values, npt.NDArray[np.bool_]]]:
    for number in kinds:
        if named and number not in photos.names:
            continue
        name = photos.names.get(number) if named else None
        for draw in range(DRAWS if num_examples else 1):
            task = _task(photos, number, name, (num_examples, draw))
            if not named or task.means.counts_name(0):
                scores = task.means.decide(photos.vectors).scores_NC
                yield scores[task.others, 0], photos.kind_I[task.others] == number


@dataclass(frozen=True, eq=False)
class Task:
    """Class that was learnt from some photos of a kind.

    Attributes:
        means: of the class alone.
        others: the photos that are no examples.
    """

    means: ClassMeans
    others: Numbers


def _task(photos: Photos, number: int, name: NameEvidence | None, draw: tuple[int, int]) -> Task:
    num_examples = draw[0]
    random = np.random.default_rng([number, *reversed(draw)])
    examples = random.permutation(np.flatnonzero(photos.kind_I == number))[:num_examples]
    rows = [photos.vectors.row(int(i)) for i in examples]
    batch = SparseBatch.from_vectors(rows, photos.vectors.vocabulary)
    names = {} if name is None else {0: name}
    means = ClassMeans(batch, [0] * num_examples, photos.mean_V, names)
    return Task(means, np.delete(np.arange(len(photos.vectors)), examples))


def misnamed(photos: Photos, num_examples: int, *, named: bool) -> str:
    """Return how well kinds are found under the name of another, or without it."""
    found, right, sure, counting = 0, 0, 0, []
    random = np.random.default_rng(0)
    for number in range(len(photos.kinds)):
        others = [other for other in photos.names if other != number]
        name = photos.names[others[int(random.integers(len(others)))]] if named else None
        for draw in range(DRAWS):
            task = _task(photos, number, name, (num_examples, draw))
            counting.append(task.means.counts_name(0))
            taken = task.means.decide(photos.vectors).sure_N[task.others] >= SURE[0]
            own = photos.kind_I[task.others] == number
            found, right, sure = found + own.sum(), right + (taken & own).sum(), sure + taken.sum()
    return (
        f"the name counts in {100 * np.mean(counting):.0f}%; at {SURE[0]}: "
        f"{100 * right / max(1, sure):.0f}% right, {100 * right / found:.0f}% found"
    )


def fit(scores: Sequence[Scores]) -> Curve:
    """Return the logistic curve of the greatest likelihood, by Newton's method."""
    values = np.concatenate([each.values for each in scores])
    right = np.concatenate([each.right for each in scores])
    inputs = np.stack([values, np.ones(len(values))], axis=1)
    weights = np.array([8.0, -5.0])
    for _ in range(50):
        sure = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (right - sure)
        hessian = (inputs * (sure * (1 - sure))[:, None]).T @ inputs
        step = np.linalg.solve(hessian, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return Curve(float(weights[0]), float(weights[1]))


def held_out_of(scores: Sequence[Scores], curves: Sequence[Curve]) -> str:
    """Return how much of what is sure is right, and how much of the classes is found."""
    sure = np.concatenate([
        [probability(curve.log_odds(value)) for value in each.values]
        for each, curve in zip(scores, curves, strict=True)
    ])  # fmt: skip
    right = np.concatenate([each.right for each in scores])
    parts = []
    for least in SURE:
        taken = sure >= least
        share = right[taken].mean() if taken.any() else float("nan")
        found = (taken & right).sum() / right.sum()
        parts.append(f"at {least}: {100 * share:.0f}% right, {100 * found:.0f}% found")
    return "; ".join(parts)


@click.command()
@click.argument("captions_source", metavar="CAPTIONS")
@click.option("--model", "model_source", default="mini", show_default=True)
def main(captions_source: str, model_source: str) -> None:
    """Print the curves, and how well they do on the kinds that they were not fitted on."""
    try:
        photos = open_photos(open_captions(captions_source), load_model(model_source))
        click.echo("\n".join(lines(photos)))
    except LexretError as error:
        raise click.ClickException(str(error)) from error


def lines(photos: Photos) -> Iterator[str]:
    """Yield what is printed."""
    order = np.random.default_rng(0).permutation(len(photos.kinds)).tolist()
    halves = [order[: len(order) // 2], order[len(order) // 2 :]]
    yield (
        f"{len(photos.vectors)} photos of {len(photos.kinds)} kinds, {len(photos.names)} of them "
        "with a name that is known"
    )
    for named in (False, True):
        for num_examples in EXAMPLES[named]:
            scores = [scores_of(photos, half, num_examples, named=named) for half in halves]
            curve = fit(scores)
            held_out = held_out_of(scores, [fit([scores[1]]), fit([scores[0]])])
            yield (
                f"{'name and ' if named else ''}{num_examples} examples: "
                f"Curve({curve.slope:.1f}, {curve.offset:.2f}); {held_out}"
            )
    for num_examples in EXAMPLES[False]:
        for named in (False, True):
            told = misnamed(photos, num_examples, named=named)
            yield f"{num_examples} examples{', another name' if named else ''}: {told}"


if __name__ == "__main__":
    main()
