"""Keywords of people, sources of dates, and names in either normal form, in an index."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from lexret.engine import open_index
from lexret.engine.query.binding import bind_query
from lexret.engine.query.parser import parse_query
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import InputError, MissingError, QueryError
from lexret.library.asking.query_dates import notes_on_dates
from lexret.library.asking.query_fields import PICTURE_FIELDS
from lexret.library.fields import set_fields
from lexret.library.folders import default_index
from lexret.library.lookup import document_named, find_document
from lexret.library.updating import update_run
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.records import KnownPicture, own_fields_of
from lexret.sparse import SparseBatch
from tests.pictures.metadata_files import bag, iim, iptc_segment, jpeg, noise, packet, xmp_segment


@pytest.fixture
def root(tmp_path: Path, colours) -> Path:
    (tmp_path / "xmp.jpg").write_bytes(jpeg(xmp_segment(packet(bag("Grandma", "Summer 2019")))))
    (tmp_path / "iptc.jpg").write_bytes(jpeg(iptc_segment(iim("Großmutter".encode()))))
    noise().save(tmp_path / "beside.tif")
    (tmp_path / "beside.xmp").write_bytes(packet(bag("Zu\u0308rich", "grandmaster")))
    noise().save(tmp_path / "none.png")
    index_folders([tmp_path], default_index(tmp_path), colours)
    return tmp_path


def fitting(root: Path, query: str) -> list[str]:
    index = open_index(default_index(root))
    bound = bind_query(
        parse_query(query),
        index.vocabulary,
        index.columns,
        lambda text: None,
        aliases=PICTURE_FIELDS,
    )
    return [hit.doc_id for hit in index.find(bound)]


KEYWORDS = {
    "keyword:grandma": ["xmp.jpg"],
    "keyword:grandma*": ["beside.tif", "xmp.jpg"],
    'keyword:"summer 2019"': ["xmp.jpg"],
    "keyword:summer*grandma": [],
    "keyword:grandma*2019": [],
    "keyword:GROßMUTTER": ["iptc.jpg"],
    "keyword:Z\u00fcrich": ["beside.tif"],
    "keyword:zu\u0308rich": ["beside.tif"],
    "keyword:*": ["beside.tif", "iptc.jpg", "xmp.jpg"],
    "-keyword:*": ["none.png"],
    "-keyword:grandma path:*.jpg": ["iptc.jpg"],
}


@pytest.mark.parametrize("query", KEYWORDS)
def test_pictures_are_filtered_by_any_of_their_keywords(query: str, root: Path) -> None:
    assert fitting(root, query) == KEYWORDS[query]


def test_keywords_beside_a_picture_are_read_again_when_they_change(root: Path, colours) -> None:
    (root / "beside.xmp").write_bytes(packet(bag("Beach")))
    os.utime(root / "beside.xmp", ns=(5, 5))
    report = index_folders([root], default_index(root), colours)
    assert (report.num_encoded, report.num_unchanged) == (0, 4)
    assert fitting(root, "keyword:beach") == ["beside.tif"]
    (root / "beside.xmp").unlink()
    index_folders([root], default_index(root), colours)
    assert fitting(root, "keyword:beach") == []


def test_an_index_of_before_keywords_is_searched_and_gains_them_without_encoding(
    root: Path, colours, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_fields = KnownPicture.as_fields
    with monkeypatch.context() as before:
        before.setattr(
            KnownPicture, "as_fields",
            lambda self: {n: v for n, v in as_fields(self).items() if n[0] != "_"},
        )  # fmt: skip
        index_folders([root], default_index(root), colours, rebuild=True)
    assert fitting(root, "path:*.png") == ["none.png"]
    with pytest.raises(QueryError, match="no field 'keyword'"):
        fitting(root, "keyword:grandma")
    num_encoded = colours.num_encoded
    index_folders([root], default_index(root), colours)
    assert colours.num_encoded == num_encoded and fitting(root, "keyword:grandma") == ["xmp.jpg"]
    monkeypatch.setattr(update_run.PictureUpdate, "_take", None)
    assert index_folders([root], default_index(root), colours).num_unchanged == 4


def test_a_field_of_that_name_that_a_person_made_before_stays(root: Path, colours) -> None:
    path = default_index(root)
    with EmbeddedIndexWriter.open(path) as writer:
        index = open_index(path)
        fields = {**index.document("none.png").fields, "keyword": 7}
        batch = SparseBatch.from_vectors([index.vector("none.png")], index.vocabulary)
        writer.add(["none.png"], batch, fields={name: [v] for name, v in fields.items()})
        writer.commit()
    os.utime(root / "none.png", ns=(5, 5))
    index_folders([root], path, colours)
    assert own_fields_of(open_index(path).document("none.png")) == {"keyword": 7}
    assert fitting(root, "keyword:7") == ["none.png"]
    for name in ("keyword", "date_from"):
        with pytest.raises(InputError, match="belongs to `lexret index`"):
            set_fields(path, {"none.png": {name: "x"}})


def test_the_source_of_a_date_is_told_and_filtered(root: Path, colours) -> None:
    for name, tag in (("taken.jpg", ExifTags.Base.DateTimeOriginal),
                      ("changed.jpg", ExifTags.Base.DateTime)):  # fmt: skip
        exif = Image.Exif()
        exif[tag] = "2019:07:01 12:00:00"
        noise().save(root / name, exif=exif)
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:01 12:00"
    noise().save(root / "taken.jpg", exif=exif)
    created = "<p:DateCreated>2019-07-01</p:DateCreated>"
    spaces = ' xmlns:p="http://ns.adobe.com/photoshop/1.0/"'
    (root / "xmp.jpg").write_bytes(jpeg(xmp_segment(packet(created, declared=spaces))))
    index_folders([root], default_index(root), colours)
    assert fitting(root, "date:2019-07-01") == ["changed.jpg", "taken.jpg", "xmp.jpg"]
    assert fitting(root, "date_from:exif") == ["taken.jpg"]
    assert fitting(root, "date_from:exif*") == ["changed.jpg", "taken.jpg"]
    assert fitting(root, "date_from:xmp") == ["xmp.jpg"]
    assert fitting(root, "-date_from:*") == ["beside.tif", "iptc.jpg", "none.png"]
    index = open_index(default_index(root))
    assert index.document("xmp.jpg").fields["exif"] == 0
    assert index.document("taken.jpg").fields["exif"] == 1


def test_a_query_for_dates_says_for_how_many_pictures_the_file_speaks(root: Path, colours) -> None:
    index = open_index(default_index(root))
    assert notes_on_dates(parse_query("path:*"), index) == ()
    (note,) = notes_on_dates(parse_query("-date:2019"), index)
    assert note.startswith("4 of 4 pictures tell no date") and "date_from" not in note
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2019:07:01 12:00:00"
    noise().save(root / "taken.jpg", exif=exif)
    (root / "none.png").unlink()
    index_folders([root], default_index(root), colours)
    (note,) = notes_on_dates(parse_query("date:2019"), open_index(default_index(root)))
    assert note.startswith("3 of 4 pictures") and "date_from:* leaves them out" in note


NFC, NFD = (unicodedata.normalize(form, "Zürich/Café é.png") for form in ("NFC", "NFD"))
MIXED = f"{NFD.split('/')[0]}/{NFC.split('/')[1]}"


@pytest.mark.parametrize("stored", [NFC, NFD, MIXED])
@pytest.mark.parametrize("asked", [NFC, NFD, MIXED])
def test_names_are_found_in_either_normal_form(
    stored: str, asked: str, tmp_path: Path, colours
) -> None:
    (tmp_path / stored).parent.mkdir()
    noise().save(tmp_path / stored)
    noise().save(tmp_path / "Zu.png")
    index_folders([tmp_path], default_index(tmp_path), colours)
    folder, name = asked.split("/")
    for query in (
        f"path:{folder}",
        f'path:"{asked}"',
        f"path:{folder[:-3]}*/**",
        f'path:"**/{name}"',
        f"path:{folder}/*.png",
        f"path:{folder[0]}?{folder[-4:]}",
    ):
        assert fitting(tmp_path, query) == [stored], query
    assert fitting(tmp_path, f"-path:{folder}") == ["Zu.png"]
    index = open_index(default_index(tmp_path))
    assert document_named(index, asked) == stored
    assert document_named(index, str(tmp_path / asked)) == stored
    assert set_fields(default_index(tmp_path), {asked: {"stars": 5}}) == 1
    with pytest.raises(MissingError):
        document_named(index, "Zürich/Kaffee é.png")


def test_of_two_names_that_differ_in_form_alone_each_is_found(tmp_path: Path, colours) -> None:
    names = ["\u00e9.png", "e\u0301.png"]
    for name in names:
        noise().save(tmp_path / name)
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("the file system holds one normal form alone")
    index_folders([tmp_path], default_index(tmp_path), colours)
    index = open_index(default_index(tmp_path))
    assert [find_document(index, name) for name in names] == names
    assert fitting(tmp_path, "path:\u00e9.png") == sorted(names)
