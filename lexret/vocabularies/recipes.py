"""Recipes of vocabularies: how the shipped ones and yours are made, and what their records say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Final

from lexret.errors import InputError, MissingPackageError
from lexret.vocabularies import caption_words, frequent_words, phrase_expansion, tokenizer_pieces
from lexret.vocabularies.kinds import build_kinds, kinds_record
from lexret.vocabularies.phrase_expansion import ExpansionRule, Phrase, expand
from lexret.vocabularies.phrase_sources import CLASS_FILES, PictureClasses
from lexret.vocabularies.records import sha256_of, write_with_record
from lexret.vocabularies.wordnet import PARTS_OF_SPEECH, WordNet
from lexret.vocabulary import Vocabulary

ENGLISH: Final = "english-20k"
ENGLISH_WITH_PHRASES: Final = "english-21k"
LLAMA2: Final = "llama2-17k"
SIZE: Final = 20_000
NUM_RANKED_WORDS: Final = 500_000
# Of the captions whose counts chose the phrases of english-21k.
FLICKR8K_TRAIN: Final = "934b88c2298e4f17e3b4c045ff5ad737b6130866719a29872833867bf0220844"

# The files that decide what WordNet says; recorded with their hashes.
_WORDNET_FILES: Final = ("index.noun", "index.verb", "index.adj", "index.adv")
_WORDNET_PHRASE_FILES: Final = (*_WORDNET_FILES, "data.noun", "cntlist.rev")

_UNRECORDED_LICENCE: Final = "not recorded; ask its owner"

Pictures = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class BuiltVocabulary:
    """Vocabulary that was built: its entries in order, and what its record says about them.

    Attributes:
        token_ids: for each entry its token's id, or None; None: no entry has one.
    """

    words: tuple[str, ...]
    language: str
    provenance: Mapping[str, Any]
    token_ids: tuple[int | None, ...] | None = None


def english(wordnet_folder: Path) -> BuiltVocabulary:
    """Build english-20k.

    Raises:
        MissingPackageError: if the package wordfreq is not installed.
        MissingError: if there is no WordNet in the folder.
    """
    wordnet = WordNet(wordnet_folder)
    try:
        import wordfreq
    except ImportError as error:
        raise MissingPackageError(
            f"{ENGLISH} is made from the word frequencies of the package wordfreq, which is not "
            "installed. Install it: pip install wordfreq==3.1.1"
        ) from error
    words = frequent_words.build_vocabulary(
        wordfreq.top_n_list("en", NUM_RANKED_WORDS, wordlist="large"), wordnet=wordnet, size=SIZE
    )
    provenance = {
        "order": "falling frequency",
        "rule": (frequent_words.__doc__ or "").strip(),
        "sources": [
            {
                "name": "wordfreq",
                "version": version("wordfreq"),
                "used_for": f"the {NUM_RANKED_WORDS} most frequent English words (list 'large')",
                "licence": "code: Apache-2.0; data: CC BY-SA 4.0",
                "citation": "Robyn Speer (2022). rspeer/wordfreq: v3.0. Zenodo. "
                "https://doi.org/10.5281/zenodo.7199437",
            },
            _wordnet_source(
                wordnet_folder,
                "which words are words, their inflected forms, names and slurs",
                _WORDNET_FILES,
            ),
        ],
        "licence": "CC BY-SA 4.0, because the choice and the order of the words come from "
        "wordfreq's data",
    }
    return BuiltVocabulary(words, "en", provenance)


def kinds(wordnet_folder: Path, file: Path, *, overwrite: bool = False) -> int:
    """Build the table of kinds and write it with its record; returns the number of its words.

    Raises:
        InputError: if a file is there already and stays.
        MissingError: if there is no WordNet in the folder.
    """
    vocabulary = Vocabulary.shipped(ENGLISH_WITH_PHRASES)
    table = build_kinds(WordNet(wordnet_folder), vocabulary)
    files = [f"{kind}.{part}" for kind in ("index", "data") for part in PARTS_OF_SPEECH]
    source = _wordnet_source(
        wordnet_folder,
        "all words, their synonyms, and what they are kinds of",
        (*files, "cntlist.rev"),
    )
    record = kinds_record(table, vocabulary, source)
    write_with_record(file, table.compressed(), record, overwrite=overwrite)
    return len(table.words)


def llama2() -> BuiltVocabulary:
    """Build llama2-17k.

    Raises:
        MissingPackageError: if the package that carries Llama 2's tokenizer is not installed.
        CorruptError: if the tokenizer's file does not hold the expected bytes.
    """
    from lexret.encoders.pretrained import LLAMA2_TOKENIZER

    entries = tokenizer_pieces.llama2_words(tokenizer_pieces.llama2_pieces())
    provenance = {
        "order": "pieces that begin a word, then others, each by the tokenizer's ids",
        "rule": (tokenizer_pieces.__doc__ or "").strip(),
        "note": "LexVLA (Li et al., NeurIPS 2024, arXiv 2407.17827) keeps 17,149 of Llama 2's "
        "32,000 tokens. Its authors have published that size, but neither the list nor the rule: "
        "this rule is lexret's stand-in, which gives a list of the same size, not the same list.",
        "sources": [
            {
                "name": "Llama 2's tokenizer",
                "version": f"{LLAMA2_TOKENIZER.path} of the package {LLAMA2_TOKENIZER.package} "
                f"{version(LLAMA2_TOKENIZER.package)}",
                "used_for": "the pieces and their order",
                "licence": "the tokenizer: Llama 2 Community License, (c) Meta Platforms, Inc.; "
                "the package: MIT",
                "citation": "Hugo Touvron et al. (2023). Llama 2: Open Foundation and Fine-Tuned "
                "Chat Models. arXiv 2307.09288.",
                "sha256": {LLAMA2_TOKENIZER.path: LLAMA2_TOKENIZER.sha256},
            },
        ],
        "licence": "Llama 2 Community License, (c) Meta Platforms, Inc.",
    }
    words, token_ids = zip(*entries, strict=True)
    return BuiltVocabulary(words, "many", provenance, token_ids)


def custom(
    captions: Mapping[str, Pictures],
    *,
    size: int,
    min_pictures: int,
    word_list: Sequence[str] = (),
    list_name: str = "",
) -> BuiltVocabulary:
    """Build a vocabulary from the user's captions and word list.

    Args:
        captions: each source's pictures, by the name that the record gives the source.
        word_list: words that come before those of the captions.
        list_name: the name that the record gives the list.

    Raises:
        InputError: if no word passes the rule, or the list is longer than ``size``.
    """
    words = caption_words.caption_vocabulary(
        chain.from_iterable(captions.values()),
        size=size,
        min_pictures=min_pictures,
        first_words=word_list,
    )
    sources = captions_sources(captions, "its words, by the number of pictures that have them")
    if word_list:
        content = "".join(f"{word}\n" for word in word_list).encode()
        sources.insert(
            0,
            {
                "name": list_name,
                "used_for": "its words, before those of the captions",
                "licence": _UNRECORDED_LICENCE,
                "sha256": {"words": hashlib.sha256(content).hexdigest()},
            },
        )
    provenance = {
        "order": "the word list's order, then falling number of pictures",
        "rule": (caption_words.__doc__ or "").strip(),
        "parameters": {"size": size, "min_pictures": min_pictures},
        "sources": sources,
        "licence": "that of its sources",
    }
    return BuiltVocabulary(words, "that of its sources", provenance)


def captions_sources(captions: Mapping[str, Pictures], used_for: str) -> list[dict[str, Any]]:
    """Return what a record says about the user's captions: their names and contents."""
    return [
        {
            "name": name,
            "used_for": used_for,
            "licence": _UNRECORDED_LICENCE,
            "num_pictures": len(pictures),
            "num_captions": sum(map(len, pictures)),
            "sha256": {"captions": captions_sha256(pictures)},
        }
        for name, pictures in captions.items()
    ]


def english_with_phrases(
    wordnet_folder: Path, pictures: Pictures, english_record: Mapping[str, Any]
) -> BuiltVocabulary:
    """Build english-21k from english-20k.

    Args:
        pictures: for each picture of Flickr8k's train split its captions.
        english_record: the record of english-20k.

    Raises:
        InputError: if the captions are others.
        MissingError: if there is no WordNet in the folder.
    """
    found = captions_sha256(pictures)
    if found != FLICKR8K_TRAIN:
        raise InputError(
            f"{ENGLISH_WITH_PHRASES} is made with the captions of Flickr8k's train split (SHA-256 "
            f"{FLICKR8K_TRAIN[:12]}...); these {len(pictures)} pictures' captions have "
            f"{found[:12]}.... For your own captions: lexret vocab expand {ENGLISH} --captions FILE"
        )
    captions = {
        "name": "Flickr8k, captions of the train split",
        "used_for": "how many pictures have a caption with a phrase, and how its words go "
        "together; the list holds no caption",
        "licence": "for research; counts alone enter here",
        "citation": "Micah Hodosh, Peter Young, Julia Hockenmaier (2013). Framing Image "
        "Description as a Ranking Task. JAIR 47.",
        "sha256": {"captions": found},
    }
    return expanded(
        Vocabulary.shipped(ENGLISH),
        english_record,
        pictures=pictures,
        sources=[captions],
        wordnet_folder=wordnet_folder,
        class_names=True,
    )[0]


def expanded(
    vocabulary: Vocabulary,
    record: Mapping[str, Any],
    *,
    pictures: Pictures = (),
    sources: Sequence[Mapping[str, Any]] = (),
    wordnet_folder: Path | None = None,
    class_names: bool = False,
    rule: ExpansionRule | None = None,
    num_phrases: int | None = None,
) -> tuple[BuiltVocabulary, list[Phrase]]:
    """Append phrases to a vocabulary, whose entries keep their ids.

    Args:
        record: the vocabulary's record, with name, language, sources and licence if they are known.
        pictures: for each picture its captions.
        sources: what the new record says about them.
        num_phrases: at most so many.

    Returns:
        the vocabulary, and the phrases that were appended, with their reasons.

    Raises:
        InputError: if no phrase passes the rules.
        MissingError: if there is no WordNet in the folder.
        MissingPackageError: if class names are asked for and timm is not installed.
    """
    rule = rule or ExpansionRule()
    phrases = expand(
        vocabulary,
        rule=rule,
        pictures=pictures,
        wordnet=None if wordnet_folder is None else WordNet(wordnet_folder),
        classes=PictureClasses.load() if class_names else None,
        num_phrases=num_phrases,
    )
    all_sources = [dict(source) for source in (*record.get("sources", []), *sources)]
    if wordnet_folder is not None:
        use = "nouns of several words, what they are kinds of, how often definitions use them"
        all_sources.append(_wordnet_source(wordnet_folder, use, _WORDNET_PHRASE_FILES))
    if class_names:
        all_sources.extend(_class_sources())
    name = record.get("name", "a word list")
    provenance = {
        "order": f"{name}'s entries in their order, then phrases by falling rank",
        "rule": (phrase_expansion.__doc__ or "").strip(),
        "parameters": {**asdict(rule), "num_phrases": num_phrases},
        "num_phrases": len(phrases),
        "extends": {
            "name": name,
            "num_words": len(vocabulary),
            "fingerprint": vocabulary.fingerprint,
            "rule": record.get("rule", "not recorded"),
        },
        "sources": all_sources,
        "licence": record.get("licence", "that of the words it extends, and of the sources"),
    }
    words = (*vocabulary, *(phrase.text for phrase in phrases))
    token_ids = (*vocabulary.token_ids, *(None for _ in phrases))
    return BuiltVocabulary(words, record.get("language", "en"), provenance, token_ids), phrases


def captions_sha256(pictures: Pictures) -> str:
    """SHA-256 over each picture's captions, whatever the pictures' order and names.

    Each caption is followed by a line feed, each picture by a second one; pictures are sorted.
    """
    digest = hashlib.sha256()
    for captions in sorted(tuple(captions) for captions in pictures):
        digest.update("".join(f"{caption}\n" for caption in captions).encode() + b"\n")
    return digest.hexdigest()


def _wordnet_source(folder: Path, used_for: str, files: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "Princeton WordNet",
        "version": "3.0 (Debian package wordnet-base 1:3.0)",
        "used_for": used_for,
        "licence": "WordNet 3.0 licence, (c) 2006 Princeton University",
        "citation": "Christiane Fellbaum, ed. (1998). WordNet: An Electronic Lexical "
        "Database. MIT Press.",
        "sha256": sha256_of(*(folder / name for name in files)),
    }


def _class_sources() -> list[dict[str, Any]]:
    return [
        {
            "name": "ImageNet's class names",
            "version": f"{', '.join(CLASS_FILES)} of the package timm {version('timm')}",
            "used_for": "names of classes of pictures (they are WordNet's)",
            "licence": "the package: Apache-2.0; the names: WordNet 3.0 licence",
            "citation": "Jia Deng et al. (2009). ImageNet: A Large-Scale Hierarchical Image "
            "Database. CVPR.",
        },
        {
            "name": "COCO's class names",
            "used_for": "the phrases among the names of its 80 classes",
            "licence": "annotations: CC BY 4.0",
            "citation": "Tsung-Yi Lin et al. (2014). Microsoft COCO: Common Objects in Context. "
            "arXiv 1405.0312.",
        },
    ]
