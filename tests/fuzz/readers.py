"""Readers of bytes from outside: what they read, and how it is had to be read.

Each reader makes sound files in an empty folder and reads them; a test, or a program that is run by
hand, damages one of them in between. Only errors that lexret raises on purpose may come out.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lexret.captions.sources import SHARDS_PREFIX, open_captions
from lexret.config import load_recipe
from lexret.encoders.folder.record import META_FILE, STATIC_TEXT_FILE, read_record
from lexret.encoders.folder.word_levels import LEVELS_FILE, read_word_levels, save_word_levels
from lexret.encoders.text.static_encoder import load_static_text
from lexret.encoders.text.static_table import read_static_table
from lexret.engine.corrections.corrections import DocumentCorrection, change_corrections
from lexret.engine.index import open_index
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.errors import LexretError
from lexret.eval.retrieval.trec import read_qrels, read_run
from lexret.eval.suite.definition import load_suite
from lexret.explain.answers import Answer
from lexret.explain.contact import ContactEntry, ContactSheet, sheet_from_json, sheet_to_json
from lexret.explain.contributions import Contribution
from lexret.interop.sparse_files import export_jsonl, export_parquet, read_sparse_documents
from lexret.language.dictionaries.dictd import read_dictd
from lexret.language.dictionaries.folder import add_dictionary, installed_dictionaries
from lexret.language.dictionaries.stardict import read_stardict
from lexret.library.asking.calibration import (
    CALIBRATION_FILE,
    Calibration,
    read_calibration,
    save_calibration,
)
from lexret.library.encoding.encode import encode_pictures
from lexret.library.encoding.encoded import open_encoded
from lexret.library.field_tables import read_field_table
from lexret.library.label_file import Example, Label, load_labels, save_labels
from lexret.library.packed.parquet_pictures import count_rows, read_pictures
from lexret.library.updating.reader import SkippedPicture
from lexret.library.updating.refused import RefusedFiles
from lexret.pictures.decoding import open_picture
from lexret.pictures.exclusion import deciding, read_ignore_file
from lexret.pictures.keywords import plan_keywords, write_keywords
from lexret.pictures.metadata.picture_notes import read_keywords, read_notes
from lexret.pictures.reading import FileState
from lexret.sparse import SparseBatch, WordWeight
from lexret.vocabularies.caption_words import read_caption_texts, read_word_list
from lexret.vocabularies.records import read_record as read_vocabulary_record
from lexret.vocabulary import Vocabulary
from tests.language.conftest import GERMAN, write_dictd_files, write_stardict_files
from tests.library.conftest import ColourEncoder
from tests.pictures.metadata_files import EXAMPLES, bag, packet

_ROOT = Path(__file__).parents[2]
WORDS = ("dog", "beach", "red", "car", "two", "blue")


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes:
        make: writes sound files into an empty folder; is given a model with a static text encoder.
        read: reads all of them.
        files: which of them are damaged, as patterns; their order counts.
    """

    make: Callable[[Path, Path], None]
    read: Callable[[Path], object]
    files: tuple[str, ...]


def _picture(path: Path) -> None:
    Image.new("RGB", (16, 12), (200, 30, 30)).save(path)


def _lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def _file(name: str, content: bytes | str) -> Callable[[Path, Path], None]:
    def make(folder: Path, model: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def _captions(name: str, content: bytes) -> Callable[[Path, Path], None]:
    def make(folder: Path, model: Path) -> None:
        (folder / name).write_bytes(content)
        _picture(folder / "1.jpg")
        _picture(folder / "2.jpg")

    return make


def _read_captions(source: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        found = open_captions(source.replace("FOLDER", str(folder)))
        return [
            (found.name(i), found.captions(i), found.by_template(i), found.objects(i))
            for i in range(len(found))
        ]

    return read


def _make_labels(folder: Path, model: Path) -> None:
    ids, weights = np.array([0, 2], np.int32), np.array([0.5, 0.25], np.float32)
    example = Example("dog", "dogs/", "dogs/1.jpg", "0" * 64, ids, weights)
    label = Label("pets", "pet", 0.5, "m", "f", ("dog",), (example,), (ids, weights))
    save_labels(folder, {"pets": label})
    (folder / "labels.copy.json").unlink()


def _read_labels(folder: Path) -> object:
    return {
        name: (label.key, [example.term_ids.tolist() for example in label.examples])
        for name, label in load_labels(folder).items()
    }


def _make_shard(folder: Path, model: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    with tarfile.open(folder / "0.tar", "w") as archive:
        for number in range(2):
            parts = {"jpg": file.getvalue(), "txt": b"a dog", "json": b'{"caption": "a dog"}'}
            for ending, content in parts.items():
                member = tarfile.TarInfo(f"{number}.{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _read_shard(folder: Path) -> object:
    found = open_captions(f"{SHARDS_PREFIX}{folder}/0.tar")
    return [(found.name(i), found.captions(i), found.image(i)) for i in range(len(found))]


def make_index(folder: Path, model: Path) -> None:
    """Write an index of two segments, with fields, a deletion and corrections."""
    words = Vocabulary(WORDS)
    with EmbeddedIndexWriter.create(
        folder / "index", words, model_id="m-1", roots=[".."]
    ) as writer:
        weights = [{"dog": 1.0, "red": 0.5}, {"dog": 2.0}, {"car": 1.5}]
        writer.add(
            ["a.jpg", "b/c.jpg", "ü.png"],
            SparseBatch.from_words(weights, words),
            fields={"size": [1, 2, 3], "camera": ["Leica", "", "Kodak"], "iso": [1.5, 2.5, 3.5]},
        )
        writer.commit()
        writer.add(["d.jpg"], SparseBatch.from_words([{"beach": 1.0}], words))
        writer.delete(["b/c.jpg"])
        writer.commit()
    corrected = DocumentCorrection({"beach": 1.0}, frozenset({"red"}))
    change_corrections(
        folder / "index",
        lambda found: found.with_document("a.jpg", corrected).with_muted(frozenset({"two"})),
    )


def read_index(folder: Path) -> object:
    """Open an index, search it and compare everything with its checksums."""
    index = open_index(folder / "index")
    asked = SparseBatch.from_words([{"dog": 1.0, "beach": 1.0}], index.vocabulary)
    hits = index.search(asked, k=5)
    index.verify()
    return hits, len(index)


def _make_dictd(folder: Path, model: Path) -> None:
    write_dictd_files(folder / "d" / "de.index", GERMAN)


def _make_stardict(folder: Path, model: Path) -> None:
    write_stardict_files(folder / "d" / "de.ifo", GERMAN, synonyms={"Hunde": 0})


def _read_dictd(folder: Path) -> object:
    return list(read_dictd(folder / "d" / "de.index"))


def _read_stardict(folder: Path) -> object:
    return list(read_stardict(folder / "d" / "de.ifo"))


def _make_compact(folder: Path, model: Path) -> None:
    _make_dictd(folder, model)
    add_dictionary("deu", str(folder / "d"), folder=folder / "kept")


def _read_compact(folder: Path) -> object:
    (dictionary,) = installed_dictionaries(folder / "kept")
    return [dictionary.translations(word) for word in ("Hund", "rot", "Strandball", "zz")]


def _make_model(folder: Path, model: Path) -> None:
    shutil.copytree(model, folder / "model")
    record = read_record(folder / "model")
    save_word_levels(record, np.full(record.num_words, 0.1, np.float32), {})
    calibration = Calibration((1.0, 0.0, 1.0, 1.0, 0.0), (0.1, 0.2), (1.0, 0.5), 10, "data")
    save_calibration(folder / "model", calibration, model_id=record.model_id, text_encoder="static")


def _read_model(folder: Path) -> object:
    record = read_record(folder / "model")
    record.config()
    read_word_levels(record)
    read_calibration(folder / "model", model_id=record.model_id, text_encoder="static")
    return load_static_text(folder / "model").encode(["a dog on a beach", "zebra"])


def _make_table(folder: Path, model: Path) -> None:
    shutil.copy(model / STATIC_TEXT_FILE, folder / "table")


def _read_table(folder: Path) -> object:
    settings, table = read_static_table(folder / "table")
    return settings, table.problem(num_words=len(settings.vocabulary), num_rows=3)


def _make_exported(export: Callable[..., object]) -> Callable[[Path, Path], None]:
    def make(folder: Path, model: Path) -> None:
        make_index(folder, model)
        export(open_index(folder / "index"), folder / "out")

    return make


def _read_exported(folder: Path) -> object:
    return list(read_sparse_documents(folder / "out"))


def _make_sheet(folder: Path, model: Path) -> None:
    answer = Answer("a.jpg", 1.5, 1, (Contribution("dog", 1.0, 1.5, 1.5),), ())
    entry = ContactEntry("a.jpg", (WordWeight("dog", 1.0),), answer, ())
    text = sheet_to_json(ContactSheet("title", "m-1", 3, (entry,), True))
    (folder / "sheet.json").write_text(text)


def _read_sheet(folder: Path) -> object:
    return sheet_from_json((folder / "sheet.json").read_text(encoding="utf-8", errors="replace"))


def _make_refused(folder: Path, model: Path) -> None:
    refused = RefusedFiles(folder, "lexret")
    refused.add(SkippedPicture("a.jpg", "damaged", "a.jpg is damaged", FileState(9, 9)))
    refused.save()


def _read_refused(folder: Path) -> object:
    return RefusedFiles(folder, "lexret").find("a.jpg", FileState(9, 9))


def _make_picture(name: str) -> Callable[[Path, Path], None]:
    def make(folder: Path, model: Path) -> None:
        (folder / name).write_bytes(EXAMPLES[name])
        (folder / f"{name}.xmp").write_bytes(packet(bag("Grandma", "dog")))

    return make


def _read_picture(name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        notes = read_notes(folder / name), read_keywords(folder / name)
        with suppress(LexretError):
            write_keywords(plan_keywords(folder / name, ["dog", "beach"]))
            write_keywords(plan_keywords(folder / name, []))
        return notes, open_picture(folder / name)

    return read


def _make_encoded(folder: Path, model: Path) -> None:
    (folder / "photos").mkdir()
    _picture(folder / "photos/1.png")
    (folder / "photos/2.png").write_bytes(b"no picture")
    colours = ColourEncoder(Vocabulary(["red", "green", "blue"]))
    encode_pictures(folder / "photos", folder / "out", workers=0, encoder=colours)


def _read_encoded(folder: Path) -> object:
    encoded = open_encoded(folder / "out")
    return [encoded.plan.pictures(0), encoded.refused, list(encoded.rows())]


def _make_picture_table(folder: Path, model: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"image": [{"bytes": b"picture", "path": "1.jpg"}] * 3})
    parquet.write_table(table, folder / "1.parquet", write_page_checksum=True)


def _read_picture_table(folder: Path) -> object:
    return list(read_pictures(folder / "1.parquet", range(count_rows(folder / "1.parquet"))))


_CAPTIONS = _lines(
    {"image": "1.jpg", "captions": ["a dog", "a cat"], "objects": {"dog": 0.5}},
    {"image": "2.jpg", "captions": ["a car"], "written_by": "template"},
)
_KARPATHY = json.dumps(
    {"images": [{"filename": f"{n}.jpg", "split": "test", "cocoid": n, "filepath": "",
                 "sentences": [{"raw": "A dog.", "sentid": n}]} for n in (1, 2)]}
).encode()  # fmt: skip
_COCO = json.dumps(
    {"images": [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)],
     "annotations": [{"id": n, "image_id": n, "caption": "A dog."} for n in (1, 2)]}
).encode()  # fmt: skip
_RECIPE = b"""
preset = "mini"
[data]
train = "captions.jsonl"
more = []
[train]
epochs = 10
lr = 0.001
[model]
max_image_words = 24
[model.image]
mean = [0.5, 0.5, 0.5]
"""
_CSV = b'path,stars,note,place\n"a.jpg",3,"a, ""b""",1.5\nb.jpg,,x,\n'
_COLUMNS = {"stars": "int64", "note": "text", "place": "float64"}
_QRELS = b"q1 0 d1 1\nq1 0 d%202 0\nq2 0 d1 2\n"
_RUN = b"q1 Q0 d1 1 0.5 lexret\nq1 Q0 d2 2 0.25 lexret\n"
_IGNORED = b"# a comment\n*.tmp\n!keep.jpg\n/a/**/b[0-9]?/\n\\#x\n"

INDEX = Reader(make_index, read_index, ("index/*.*", "index/segments/*/*"))
READERS: Mapping[str, Reader] = {
    "captions": Reader(
        _captions("c.jsonl", _CAPTIONS), _read_captions("FOLDER/c.jsonl"), ("*.jsonl",)
    ),
    "captions of people": Reader(
        _captions("c.jsonl", _CAPTIONS), _read_captions("people:FOLDER/c.jsonl"), ("*.jsonl",)
    ),
    "Karpathy's splits": Reader(
        _captions("k.json", _KARPATHY), _read_captions("karpathy:FOLDER/k.json"), ("*.json",)
    ),
    "COCO's captions": Reader(
        _captions("c.json", _COCO), _read_captions("coco:FOLDER/c.json"), ("*.json",)
    ),
    "shards": Reader(_make_shard, _read_shard, ("*.tar",)),
    "caption texts": Reader(
        _file("c.txt", "a dog\na cat\n"), lambda f: read_caption_texts(str(f / "c.txt")), ("*",)
    ),
    "word list": Reader(
        _file("w.txt", "dog\ncat\n"), lambda f: read_word_list(f / "w.txt"), ("*",)
    ),
    "vocabulary": Reader(
        _file("v.txt", "dog\ntraffic light\n"), lambda f: Vocabulary.load(f / "v.txt"), ("*",)
    ),
    "record of a vocabulary": Reader(
        _file("v.json", '{"name": "v", "num_words": 3}'),
        lambda f: read_vocabulary_record(f / "v.txt"), ("*",),
    ),
    "recipe": Reader(_file("r.toml", _RECIPE), lambda f: load_recipe(f / "r.toml"), ("*",)),
    "suite": Reader(
        _file("s.toml", (_ROOT / "eval/suites/mini.toml").read_bytes()),
        lambda f: load_suite(f / "s.toml"), ("*",),
    ),
    "qrels": Reader(_file("q", _QRELS), lambda f: read_qrels(f / "q"), ("*",)),
    "run": Reader(_file("r", _RUN), lambda f: read_run(f / "r"), ("*",)),
    "fields of a table": Reader(
        _file("f.csv", _CSV), lambda f: read_field_table(f / "f.csv", _COLUMNS), ("*",)
    ),
    "fields of JSON lines": Reader(
        _file("f.jsonl", _lines({"path": "a.jpg", "stars": 3, "note": "x", "place": 1.5})),
        lambda f: read_field_table(f / "f.jsonl", _COLUMNS), ("*",),
    ),
    "ignored files": Reader(
        _file("i", _IGNORED),
        lambda f: [deciding(read_ignore_file(f / "i"), "a/b1x/c.jpg", is_folder=False)], ("*",),
    ),
    "labels": Reader(_make_labels, _read_labels, ("labels.json",)),
    "refused files": Reader(_make_refused, _read_refused, ("*",)),
    "FreeDict": Reader(_make_dictd, _read_dictd, ("d/*",)),
    "StarDict": Reader(_make_stardict, _read_stardict, ("d/*",)),
    "kept dictionary": Reader(_make_compact, _read_compact, ("kept/*",)),
    "model": Reader(
        _make_model, _read_model,
        (f"model/{META_FILE}", f"model/{LEVELS_FILE}", f"model/{CALIBRATION_FILE}"),
    ),
    "static text encoder": Reader(_make_table, _read_table, ("*",)),
    "sparse documents": Reader(
        _make_exported(export_jsonl), _read_exported, ("out/*.json*",)
    ),
    "table of sparse documents": Reader(
        _make_exported(export_parquet), _read_exported, ("out/*.parquet", "out/*.json")
    ),
    "encoded pictures": Reader(
        _make_encoded, _read_encoded, ("out/vectors/*", "out/plan.parquet", "out/encode.json")
    ),
    "pictures in a table": Reader(_make_picture_table, _read_picture_table, ("*.parquet",)),
    "contact sheet": Reader(_make_sheet, _read_sheet, ("*",)),
    "metadata of JPEG": Reader(_make_picture("digest.jpg"), _read_picture("digest.jpg"), ("*",)),
    "metadata of PNG": Reader(_make_picture("iptc.png"), _read_picture("iptc.png"), ("*",)),
}  # fmt: skip
