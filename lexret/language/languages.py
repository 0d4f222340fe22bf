"""Languages by their codes (ISO 639-3), and the small words of some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from lexret.errors import InputError

LANGUAGES: Final = {
    "afr": "Afrikaans", "ara": "Arabic", "bul": "Bulgarian", "cat": "Catalan", "ces": "Czech",
    "cym": "Welsh", "dan": "Danish", "deu": "German", "ell": "Greek", "est": "Estonian",
    "fin": "Finnish", "fra": "French", "gle": "Irish", "heb": "Hebrew", "hin": "Hindi",
    "hrv": "Croatian", "hun": "Hungarian", "isl": "Icelandic", "ita": "Italian",
    "jpn": "Japanese", "kor": "Korean", "lat": "Latin", "lav": "Latvian", "lit": "Lithuanian",
    "nld": "Dutch", "nor": "Norwegian", "pol": "Polish", "por": "Portuguese", "ron": "Romanian",
    "rus": "Russian", "slk": "Slovak", "slv": "Slovenian", "spa": "Spanish", "srp": "Serbian",
    "swa": "Swahili", "swe": "Swedish", "tur": "Turkish", "ukr": "Ukrainian", "zho": "Chinese",
}  # fmt: skip
_TWO_LETTERS: Final = {
    "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "sv": "swe",
    "da": "dan", "no": "nor", "pl": "pol", "cs": "ces", "ru": "rus", "tr": "tur", "fi": "fin",
    "hu": "hun", "el": "ell", "uk": "ukr", "ro": "ron", "hr": "hrv", "ja": "jpn", "zh": "zho",
    "ger": "deu", "fre": "fra", "dut": "nld", "gre": "ell", "cze": "ces", "rum": "ron",
}  # fmt: skip


@dataclass(frozen=True)
class SmallWords:
    """The small words of a language: articles, pronouns, prepositions, and what negates.

    Attributes:
        own: those that English has not.
        shared: those that English has as well, with another meaning.
        rare_in_english: those of them that hardly stand in an English text about a picture.
        negations: those that exclude what follows.
    """

    own: frozenset[str]
    shared: frozenset[str] = frozenset()
    rare_in_english: frozenset[str] = frozenset()
    negations: frozenset[str] = field(default=frozenset())

    @cached_property
    def all(self) -> frozenset[str]:
        """All of them."""
        return self.own | self.shared | self.rare_in_english | self.negations


def _of(own: str, shared: str = "", rare: str = "", negations: str = "") -> SmallWords:
    groups = (frozenset(group.split()) for group in (own, shared, rare, negations))
    return SmallWords(*groups)


SMALL_WORDS: Final = {
    "deu": _of(
        "der das den dem des ein eine einen einem einer eines und oder aber ist sind wird im ins "
        "beim vom zum zur mit auf aus bei nach von vor zu zwischen unter über neben hinter für ich "
        "du er sie wir ihr mein meine meinem meinen meiner dein deine sein seine dieser diese "
        "dieses wie wer wo sehr auch nur noch viele alle durch gegen um einige zwei drei nicht "
        "kein keine keinen keinem ohne",
        "an in so was bin", "am die", "ohne kein keine keinen keinem nicht",
    ),
    "fra": _of(
        "le la les un une des du de et ou mais est sont dans sur sous avec sans pour par chez vers "
        "entre au aux ce cette ces mon ma mes ton ta tes son sa ses nous vous ils elle elles qui "
        "que où très aussi ne pas il je tu leur leurs deux trois devant derrière",
        "a", "", "sans aucun aucune",
    ),
    "spa": _of(
        "el la los las un una unos unas del al de y o pero es son está están en con sin sobre bajo "
        "para por desde hasta entre mi mis tu tus su sus este esta estos estas ese esa que quien "
        "muy también yo él ella nosotros ellos dos tres",
        "a no", "", "sin ningún ninguna",
    ),
    "ita": _of(
        "il lo la gli le un uno una di del della dei delle dello al alla alle dal dalla nel nella "
        "nelle sul sulla sulle con senza per tra fra e ed o ma è sono questo questa quello quella "
        "mio mia tuo tua suo sua che chi molto anche io lui lei noi loro due tre degli ai",
        "i in a non", "", "senza nessun nessuna",
    ),
    "por": _of(
        "o os um uma uns umas do da dos das ao aos à às de e ou mas é são está estão em na nos nas "
        "com sem sobre para por pelo pela entre meu minha seu sua este esta esse essa que quem "
        "muito também eu ele ela nós eles dois duas três não",
        "a no as", "", "sem nenhum nenhuma",
    ),
    "nld": _of(
        "de het een en of maar zijn wordt op bij naar van voor uit tussen onder naast achter "
        "zonder met aan om ik jij hij zij wij mijn jouw haar dit deze dat wie wat zeer ook niet "
        "geen twee drie te",
        "in is over", "", "zonder geen niet",
    ),
    "swe": _of(
        "en ett och eller är på med utan från till vid av för som den det de jag han hon vi min "
        "mitt mina din sin denna detta mycket också inte ingen två tre mellan bakom",
        "i under", "", "utan ingen inga inte",
    ),
    "dan": _of(
        "en et og eller er på med uden fra til ved af som den det de jeg han hun vi min mit mine "
        "din sin denne dette meget også ikke ingen tre mellem bag",
        "i for under to", "", "uden ingen ikke",
    ),
    "nor": _of(
        "en ei et og eller er på med uten fra til ved av som den det de jeg han hun vi min mitt "
        "mine din sin denne dette meget også ikke ingen tre mellom bak",
        "i for under to", "", "uten ingen ikke",
    ),
    "pol": _of(
        "i w we z ze na do od dla przez przy pod nad między oraz lub ale jest są ten ta to te mój "
        "moja moje twój jego jej się nie bez bardzo też dwa trzy",
        "a", "", "bez nie",
    ),
}  # fmt: skip

TELLING_LETTERS: Final = {
    "deu": frozenset("äöüß"),
    "fra": frozenset("çéèêëàâîïôûùœ"),
    "spa": frozenset("ñáéíóú¿¡"),
    "ita": frozenset("àèéìòù"),
    "por": frozenset("ãõçáâéêíóôú"),
    "nld": frozenset("ĳ"),
    "swe": frozenset("åäö"),
    "dan": frozenset("åæø"),
    "nor": frozenset("åæø"),
    "pol": frozenset("ąćęłńóśźż"),
}


def language_code(given: str) -> str:
    """Return a language's code of three letters for a code or an English name.

    Raises:
        InputError: if it is none.
    """
    text = given.strip().lower()
    by_name = {name.lower(): code for code, name in LANGUAGES.items()}
    code = _TWO_LETTERS.get(text) or by_name.get(text) or text
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise InputError(
            f"{given!r} is no language's code; expected three letters, such as deu, fra or spa."
        )
    if code == "eng":
        raise InputError("English needs no dictionary; name the language that you search in.")
    return code


def language_name(code: str) -> str:
    """Return a language's English name, or its code where the name is not known."""
    return LANGUAGES.get(code, code)
