"""The headwords that an inflected word of another language may have; modest, and by rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

# Endings of inflected words, and those of the headword.
_ENDINGS: Final = {
    "deu": "ern: en:,e es: er: em: e: n: s: st:en t:en te:en ten:en",
    "fra": "aux:al,au eaux:eau x: es:,e s: e: ées:er ée:er és:er é:er ent:er ant:er",
    "spa": "es: s: as:o,a os:o a:o ando:ar iendo:er,ir ados:ar adas:ar ado:ar ada:ar",
    "ita": "i:o,e e:a,o a:o hi:o he:a ando:are endo:ere,ire ati:are ate:are ato:are ata:are",
    "por": "ões:ão ães:ão ais:al éis:el óis:ol ns:m es: s: as:o,a os:o a:o ando:ar endo:er",
    "nld": "en: s: e: eren: tje: jes:je t:en",
    "swe": "en:,e et:,e ar:,e arna: er: erna: or:a orna:a n: t: na: a:",
    "dan": "en:,e et:,e er:,e erne: e: ene: ne: n: t:",
    "nor": "en:,e et:,e er:,e ene: e: ne: n: t: a:",
}
# What may stand between the words of a compound; for languages that write them together.
LINKS: Final = {
    "deu": ("", "s", "es", "n", "en", "er", "e"),
    "nld": ("", "s", "en", "e"),
    "swe": ("", "s"),
    "dan": ("", "s", "e"),
    "nor": ("", "s", "e"),
}
_UMLAUTS: Final = str.maketrans("äöü", "aou")
_DIGRAPHS: Final = (("ae", "ä"), ("oe", "ö"), ("ue", "ü"), ("ss", "ß"), ("ß", "ss"))
_SHORTEST: Final = 3


def headwords(word: str, language: str) -> Iterator[str]:
    """Yield a word and the headwords that it may be a form of, the likeliest first."""
    yield word
    spelled = [word]
    if language == "deu":
        spelled += [word.replace(old, new) for old, new in _DIGRAPHS if old in word]
        yield from spelled[1:]
    for rule in _ENDINGS.get(language, "").split():
        ending, _, bases = rule.partition(":")
        for form in spelled:
            stem = form.removesuffix(ending)
            if stem == form or len(stem) < _SHORTEST:
                continue
            yield from (stem + base for base in bases.split(","))
            if language == "deu" and stem != (without := stem.translate(_UMLAUTS)):
                yield from (without + base for base in bases.split(","))
    if language == "deu" and word != (without := word.translate(_UMLAUTS)):
        yield without
