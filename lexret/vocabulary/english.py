"""Words of an English text: how it is split, which say nothing, which differ in number only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_POSSESSIVE = re.compile(r"['\u2019]s$")


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words, without punctuation and a possessive ``'s``.

    A hyphenated word becomes its parts. Numbers count as words.
    """
    return [_POSSESSIVE.sub("", token) for token in _TOKEN.findall(text.lower())]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Function words, which a picture does not show. Words of place that a picture does show (inside,
# outside, near, under, behind, above, front, back, top, bottom) and the numbers from one to twelve
# are not among them.
STOP_WORDS: Final = _words(
    # articles, determiners, quantifiers
    "a an the this that these those each every either neither some any no all both such own same "
    "other others another many much more most less least few several enough half lot lots bit "
    # pronouns
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his "
    "himself she her hers herself it its itself they them their theirs themselves one's who whom "
    "whose which what whatever whoever whichever someone somebody something anyone anybody "
    "anything everyone everybody everything nobody nothing none thee thou thy thine ye "
    # auxiliaries and their forms
    "am is are was were be been being do does did done doing have has had having will would shall "
    "should can could may might must ought cannot gonna gotta wanna dont cant didnt doesnt isnt "
    "wasnt wont "
    # prepositions
    "of to in on at by for with from into onto upon about as than per via till until since during "
    "among amongst amid despite except toward towards within without concerning regarding unto "
    # particles and verbs without content
    "up down out off over through around along across away like get gets getting got gotten make "
    "makes making made go goes going gone went take takes taking took taken come comes coming came "
    "put puts putting let lets letting use uses using used seem seems seemed seeming become "
    "becomes becoming became keep keeps keeping kept give gives giving gave given "
    "say says saying said know knows knowing knew known want wants wanting wanted need needs "
    "needing needed "
    # conjunctions
    "and or but nor so yet if because though although while whilst whereas unless whether when "
    "whenever where wherever why how "
    # adverbs without content
    "also too very just only even ever never not quite rather really still then thus hence "
    "therefore however else already again almost always often sometimes maybe perhaps here there "
    "now anyway indeed instead moreover furthermore nevertheless nonetheless otherwise somehow "
    "somewhat thereby therein thereof thereafter hereby herein whereby wherein hither thither "
    # what is left of a contraction after its apostrophe is taken out
    "don ll ve re didn doesn isn wasn aren weren hasn haven hadn couldn wouldn shouldn mustn needn "
    "ain shan em til cos cuz ol "
    # French, Spanish, German and Latin particles that WordNet has in another meaning
    "le la les de des del el los las san von et al etc una por que con das dat der den "
    # scraps of the web
    "tho imo www http html url ins res"
)


# How English nouns end in singular and plural; see `number_free`.
_IRREGULAR = {
    "children": "child",
    "feet": "foot",
    "geese": "goose",
    "mice": "mouse",
    "teeth": "tooth",
}
_ENDINGS = (
    *(("men", "man"), ("ies", "i"), ("ie", "i"), ("ys", "i"), ("y", "i"), ("uses", "us")),
    *(("us", "us"), ("ss", "ss"), ("es", ""), ("s", ""), ("e", "")),
)


@lru_cache(maxsize=1 << 16)
def number_free(word: str) -> str:
    """Return a key, not itself a word, that an English noun shares with its plural."""
    word = _IRREGULAR.get(word, word)
    for ending, replacement in _ENDINGS:
        if word.endswith(ending) and len(word) > max(len(ending) - 1, 2):
            word = word.removesuffix(ending) + replacement
            break
    return word[:-1] + "f" if word.endswith("v") else word


_HISSING: Final = ("s", "x", "z", "ch", "sh")
# They end like plurals of other words.
_NO_PLURALS: Final = frozenset({"news"})


def plurals(word: str) -> frozenset[str]:
    """Return how an English noun may be written in the plural; the rules give too many, not others.

    "leaf" gives "leafs" and "leaves"; "wine" gives "wines" alone.
    """
    found = {plural for plural, singular in _IRREGULAR.items() if singular == word}
    if word.endswith(_HISSING):
        found.add(f"{word}es")
    elif word.endswith("y") and word[-2:-1] not in "aeiou":
        found.add(f"{word[:-1]}ies")
    else:
        found.add(f"{word}s")
    if word.endswith("o"):
        found.add(f"{word}es")
    if word.endswith("man"):
        found.add(f"{word[:-3]}men")
    if word.endswith("f"):
        found.add(f"{word[:-1]}ves")
    if word.endswith("fe"):
        found.add(f"{word[:-2]}ves")
    return frozenset(found - _NO_PLURALS)
