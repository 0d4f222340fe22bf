"""Vocabulary: the ordered words that are the dimensions of all vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from lexret.arguments import require_several
from lexret.errors import InputError, MismatchError, MissingError
from lexret.vocabulary.english import number_free, plurals, tokenize

DEFAULT_VOCABULARY = "english-20k"


class Vocabulary:
    """Vocabulary: an immutable, ordered list of words; the position of a word is its term id.

    A word that contains single spaces ("traffic light") is a phrase.

    A vocabulary made of a language model's tokens carries their ids, so that each entry's codebook
    vector is its own token's; its file has them after a tab. They are no part of its identity.

    Args:
        words: distinct, non-empty, lower-case, without surrounding or double white space.
        token_ids: for each word the id of its token, or None; None: no word has one.

    Raises:
        InputError: if a word breaks these rules or is repeated, or there is none, or not every word
            has its place in ``token_ids``.
    """

    def __init__(self, words: Iterable[str], token_ids: Iterable[int | None] | None = None) -> None:
        require_several(words, "words")
        self._words = tuple(words)
        if not self._words:
            raise InputError("A vocabulary needs at least one word; none was given.")
        for term_id, word in enumerate(self._words):
            if not word or word != " ".join(word.lower().split()):
                raise InputError(
                    f"Vocabulary entry {term_id} is {word!r}; expected a non-empty lower-case "
                    "word or phrase with single spaces."
                )
        self._ids = {word: term_id for term_id, word in enumerate(self._words)}
        if len(self._ids) != len(self._words):
            raise InputError(
                f"The vocabulary repeats {len(self._words) - len(self._ids)} of its "
                f"{len(self._words)} words; every word may stand once."
            )
        none: tuple[int | None, ...] = (None,) * len(self._words)
        self._token_ids = none if token_ids is None else tuple(token_ids)
        if len(self._token_ids) != len(self._words):
            raise InputError(
                f"{len(self._token_ids)} token ids were given for {len(self._words)} words."
            )

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> Vocabulary:
        """Make a vocabulary of the lines of its file: a word each, a tab and an id if it has one.

        Raises:
            InputError: as the class, or if an id is not a number.
        """
        words: list[str] = []
        token_ids: list[int | None] = []
        for number, line in enumerate(lines, start=1):
            word, tab, token_id = line.partition("\t")
            if tab and not (token_id.isascii() and token_id.isdigit()):
                raise InputError(
                    f"Line {number} of the vocabulary is {line!r}; expected a word, or a word, a "
                    "tab and the id of its token."
                )
            words.append(word)
            token_ids.append(int(token_id) if tab else None)
        return cls(words, token_ids)

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a UTF-8 text file with one word per line, and the ids of tokens if it has them.

        Raises:
            MissingError: if there is no such file.
            InputError: if the file is not UTF-8 or breaks the rules of a vocabulary.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise MissingError(f"There is no vocabulary file {path}.", path=Path(path)) from error
        except UnicodeDecodeError as error:
            raise InputError(f"The vocabulary file {path} is not UTF-8 text: {error}.") from error
        if not text.strip():
            raise InputError(f"The vocabulary file {path} is empty; expected a word on each line.")
        return cls.from_lines(text.splitlines())

    @classmethod
    def shipped(cls, name: str = DEFAULT_VOCABULARY) -> Vocabulary:
        """Load a vocabulary that ships with lexret, by name.

        Raises:
            MissingError: if there is none of that name; the message lists those that there are.
        """
        from importlib import resources  # loads slowly, and a search has its index's words

        folder = resources.files("lexret").joinpath("vocabularies")
        file = folder.joinpath(f"{name}.txt")
        if not file.is_file():
            names = sorted(f.name[:-4] for f in folder.iterdir() if f.name.endswith(".txt"))
            raise MissingError(
                f"There is no file {name!r}, and no shipped vocabulary of that name; expected a "
                f"file with a word on each line, or one of: {', '.join(names)}."
            )
        return cls.from_lines(file.read_text(encoding="utf-8").splitlines())

    def save(self, path: str | Path) -> None:
        """Write a UTF-8 text file with one word per line, without the ids of tokens."""
        Path(path).write_text("".join(f"{word}\n" for word in self._words), encoding="utf-8")

    @property
    def words(self) -> tuple[str, ...]:
        """All words; ``words[term_id]`` is the word of that id."""
        return self._words

    @property
    def token_ids(self) -> tuple[int | None, ...]:
        """For each word the id of its token, or None if it carries none."""
        return self._token_ids

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the words in order, each preceded by its length in bytes."""
        import hashlib

        digest = hashlib.sha256()
        for word in self._words:
            encoded = word.encode()
            digest.update(len(encoded).to_bytes(4, "little"))
            digest.update(encoded)
        return digest.hexdigest()

    @cached_property
    def _max_phrase_words(self) -> int:
        return max((word.count(" ") for word in self._phrases), default=0) + 1

    @cached_property
    def _phrases(self) -> list[str]:
        return [word for word in self._words if " " in word]

    @cached_property
    def _phrase_ids(self) -> dict[tuple[str, ...], int]:
        """Term id of each phrase by its words, the last one number-free; the first id wins."""
        ids: dict[tuple[str, ...], int] = {}
        for phrase in self._phrases:
            ids.setdefault(_phrase_key(phrase.split()), self._ids[phrase])
        return ids

    def term_id(self, word: str) -> int | None:
        """Return the id of a word or phrase, or ``None`` if it is not in the vocabulary."""
        return self._ids.get(word)

    def match(self, text: str, *, parts: bool = False) -> tuple[list[int], list[str]]:
        """Find the vocabulary's words in a text, the longest phrase first.

        A phrase matches its plural as well, and vice versa: "traffic lights" finds "traffic
        light". (Single words have an entry for each form.) The words of a phrase that was found do
        not count: "hot dog" is not "dog".

        Args:
            parts: count the words of a phrase as well: a swimming pool is a pool. Training on
                captions needs them; looking for a phrase does not.

        Returns:
            the term ids in the order of the text (repeats kept; a phrase before its parts), and
            the tokens without an entry.
        """
        tokens = tokenize(text)
        term_ids: list[int] = []
        unknown: list[str] = []
        start = 0
        while start < len(tokens):
            term_id, length = self._longest_at(tokens, start)
            if term_id is None:
                unknown.append(tokens[start])
            else:
                term_ids.append(term_id)
            if parts and length > 1:
                inside = (self._ids.get(token) for token in tokens[start : start + length])
                term_ids += [part for part in inside if part is not None]
            start += length
        return term_ids, unknown

    def _longest_at(self, tokens: list[str], start: int) -> tuple[int | None, int]:
        """Return the longest entry that starts at a token, and how many tokens it takes."""
        for length in range(min(self._max_phrase_words, len(tokens) - start), 1, -1):
            found = tokens[start : start + length]
            term_id = self._ids.get(" ".join(found))
            if term_id is None:
                term_id = self._phrase_ids.get(_phrase_key(found))
            if term_id is not None:
                return term_id, length
        return self._ids.get(tokens[start]), 1

    def numbers_of(self, word: str) -> tuple[str, ...]:
        """Return an entry and those that differ from it in number only ("cat", "cats")."""
        found = self._by_number.get(number_free(word), ())
        mine = plurals(word)
        others = (entry for entry in found if entry in mine or word in plurals(entry))
        return (word, *others)

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        entries: dict[str, list[str]] = {}
        for word in self._words:
            entries.setdefault(number_free(word), []).append(word)
        return entries

    def nearest(self, word: str, *, num_words: int = 3) -> list[str]:
        """Return the entries whose spelling is closest to ``word``, best first.

        First come those of which it may be a slip, the likeliest kind of slip that gives any (see
        :func:`~lexret.vocabulary.slips.slips`), the commonest first; then those that look like it.
        """
        import difflib

        from lexret.vocabulary.slips import slips

        word = word.lower()
        found = dict.fromkeys([word] if word in self._ids else [])
        for meant in slips(word):
            known = {self._ids[spelling] for spelling in meant if spelling in self._ids}
            found.update(dict.fromkeys(self._words[term] for term in sorted(known)))
            if known:  # likelier than any other slip
                break
        if len(found) < num_words:
            alike = difflib.get_close_matches(word, self._words, n=num_words, cutoff=0.75)
            found.update(dict.fromkeys(alike))
        return list(found)[:num_words]

    def require_same(self, other: Vocabulary, *, mine: str, theirs: str) -> None:
        """Raise unless both vocabularies are equal.

        Args:
            mine: what has this vocabulary, for the message ("the index at ...").
            theirs: what has the other one.

        Raises:
            MismatchError: if the fingerprints differ; the message names both.
        """
        if self.fingerprint != other.fingerprint:
            raise MismatchError(
                f"Vocabularies differ: {mine} has {len(self)} words ({self.fingerprint[:12]}), "
                f"{theirs} has {len(other)} words ({other.fingerprint[:12]}). "
                "Use the model that made the index, or index again."
            )

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words, {self.fingerprint[:12]})"


def _phrase_key(words: list[str]) -> tuple[str, ...]:
    return (*words[:-1], number_free(words[-1]))
