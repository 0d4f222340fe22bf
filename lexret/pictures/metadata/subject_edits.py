"""Edits that put keywords into the list ``dc:subject`` of a packet, whatever form it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from lexret.pictures.metadata.packets import RDF, SUBJECT, Packet, damaged, list_items
from lexret.pictures.metadata.text_edits import Edit
from lexret.pictures.metadata.xml_places import Element

_DIGEST: Final = "{http://ns.adobe.com/photoshop/1.0/}LegacyIPTCDigest"


def subject_edits(packet: Packet, added: Sequence[str]) -> tuple[list[Edit], list[str] | None]:
    """Return the edits that put keywords into the list that is there.

    Where there is none, the second result is what the list in the block of lexret begins with.
    """
    elements = list(packet.properties(SUBJECT))
    attributes = list(packet.attributes(SUBJECT))
    if len(elements) + len(attributes) > 1:
        raise damaged("its keywords (dc:subject) are there more than once")
    if attributes:
        attribute = attributes[0][1]
        held = [attribute.value] if attribute.value.strip() else []
        return [Edit(attribute.start, attribute.end, b"")], held
    if not elements:
        return [], []
    subject = elements[0]
    if not _is_understood(subject):
        raise damaged("its keywords (dc:subject) have a form that is not understood")
    if list_items(subject) is not None:
        return [_list_edit(subject.children[0], added)], None
    prefix = subject.prefix_of(RDF)
    if prefix is None:
        raise damaged("its keywords (dc:subject) have no prefix for RDF")
    opened, closed = f"<{prefix}Bag>", f"{list_of(prefix, added)}</{prefix}Bag>"
    if subject.is_closed_at_once:
        place = subject.inner - 2
        return [Edit(place, place + 2, f">{opened}{closed}</{subject.tag}>".encode())], None
    if not subject.text.strip():
        new = (opened + closed).encode()
        return [Edit(subject.inner_end, subject.inner_end, new)], None
    opened, closed = f"{opened}<{prefix}li>", f"</{prefix}li>{closed}"
    return [Edit(subject.inner, subject.inner, opened.encode()),
            Edit(subject.inner_end, subject.inner_end, closed.encode())], None  # fmt: skip


def digest_edits(packet: Packet, before: str, after: str) -> list[Edit]:
    """Return the edits that put one digest of IPTC data in place of another, where that is held."""
    places = [(given.start, given.end) for _, given in packet.attributes(_DIGEST)]
    places += [(element.inner, element.inner_end) for element in packet.properties(_DIGEST)]
    edits = []
    for start, end in places:
        at = packet.text[start:end].upper().find(before.upper().encode())
        if at >= 0:
            edits.append(Edit(start + at, start + at + len(before), after.upper().encode()))
    return edits


def _is_understood(subject: Element) -> bool:
    """Whether keywords may be added: a plain text, or one list of nothing but members."""
    if subject.attributes:
        return False
    if not subject.children:
        return True
    items = list_items(subject)
    if items is None or subject.text.strip() or subject.children[0].text.strip():
        return False
    return not subject.children[0].attributes and len(items) == len(subject.children[0].children)


def _list_edit(bag: Element, added: Sequence[str]) -> Edit:
    new = list_of(bag.prefix, added)
    if bag.is_closed_at_once:
        return Edit(bag.inner - 2, bag.inner, f">{new}</{bag.tag}>".encode())
    place = bag.children[-1].end if bag.children else bag.inner_end
    return Edit(place, place, new.encode())


def list_of(prefix: str, texts: Sequence[str]) -> str:
    """Return texts as members of a list of RDF, whose prefix is given with its colon."""
    return "".join(f"<{prefix}li>{escape(text)}</{prefix}li>" for text in texts)
