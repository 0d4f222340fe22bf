"""Keywords in XMP: the property ``dc:subject``, which is also the IPTC Core's "Keywords".

What lexret wrote is noted in a property of its own, so that it can be renewed and taken back, and
keywords of people stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from lexret.errors import ImageError

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC: Final = "http://purl.org/dc/elements/1.1/"
META: Final = "adobe:ns:meta/"
OWN: Final = "urn:lexret:xmp:1"
_PREFIXES: Final = {
    "x": META, "rdf": RDF, "dc": DC, "lexret": OWN, "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/", "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/", "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "lr": "http://ns.adobe.com/lightroom/1.0/", "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}  # fmt: skip
_BEGIN: Final = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_END: Final = '\n<?xpacket end="w"?>'


def keywords_of(packet: bytes | None) -> list[str]:
    """Return the keywords of an XMP packet; raises ImageError where it is damaged."""
    return _bag(_parse(packet), f"{{{DC}}}subject")


def own_keywords_of(packet: bytes | None) -> list[str]:
    """Return those keywords that lexret wrote."""
    return _bag(_parse(packet), f"{{{OWN}}}keywords")


def with_keywords(packet: bytes | None, words: Sequence[str]) -> bytes | None:
    """Return a packet that holds these words of lexret, and whatever else it held before.

    Args:
        packet: what is there; ``None`` where nothing is.
        words: take the place of those that lexret wrote before; none takes them back.

    Returns:
        ``None`` where nothing is left to be said: there are no words, and there was no packet, or
        none that holds anything of other programs.

    Raises:
        ImageError: if the packet is damaged.
    """
    root = _parse(packet)
    old = set(_bag(root, f"{{{OWN}}}keywords"))
    theirs = [one for one in _bag(root, f"{{{DC}}}subject") if one not in old]
    new = [one for one in words if one not in theirs]
    _set_bag(root, f"{{{DC}}}subject", [*theirs, *new])
    _set_bag(root, f"{{{OWN}}}keywords", new)
    if _says_nothing(root):
        return None
    for prefix, namespace in _PREFIXES.items():
        ElementTree.register_namespace(prefix, namespace)
    text = ElementTree.tostring(root, encoding="unicode")
    return f"{_BEGIN}{text}{_END}".encode()


def _parse(packet: bytes | None) -> ElementTree.Element:
    if packet is None:
        root = ElementTree.Element(f"{{{META}}}xmpmeta")
        ElementTree.SubElement(root, f"{{{RDF}}}RDF")
        return root
    try:
        text = packet.decode("utf-8").strip("\ufeff\0 \r\n\t")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _damaged("it declares entities")
        root = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise _damaged(str(error)) from error
    if _rdf(root) is None:
        raise _damaged("it holds no RDF")
    return root


def _says_nothing(root: ElementTree.Element) -> bool:
    """Whether a packet is only a shell: no property of the picture, no mark of who wrote it."""
    shell = (f"{{{META}}}xmpmeta", f"{{{RDF}}}RDF", f"{{{RDF}}}Description")
    return all(
        one.tag in shell
        and not (one.text or "").strip()
        and not (one.tail or "").strip()
        and one.attrib in ({}, {f"{{{RDF}}}about": ""})
        for one in root.iter()
    )


def _damaged(why: str) -> ImageError:
    return ImageError(f"The XMP metadata cannot be read: {why}.", reason="damaged metadata")


def _rdf(root: ElementTree.Element) -> ElementTree.Element | None:
    return root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")


def _descriptions(root: ElementTree.Element) -> list[ElementTree.Element]:
    rdf = _rdf(root)
    return [] if rdf is None else rdf.findall(f"{{{RDF}}}Description")


def _bag(root: ElementTree.Element, name: str) -> list[str]:
    found: list[str] = []
    for description in _descriptions(root):
        for item in description.findall(f"{name}/*/{{{RDF}}}li"):
            found.append(item.text or "")
    return list(dict.fromkeys(found))


def _set_bag(root: ElementTree.Element, name: str, values: Sequence[str]) -> None:
    for description in _descriptions(root):
        for old in description.findall(name):
            description.remove(old)
    if not values:
        return
    described = _descriptions(root)
    if not described:
        rdf = _rdf(root)
        if rdf is None:
            raise AssertionError("a parsed packet has RDF")
        described = [ElementTree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})]
    bag = ElementTree.SubElement(ElementTree.SubElement(described[0], name), f"{{{RDF}}}Bag")
    for value in values:
        ElementTree.SubElement(bag, f"{{{RDF}}}li").text = value
