"""Other spellings and other forms of an English word."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

_LETTERS: Final = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th",
        "\u0131": "i",
    }
)  # fmt: skip

# Pairs that no rule gives.
_PAIRS: Final = (
    "aeroplane airplane, aluminium aluminum, catsup ketchup, cheque check, cosy cozy, "
    "doughnut donut, draught draft, fulfil fulfill, grey gray, jewellery jewelry, kerb curb, "
    "mould mold, moustache mustache, mum mom, plough plow, programme program, pyjamas pajamas, "
    "sceptic skeptic, smoulder smolder, storey story, sulphur sulfur, tyre tire, whisky whiskey, "
    "yoghurt yogurt, axe ax, omelette omelet, racquet racket, tshirt t-shirt, hairdryer hairdrier, "
    "barbeque barbecue, bbq barbecue, telly television, hippo hippopotamus, rhino rhinoceros, "
    "croc crocodile, chimp chimpanzee, veg vegetables, veggies vegetables, fridge refrigerator"
)
_RULES: Final = (
    ("our", "or"), ("tre", "ter"), ("bre", "ber"), ("ise", "ize"), ("isation", "ization"),
    ("ising", "izing"), ("ised", "ized"), ("yse", "yze"), ("ogue", "og"), ("ence", "ense"),
    ("lling", "ling"), ("lled", "led"), ("ller", "ler"), ("llery", "lery"), ("ae", "e"),
    ("oe", "e"), ("ph", "f"),
)  # fmt: skip
# Endings of forms, and those of the word that they are forms of.
_FORMS: Final = (
    ("ies", ("y", "ie")), ("ves", ("f", "fe")), ("es", ("", "e")), ("s", ("",)), ("ied", ("y",)),
    ("ed", ("", "e")), ("ing", ("", "e")), ("iest", ("y",)), ("est", ("", "e")), ("ier", ("y",)),
    ("er", ("", "e", "ing")), ("ers", ("", "e", "ing")), ("ish", ("", "e")), ("ly", ("", "le")),
    ("ness", ("",)),
)  # fmt: skip
_MORE: Final = ("s", "es", "ing", "ed", "er")
_DOUBLING: Final = frozenset({"ed", "ing", "er", "ers", "est", "ish"})
_SHORTEST: Final = 3
_VOWELS: Final = "aeiou"


def folded(word: str) -> str:
    """Return a word without accents, in letters of common width: "café" as "cafe"."""
    plain = unicodedata.normalize("NFKC", word).casefold().translate(_LETTERS)
    parts = unicodedata.normalize("NFD", plain)
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _pairs() -> Mapping[str, str]:
    both: dict[str, str] = {}
    for pair in _PAIRS.split(", "):
        british, american = pair.split()
        both.setdefault(british, american)
        both.setdefault(american, british)
    return both


_OTHER_SPELLING: Final = _pairs()


def spellings(word: str) -> Iterator[str]:
    """Yield other spellings of a word, British for American and the other way round."""
    if word in _OTHER_SPELLING:
        yield _OTHER_SPELLING[word]
    for left, right in _RULES:
        for old, new in ((left, right), (right, left)):
            place = word.rfind(old)
            if place > 0:
                yield word[:place] + new + word[place + len(old) :]


def bases(word: str) -> Iterator[str]:
    """Yield words that a word may be a form of: "galloping", "gallop"."""
    for ending, replacements in _FORMS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST:
            continue
        if "e" in replacements and _lost_an_e(stem, ending):
            yield f"{stem}e"
        yield from (stem + replacement for replacement in replacements)
        if ending in _DOUBLING and stem[-1] == stem[-2]:  # "jogging", "jog"
            yield stem[:-1]


def _lost_an_e(stem: str, ending: str) -> bool:
    """Whether a stem is rather that of a word with an "e": of "kites", of "hoped"."""
    if ending == "es":
        return not stem.endswith(("s", "x", "z", "ch", "sh", "o"))
    before, vowel, last = stem[-3], stem[-2], stem[-1]
    short = vowel in _VOWELS and before not in _VOWELS and last not in f"{_VOWELS}wxy"
    return ending in _DOUBLING and short  # else the last letter would stand twice: "hopped"


def forms(word: str) -> Iterator[str]:
    """Yield forms of a word: "gallop", "galloping"."""
    yield from (word + ending for ending in _MORE)
    yield from (word + word[-1] + ending for ending in ("ing", "ed", "er"))
    if word.endswith("y"):
        yield f"{word[:-1]}ies"
    if word.endswith("e"):
        yield f"{word[:-1]}ing"
