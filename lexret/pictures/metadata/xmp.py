"""Keywords in XMP: the property ``dc:subject``, which is also the IPTC Core's "Keywords".

What lexret wrote is noted in properties of its own, so that it can be renewed and taken back, and
keywords of people stay as they are. A packet is edited as a text: a few bytes are put in, all
others stay, with their prefixes, their order and their layout.

The notes lie in one ``rdf:Description`` of their own, the last of the packet:

- ``lexret:keywords``: the words of lexret in ``dc:subject``;
- ``lexret:copied``: keywords that people wrote elsewhere in the file, copied into ``dc:subject``
  so that a list with words of lexret alone does not hide them;
- ``lexret:iptc``: the words of lexret in the IPTC data of the same file;
- ``lexret:undo``: what else to change, and how to know that nothing else was changed since.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape

from lexret.files.text import parse_json
from lexret.pictures.metadata.packets import (
    ABOUT,
    DC,
    META,
    RDF,
    SUBJECT,
    Packet,
    damaged,
    element_text,
    list_items,
    read_packet,
)
from lexret.pictures.metadata.subject_edits import digest_edits, list_of, subject_edits
from lexret.pictures.metadata.text_edits import Edit, digest, edited, undone
from lexret.pictures.metadata.xml_places import Element

# It ends in a slash, as exiv2 puts one there where it writes a packet anew.
OWN: Final = "urn:lexret:xmp:1/"
_OWN_BEFORE: Final = "urn:lexret:xmp:1"
_NAMES: Final = (OWN, _OWN_BEFORE)
_OWN_WORDS: Final = f"{{{OWN}}}keywords"
_COPIED: Final = f"{{{OWN}}}copied"
_IN_IPTC: Final = f"{{{OWN}}}iptc"
_UNDO: Final = f"{{{OWN}}}undo"
_NEW_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="{META}"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>\n'
    '<?xpacket end="w"?>'
)


@dataclass(frozen=True, slots=True)
class Marks:
    """What lexret noted in a packet about what it wrote.

    Attributes:
        words: keywords of its own in ``dc:subject``.
        copied: keywords of people that it copied there.
        in_iptc: keywords of its own in IPTC data; ``None`` where a lexret of before wrote the
            packet, which noted only ``words``.
        undo: how to take it all back; empty where that is not known.
    """

    words: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    in_iptc: tuple[str, ...] | None = None
    undo: Mapping[str, Any] = field(default_factory=dict)


def keywords_of(packet: bytes | None) -> list[str]:
    """Return the keywords of an XMP packet; raises ImageError where it is damaged."""
    return [] if packet is None else _distinct(read_packet(packet).values(SUBJECT))


def own_keywords_of(packet: bytes | None) -> list[str]:
    """Return those keywords that lexret wrote."""
    marks = marks_of(packet)
    return [] if marks is None else list(marks.words)


def marks_of(packet: bytes | None) -> Marks | None:
    """Return what lexret noted in a packet; ``None`` where it wrote nothing there."""
    return None if packet is None else _marks(read_packet(packet))


def with_words(
    packet: bytes | None,
    words: Sequence[str],
    *,
    copied: Sequence[str] = (),
    in_iptc: Sequence[str] = (),
    digests: tuple[str, str] | None = None,
    note: str | None = None,
) -> bytes:
    """Return a packet with words of lexret put into its keywords.

    Args:
        packet: one without words of lexret; ``None`` makes one.
        words: at least one, none of them a keyword there.
        copied: keywords of people to put in before them.
        in_iptc: the words that are written into IPTC data as well.
        digests: of the IPTC data before and then, in hexadecimal digits: where the packet holds
            the first of them, so that Adobe's programs see whether both belong together, the
            second takes its place.
        note: kept for :func:`note_of`.

    Raises:
        ImageError: if the packet is damaged, or its keywords have a form that is not understood.
    """
    is_new = packet is None
    read = read_packet(_NEW_PACKET.encode() if packet is None else packet)
    added = [*copied, *words]
    edits, held_back = subject_edits(read, added)
    edits += [] if digests is None else digest_edits(read, *digests)
    if read.rdf.is_closed_at_once:
        place, close = read.rdf.inner - 2, f"></{read.rdf.tag}>".encode()
        edits.append(Edit(place, place + 2, close))
        into = 1
    else:
        edits.append(Edit(read.rdf.inner_end, read.rdf.inner_end, b""))
        into = 0
    text, inverse = edited(read.text, edits)
    undo: dict[str, Any] = {"sha256": digest(read.text), "edits": inverse}
    undo |= {"new": True} if is_new else {}
    undo |= {} if note is None else {"note": note}
    block = _block(read, added if held_back is None else [*held_back, *added],
                   has_subject=held_back is not None,
                   marks=Marks(tuple(words), tuple(copied), tuple(in_iptc), undo))  # fmt: skip
    at = inverse[-1][0] + into
    result = read.with_text(text[:at] + block + text[at:])
    expected = _distinct([*read.values(SUBJECT), *added])
    if keywords_of(result) != expected or own_keywords_of(result) != list(words):
        raise damaged("its keywords have a form that is not understood")
    return result


def without_words(packet: bytes, *, elsewhere: Collection[str] = ()) -> bytes | None:
    """Take back what lexret wrote into a packet.

    Byte for byte, where nobody else changed the packet since; else what lexret noted is taken out
    and all else stays.

    Args:
        elsewhere: keywords of people in other places of the file. One that was copied from there
            and is there no more stays.

    Returns:
        ``None`` where lexret made the packet, and nothing else is in it.
    """
    read = read_packet(packet)
    marks = _marks(read)
    if marks is None:
        return packet
    kept = [word for word in marks.copied if word not in elsewhere]
    exact = _undone(read, marks) if not kept else None
    if exact is not None:
        return None if marks.undo.get("new") is True else read.with_text(exact)
    gone = [*marks.words, *(word for word in marks.copied if word not in kept)]
    text = _cleared(read, gone)
    is_own = marks.in_iptc is None or marks.undo.get("new") is True
    left = read_packet(read.with_text(text))
    return None if is_own and _says_nothing(left) else read.with_text(text)


def note_of(packet: bytes) -> str | None:
    """Return what was given to :func:`with_words` as ``note``, where nobody changed the packet."""
    read = read_packet(packet)
    marks = _marks(read)
    if marks is None or _undone(read, marks) is None:
        return None
    note = marks.undo.get("note")
    return note if isinstance(note, str) else None


def _distinct(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _marks(packet: Packet) -> Marks | None:
    words = packet.values(_OWN_WORDS) + packet.values(f"{{{_OWN_BEFORE}}}keywords")
    undo = packet.values(_UNDO)
    if not words and not undo:
        return None
    try:
        how = parse_json(undo[0]) if undo else None
    except (ValueError, RecursionError):
        how = None
    return Marks(
        tuple(_distinct(words)),
        tuple(_distinct(packet.values(_COPIED))),
        tuple(_distinct(packet.values(_IN_IPTC))) if undo else None,
        how if isinstance(how, dict) else {},
    )


def _undone(packet: Packet, marks: Marks) -> bytes | None:
    """Return the text as it was before lexret wrote; ``None`` where that is not certain."""
    blocks = [node for node in packet.rdf.children if any(c.name == _UNDO for c in node.children)]
    if len(blocks) != 1:
        return None
    return undone(packet.text[: blocks[0].start] + packet.text[blocks[0].end :], marks.undo)


def _block(packet: Packet, subject: Sequence[str], *, has_subject: bool, marks: Marks) -> bytes:
    """Write the element that holds the notes of lexret, and the keywords where it made the list."""
    rdf = packet.rdf.prefix
    parts = []
    declared = f' xmlns:lexret="{OWN}"'
    if has_subject:
        dc = packet.rdf.prefix_of(DC)
        if dc is None:
            dc, declared = "dc:", f' xmlns:dc="{DC}"{declared}'
        parts.append(_property(rdf, f"{dc}subject", subject))
    parts += [
        _property(rdf, f"lexret:{name}", texts)
        for name, texts in (
            ("keywords", marks.words), ("copied", marks.copied), ("iptc", marks.in_iptc or ()),
        )
        if texts
    ]  # fmt: skip
    undo = json.dumps(marks.undo, ensure_ascii=False, separators=(",", ":"))
    parts.append(f"<lexret:undo>{escape(undo)}</lexret:undo>")
    about = _about(packet)
    head = f"<{rdf}Description {about}{declared}>"
    return f"{head}{''.join(parts)}</{rdf}Description>".encode()


def _property(rdf: str, name: str, texts: Sequence[str]) -> str:
    return f"<{name}><{rdf}Bag>{list_of(rdf, texts)}</{rdf}Bag></{name}>"


def _about(packet: Packet) -> str:
    """Return the attribute that says of what a description is, as the others have it."""
    for node in packet.rdf.children:
        if ABOUT in node.attributes:
            place = node.attributes[ABOUT]
            return packet.text[place.start : place.end].decode().strip()
    prefix = packet.rdf.prefix or packet.rdf.prefix_of(RDF)
    if not prefix:
        raise damaged("it has no prefix for RDF")
    return f'{prefix}about=""'


def _cleared(packet: Packet, gone: Sequence[str]) -> bytes:
    """Take out the properties of lexret, and the last keyword of each of some texts."""
    cuts: list[Element] = []
    for subject in packet.properties(SUBJECT):
        items = list_items(subject) or []
        taken = [item for text in dict.fromkeys(gone) for item in _last(items, text)]
        cuts += [subject] if items and len(taken) == len(items) else taken
    nodes = packet.rdf.children
    cuts += [child for node in nodes for child in node.children if _is_own(child.name)]
    empty = [node for node in nodes if _is_left_empty(node, cuts)]
    cuts = [*empty, *(cut for cut in cuts if cut.parent not in empty)]
    spans = [(_with_blanks(packet.text, cut), cut.end) for cut in cuts]
    for node in nodes:
        if node not in empty:
            own = [given for name, given in node.attributes.items() if _is_own(name)]
            own += [given for given in node.declarations.values() if given.value in _NAMES]
            spans += [(given.start, given.end) for given in own]
    return edited(packet.text, [Edit(start, end, b"") for start, end in spans])[0]


def _is_own(name: str) -> bool:
    return name.startswith(tuple(f"{{{namespace}}}" for namespace in _NAMES))


def _is_left_empty(node: Element, cuts: Sequence[Element]) -> bool:
    """Whether a description loses something, and then says nothing."""
    own = [name for name in node.attributes if _is_own(name)]
    others = [name for name in node.attributes if name not in (ABOUT, "about", *own)]
    loses = bool(own) or any(child in cuts for child in node.children)
    stays = any(child not in cuts for child in node.children)
    return loses and not (stays or others or node.text.strip())


def _last(items: Sequence[Element], text: str) -> list[Element]:
    return [item for item in items if element_text(item) == text][-1:]


def _with_blanks(text: bytes, cut: Element) -> int:
    """Return where to cut an element out: with the blanks before it, where some are behind it."""
    if text[cut.end : cut.end + 1].strip():
        return cut.start
    return len(text[: cut.start].rstrip(b" \t\r\n"))


def _says_nothing(packet: Packet) -> bool:
    """Whether a packet is only a shell: no property of the picture, no mark of who wrote it."""
    shell = (f"{{{META}}}xmpmeta", f"{{{RDF}}}RDF", f"{{{RDF}}}Description")
    return all(
        element.name in shell
        and not element.text.strip()
        and {name: given.value for name, given in element.attributes.items()} in ({}, {ABOUT: ""})
        for element in packet.root.all()
    )
