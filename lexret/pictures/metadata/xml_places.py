"""Elements of an XML text with the places of their bytes, so that it can be edited as a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

_MAX_DEPTH: Final = 200
_ATTRIBUTE: Final = re.compile(rb"""\s+([^\s=/>"']+)\s*=\s*("[^"]*"|'[^']*')""")
_TAG: Final = re.compile(rb"""<[^\s/>"']+(?:[^>"']|"[^"]*"|'[^']*')*>""")
_XML: Final = "http://www.w3.org/XML/1998/namespace"


class XmlError(ValueError):
    """A text is no XML, or XML of a kind that is not edited here."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its value, and where it stands with the blanks before it."""

    value: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Element:
    """An element and its places, in bytes from the beginning of the text.

    Attributes:
        name: namespace and local name as ``{namespace}local``.
        tag: the name as it is written, with its prefix.
        attributes: by ``{namespace}local``; declarations of namespaces are not among them.
        prefixes: the namespaces that are declared here: prefix -> namespace.
        declarations: where: prefix -> the attribute that does it.
        start: of ``<``.
        inner: behind the start tag.
        inner_end: of the end tag; of an empty element ``<a/>``, ``inner``.
        end: behind the end tag.
        text: all text directly in it, joined.
    """

    name: str
    tag: str
    start: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, Attribute] = field(default_factory=dict)
    inner: int = 0
    inner_end: int = 0
    end: int = 0
    text: str = ""
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)

    @property
    def is_closed_at_once(self) -> bool:
        """Whether it is written as ``<a/>``."""
        return self.inner == self.end

    @property
    def prefix(self) -> str:
        """The prefix as it is written, with its colon; empty without one."""
        return self.tag.rpartition(":")[0] + ":" if ":" in self.tag else ""

    def all(self) -> Iterator[Element]:
        """Yield it and all beneath it, in the order of the text."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def prefix_of(self, namespace: str) -> str | None:
        """Return a prefix, with its colon, that means a namespace inside this element."""
        hidden: set[str] = set()
        element: Element | None = self
        while element is not None:
            for prefix, uri in element.prefixes.items():
                if uri == namespace and prefix and prefix not in hidden:
                    return f"{prefix}:"
            hidden |= set(element.prefixes)
            element = element.parent
        return None


def parse_xml(text: bytes) -> Element:
    """Parse UTF-8 bytes; the places of all elements count from their beginning.

    Raises:
        XmlError: if it is not well-formed, declares a document type, or is nested beyond reason.
    """
    builder = _Builder(text)
    try:
        builder.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise XmlError(str(error)) from error
    if builder.root is None:
        raise XmlError("it holds no element")
    return builder.root


class _Builder:
    def __init__(self, text: bytes) -> None:
        self.text = text
        self.root: Element | None = None
        self.stack: list[Element] = []
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        self.parser = parser

    def _doctype(self, *_: object) -> None:
        raise XmlError("it declares a document type, which XMP has not")

    def _start(self, tag: str, attributes: list[str]) -> None:
        if len(self.stack) >= _MAX_DEPTH:
            raise XmlError(f"its elements are nested more than {_MAX_DEPTH} deep")
        start = self.parser.CurrentByteIndex
        written = _TAG.match(self.text, start)
        if written is None:
            raise XmlError(f"its tag at byte {start} is not understood")
        parent = self.stack[-1] if self.stack else None
        element = Element("", tag, start, inner=written.end(), parent=parent)
        values = dict(zip(attributes[::2], attributes[1::2], strict=True))
        element.prefixes = {
            name.partition(":")[2]: value
            for name, value in values.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        element.name = _resolved(element, tag, is_attribute=False)
        for found in _ATTRIBUTE.finditer(self.text, start, written.end()):
            name = found[1].decode()
            attribute = Attribute(values[name], found.start(), found.end())
            if name == "xmlns" or name.startswith("xmlns:"):
                element.declarations[name.partition(":")[2]] = attribute
                continue
            full = _resolved(element, name, is_attribute=True)
            if full in element.attributes:
                raise XmlError(f"an element has the attribute {name} twice")
            element.attributes[full] = attribute
        if parent is not None:
            parent.children.append(element)
        else:
            self.root = element
        self.stack.append(element)

    def _end(self, _tag: str) -> None:
        element = self.stack.pop()
        place = self.parser.CurrentByteIndex
        if self.text.endswith(b"/>", element.start, element.inner):
            element.inner_end = element.end = element.inner
        else:
            element.inner_end = place
            element.end = self.text.index(b">", place) + 1

    def _characters(self, text: str) -> None:
        if self.stack:
            self.stack[-1].text += text


def _resolved(element: Element, name: str, *, is_attribute: bool) -> str:
    """Return ``{namespace}local`` of a name as it is written."""
    prefix, colon, local = name.rpartition(":")
    if not colon and is_attribute:
        return name
    if prefix == "xml":
        return f"{{{_XML}}}{local}"
    holder: Element | None = element
    while holder is not None:
        if prefix in holder.prefixes:
            uri = holder.prefixes[prefix]
            return f"{{{uri}}}{local}" if uri else local
        holder = holder.parent
    if prefix:
        raise XmlError(f"the prefix {prefix!r} is not declared")
    return name
