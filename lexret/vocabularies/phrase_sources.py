"""Sources of phrases besides captions: WordNet's nouns, and the classes of picture collections."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.errors import CorruptError, MissingPackageError
from lexret.vocabularies.phrase_statistics import LENGTHS, Key, phrase_key
from lexret.vocabularies.wordnet import Synset, WordNet
from lexret.vocabulary import tokenize

_TIMM_FOLDER: Final = Path("data", "_info")
_CLASSES: Final = "imagenet_synsets.txt"
_MANY_CLASSES: Final = "imagenet12k_synsets.txt"
_NAMES: Final = "imagenet_synset_to_lemma.txt"
CLASS_FILES: Final = (_CLASSES, _MANY_CLASSES, _NAMES)
_INSTANCE_OF: Final = "@i"


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """Noun of several words as WordNet has it, in its first sense.

    Attributes:
        category: the lexicographer file of the sense, such as ``noun.animal``.
        is_kind: it names a kind of thing, and neither one thing alone nor a people or a title.
        is_narrow: few other things are kinds of it.
        num_glosses: how many of WordNet's definitions and examples use the phrase.
    """

    text: str
    category: str
    is_kind: bool
    is_narrow: bool
    num_glosses: int


def noun_phrases(wordnet: WordNet, *, narrow: int) -> dict[Key, NounPhrase]:
    """Return WordNet's nouns of two or three words, by their key.

    Args:
        narrow: a phrase is narrow if fewer things than this are kinds of it.
    """
    lemmas = _lemmas_by_key(wordnet)
    glosses = _gloss_counts(wordnet.glosses(), lemmas)
    return {
        key: _noun_phrase(wordnet, lemma, num_glosses=glosses.get(key, 0), narrow=narrow)
        for key, lemma in lemmas.items()
    }


@dataclass(frozen=True, slots=True)
class PictureClasses:
    """Names of the classes of picture collections.

    Attributes:
        common: the names of each of ImageNet's 1,000 classes, in their order.
        many: the keys of the names of the 11,821 classes of ImageNet with most pictures.
    """

    common: tuple[tuple[str, ...], ...]
    many: frozenset[Key]

    @classmethod
    def load(cls) -> PictureClasses:
        """Read ImageNet's names from timm's files; timm itself is not imported.

        Raises:
            MissingPackageError: if timm is not installed.
            CorruptError: if its files are not as expected.
        """
        names: dict[str, tuple[str, ...]] = {}
        for line in _timm_lines(_NAMES):
            synset, tab, text = line.partition("\t")
            if not tab:
                raise CorruptError(
                    f"timm's {_NAMES}: expected 'synset TAB names', found {line[:60]!r}"
                )
            names[synset] = tuple(
                " ".join(tokenize(name)) for name in text.split(",") if "'" not in name
            )
        many = (names.get(synset, ()) for synset in _timm_lines(_MANY_CLASSES))
        return cls(
            common=tuple(names.get(synset, ()) for synset in _timm_lines(_CLASSES)),
            many=frozenset(phrase_key(name.split()) for group in many for name in group if name),
        )


def _timm_lines(name: str) -> list[str]:
    spec = importlib.util.find_spec("timm")
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        file = Path(folder) / _TIMM_FOLDER / name
        if file.is_file():
            return file.read_text(encoding="utf-8").splitlines()
    raise MissingPackageError(
        f"ImageNet's class names come with the package timm, and there is no {_TIMM_FOLDER / name} "
        "in it. Install it: pip install timm"
    )


def _lemmas_by_key(wordnet: WordNet) -> dict[Key, str]:
    lemmas: dict[Key, str] = {}
    for lemma in wordnet.noun_phrases():
        if "'" in lemma:  # "potter's wheel": without its possessive it is not a phrase to show
            continue
        words = tokenize(lemma.replace("_", " "))
        if len(words) in LENGTHS:
            lemmas.setdefault(phrase_key(words), lemma)
    return lemmas


def _gloss_counts(glosses: Iterable[str], lemmas: dict[Key, str]) -> dict[Key, int]:
    firsts = {key[0] for key in lemmas}
    counts: dict[Key, int] = {}
    for gloss in glosses:
        tokens = tokenize(gloss)
        keys = {
            phrase_key(tokens[start : start + length])
            for start, token in enumerate(tokens)
            if token in firsts
            for length in LENGTHS
        }
        for key in keys & lemmas.keys():
            counts[key] = counts.get(key, 0) + 1
    return counts


def _noun_phrase(wordnet: WordNet, lemma: str, *, num_glosses: int, narrow: int) -> NounPhrase:
    offset = wordnet.sense_offsets(lemma, part_of_speech="noun")[0]
    synset = wordnet.synset_at(offset, part_of_speech="noun")
    return NounPhrase(
        text=" ".join(tokenize(lemma.replace("_", " "))),
        category=synset.category,
        is_kind=_is_kind(synset, lemma),
        is_narrow=wordnet.has_fewer_kinds(offset, than=narrow),
        num_glosses=num_glosses,
    )


def _is_kind(synset: Synset, lemma: str) -> bool:
    """Whether the last word is spelled in lower case ("German_shepherd", not "Union_Jack")."""
    spelling = next((word for word in synset.words if word.lower() == lemma), lemma)
    last = spelling.replace("-", "_").rpartition("_")[2]
    return last.islower() and all(pointer.symbol != _INSTANCE_OF for pointer in synset.pointers)
