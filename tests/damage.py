"""Damage to the files of an index at rest, at many places, and what becomes of its answers.

A damage is one change of one file: a bit flipped, the end cut off, bytes added, a page zeroed, two
pages exchanged, the file deleted or put in the place of another. It is done to a copy of an index;
then everything that reads the index is tried, each for itself, and must give what the whole index
gives, or refuse with an error of lexret.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lexret.engine import EmbeddedIndexWriter, open_index
from lexret.engine.corrections.corrections import (
    Corrections,
    DocumentCorrection,
    change_corrections,
)
from lexret.engine.corrections.layout import CORRECTIONS_LOCK_FILE
from lexret.engine.index import EmbeddedIndex
from lexret.engine.integrity.check import check_index
from lexret.engine.integrity.repair import repair_index
from lexret.engine.query.filters import NumberFilter, path_filter, text_filter
from lexret.engine.query.query import AnyOf, Holds, Query
from lexret.engine.vectors import CorrectedVectors, read_documents
from lexret.errors import DamageError, LexretError, StorageError
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

PAGE = 4096
# Files that hold nothing of the index.
LOCKS = {"lock", CORRECTIONS_LOCK_FILE}
NUM_WORDS = 40


@dataclass(frozen=True)
class Damage:
    """Damage to one file: what it is called, and what does it."""

    file: str
    name: str
    apply: Callable[[Path], bool]


@dataclass
class Tally:
    """Tally of outcomes; ``wrong`` and ``broken`` hold the damages themselves."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.outcomes.items()))
        return (
            f"{self.tried:,} damages: {counts}, {len(self.wrong)} silent wrong answers, "
            f"{len(self.broken)} tracebacks"
        )


def make_index(folder: Path, *, weights: str) -> None:
    """Write an index of several segments, with deletions, fields of all types and corrections."""
    words = Vocabulary([f"word {number}" for number in range(NUM_WORDS)])
    rng = np.random.default_rng(7)
    with EmbeddedIndexWriter.create(
        folder, words, model_id="damage-1", weights=weights, roots=()
    ) as writer:
        for commit, num_documents in enumerate((400, 70, 40)):
            dense = rng.random((num_documents, NUM_WORDS))
            dense *= rng.random((num_documents, NUM_WORDS)) < np.linspace(0.05, 0.9, NUM_WORDS)
            ids = [f"{commit}/beach {number:04d}.jpg" for number in range(num_documents)]
            own = [None if number % 3 else f"note {number}" for number in range(num_documents)]
            writer.add(
                ids,
                SparseBatch.from_dense(dense, words),
                fields={
                    "size": [1000 + number for number in range(num_documents)],
                    "ratio": [
                        None if number % 5 else number / 8 for number in range(num_documents)
                    ],
                    "note": own,
                },
            )
            writer.commit()
        writer.delete(["0/beach 0003.jpg", "0/beach 0300.jpg", "1/beach 0007.jpg"])
        writer.commit()
    correction = DocumentCorrection({"word 3": 2.5}, frozenset({"word 39"}), "ab" * 32)
    change_corrections(
        folder,
        lambda _: Corrections(
            {"0/beach 0010.jpg": correction, "2/beach 0001.jpg": correction},
            frozenset({"word 20"}),
        ),
    )


def damages_of(folder: Path, *, density: int) -> Iterator[Damage]:
    """Yield damages to every file of an index.

    Args:
        density: how many places of each file and kind.
    """
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in LOCKS
    )
    for file in files:
        size = (folder / file).stat().st_size
        yield Damage(file, "deleted", _delete)
        yield Damage(file, "a folder in its place", _make_folder)
        for more in (b"\0", b"x" * 64, b"\0" * PAGE):
            yield Damage(file, f"{len(more)} bytes added", _appended(more))
        for place in _places(size, density):
            yield Damage(file, f"cut off at {place}", _cut(place))
            bit = (place * 7 + size) % 8
            yield Damage(file, f"bit {bit} of byte {place} flipped", _flipped(place, bit))
        for start in _places(size, density, step=min(PAGE, max(1, size // 4))):
            yield Damage(file, f"page at {start} zeroed", _zeroed(start))
            yield Damage(file, f"page at {start} and the first exchanged", _exchanged(start))
        for other in files:
            if other != file and other.endswith(Path(file).name[-8:]):
                yield Damage(file, f"replaced by {other}", _replaced(folder / other))
        yield Damage(file, "duplicated beside itself", _duplicate)


def _places(size: int, density: int, step: int = 1) -> list[int]:
    if not size:
        return []
    spread = (size - 1) * np.arange(density) // max(1, density - 1)
    return sorted({int(place) // step * step for place in spread})


def _delete(path: Path) -> bool:
    path.unlink()
    return True


def _make_folder(path: Path) -> bool:
    path.unlink()
    path.mkdir()
    return True


def _duplicate(path: Path) -> bool:
    shutil.copy(path, path.with_name(f"{path.name} (copy)"))
    return True


def _appended(more: bytes) -> Callable[[Path], bool]:
    return _changed(lambda data: data + more)


def _cut(place: int) -> Callable[[Path], bool]:
    return _changed(lambda data: data[:place])


def _flipped(place: int, bit: int) -> Callable[[Path], bool]:
    return _changed(
        lambda data: data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
    )


def _zeroed(start: int) -> Callable[[Path], bool]:
    return _changed(
        lambda data: data[:start] + bytes(len(data[start : start + PAGE])) + data[start + PAGE :]
    )


def _exchanged(start: int) -> Callable[[Path], bool]:
    def exchange(data: bytes) -> bytes:
        length = min(PAGE, start, len(data) - start)
        first, second = data[:length], data[start : start + length]
        return second + data[length:start] + first + data[start + length :]

    return _changed(exchange)


def _replaced(other: Path) -> Callable[[Path], bool]:
    return _changed(lambda _: other.read_bytes())


def _changed(change: Callable[[bytes], bytes]) -> Callable[[Path], bool]:
    def apply(path: Path) -> bool:
        before = path.read_bytes()
        after = change(before)
        path.write_bytes(after)
        return after != before

    return apply


Answer = object
Ask = Callable[[Path], Answer]


def _queries(words: Vocabulary) -> list[SparseBatch]:
    rows: list[Mapping[str, float]] = [
        {"word 0": 1.0, "word 39": 0.5},
        {f"word {number}": 1.0 + number / 10 for number in range(NUM_WORDS)},
        {"word 20": 1.0, "word 3": 2.0},
    ]
    return [SparseBatch.from_words([row], words) for row in rows]


def _vocabulary() -> Vocabulary:
    return Vocabulary([f"word {number}" for number in range(NUM_WORDS)])


def _search(engine: str, number: int) -> Ask:
    def ask(folder: Path) -> Answer:
        index = open_index(folder, engine=engine)  # type: ignore[arg-type]
        return index.search(_queries(_vocabulary())[number], k=3 if engine == "compiled" else 12)

    return ask


def _search_uncorrected(folder: Path) -> Answer:
    index = EmbeddedIndex(folder, engine="compiled")
    return [index.search(query, k=3) for query in _queries(_vocabulary())]


def _filtered(folder: Path) -> Answer:
    index = open_index(folder)
    vector = _queries(_vocabulary())[1].row(0)
    queries = [
        Query(vector=vector, filters=(NumberFilter("size", 1010, 1090),)),
        Query(vector=vector, filters=(NumberFilter("ratio", 0.5, None, negated=True),)),
        Query(vector=vector, filters=(text_filter("note", "note 1*"),)),
        Query(vector=vector, filters=(path_filter("1/**"),)),
        Query(
            required=(AnyOf(((Holds(4, 0.2),), (Holds(5, 0.0),))),),
            excluded=(AnyOf(((Holds(30, 0.1),),)),),
        ),
    ]
    return [index.find(query, k=20) for query in queries]


def _words(folder: Path) -> Answer:
    index = open_index(folder)
    ids = ("0/beach 0010.jpg", "0/beach 0399.jpg", "2/beach 0000.jpg")
    return [index.vector(doc_id).words() for doc_id in ids]


def _documents(folder: Path) -> Answer:
    index = open_index(folder)
    return [*index.documents(), *index.doc_ids(), len(index), index.document("1/beach 0030.jpg")]


def _info(folder: Path) -> Answer:
    index = open_index(folder)
    manifest = index.manifest
    return (
        *(len(index), index.num_postings, index.columns, index.model_id, manifest.generation),
        *(manifest.roots, index.corrections, index.vocabulary.words),
    )


def _exported(folder: Path) -> Answer:
    vectors = CorrectedVectors(open_index(folder))
    return [
        (block.doc_ids, block.vectors.term_ids.tobytes(), block.vectors.weights.tobytes())
        for block in vectors.blocks(200)
    ]


def _copied(folder: Path) -> Answer:
    return [
        (chunk.documents, chunk.vectors.term_ids.tobytes(), chunk.vectors.weights.tobytes())
        for chunk in read_documents(open_index(folder))
    ]


def _merged(folder: Path) -> Answer:
    """Merge all segments into one in place, and answer from that."""
    before = {path: path.read_bytes() for path in _content(folder)}
    try:
        with EmbeddedIndexWriter.open(folder) as writer:
            writer.delete(["2/beach 0039.jpg"])
            writer.add(["2/beach 0039.jpg"], _queries(_vocabulary())[0])
            writer.commit()
    except LexretError:
        kept = {path: path.read_bytes() for path in before if path.is_file()}
        changed = [path for path in before if kept.get(path) != before[path]
                   and "copy" not in path.name]  # fmt: skip
        if changed:
            raise AssertionError(f"a refused merge changed {changed}") from None
        raise
    index = open_index(folder)
    index.verify()
    return [
        *([segment.num_documents for segment in index.manifest.segments],),
        *(index.search(query, k=12) for query in _queries(_vocabulary())),
        *index.documents(),
    ]


def _content(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name not in LOCKS]


# The last one changes the index.
ASKS: Mapping[str, Ask] = {
    "short search": _search("numpy", 0),
    "long search": _search("numpy", 1),
    "search of a muted word": _search("numpy", 2),
    "compiled search": _search_uncorrected,
    "filters": _filtered,
    "words": _words,
    "documents": _documents,
    "info": _info,
    "export": _exported,
    "reuse": _copied,
    "merge": _merged,
}


def run_grid(whole: Path, damages: Sequence[Damage], work: Path) -> Tally:
    """Try damages one by one, and count what becomes of them.

    Of each damage that is refused, ``check`` must know and ``repair`` must make an index that
    answers rightly.
    """
    wanted: dict[str, Answer] = {}
    for name, ask in ASKS.items():
        wanted[name] = ask(_fresh_copy(whole, work))
    tally = Tally()
    for damage in damages:
        folder = _fresh_copy(whole, work)
        if not damage.apply(folder / damage.file):
            continue
        tally.tried += 1
        is_refused = _try_all(folder, wanted, f"{damage.file}: {damage.name}", tally)
        tally.outcomes["refused" if is_refused else "answered right"] += 1
        if is_refused:
            folder = _fresh_copy(whole, work)
            damage.apply(folder / damage.file)
            try:
                _check_repair(whole, folder)
            except Exception as error:
                tally.broken.append(f"{damage.file}: {damage.name}: repair: {error!r}")
    return tally


def _try_all(folder: Path, wanted: Mapping[str, Answer], told: str, tally: Tally) -> bool:
    """Try everything that reads a damaged index; return whether something was refused."""
    is_refused = False
    for name, ask in ASKS.items():
        try:
            found = ask(folder)
        except (DamageError, StorageError):
            is_refused = True
        except Exception as error:  # whatever it is, it is what must not be
            tally.broken.append(f"{told}: {name}: {error!r}")
        else:
            if found != wanted[name]:
                tally.wrong.append(f"{told}: {name}")
    return is_refused


def _fresh_copy(whole: Path, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(whole, work)
    return work


def _vectors(index: EmbeddedIndex) -> dict[str, bytes]:
    """Return the stored vector of every document as bytes, which tell vectors apart."""
    return {
        document.doc_id: vector.term_ids.tobytes() + vector.weights.tobytes()
        for chunk in read_documents(index)
        for document, vector in zip(chunk.documents, chunk.vectors, strict=True)
    }


def _check_repair(whole: Path, folder: Path) -> None:
    """Raise AssertionError if a repair keeps something that is not as it was, silently."""
    assert not check_index(folder).is_whole, "check finds nothing"

    def find_words(_: object) -> Vocabulary:
        return _vocabulary()

    planned = repair_index(folder, find_words=find_words, dry_run=True)
    report = repair_index(folder, find_words=find_words)
    assert check_index(folder).is_whole == report.is_usable or not report.is_usable
    assert (planned.num_documents, planned.without_vector, planned.num_unnamed) == (
        report.num_documents,
        report.without_vector,
        report.num_unnamed,
    )
    assert report.is_usable, "one damage must not cost the index"
    before, after = open_index(whole), open_index(folder)
    assert len(after) == report.num_documents
    without = set(report.without_vector)
    lost = {(doc_id, name) for name, ids in report.lost_fields.items() for doc_id in ids}
    live = {document.doc_id: document for document in before.documents()}
    revived = 0
    for document in after.documents():
        if document.doc_id not in live:
            revived += 1
            continue
        was = live[document.doc_id]
        for name, value in document.fields.items():
            if (document.doc_id, name) not in lost:
                assert value == was.fields[name], f"field {name} of {document.doc_id}"
    assert revived <= report.num_revived
    assert len(after) - revived + report.num_unnamed >= len(before)
    was_held, is_held = _vectors(before), _vectors(after)
    for doc_id in live.keys() & is_held.keys():
        assert is_held[doc_id] == (b"" if doc_id in without else was_held[doc_id]), doc_id
    if not report.lost_additions:
        assert after.corrections == before.corrections
