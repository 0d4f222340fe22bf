"""Interfaces of encoders: items in, sparse vectors out. This module needs no torch, no Pillow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from lexret.arguments import require_several
from lexret.errors import InputError
from lexret.sparse import LexicalVector, SparseBatch, VectorPrecision
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    from PIL import Image

Item = TypeVar("Item", contravariant=True)


@dataclass(frozen=True)
class PatchGrid:
    """Grid of patches that covers the whole picture; patches are numbered row by row."""

    num_rows: int
    num_cols: int

    def __len__(self) -> int:
        return self.num_rows * self.num_cols

    def place(self, patch: int) -> tuple[int, int]:
        """Return (row, column) of a patch number."""
        return divmod(patch, self.num_cols)

    def box(self, patch: int, width: int, height: int) -> tuple[float, float, float, float]:
        """Return the patch's rectangle (x0, y0, x1, y1) in a picture of that size in pixels."""
        row, col = self.place(patch)
        x, y = width / self.num_cols, height / self.num_rows
        return col * x, row * y, (col + 1) * x, (row + 1) * y


@dataclass(frozen=True, eq=False)
class PatchEncoding:
    """Vector of a picture, and the patch that gave each of its words its weight.

    All weights, the patches' too, are divided by the same number (the picture's L2 norm), so
    that the maximum of a word over the patches equals its weight in ``image``.

    Attributes:
        image: the picture's vector, exactly what an index of float32 stores.
        patches: one row a patch (P rows), every positive word, not cut to the strongest.
        grid: how the patches lie.
        winning_patches: (len(image),) int32; the patch with most of the word ``image.term_ids[i]``.
    """

    image: LexicalVector
    patches: SparseBatch
    grid: PatchGrid
    winning_patches: npt.NDArray[np.int32]


class Encoder(Protocol[Item]):
    """Encoder of items into sparse vectors of one vocabulary."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the vectors weigh."""
        ...

    @property
    def model_id(self) -> str:
        """Identity of the model, such as ``"mini-3f2a91c04d5e"``; indexes record it."""
        ...

    def encode(self, items: Sequence[Item], *, batch_size: int = 32) -> SparseBatch:
        """Encode items, one row each, L2-normalised rows; an empty sequence gives no rows."""
        ...


@runtime_checkable
class QueryEncoder(Encoder[str], Protocol):
    """Encoder of texts that also makes queries of them."""

    def encode_queries(self, texts: Sequence[str], *, batch_size: int = 32) -> SparseBatch:
        """Encode texts as queries, one row each, of unit length."""
        ...

    def queries_of(self, documents: SparseBatch, texts: Sequence[str]) -> SparseBatch:
        """Do as :meth:`encode_queries` from what :meth:`encode` made of the texts."""
        ...


def require_pictures(images: object) -> None:
    """Raise InputError for what is no list of pictures of Pillow, such as the path of a file."""
    from PIL import Image

    if isinstance(images, Image.Image):
        raise InputError("Expected a list of pictures; found one picture alone: write [picture].")
    first = images[0] if isinstance(images, list | tuple) and images else images
    if isinstance(first, str | os.PathLike):
        raise InputError(
            f"Expected a list of pictures; found the path {str(first)!r}: read it first, as "
            "lexret.open_photo does."
        )
    kind = "pictures of Pillow, as lexret.open_photo(path) reads them from files"
    require_several(images, kind, of=(Image.Image,))


def precision_of(encoder: Encoder[Item]) -> VectorPrecision:
    """Return the precision that an encoder computes its vectors in; float32 if it names none."""
    precision: VectorPrecision = getattr(encoder, "precision", "float32")
    return precision


def runtime_of(encoder: Encoder[Item]) -> str | None:
    """Return what computes an encoder's vectors, such as "onnxruntime 1.32.0"; None: unknown."""
    runtime: str | None = getattr(encoder, "runtime", None)
    return runtime


class PatchEncoder(Encoder["Image.Image"], Protocol):
    """Encoder of pictures that also encodes each of their patches."""

    def encode_patches(self, images: Sequence[Image.Image]) -> list[PatchEncoding]:
        """Encode pictures with their patches; ``image`` equals what :meth:`encode` gives in
        float32, which patches are always computed in."""
        ...


class PictureEncoder(PatchEncoder, Protocol):
    """Image side of a model, in whatever computes it."""

    @property
    def precision(self) -> VectorPrecision:
        """What pictures' vectors are computed in; indexes record it."""
        ...

    @property
    def runtime(self) -> str:
        """What computes the vectors, and its version; indexes record it."""
        ...

    @property
    def grid(self) -> PatchGrid:
        """How the patches lie over a picture."""
        ...

    def encode_dense(
        self, images: Sequence[Image.Image], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Return (B, D) unit vectors of whole pictures, in the codebook's space, without words."""
        ...
