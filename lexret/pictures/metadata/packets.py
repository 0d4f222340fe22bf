"""XMP packets as they lie in files: their coding, their RDF, and lists of texts in them.

Source: Adobe, XMP Specification Part 1 (ISO 16684-1), sections 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lexret.errors import ImageError
from lexret.pictures.metadata.xml_places import Attribute, Element, XmlError, parse_xml

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC: Final = "http://purl.org/dc/elements/1.1/"
META: Final = "adobe:ns:meta/"
SUBJECT: Final = f"{{{DC}}}subject"
LISTS: Final = frozenset(f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt"))
LI: Final = f"{{{RDF}}}li"
ABOUT: Final = f"{{{RDF}}}about"
VALUE: Final = f"{{{RDF}}}value"
_AROUND: Final = "\ufeff\0 \r\n\t"
_DECLARED: Final = re.compile(r"""<\?xml\s[^>]*?encoding\s*=\s*["']([^"']+)["']""")
_CODINGS: Final = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
)  # fmt: skip


def damaged(why: str) -> ImageError:
    """Return the error for metadata that are damaged or not understood."""
    return ImageError(f"The XMP metadata cannot be read: {why}.", reason="damaged metadata")


@dataclass(frozen=True, slots=True)
class Packet:
    """An XMP packet.

    Attributes:
        text: it as UTF-8, without what surrounds its XML.
        rdf: the element that holds all properties.
        coding: how the packet itself is coded.
        before: what stands before the XML in the packet.
        behind: what stands behind it.
    """

    text: bytes
    root: Element
    rdf: Element
    coding: str = "utf-8"
    before: str = ""
    behind: str = ""

    def with_text(self, text: bytes) -> bytes:
        """Return the packet with another XML text, coded as it was."""
        return (self.before + text.decode() + self.behind).encode(self.coding)

    def properties(self, name: str) -> Iterator[Element]:
        """Yield the elements of a property of the picture."""
        for node in self.rdf.children:
            yield from (child for child in node.children if child.name == name)

    def attributes(self, name: str) -> Iterator[tuple[Element, Attribute]]:
        """Yield a property that is written as an attribute, with the element that has it."""
        for node in self.rdf.children:
            if name in node.attributes:
                yield node, node.attributes[name]

    def values(self, name: str) -> list[str]:
        """Return the texts of a property: of a list all, whatever form they are written in."""
        found = [attribute.value for _, attribute in self.attributes(name)]
        for element in self.properties(name):
            items = list_items(element)
            texts = [element_text(element)] if items is None else [element_text(i) for i in items]
            found += [text for text in texts if text is not None]
        return [text for text in found if text.strip()]


def read_packet(packet: bytes) -> Packet:
    """Read an XMP packet.

    Raises:
        ImageError: if it is damaged, or of a form that is not understood.
    """
    coding = next((name for sign, name in _CODINGS if packet.startswith(sign)), "utf-8")
    try:
        whole = packet.decode(coding)
        if whole.encode(coding) != packet:
            raise damaged(f"its {coding} is irregular")
        text = whole.strip(_AROUND)
        before = whole[: len(whole) - len(whole.lstrip(_AROUND))]
        declared = _DECLARED.match(text)
        if declared and not _fits(declared[1].lower(), coding):
            raise damaged(f"it says that it is coded as {declared[1]!r}")
        coded = text.encode()
        root = parse_xml(coded)
    except (UnicodeError, XmlError) as error:
        raise damaged(str(error)) from error
    rdfs = [part for part in (root, *root.children) if part.name == f"{{{RDF}}}RDF"]
    if len(rdfs) != 1:
        raise damaged("it holds no RDF" if not rdfs else "it holds several RDF parts")
    return Packet(coded, root, rdfs[0], coding, before, whole[len(before) + len(text) :])


def _fits(declared: str, coding: str) -> bool:
    if coding == "utf-8":
        return declared in ("utf-8", "utf8", "us-ascii", "ascii")
    return coding.startswith(declared)


def list_items(element: Element) -> list[Element] | None:
    """Return the members of a property's list; ``None`` where its value is no list."""
    if len(element.children) != 1 or element.children[0].name not in LISTS:
        return None
    return [child for child in element.children[0].children if child.name == LI]


def element_text(element: Element) -> str | None:
    """Return a simple value, also where it has qualifiers; ``None`` where it is none.

    With qualifiers the value is the property ``rdf:value`` (XMP Part 1, section 7.8).
    """
    for holder in (element, *element.children):
        if VALUE in holder.attributes:
            return holder.attributes[VALUE].value
        for child in holder.children:
            if child.name == VALUE:
                return child.text
    if element.children:
        return None
    return element.text
