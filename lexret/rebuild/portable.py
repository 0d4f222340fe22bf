"""Rebuilding without torch: encoder and decoder in ONNX Runtime, the search for cells in numpy.

``encoder.onnx``  pixels (B, 3, S, S) float32 from -1 to 1 -> encoded (B, D, G, G)
``decoder.onnx``  codes (B, D, G, G), has_cells (B) bool, word_vectors (B, K, W), word_weights
                  (B, K) -> pixels (B, 3, S, S)
``cells.safetensors``  token_ids (E,) int32 of Llama 2's vocabulary, codes_ED (E, D) float16

Legend: B pictures, S side in pixels, G rows and columns of cells, D dimensions of their codes, E
entries, K words, W dimensions of the words' vectors, V words of the vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.encoders.folder.record import SHIPPED, ModelRecord
from lexret.encoders.folder.record import WEIGHTS_FILE as MODEL_WEIGHTS
from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.portable.sessions import Session
from lexret.errors import CorruptError, InputError
from lexret.files.tensors import map_tensors
from lexret.rebuild.folder import RebuildRecord, read_rebuild_record
from lexret.sparse import FloatArray, LexicalVector

ENCODER_FILE: Final = "encoder.onnx"
DECODER_FILE: Final = "decoder.onnx"
CELLS_FILE: Final = "cells.safetensors"
SHIPPED_DECODER: Final = SHIPPED / "rebuild"
# The words' vectors, in the lexical model's weights.
_CODEBOOK: Final = "image.codebook_VD"
# Entries are few enough for one product a picture.
Cells = npt.NDArray[np.int32]
Pixels = npt.NDArray[np.uint8]


class Rebuilder:
    """Rebuilder of pictures from words and cells; threads may share it.

    Args:
        record: of a rebuilding model that was exported.
        lexical: record of the model whose words it knows.

    Raises:
        MissingError: if the model was not exported.
        MismatchError: if it knows the words of another model.
        CorruptError: if a file is damaged.
    """

    def __init__(self, record: RebuildRecord, lexical: ModelRecord) -> None:
        record.require_model(lexical.model_id)
        self.config = record.network
        self.vocabulary = lexical.vocabulary()
        self._encoder = Session(record.file(ENCODER_FILE))
        self._decoder = Session(record.file(DECODER_FILE))
        path = record.file(CELLS_FILE)
        try:
            arrays = map_tensors(path).arrays
            self.token_ids = np.array(arrays["token_ids"])
            self._codes_ED = np.array(arrays["codes_ED"], np.float32)
        except (KeyError, ValueError) as error:
            raise CorruptError(f"{path} cannot be read: {error}.") from error
        weights = lexical.verify(MODEL_WEIGHTS)
        try:
            self._words_VW: npt.NDArray[Any] = map_tensors(weights).arrays[_CODEBOOK]
        except (KeyError, ValueError) as error:
            raise CorruptError(f"{weights} has no {_CODEBOOK}: {error}.") from error

    @property
    def side(self) -> int:
        """Pixels of a rebuilt picture's side."""
        return self.config.side

    def pixels(self, image: Image.Image) -> Pixels:
        """Return (S, S, 3) a picture as the encoder sees it: scaled to a small square."""
        return np.ascontiguousarray(square_pixels(image, self.side).transpose(1, 2, 0))

    def cells(self, image: Image.Image) -> Cells:
        """Return (G, G) the picture's cells: token ids of Llama 2's vocabulary."""
        pixels_13SS = self.pixels(image).transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0
        (encoded_1DGG,) = self._encoder.run(pixels=pixels_13SS)
        places_ND = encoded_1DGG[0].reshape(encoded_1DGG.shape[1], -1).T
        if self.config.cells.unit:
            places_ND = places_ND / np.maximum(np.linalg.norm(places_ND, axis=1)[:, None], 1e-12)
        halves_E = 0.5 * np.square(self._codes_ED).sum(1)
        entries_N = (places_ND @ self._codes_ED.T - halves_E).argmax(1)
        grid = self.config.cells.grid
        found: Cells = self.token_ids[entries_N].reshape(grid, grid)
        return found

    def rebuild(
        self,
        words: LexicalVector | None = None,
        cells: Cells | None = None,
        *,
        num_words: int | None = None,
    ) -> Pixels:
        """Return (S, S, 3) a picture rebuilt from its tokens.

        Args:
            words: of its sparse vector, corrected or not; None: without words.
            cells: (G, G) token ids, as :meth:`cells` gives them; None: without cells.
            num_words: the strongest words alone; None: all.

        Raises:
            InputError: if the grid has another size, or a token is none of the codebook's.
            MismatchError: if the words are of another vocabulary.
        """
        vectors_1KW, weights_1K = self._word_tokens(words, num_words)
        dim, grid = self.config.cells.dim, self.config.cells.grid
        codes_DGG = np.zeros((dim, grid, grid), np.float32)
        if cells is not None:
            codes_DGG = self._codes_ED[self._entries(cells)].transpose(2, 0, 1)
        (pixels_13SS,) = self._decoder.run(
            codes=np.ascontiguousarray(codes_DGG[None], np.float32),
            has_cells=np.array([cells is not None]),
            word_vectors=vectors_1KW,
            word_weights=weights_1K,
        )
        levels = np.rint((pixels_13SS[0].transpose(1, 2, 0) + 1.0) * 127.5)
        rebuilt: Pixels = np.clip(levels, 0, 255).astype(np.uint8)
        return rebuilt

    def _entries(self, cells: Cells) -> npt.NDArray[np.int64]:
        grid = self.config.cells.grid
        cells = np.asarray(cells)
        if cells.shape != (grid, grid) or not np.issubdtype(cells.dtype, np.integer):
            raise InputError(
                f"Found cells of shape {cells.shape} and type {cells.dtype}; expected {grid} x "
                f"{grid} whole numbers."
            )
        entries = np.searchsorted(self.token_ids, cells).clip(0, len(self.token_ids) - 1)
        unknown = cells[self.token_ids[entries] != cells]
        if len(unknown):
            raise InputError(
                f"The token {unknown[0]} is no cell: expected ids of Llama 2's tokens that begin "
                "a word."
            )
        return entries

    def _word_tokens(
        self, words: LexicalVector | None, num_words: int | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return (1, K, W) vectors and (1, K) weights, the strongest first; K is at least 1."""
        width = self._words_VW.shape[1]
        if words is None or not len(words):
            # A word that weighs nothing is not looked at.
            return np.zeros((1, 1, width), np.float32), np.zeros((1, 1), np.float32)
        self.vocabulary.require_same(words.vocabulary, mine="the rebuilder", theirs="the words")
        order = np.lexsort((words.term_ids, -words.weights))[:num_words]
        vectors_KW = self._words_VW[words.term_ids[order]].astype(np.float32)
        weights_K = words.weights[order] / words.weights[order[0]]
        return vectors_KW[None], weights_K[None].astype(np.float32)


def load_rebuilder(lexical: ModelRecord, folder: Path | None = None) -> Rebuilder:
    """Load the rebuilder of a folder, or the one that ships.

    Raises:
        MissingError: if there is none, or it was not exported.
        MismatchError: if it knows the words of another model.
        CorruptError: if a file is damaged.
    """
    return Rebuilder(read_rebuild_record(folder or SHIPPED_DECODER), lexical)
