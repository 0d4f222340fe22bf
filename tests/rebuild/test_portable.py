"""Rebuilding without torch: the exported network, its cells, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lexret.encoders.folder.record import find_model, read_record
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.rebuild.choice import TokenChoice, rebuild_pictures
from lexret.rebuild.entries import VocabularyEntries
from lexret.rebuild.export import export_rebuild_model
from lexret.rebuild.folder import load_rebuild_model, read_rebuild_record, save_rebuild_model
from lexret.rebuild.portable import SHIPPED_DECODER, Rebuilder, load_rebuilder
from lexret.rebuild.prepared import PreparedPictures
from lexret.rebuild.views import rebuilt_views
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def rebuilder(decoder_folder: Path, tiny_model_folder: Path) -> Rebuilder:
    return load_rebuilder(read_record(tiny_model_folder), decoder_folder)


def words_of(pictures: PreparedPictures, row: int, vocabulary: Vocabulary) -> LexicalVector:
    ids, weights = pictures.word_ids[row], pictures.word_weights[row].astype(np.float32)
    order = np.argsort(ids[ids >= 0])
    return LexicalVector(ids[ids >= 0][order], weights[ids >= 0][order], vocabulary)


@pytest.mark.parametrize(
    "choice", [TokenChoice(cells=True), TokenChoice(words=3), TokenChoice(words=5, cells=True)]
)
def test_it_gives_the_pictures_that_torch_gives(
    choice: TokenChoice, rebuilder: Rebuilder, decoder_folder: Path, lexical: LexicalModel,
    pictures: PreparedPictures, entries: VocabularyEntries,
) -> None:  # fmt: skip
    expected = rebuild_pictures(load_rebuild_model(decoder_folder, lexical), pictures, choice)
    for row in range(3):
        photo = Image.fromarray(pictures.pixels[row])
        cells = rebuilder.cells(photo)
        assert (cells == entries.token_ids[expected.entries[row]]).all()
        found = rebuilder.rebuild(
            words_of(pictures, row, lexical.vocabulary) if choice.words else None,
            cells if choice.cells else None,
            num_words=choice.words or None,
        )
        np.testing.assert_allclose(found.astype(int), expected.pixels[row].astype(int), atol=2)


def test_cells_are_a_grid_of_token_ids(rebuilder: Rebuilder) -> None:
    cells = rebuilder.cells(Image.new("RGB", (40, 30), (200, 30, 30)))
    assert cells.shape == (4, 4)
    assert np.isin(cells, rebuilder.token_ids).all()


def test_wrong_cells_are_refused(rebuilder: Rebuilder) -> None:
    with pytest.raises(InputError, match="expected 4 x 4 whole numbers"):
        rebuilder.rebuild(None, np.zeros((3, 4), np.int32))
    cells = np.full((4, 4), 7, np.int32)
    cells[1, 2] = 8
    with pytest.raises(InputError, match="The token 8 is no cell"):
        rebuilder.rebuild(None, cells)


def test_words_of_another_vocabulary_are_refused(
    rebuilder: Rebuilder, tiny_vocabulary: Vocabulary
) -> None:
    (words,) = SparseBatch.from_words([{"dog": 1.0}], tiny_vocabulary)
    with pytest.raises(MismatchError):
        rebuilder.rebuild(words)


def test_views_are_of_words_cells_and_both(rebuilder: Rebuilder) -> None:
    (words,) = SparseBatch.from_words([{"dog": 1.0, "red": 0.5, "cat": 0.2}], rebuilder.vocabulary)
    photo = Image.new("RGB", (40, 30), (200, 30, 30))
    found = rebuilt_views(rebuilder, words, photo, budgets=(1, 2, 296))
    assert [view.label for view in found.views] == [
        "original", "1 word", "2 words", "3 words", "16 cells", "words and cells",
    ]  # fmt: skip
    alone = rebuilt_views(rebuilder, words, budgets=(1, 2, 296))
    assert [view.label for view in alone.views] == ["1 word", "2 words", "3 words"]
    assert alone.cells is None
    for mine, theirs in zip(alone.views, found.views[1:], strict=False):
        assert (mine.pixels == theirs.pixels).all()
    assert found.drawing().width > alone.drawing().width
    assert alone.png().startswith(b"\x89PNG")
    (nothing,) = SparseBatch.from_words([{}], rebuilder.vocabulary)
    assert [view.label for view in rebuilt_views(rebuilder, nothing, photo).views] == [
        "original", "16 cells",
    ]  # fmt: skip
    with pytest.raises(InputError, match="has no word"):
        rebuilt_views(rebuilder, nothing)
    with pytest.raises(InputError, match="expected 1 or more"):
        rebuilt_views(rebuilder, words, budgets=(0,))


def test_a_model_of_other_words_is_refused(decoder_folder: Path, tmp_path: Path,
                                           tiny_model_folder: Path) -> None:  # fmt: skip
    other = tmp_path / "other"
    shutil.copytree(decoder_folder, other)
    values = json.loads((other / "rebuild.json").read_text())
    (other / "rebuild.json").write_text(json.dumps({**values, "lexical": "mini-123"}))
    with pytest.raises(MismatchError, match=r"knows the words of the model mini-123; found tiny-"):
        load_rebuilder(read_record(tiny_model_folder), other)


def test_a_damaged_or_missing_file_is_named(
    decoder_folder: Path, tmp_path: Path, tiny_model_folder: Path
) -> None:
    lexical, other = read_record(tiny_model_folder), tmp_path / "other"
    with pytest.raises(MissingError, match="no rebuilding model"):
        load_rebuilder(lexical, other)
    shutil.copytree(decoder_folder, other)
    data = bytearray((other / "decoder.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (other / "decoder.onnx").write_bytes(data)
    with pytest.raises(CorruptError, match=r"decoder\.onnx does not hold the bytes"):
        load_rebuilder(lexical, other)
    (other / "encoder.onnx").unlink()
    with pytest.raises(MissingError, match=r"has no encoder\.onnx"):
        load_rebuilder(lexical, other)
    (other / "rebuild.json").write_text("{")
    with pytest.raises(CorruptError, match="cannot be read"):
        read_rebuild_record(other)
    (other / "rebuild.json").write_text('{"format": 1}')
    with pytest.raises(CorruptError, match="lacks"):
        read_rebuild_record(other)


def test_a_network_that_a_text_conditions_cannot_be_exported(
    decoder_folder: Path, lexical: LexicalModel, tmp_path: Path
) -> None:
    config = read_rebuild_record(decoder_folder).network.model_copy(update={"text": "captions"})
    save_rebuild_model(tmp_path / "m", config, {"x": torch.zeros(1)}, lexical, {})
    with pytest.raises(InputError, match=r"network\.text = 'none'"):
        export_rebuild_model(tmp_path / "m", lexical)


def test_rebuilding_imports_no_torch(decoder_folder: Path, tiny_model_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from lexret.encoders.folder.record import read_record\n"
        "from lexret.rebuild.views import rebuilt_views\n"
        "from lexret.rebuild.portable import load_rebuilder\n"
        f"r = load_rebuilder(read_record(Path({str(tiny_model_folder)!r})), "
        f"Path({str(decoder_folder)!r}))\n"
        "r.rebuild(None, np.full((4, 4), 7, np.int32))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_ships_rebuilds_pictures_of_mini_within_10_mb() -> None:
    shipped = load_rebuilder(read_record(find_model("mini")))
    assert sum(file.stat().st_size for file in SHIPPED_DECODER.iterdir()) <= 10_000_000
    y, x = np.mgrid[:64, :64]
    photo = Image.fromarray(np.stack([4 * x, 4 * y, 255 - 4 * x], axis=2).astype(np.uint8))
    rebuilt = shipped.rebuild(None, shipped.cells(photo))
    # A smooth picture comes back within a few levels; without cells nothing of it does.
    difference = np.abs(rebuilt.astype(float) - shipped.pixels(photo)).mean()
    nothing = np.abs(shipped.rebuild().astype(float) - shipped.pixels(photo)).mean()
    assert difference < 20 < 40 < nothing
    (grass,) = SparseBatch.from_words([{"grass": 1.0, "lawn": 0.8}], shipped.vocabulary)
    red, green, blue = shipped.rebuild(grass).reshape(-1, 3).mean(0)
    assert green > red > blue
