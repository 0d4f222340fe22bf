"""Keywords that people gave a picture, gathered from all the places where programs write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from lexret.pictures.metadata.iptc import clean_text, iptc_keywords, without_iptc_words
from lexret.pictures.metadata.packets import SUBJECT, read_packet
from lexret.pictures.metadata.xmp import marks_of

# Lists of keywords with those above them: property -> what stands between them.
_HIERARCHICAL: Final = {
    "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject": "|",
    "{http://www.digikam.org/ns/1.0/}TagsList": "/",
    "{http://ns.microsoft.com/photo/1.0/}LastKeywordXMP": "/",
    "{http://ns.microsoft.com/photo/1.0/}LastKeywordIPTC": "/",
    "{http://ns.iview-multimedia.com/mediapro/1.0/}CatalogSets": "|",
}
SEPARATOR: Final = "|"


def packet_keywords(packet: bytes) -> list[str]:
    """Return the keywords of people in an XMP packet, without those that lexret wrote.

    A keyword with others above it is given as ``People|Family|Grandma``, and as each of these.

    Raises:
        ImageError: if the packet is damaged.
    """
    read = read_packet(packet)
    flat = [clean_text(text) for text in read.values(SUBJECT)]
    marks = marks_of(packet)
    for word in marks.words if marks else ():
        if word in flat:
            del flat[len(flat) - 1 - flat[::-1].index(word)]
    found = [*flat]
    for name, between in _HIERARCHICAL.items():
        for text in read.values(name):
            found += [clean_text(text)] if clean_text(text) in flat else _levels(text, between)
    return distinct(found)


def _levels(text: str, between: str) -> list[str]:
    levels = [clean_text(part) for part in text.split(between)]
    levels = [level for level in levels if level]
    return [SEPARATOR.join(levels), *reversed(levels)] if len(levels) > 1 else levels


def own_in_iptc(packets: Sequence[bytes]) -> list[str]:
    """Return the words that lexret wrote into the IPTC data of the file that holds packets."""
    found: list[str] = []
    for marks in map(marks_of, packets):
        if marks is not None:
            found += marks.words if marks.in_iptc is None else marks.in_iptc
    return found


def people_keywords(packets: Sequence[bytes], iptc: bytes | None) -> list[str]:
    """Return the keywords of people in a file's XMP packets and IPTC-IIM data.

    Raises:
        ImageError: if these are damaged.
    """
    found = [word for packet in packets for word in packet_keywords(packet)]
    if iptc is not None:
        found += iptc_keywords(without_iptc_words(iptc, own_in_iptc(packets)))
    return distinct(found)


def distinct(texts: Iterable[str]) -> list[str]:
    """Return the texts in their order, each once, without empty ones."""
    return list(dict.fromkeys(text for text in texts if text))
