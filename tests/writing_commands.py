"""Every command that writes what people would miss, small enough to be cut off a thousand times.

Each is a :class:`Writing`: what is there before, the command, and what a reader finds. A state in
which the command was cut off is right if a reader finds what was there before or what the command
makes, and if the command, given again, makes it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from click.testing import CliRunner
from PIL import Image

from lexret.engine import EmbeddedIndex, open_index
from lexret.engine.corrections.corrections import (
    DocumentCorrection,
    change_corrections,
)
from lexret.errors import MissingError
from lexret.files import folders
from lexret.library.fields import set_fields
from lexret.library.label_file import load_labels
from lexret.library.shards import Shard
from lexret.library.updating import commit_schedule
from lexret.library.updating.indexing import index_folders
from lexret.library.updating.kept_fields import FieldKeeper
from lexret.library.updating.merging import merge_indexes
from lexret.library.updating.reader import Decoding
from lexret.library.updating.records import own_fields_of
from lexret.vocabulary import Vocabulary
from tests.language.conftest import write_dictd_files
from tests.library.conftest import ColourEncoder

IN_THREADS = Decoding(jobs=0)
OLD_NS = 1_500_000_000_000_000_000
COLOURS = ((200, 9, 9), (9, 200, 9), (9, 9, 200), (90, 90, 9), (9, 90, 90))


@dataclass(frozen=True)
class Writing:
    """A command that writes.

    Attributes:
        prepare: makes what is there before, below a folder.
        command: changes it.
        read: returns what a reader finds; raises if it is not whole.
        may_be: whether what a reader finds is right while the command is not through, beside what
            was there before and what is there after: given those two and it.
    """

    prepare: Callable[[Path], None]
    command: Callable[[Path], None]
    read: Callable[[Path], Any]
    may_be: Callable[[Any, Any, Any], bool] = lambda before, after, found: False


def paint(path: Path, number: int, *, seconds: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), COLOURS[number]).save(path)
    os.utime(path, ns=(OLD_NS + seconds * 10**9,) * 2)


def encoder() -> ColourEncoder:
    return ColourEncoder(Vocabulary(["red", "green", "blue"]))


def update(root: Path, *folders: str, **options: Any) -> None:
    named = [root / name for name in folders]
    at = root / options.pop("index", "photos/.lexret")
    index_folders(named, at, encoder(), decoding=IN_THREADS, **options)


def run_cli(*arguments: str) -> None:
    """Run a command line; what fails with a message raises as the library does."""
    from lexret.cli.main import main

    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code not in (0, 1) or result.stderr.startswith("Error"):
        raise Refused(result.output)


class Refused(Exception):
    """A command line ended with a message and a status that say that it failed."""


# Indexes.


def contents(index_path: Path) -> dict[str, Any]:
    """All that an index holds of each picture: words, fields, corrections; checksums are compared.

    What was given to pictures that are not in it is under ``kept``, but for what a picture of the
    same content has: a run that was cut off while it took the new name of a picture in, and not yet
    the old one out, leaves it in both places.
    """
    try:
        index = EmbeddedIndex(index_path)
    except MissingError:
        return {}
    index.verify()
    corrected = open_index(index_path)
    found: dict[str, Any] = {}
    for document in index.documents():
        fields = {name: value for name, value in document.fields.items() if value is not None}
        words = tuple((word.word, word.weight) for word in index.vector(document.doc_id).words())
        found[document.doc_id] = (words, fields, own_fields_of(document))
    corrections = corrected.corrections
    found["corrections"] = {
        doc_id: (dict(one.added), one.removed) for doc_id, one in corrections.documents.items()
    }
    found["muted"] = corrections.muted
    own = [(fields["sha256"], given) for _, fields, given in map(found.get, ids(found))]
    found["kept"] = {
        path: (dict(kept.fields), kept.sha256)
        for path, kept in FieldKeeper(index_path).pictures.items()
        if path not in index and (kept.is_there or (kept.sha256, kept.fields) not in own)
    }
    return found


def given(found: dict[str, Any]) -> list[Any]:
    """All that somebody gave pictures, in the index or beside it."""
    own = [tuple(sorted(found[name][2].items())) for name in ids(found) if found[name][2]]
    kept = [tuple(sorted(fields.items())) for fields, _ in found.get("kept", {}).values()]
    return sorted(set(map(repr, own + kept)))


def ids(found: dict[str, Any]) -> set[str]:
    return set(found) - {"corrections", "muted", "kept"}


def is_under_way(before: Any, after: Any, found: Any) -> bool:
    """Whether each picture is as before or after, and nothing that somebody made is lost."""
    if not before:
        return all(found[name] == after[name] for name in ids(found))
    for name in ids(found):
        # What is new to some pictures is no field of the others yet.
        if found[name] not in (before.get(name), after.get(name)):
            return False
    return (
        given(found) == given(before)
        and found["corrections"] in (before["corrections"], after["corrections"])
        and ids(before) & ids(after) <= ids(found)
    )


def prepare_photos(root: Path) -> None:
    for number in range(4):
        paint(root / "photos" / f"{number}.png", number)
    update(root, "photos")
    at = root / "photos/.lexret"
    set_fields(at, {"0.png": {"stars": 5}, "1.png": {"stars": 3, "place": "Nice"}})
    for doc_id, word in {"0.png": "blue", "1.png": "red"}.items():
        sha256 = str(open_index(at).document(doc_id).fields["sha256"])
        one = DocumentCorrection({word: 0.5}, frozenset({"green"}), sha256)
        change_corrections(at, lambda now, d=doc_id, c=one: now.with_document(d, c))


def prepare_new(root: Path) -> None:
    for number in range(3):
        paint(root / "photos" / f"{number}.png", number)


def prepare_changed(root: Path) -> None:
    prepare_photos(root)
    (root / "photos/1.png").rename(root / "photos/moved.png")
    (root / "photos/0.png").write_bytes((root / "photos/0.png").read_bytes()[:30])  # being written
    os.utime(root / "photos/0.png", ns=(OLD_NS, OLD_NS))
    (root / "photos/3.png").unlink()
    paint(root / "photos/4.png", 4)
    paint(root / "photos/5.png", 3, seconds=5)


def index_in_small_commits(root: Path) -> None:
    before = commit_schedule.PICTURES_A_COMMIT
    commit_schedule.PICTURES_A_COMMIT = 1  # type: ignore[misc]
    try:
        update(root, "photos")
    finally:
        commit_schedule.PICTURES_A_COMMIT = before  # type: ignore[misc]


def prepare_two(root: Path) -> None:
    prepare_photos(root)
    paint(root / "more/0.png", 4)
    paint(root / "more/1.png", 3, seconds=7)
    update(root, "more", index="more/.lexret")
    at = root / "more/.lexret"
    set_fields(at, {"1.png": {"stars": 1}})
    one = DocumentCorrection({"red": 0.25})
    change_corrections(at, lambda now: now.with_document("1.png", one).with_muted(
        frozenset({"green"})))  # fmt: skip


def merge(target: str) -> Callable[[Path], None]:
    def command(root: Path) -> None:
        merge_indexes([root / "photos/.lexret", root / "more/.lexret"], root / target)

    return command


def index_shard(root: Path) -> None:
    update(root, "photos", index="shards/1", shard=Shard(1, 2))


def prepare_parts(root: Path) -> None:
    """Two shards of four photos, with what people gave both."""
    for number in range(4):
        paint(root / "photos" / f"{number}.png", number)
    for number in (1, 2):
        at = root / "shards" / str(number)
        update(root, "photos", index=f"shards/{number}", shard=Shard(number, 2))
        doc_id = EmbeddedIndex(at).doc_ids()[0]
        set_fields(at, {doc_id: {"stars": number}})
        one = DocumentCorrection({"blue": 0.5})
        change_corrections(at, lambda now, d=doc_id, c=one: now.with_document(d, c))


def merge_parts(root: Path) -> None:
    merge_indexes([root / "shards"], root / "merged")


def read_parts(root: Path) -> Any:
    return [contents(root / "shards" / name) for name in ("1", "2")]


def correct_parts(root: Path) -> None:
    """Correct pictures of both shards, and mute a word in both."""
    from lexret.library.library import Library

    library = Library(root / "shards")
    library.correct([f"{number}.png" for number in range(4)], add=["red"])
    library.mute("green")


def each_is_old_or_new(before: Any, after: Any, found: Any) -> bool:
    """Whether shards, which change one after the other, are each as before or after."""
    for old, new, now in zip(before, after, found, strict=True):
        if now not in (old, new, {**new, "muted": old["muted"]}):
            return False
    return True


def prepare_roots(root: Path) -> None:
    prepare_two(root)
    merge(".lexret")(root)


def leave(root: Path) -> None:
    """Take the first folder out of an index; a second time, it is none of the index."""
    from lexret.errors import InputError

    try:
        update(root, index=".lexret", remove=[root / "photos"])
    except InputError as error:
        if "is no folder of the index" not in str(error):
            raise


def left(before: Any, after: Any, found: Any) -> bool:
    """Whether a folder is leaving: its pictures are out, the others have the ids of before."""
    return ids(found) in (ids(before), ids(before) - {f"{n}.png" for n in range(4)}) and all(
        found[name] == before[name] for name in ids(found)
    )


def read_at(place: str) -> Callable[[Path], Any]:
    return lambda root: contents(root / place)


def edit_words(root: Path) -> None:
    photo = str(root / "photos/0.png")
    run_cli("words", "edit", photo, "+red^0.3", "--index", str(root / "photos/.lexret"))


def mute(root: Path) -> None:
    run_cli("vocab", "mute", "green", "--index", str(root / "photos/.lexret"))


def set_from_table(root: Path) -> None:
    table = root / "fields.csv"
    run_cli("fields", "load", str(table), "--index", str(root / "photos/.lexret"))


def prepare_table(root: Path) -> None:
    prepare_photos(root)
    (root / "fields.csv").write_text("path,stars,by\n0.png,1,me\n2.png,2,you\n")


# Labels.


def labels_of(root: Path) -> Any:
    """What an index holds, and its labels: name -> classes and examples."""
    labels = load_labels(root / "photos/.lexret")
    kept = {
        name: (label.key, label.field, [(e.name, e.class_name) for e in label.examples])
        for name, label in labels.items()
    }
    return contents(root / "photos/.lexret"), kept


def label(root: Path, *arguments: str) -> None:
    run_cli("label", *arguments, "--index", str(root / "photos/.lexret"))


def train_label(root: Path) -> None:
    label(root, "train", "kinds", "--class", "warm=0.png", "--class", "cold=2.png", "--at-least",
          "0.1")  # fmt: skip


def prepare_label(root: Path) -> None:
    prepare_photos(root)
    train_label(root)


def prepare_applied(root: Path) -> None:
    prepare_label(root)
    label(root, "apply", "kinds")


def remove_label(root: Path) -> None:
    """Take a label out; a second time, there is none."""
    try:
        label(root, "remove", "kinds")
    except Refused as error:
        if "There is no label" not in str(error):
            raise


def is_leaving(before: Any, after: Any, found: Any) -> bool:
    """Whether a label is leaving: its classes are out of the index, it is still known."""
    return bool(found == (after[0], before[1]))


# Other people's files.


def prepare_tags(root: Path) -> None:
    for number, name in enumerate(("a.jpg", "b.jpg", "c.png")):
        paint(root / "photos" / name, number)
    os.link(root / "photos/b.jpg", root / "photos/b2.jpg")
    update(root, "photos")


def tag(root: Path) -> None:
    run_cli("tag", "--write", "-k", "2", "--index", str(root / "photos/.lexret"))


def read_photos(root: Path) -> Any:
    """Pictures and their sidecars, and what an interrupted write kept of them."""
    kept = {
        path.name.split(".lexret-before")[0][1:]: path.read_bytes()
        for path in (root / "photos").glob(".*.lexret-before")
    }
    found = {}
    for path in sorted((root / "photos").iterdir()):
        if path.is_file() and not path.name.startswith("."):
            found[path.name] = (path.read_bytes(), kept.get(path.name))
    return found


def each_is_whole(before: Any, after: Any, found: Any) -> bool:
    """Whether each file is as before or after; one with several names may be kept as it was."""
    for name, (content, kept) in found.items():
        whole = {files[name][0] for files in (before, after) if name in files}
        # b.jpg and b2.jpg are one file.
        kept = kept or next((k for n, (_, k) in found.items() if n[0] == name[0] and k), None)
        if content not in whole and (kept is None or kept != before[name][0]):
            return False
    return before.keys() <= found.keys() <= before.keys() | after.keys()


# Models and training.


def prepare_model(root: Path) -> None:
    save_model(root, 1)


def save_model(root: Path, number: int) -> None:
    import torch

    from lexret.config import ModelConfig
    from lexret.encoders.folder.checkpoint import save_checkpoint
    from tests.conftest import TINY_MODEL

    save_checkpoint(
        root / "model", ModelConfig.model_validate(TINY_MODEL), Vocabulary(["dog", "cat"]),
        {"only": torch.full((3, 4), float(number))}, card=f"# Number {number}\n",
    )  # fmt: skip


def read_model(root: Path) -> Any:
    from lexret.encoders.folder.catalogue import model_folders
    from lexret.encoders.folder.checkpoint import load_checkpoint
    from lexret.encoders.folder.record import find_model

    found = find_model(root / "model")
    checkpoint = load_checkpoint(found)
    listed = [path for path in model_folders([root])[1:]] if found == root / "model" else []
    assert listed in ([], [root / "model"])
    return float(checkpoint.tensors["only"][0, 0]), (found / "README.md").read_text()


def prepare_shared(root: Path) -> None:
    save_model(root / "made", 2)
    save_model(root, 1)


def share_model(root: Path) -> None:
    from lexret.encoders.folder import sharing
    from lexret.encoders.folder.record import find_model, read_record

    sharing.save_model(read_record(find_model(root / "made/model")), root / "model")


def read_shared(root: Path) -> Any:
    from lexret.encoders.folder.record import find_model, read_record

    return *read_model(root), "backbones" in read_record(find_model(root / "model")).values


def in_two_steps(command: Callable[[Path], None]) -> Callable[[Path], None]:
    """Run a command as where folders cannot be exchanged."""

    def stepwise(root: Path) -> None:
        exchange = folders.exchange
        folders.exchange = lambda one, other: False  # type: ignore[assignment]
        try:
            command(root)
        finally:
            folders.exchange = exchange

    return stepwise


def distil(root: Path) -> None:
    from lexret.encoders.folder.record import read_record, write_model_folder, write_record

    def fill(fresh: Path) -> None:
        shutil.copytree(root / "model", fresh, dirs_exist_ok=True)
        record = read_record(fresh)
        write_record(fresh, {**record.values, "numbers": {"static_text": {"agreement": 1}}})

    write_model_folder(root / "model", fill)


def read_distilled(root: Path) -> Any:
    from lexret.encoders.folder.record import find_model, read_record

    return read_model(root), dict(read_record(find_model(root / "model")).numbers)


def state_of(step: int) -> tuple[Any, Any]:
    import torch

    class Learner(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((8,), float(step)))

        def trainable(self) -> dict[str, torch.nn.Parameter]:
            return {"weight": self.weight}

    learner = Learner()
    optimizer = torch.optim.AdamW(learner.parameters(), lr=0.0)
    learner.weight.grad = torch.full((8,), float(step))
    optimizer.step()
    return learner, optimizer


def save_training(root: Path, step: int) -> None:
    from lexret.training.state import Progress, save_state

    learner, optimizer = state_of(step)
    save_state(root / "run/state", learner, optimizer, None,
               progress=Progress(step, step, {"score": step}), config_json="{}")  # fmt: skip


def read_training(root: Path) -> Any:
    from lexret.training.state import has_state, load_state

    assert has_state(root / "run/state")
    learner, optimizer = state_of(0)
    progress = load_state(root / "run/state", learner, optimizer, None, config_json="{}")
    moment = optimizer.state[learner.weight]["exp_avg"][0]
    return progress, float(learner.weight.detach()[0]), float(moment)


# What is made out of these.


def prepare_export(root: Path) -> None:
    prepare_photos(root)


def export(root: Path) -> None:
    if (root / "ciff").is_dir() and any((root / "ciff").iterdir()):
        return  # is whole, and the command says that it is there
    run_cli("export", "ciff", str(root / "photos/.lexret"), "-o", str(root / "ciff"))


def read_export(root: Path) -> Any:
    files = sorted((root / "ciff").glob("*")) if (root / "ciff").is_dir() else []
    return {path.name: path.read_bytes() for path in files}


def export_exactly(root: Path) -> None:
    if (root / "exact").is_dir() and any((root / "exact").iterdir()):
        return  # is whole, and the command says that it is there
    run_cli("export", "jsonl", str(root / "photos/.lexret"), "-o", str(root / "exact"))


def read_exactly(root: Path) -> Any:
    from lexret.interop.sparse_files import read_sparse_documents

    return list(read_sparse_documents(root / "exact")) if (root / "exact").is_dir() else []


def write_words(root: Path) -> None:
    from lexret.vocabularies.records import record_path, write_vocabulary

    file = root / "mine.txt"
    if file.exists() and record_path(file).exists():
        return
    write_vocabulary(file, ["dog", "cat"], language="en", made_by="a test", provenance={})


def read_words(root: Path) -> Any:
    from lexret.files.hashes import file_sha256
    from lexret.vocabularies.records import record_for

    file = root / "mine.txt"
    if not file.exists():
        return None
    record = record_for(str(file))
    assert record.get("sha256", file_sha256(file)) == file_sha256(file)
    return file.read_text(), len(record) > 1


def prepare_language(root: Path) -> None:
    root.mkdir(exist_ok=True)
    entries = {"Hund": "Hund <n>\ndog\n", "Katze": "Katze <n>\ncat\n"}
    write_dictd_files(root / "freedict.index", entries)


def add_language(root: Path) -> None:
    from lexret.language.dictionaries.folder import add_dictionary

    add_dictionary("deu", str(root / "freedict.index"), folder=root / "languages")


def read_languages(root: Path) -> Any:
    from lexret.language.dictionaries.compact import CompactDictionary

    files = sorted((root / "languages").glob("*.dictionary"))
    return [CompactDictionary(file).info for file in files]


def prepare_shards(root: Path) -> None:
    import tarfile

    (root / "shards").mkdir()
    paint(root / "one.jpg", 0)
    (root / "one.txt").write_text("a red picture")
    with tarfile.open(root / "shards/0.tar", "w") as archive:
        archive.add(root / "one.jpg", "one.jpg")
        archive.add(root / "one.txt", "one.txt")


def index_shards(root: Path) -> None:
    from lexret.captions.shards import open_shards

    open_shards(str(root / "shards"), cache=root / "kept")


def read_shards(root: Path) -> Any:
    from lexret.captions.shards import open_shards

    # Whatever is kept: what is read is right, or is read anew. Reading must not write here.
    kept = root / "kept" if any(root.glob("kept/shards-*")) else None
    captions = open_shards(str(root / "shards"), cache=kept)
    return kept is not None, [tuple(captions.captions(i)) for i in range(len(captions))]


def cache_features(root: Path) -> None:
    """Cache features of four pictures, and save them after each."""
    from lexret.config import ImageConfig
    from lexret.encoders.image import feature_cache as cache
    from tests.conftest import TINY_MODEL

    config = ImageConfig.model_validate({**TINY_MODEL["image"], "feature_dim": 3})
    captions: Any = Colours()
    values = {"ImageBackbone": MeanColour, "_BATCH": 1, "_SAVE_EVERY": 1}
    with ExitStack() as stack:
        for name, value in values.items():
            stack.enter_context(patch.object(cache, name, value))
        cache.cached_features(captions, config, root / "features")


class MeanColour:
    """Backbone of one patch, which sees the mean colour."""

    grid = range(1)
    num_vectors = 1

    def __init__(self, config: object) -> None:
        pass

    def to(self, device: object) -> MeanColour:
        return self

    def transform(self, image: Image.Image) -> Any:
        import torch

        return torch.tensor(np.asarray(image, np.float32).mean((0, 1)))[None]

    def __call__(self, pixels: Any) -> Any:
        return pixels


def read_features(root: Path) -> Any:
    """Return the rows that are said to be whole."""
    rows = []
    for description in root.glob("features/*/cache.json"):
        num_done = json.loads(description.read_text())["num_done"]
        stored = np.load(description.with_name("features.npy"), mmap_mode="r")
        rows += np.asarray(stored[:num_done]).tolist()
    return rows


class Colours:
    """Four pictures of one colour each, as a set of captions."""

    fingerprint = "0" * 64

    def __len__(self) -> int:
        return 4

    def image(self, number: int) -> Image.Image:
        return Image.new("RGB", (16, 16), COLOURS[number])


# Encoded pictures.


def encode(root: Path) -> None:
    """Encode five pictures in three parts, in this process."""
    from lexret.library.encoding import plan
    from lexret.library.encoding.encode import encode_pictures

    with patch.object(plan, "part_size_for", lambda num_pictures: 2):
        encode_pictures(root / "photos", root / "out", workers=0, encoder=encoder())


def prepare_to_encode(root: Path) -> None:
    for number in range(5):
        paint(root / "photos" / f"{number}.png", number)
    (root / "photos/bad.png").write_bytes(b"no picture")


def read_encoded(root: Path) -> Any:
    """The pictures of each part that is there, and what is said of all once they are done."""
    from lexret.interop.sparse_files import read_export, read_sparse_documents
    from lexret.interop.vector_tables import read_rows

    parts = {
        path.name: [(rows.ids, rows.vectors.weights.tolist(), rows.fields)
                    for rows in read_rows(path, encoder().vocabulary)]
        for path in (root / "out/vectors").glob("part-*")
    }  # fmt: skip
    try:
        record = read_export(root / "out")
    except MissingError:
        return parts, None
    refused = (root / "out/refused.jsonl").read_text().replace(str(root), "")
    return parts, (record, len(list(read_sparse_documents(root / "out"))), refused)


def is_encoded_in_part(before: Any, after: Any, found: Any) -> bool:
    parts, record = found
    return record is None and parts.items() <= after[0].items()


def prepare_encoded(root: Path) -> None:
    prepare_to_encode(root)
    encode(root)


def take_encoded(root: Path) -> None:
    from lexret.library.encoding import into_index

    with patch.object(into_index, "PICTURES_A_COMMIT", 2):
        into_index.index_encoded([root / "out"], root / "photos/.lexret")


WRITINGS: dict[str, Writing] = {
    "encode": Writing(prepare_to_encode, encode, read_encoded, is_encoded_in_part),
    "index --vectors": Writing(
        prepare_encoded, take_encoded, read_at("photos/.lexret"), is_under_way
    ),
    "index, new": Writing(
        prepare_new, lambda root: update(root, "photos"), read_at("photos/.lexret"), is_under_way
    ),
    "index, again": Writing(
        prepare_changed, index_in_small_commits, read_at("photos/.lexret"), is_under_way
    ),
    "index --rebuild": Writing(
        prepare_changed, lambda root: update(root, "photos", rebuild=True),
        read_at("photos/.lexret"), is_under_way,
    ),
    "index --remove-root": Writing(prepare_roots, leave, read_at(".lexret"), left),
    "merge": Writing(prepare_two, merge("merged"), read_at("merged")),
    "merge, in place": Writing(prepare_two, merge("photos/.lexret"), read_at("photos/.lexret")),
    "index --shard": Writing(prepare_new, index_shard, read_at("shards/1"), is_under_way),
    "merge, shards": Writing(prepare_parts, merge_parts, read_at("merged")),
    "words edit, shards": Writing(prepare_parts, correct_parts, read_parts, each_is_old_or_new),
    "words edit": Writing(prepare_photos, edit_words, read_at("photos/.lexret")),
    "vocab mute": Writing(prepare_photos, mute, read_at("photos/.lexret")),
    "fields load": Writing(prepare_table, set_from_table, read_at("photos/.lexret")),
    "label train": Writing(prepare_photos, train_label, labels_of),
    "label apply": Writing(prepare_label, lambda root: label(root, "apply", "kinds"), labels_of),
    "label remove": Writing(prepare_applied, remove_label, labels_of, is_leaving),
    "tag": Writing(prepare_tags, tag, read_photos, each_is_whole),
    "model": Writing(prepare_model, lambda root: save_model(root, 2), read_model),
    "model, in two steps": Writing(
        prepare_model, in_two_steps(lambda root: save_model(root, 2)), read_model
    ),
    "distill": Writing(prepare_model, distil, read_distilled),
    "train's state": Writing(
        lambda root: save_training(root, 1), lambda root: save_training(root, 2), read_training
    ),
    "train's state, in two steps": Writing(
        lambda root: save_training(root, 1),
        in_two_steps(lambda root: save_training(root, 2)),
        read_training,
    ),
    "export": Writing(prepare_export, export, read_export),
    "export jsonl": Writing(prepare_export, export_exactly, read_exactly),
    "model, to share": Writing(prepare_shared, share_model, read_shared),
    "vocab build": Writing(
        lambda root: None, write_words, read_words,
        lambda before, after, found: found == ("dog\ncat\n", False),
    ),
    "language add": Writing(prepare_language, add_language, read_languages),
    "features": Writing(
        lambda root: None, cache_features, read_features,
        lambda before, after, found: found == after[: len(found)],
    ),
    "shards": Writing(prepare_shards, index_shards, read_shards),
}  # fmt: skip


if __name__ == "__main__":  # cut off by SIGKILL at an operation: name, folder, number
    from tests.faults import injected

    with injected(Path(sys.argv[2]), "kill", int(sys.argv[3])):
        WRITINGS[sys.argv[1]].command(Path(sys.argv[2]))
