"""The library as Python programs use it: one class over folders, index and model."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from waiting import until

import lexret
from lexret.encoders import load_model
from lexret.engine import EmbeddedIndexWriter
from lexret.engine.corrections.corrections import change_corrections
from lexret.errors import InputError, MismatchError, MissingError, QueryError
from lexret.explain.explanation_json import to_json
from lexret.library import model_encoders
from lexret.library.asking.question import Question
from lexret.sparse import SparseBatch


@pytest.fixture
def photos(picture_folder: Path, static_model_folder: Path) -> lexret.Library:
    """The library of red.png, blue.jpg and more/noise.png."""
    return lexret.Library.create(picture_folder, model=str(static_model_folder))


def add(library: lexret.Library, name: str) -> None:
    """Commit a picture of the word dog alone, as another process would."""
    with EmbeddedIndexWriter.open(library.path) as writer:
        vocabulary = library.snapshot().index.vocabulary
        writer.add([name], SparseBatch.from_words([{"dog": 9.0}], vocabulary))
        writer.commit()


def test_a_library_is_made_opened_and_kept_up_to_date(
    picture_folder: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[int, int]] = []
    made = lexret.Library.create(
        picture_folder, model=str(static_model_folder), progress=lambda *n: done.append(n)
    )
    assert (len(made), done[-1]) == (3, (3, 3))
    assert made.path == picture_folder / ".lexret"
    Image.new("RGB", (40, 40), (9, 200, 9)).save(picture_folder / "green.png")
    monkeypatch.chdir(picture_folder / "more")
    for place in (picture_folder, made.path, str(picture_folder), None):
        assert len(lexret.Library.open(place)) == 3
    library = lexret.Library.open(picture_folder)
    report = library.update()
    assert (report.num_added, report.num_encoded, len(library)) == (1, 1, 4)
    assert library.update().num_encoded == 0


def test_what_cannot_be_opened_or_made_is_told(
    photos: lexret.Library, tmp_path: Path, static_model_folder: Path
) -> None:
    model = str(static_model_folder)
    with pytest.raises(MissingError, match="lexret index DIR"):
        lexret.Library.open(tmp_path)
    with pytest.raises(InputError, match=r"There is an index at .* already: open it with"):
        lexret.Library.create(photos.path.parent, model=model)
    with pytest.raises(InputError, match="name at least one"):
        lexret.Library.create(model=model)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "empty.jpg").touch()
    with pytest.raises(InputError, match="could be read: 1 empty file"):
        lexret.Library.create(tmp_path / "broken", model=model)
    with pytest.raises(MismatchError, match="made with the model"):
        lexret.Library.open(photos.path, model="mini").search("dog")


def test_hits_carry_their_file_and_the_words_that_made_their_score(photos: lexret.Library) -> None:
    results = photos.search("a dog and a xyzzy", k=2)
    assert results.notes == ("not in the vocabulary: xyzzy",)
    assert results.more and len(results) == len(results.hits) == 2
    assert list(results) == list(results.hits) == [results[0], *results[1:]]
    for rank, hit in enumerate(results, start=1):
        assert hit.path.is_file() and hit.rank == rank and hit.sure is None
        assert sum(word.product for word in hit.words) == pytest.approx(hit.score)
        with pytest.raises(AttributeError):
            hit.score = 1.0  # type: ignore[misc]
    assert not photos.search("dog", k=3).more
    assert not photos.search("+dog -dog")
    for wrong, error in (
        ({"text": "a +dogg"}, QueryError), ({"text": "dog", "k": 0}, InputError),
        ({"text": ""}, InputError), ({"text": "dog", "box": (0, 0, 1, 1)}, InputError),
        ({"image": "gone.png"}, MissingError), ({"like": "gone.png"}, MissingError),
    ):  # fmt: skip
        with pytest.raises(error):
            photos.search(**wrong)


def test_a_picture_is_the_same_question_as_a_file_and_in_memory(
    photos: lexret.Library, picture_folder: Path
) -> None:
    path = picture_folder / "more" / "noise.png"
    with Image.open(path) as image:
        forms = [path, str(path), image.convert("RGB"), [path]]
    for box in (None, (5, 6, 20, 30)):
        found = [[(h.doc_id, h.score) for h in photos.search(image=f, box=box)] for f in forms]
        assert found[0] and all(other == found[0] for other in found[1:])
    both = photos.search(image=[path, picture_folder / "red.png"])
    assert both[0].score > photos.search(image=path)[-1].score


def test_pictures_and_boxes_that_are_none_are_refused(
    photos: lexret.Library, picture_folder: Path
) -> None:
    photos.update()
    with pytest.raises(InputError, match=r"four numbers.*found \(1, 2\)"):
        photos.search("dog", image=picture_folder / "red.png", box=(1, 2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Expected a picture.*found 3"):
        photos.search("dog", image=3)  # type: ignore[arg-type]


def test_words_duplicates_similar_and_explanations(
    photos: lexret.Library, picture_folder: Path
) -> None:
    (picture_folder / "copy.png").write_bytes((picture_folder / "red.png").read_bytes())
    photos.update()
    (group,) = photos.duplicates()
    assert {duplicate.path.name for duplicate in group.pictures} == {"red.png", "copy.png"}
    assert len(photos.duplicates(near=0.0001)[0].pictures) == 4
    similar = [hit.doc_id for hit in photos.similar("red.png", k=9)]
    assert similar and not {"red.png", "copy.png"} & set(similar)
    words = photos.words("red.png", 3)
    assert words == photos.words(picture_folder / "red.png")[:3] and len(words) == 3
    change_corrections(photos.path, lambda now: now.with_muted(frozenset({words[0].word})))
    until(lambda: photos.words("red.png")[0].word != words[0].word)
    explained = photos.explain("red.png", query="a dog", boxes=[(0, 0, 20, 32)])
    assert explained.hit is not None and [region.name for region in explained.regions] == ["box"]
    assert json.loads(to_json(explained))["hit"]["query"] == "a dog"
    with pytest.raises(InputError, match="48 x 32 pixels"):
        photos.explain("red.png", boxes=[(0, 0, 32, 48)])


def test_an_explained_score_is_that_of_a_search(photos: lexret.Library) -> None:
    for query in ("a dog", "+dog (beach OR sea) -night path:*", "dog? (beach?^2 OR red?)"):
        hits = {hit.doc_id: hit.score for hit in photos.search(query)}
        for doc_id in ("red.png", "blue.jpg", "more/noise.png"):
            explained = photos.explain(doc_id, query)
            assert explained.hit is not None
            if doc_id in hits:
                assert explained.hit.score == pytest.approx(hits[doc_id], rel=1e-5)


def test_encoders_are_loaded_once_for_everything(
    picture_folder: Path, static_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(
        "lexret.encoders.load_model",
        lambda source, **how: loaded.append("model") or load_model(source, **how),
    )
    static = model_encoders.ModelEncoders.texts

    library = lexret.Library.create(picture_folder, model=str(static_model_folder))
    Image.new("RGB", (40, 40), (9, 200, 9)).save(picture_folder / "green.png")
    library.update()
    with ThreadPoolExecutor(8) as pool:
        kinds = ["contextual", "static"] * 8
        list(pool.map(lambda kind: library.search("dog", text_encoder=kind), kinds))
        list(pool.map(lambda _: library.search(image=picture_folder / "red.png"), range(8)))
    library.explain("red.png", query="dog")
    assert loaded == ["model"]
    encoders = library.encoders()
    assert static(encoders) is static(encoders, "static")


def test_a_snapshot_is_one_commit_while_another_process_commits(photos: lexret.Library) -> None:
    before = photos.snapshot()
    understood = photos.understand(Question("dog"), before)
    add(photos, "new.jpg")
    until(lambda: "new.jpg" in [hit.doc_id for hit in photos.search("dog")])
    assert "new.jpg" not in [hit.doc_id for hit in photos.find(understood, before)]


def test_threads_search_while_the_library_is_brought_up_to_date(
    photos: lexret.Library, picture_folder: Path
) -> None:
    stop, seen, errors = threading.Event(), set(), []

    def ask() -> None:
        while not stop.is_set():
            try:
                results = photos.search("path:**", k=50)
                seen.add(len(results))
                if len(results) != len(results.snapshot.index):
                    errors.append((len(results), len(results.snapshot.index)))
            except Exception as error:  # whatever it is, it must not be
                errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for shade in range(4):
        Image.new("RGB", (30, 30), (shade * 60, 10, 10)).save(picture_folder / f"s{shade}.png")
        photos.update()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert seen <= {3, 4, 5, 6, 7}
    assert len(photos) == 7


def test_nothing_is_printed(photos: lexret.Library, capfd: pytest.CaptureFixture[str]) -> None:
    photos.search("a dog and a xyzzy", image=photos.path.parent / "red.png")
    photos.update()
    photos.explain("red.png", query="a dogg and a dog")
    assert capfd.readouterr() == ("", "")


def test_importing_the_library_loads_no_network_library() -> None:
    code = (
        "import sys, lexret; lexret.Library, lexret.load_model, lexret.open_index\n"
        "heavy = {'torch', 'torchvision', 'transformers', 'timm', 'scipy', 'pydantic', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_part_of_a_large_picture_is_what_a_file_of_that_part_is(
    photos: lexret.Library, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((2048, 1536), Image.Resampling.BICUBIC), np.int16)
    noise = rng.integers(-60, 60, pixels.shape, dtype=np.int16)
    large = Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    large.save(tmp_path / "large.png", compress_level=1)
    for box in ((300, 200, 320, 320), (0, 0, 1600, 1536), (2047, 1535, 1, 1)):
        x, y, width, height = box
        large.crop((x, y, x + width, y + height)).save(tmp_path / "part.png")
        part = photos.search(image=tmp_path / "part.png")
        found = photos.search(image=tmp_path / "large.png", box=box)
        assert [(hit.doc_id, hit.score) for hit in found] == [
            (hit.doc_id, hit.score) for hit in part
        ]
