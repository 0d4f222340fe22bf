"""Keywords in XMP packets: of every form that programs write, edited so that nothing else moves."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexret.errors import ImageError
from lexret.pictures.metadata.xmp import (
    keywords_of,
    marks_of,
    note_of,
    own_keywords_of,
    with_words,
    without_words,
)
from tests.pictures.metadata_files import DC, RDF, bag, packet

BARE = packet(bag("a"))[packet("").index(b"<x:") :]
QUALIFIED = (
    '<dc:subject><rdf:Bag><rdf:li rdf:parseType="Resource"><rdf:value>sea</rdf:value>'
    '<q:who xmlns:q="urn:q">me</q:who></rdf:li><rdf:li>sun</rdf:li></rdf:Bag></dc:subject>'
)
FORMS = {
    "a list": (packet(bag("Grandma &amp; me", "sun")), ["Grandma & me", "sun"]),
    "with qualifiers": (packet(QUALIFIED), ["sea", "sun"]),
    "qualified in a description": (
        packet("<dc:subject><rdf:Bag><rdf:li><rdf:Description><rdf:value>sea</rdf:value>"
               "</rdf:Description></rdf:li></rdf:Bag></dc:subject>"), ["sea"]),
    "plain text": (packet("<dc:subject>holiday at sea</dc:subject>"), ["holiday at sea"]),
    "plain text with entities, CDATA and comments": (
        packet("<dc:subject>a &amp; <![CDATA[<b>]]><!-- c --> d</dc:subject>"), ["a & <b> d"]),
    "an attribute": (packet("<dc:x/>", declared=' dc:subject="a &quot;b&quot; \'c"'),
                     ["a \"b\" 'c"]),
    "an empty attribute": (packet("<dc:x/>", declared=" dc:subject=''"), []),
    "an empty list": (packet("<dc:subject><rdf:Bag></rdf:Bag></dc:subject>"), []),
    "an empty list, closed at once": (packet("<dc:subject><rdf:Bag /></dc:subject>"), []),
    "an empty property": (packet("<dc:subject></dc:subject>"), []),
    "an empty property, closed at once": (packet("<dc:subject  />"), []),
    "a sequence": (packet("<dc:subject><rdf:Seq><rdf:li>b</rdf:li></rdf:Seq></dc:subject>"),
                   ["b"]),
    "items in CDATA, with comments": (
        packet("<dc:subject><!-- a --><rdf:Bag><!-- </rdf:Bag> --><rdf:li><![CDATA[a>&b]]>"
               "</rdf:li><!-- b --></rdf:Bag></dc:subject>"), ["a>&b"]),
    "another prefix": (packet(bag("a", rdf="r"), rdf="r"), ["a"]),
    "several descriptions": (
        packet("<dc:title>t</dc:title>",
               behind=f'<rdf:Description rdf:about="" xmlns:d="{DC}"><d:subject><rdf:Bag>'
                      "<rdf:li>a</rdf:li></rdf:Bag></d:subject></rdf:Description>"), ["a"]),
    "no keywords": (packet("<dc:title>t</dc:title>"), []),
    "the prefix of Dublin Core taken": (
        packet("<a:b/>", declared=' xmlns:a="urn:a"').replace(DC.encode(), b"urn:dc"), []),
    "the prefix of lexret taken": (packet("<lexret:b/>", declared=' xmlns:lexret="urn:a"'), []),
    "RDF alone": (f'<rdf:RDF xmlns:rdf="{RDF}"/>'.encode(), []),
    "a name": (packet("").replace(b'about=""', b'about="uuid:1&amp;2"'), []),
    "an old name": (packet("").replace(b'rdf:about=""', b"about='a \"b\"'"), []),
    "UTF-16": (packet(bag("Zoë 😀")).decode().encode("utf-16-le"), ["Zoë 😀"]),
    "UTF-16 with its mark": (("\ufeff" + packet(bag("Zoë")).decode()).encode("utf-16-be"),
                             ["Zoë"]),
    "UTF-32": (packet(bag("Zoë")).decode().encode("utf-32-be"), ["Zoë"]),
    "a declaration": (b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\r\n'
                      + BARE.replace(b"\n", b"\r\n"), ["a"]),
    "zeros behind": (packet(bag("a")) + b"\0\0\0", ["a"]),
    "the end of a tag in an attribute": (packet(bag("a"), declared=" dc:x='/>\">'"), ["a"]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_words_are_added_and_taken_back_byte_for_byte(form: str) -> None:
    content, theirs = FORMS[form]
    assert keywords_of(content) == theirs
    written = with_words(content, ["dog", "Zoë & <co>"], copied=["Opa"], in_iptc=["dog"])
    assert keywords_of(written) == [*theirs, "Opa", "dog", "Zoë & <co>"]
    assert own_keywords_of(written) == ["dog", "Zoë & <co>"]
    marks = marks_of(written)
    assert marks is not None and (marks.copied, marks.in_iptc) == (("Opa",), ("dog",))
    assert without_words(written, elsewhere=["Opa"]) == content


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"an attribute"}))
def test_what_stands_in_a_packet_stays_in_its_order(form: str) -> None:
    content, _ = FORMS[form]
    codings = {"UTF-16": "utf-16-le", "UTF-16 with its mark": "utf-16-be", "UTF-32": "utf-32-be"}
    coding = codings.get(form, "utf-8")
    before, after = content.decode(coding), with_words(content, ["dog"]).decode(coding)
    place = 0
    for part in re.findall(r"[^\s</>]+", before.replace("dc:subject=''", "")):
        found = after.find(part, place)
        assert found >= 0, part
        place = found


def test_a_new_packet_goes_when_its_words_go() -> None:
    written = with_words(None, ["dog"])
    assert keywords_of(written) == ["dog"] and without_words(written) is None


def test_an_empty_packet_of_another_program_stays() -> None:
    shell = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"/></x:xmpmeta>'
    assert without_words(with_words(shell.encode(), ["dog"])) == shell.encode()
    assert without_words(shell.encode()) == shell.encode()


def test_a_keyword_copied_from_where_it_is_no_more_stays() -> None:
    for before in (None, packet("<dc:title>t</dc:title>")):
        written = with_words(before, ["dog"], copied=["Oma", "Opa"])
        left = without_words(written, elsewhere=["Opa"])
        assert left is not None and keywords_of(left) == ["Oma"]
        assert marks_of(left) is None


def test_of_a_packet_that_was_changed_since_only_what_is_of_lexret_goes() -> None:
    written = with_words(packet(bag("a", "dog")), ["dogs", "sea"])
    changed = written.replace(b"<rdf:li>a</rdf:li>", b"<rdf:li>a</rdf:li><rdf:li>b</rdf:li>")
    changed = changed.replace(b"Some Program", b"Another Program")
    left = without_words(changed)
    assert left is not None and keywords_of(left) == ["a", "b", "dog"]
    assert left == packet(bag("a", "dog")).replace(
        b"<rdf:li>a</rdf:li>", b"<rdf:li>a</rdf:li><rdf:li>b</rdf:li>"
    ).replace(b"Some Program", b"Another Program")


def test_a_word_of_lexret_that_a_person_wrote_too_since_stays_once() -> None:
    written = with_words(packet(bag("a")), ["dog"])
    changed = written.replace(b"<rdf:li>a</rdf:li>", b"<rdf:li>dog</rdf:li><rdf:li>a</rdf:li>")
    left = without_words(changed)
    assert left is not None and keywords_of(left) == ["dog", "a"]


def test_what_another_program_made_attributes_of_goes_too() -> None:
    written = with_words(packet("<dc:title>t</dc:title>"), ["dog"])
    undo = re.search(rb"<lexret:undo>.*</lexret:undo>", written)
    assert undo is not None
    changed = written.replace(undo[0], b"").replace(
        b'xmlns:lexret="urn:lexret:xmp:1/"', b'xmlns:lexret="urn:lexret:xmp:1/" lexret:undo="1"'
    )
    left = without_words(changed)
    assert left is not None and b"dog" not in left and b"lexret:undo" not in left
    assert b"<dc:title>t</dc:title>" in left and marks_of(left) is None


OLD = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="{RDF}" xmlns:dc="{DC}" xmlns:lexret='
    '"urn:lexret:xmp:1"><rdf:RDF><rdf:Description rdf:about=""><dc:subject><rdf:Bag>%s'
    "<rdf:li>dog</rdf:li></rdf:Bag></dc:subject><lexret:keywords><rdf:Bag><rdf:li>dog</rdf:li>"
    "</rdf:Bag></lexret:keywords></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def test_what_a_lexret_of_before_wrote_is_taken_back() -> None:
    assert without_words((OLD % "").encode()) is None
    left = without_words((OLD % "<rdf:li>Oma</rdf:li>").encode())
    assert left is not None and keywords_of(left) == ["Oma"] and marks_of(left) is None


def test_a_note_is_told_until_somebody_changes_the_packet() -> None:
    written = with_words(packet(""), ["dog"], note="remember")
    assert note_of(written) == "remember"
    assert note_of(written.replace(b"Some", b"Same")) is None
    assert note_of(packet("")) is None


REFUSED = {
    "no XML": b"no xml",
    "nothing": b"",
    "no RDF": b"<x/>",
    "a document type": b'<!DOCTYPE a [<!ENTITY b "cc">]>' + BARE,
    "cut UTF-16": b"\xff\xfe\x00",
    "another coding": b'<?xml version="1.0" encoding="latin1"?>' + BARE,
    "keywords twice": packet(bag("a") + bag("b")),
    "keywords as attribute and element": packet(bag("a"), declared=' dc:subject="b"'),
    "keywords in a language": packet('<dc:subject xml:lang="en">a</dc:subject>'),
    "a structure": packet('<dc:subject rdf:parseType="Resource"><dc:a>b</dc:a></dc:subject>'),
    "numbered members": packet("<dc:subject><rdf:Bag><rdf:_1>a</rdf:_1></rdf:Bag></dc:subject>"),
    "text beside the members": packet(
        "<dc:subject><rdf:Bag>b<rdf:li>a</rdf:li></rdf:Bag></dc:subject>"),
    "an undeclared prefix": packet("<a:b/>"),
    "deep nesting": packet("<dc:a>" * 300 + "</dc:a>" * 300),
    "two RDF parts": packet("").replace(
        b"</x:xmpmeta>", f'<r:RDF xmlns:r="{RDF}"/></x:xmpmeta>'.encode()),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_not_understood_is_refused(form: str) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        with_words(REFUSED[form], ["dog"])


@given(st.data())
def test_damaged_packets_are_refused_or_edited_and_given_back(data: st.DataObject) -> None:
    content = bytearray(FORMS[data.draw(st.sampled_from(sorted(FORMS)))][0])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        end = start + data.draw(st.sampled_from([0, 1, 1, 7]))
        content[start:end] = data.draw(
            st.sampled_from([b"", b"<", b">", b"/", b'"', b"\xff", b"rdf:"])
        )
    try:
        before = keywords_of(bytes(content))
        written = with_words(bytes(content), ["dog"])
    except ImageError:
        return
    assert keywords_of(written)[: len(before)] == before
    assert without_words(written) == bytes(content)
