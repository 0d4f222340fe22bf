"""Which words are known to be true, and which known to be wrong, of pictures.

Captions say what is there, and leave out most of it; outlined objects and masks say of a whole list
of things whether they are there. So a word is true of a picture where a caption holds it or an
object of that name is outlined. It is wrong where the picture's objects are outlined and the word
is on that list, or, for a word that nobody outlines, where no caption holds it: what five people
who describe a dog's picture never fail to say.

Legend: I pictures, V words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from lexret.captions.caption_set import CaptionSet
from lexret.eval.patches.masks import MaskedImages, spoken
from lexret.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class WordTruth:
    """What is known of the words of I pictures.

    Attributes:
        true_IV: bool, where a word is true.
        outlined_I: whether all objects of a picture are outlined.
        listed_V: words of the things that are outlined in any picture.
        name: of the source, for messages.
    """

    true_IV: sparse.csc_array
    outlined_I: npt.NDArray[np.bool_]
    listed_V: npt.NDArray[np.bool_]
    name: str

    def judged(self, term_id: int) -> npt.NDArray[np.bool_]:
        """Return (I,) of which pictures it is known whether the word is true."""
        true_I = self.true_of(term_id)
        if self.listed_V[term_id]:
            return true_I | self.outlined_I
        return np.ones(len(true_I), dtype=bool)

    def true_of(self, term_id: int) -> npt.NDArray[np.bool_]:
        """Return (I,) of which pictures the word is true."""
        true_I = np.zeros(self.true_IV.shape[0], dtype=bool)
        start, end = self.true_IV.indptr[term_id], self.true_IV.indptr[term_id + 1]
        true_I[self.true_IV.indices[start:end]] = True
        return true_I


def truth_of_captions(captions: CaptionSet, vocabulary: Vocabulary, name: str) -> WordTruth:
    """Take captions and outlined objects for the truth."""
    numbers = range(len(captions))
    said = [_words(captions.captions(i), vocabulary) for i in numbers]
    objects = [object_words(captions.objects(i), vocabulary) for i in numbers]
    return _truth(
        [words | things for words, things in zip(said, objects, strict=True)],
        objects,
        vocabulary,
        name,
    )


def truth_of_masks(pictures: MaskedImages, vocabulary: Vocabulary, name: str) -> WordTruth:
    """Take masks for the truth; every class is on the list, also where no picture shows it."""
    class_words = [object_words([spoken(label)], vocabulary) for label in pictures.names]
    objects = []
    for i in range(len(pictures.items)):
        places = np.unique(pictures.mask(i))
        objects.append(set().union(*(class_words[place] for place in places if place >= 0)))
    truth = _truth(objects, objects, vocabulary, name)
    truth.listed_V[sorted(set().union(*class_words))] = True
    return truth


def object_words(names: Iterable[str], vocabulary: Vocabulary) -> set[int]:
    """Return the words of things' names; of a name that is no word, its last: a swivel chair is a
    chair."""
    found = set()
    for name in names:
        term_ids, _ = vocabulary.match(name)
        if term_ids:
            found.add(int(term_ids[-1]))
    return found


def _words(texts: Sequence[str], vocabulary: Vocabulary) -> set[int]:
    return {int(w) for text in texts for w in vocabulary.match(text, parts=True)[0]}


def _truth(
    true: Sequence[set[int]], objects: Sequence[set[int]], vocabulary: Vocabulary, name: str
) -> WordTruth:
    rows = np.repeat(np.arange(len(true)), [len(words) for words in true])
    columns = np.array([word for words in true for word in sorted(words)], dtype=np.int64)
    shape = (len(true), len(vocabulary))
    true_IV = sparse.csc_array((np.ones(len(rows), bool), (rows, columns)), shape=shape)
    listed_V = np.zeros(len(vocabulary), dtype=bool)
    listed_V[sorted(set().union(*objects))] = True
    return WordTruth(true_IV, np.array([bool(words) for words in objects]), listed_V, name)
