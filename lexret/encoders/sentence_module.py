"""A model of lexret as a module of sentence-transformers, for its SparseEncoder.

A folder that `lexret export st-model` wrote names this class; lexret must be installed where it is
opened:

    SparseEncoder(folder, trust_remote_code=True)  # which lets it import a class of lexret

Legend: B items, V words.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from PIL import Image
from sentence_transformers.base.modality import is_image_url_or_path
from sentence_transformers.base.modules import InputModule
from torch import Tensor

from lexret.encoders.folder.catalogue import model_files
from lexret.encoders.lexical_model import LexicalModel
from lexret.errors import InputError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

if TYPE_CHECKING:
    from lexret.sparse import SparseBatch

_VECTORS = "sentence_embedding"


class WordsOfModel(InputModule):  # type: ignore[misc]  # its types are not used
    """Module that encodes texts and pictures as the model does; nothing of it can be trained.

    Texts go through the static text encoder where the model has one, else through its transformer:
    ``encode_query`` gives queries as `lexret search` makes them of plain texts, ``encode`` and
    ``encode_document`` documents. Pictures of Pillow, or paths of pictures, become their words.

    Args:
        model: what encodes.
    """

    def __init__(self, model: LexicalModel) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = _Words(model.vocabulary.words)

    @property
    def modalities(self) -> list[Any]:
        """What it encodes."""
        return ["text", "image"]

    def preprocess(
        self,
        inputs: Sequence[Any],
        prompt: str | None = None,
        task: str | None = None,
        **_options: Any,
    ) -> dict[str, Tensor]:
        """Return (B, V) weights of texts or of pictures under ``sentence_embedding``.

        Args:
            prompt: set before each text.
            task: ``query`` makes queries of texts; all else makes documents.

        Raises:
            InputError: if there are texts and pictures among the items, or others; or a picture's
                address, which is not fetched.
            ImageError: if a file is no picture.
        """
        items = [_opened(item) for item in inputs]
        kinds = {type(item) for item in items}
        if kinds <= {str}:
            texts = [f"{prompt or ''}{text}" for text in items]
            encoder = self.model.texts
            batch = encoder.encode_queries(texts) if task == "query" else encoder.encode(texts)
        elif all(isinstance(item, Image.Image) for item in items):
            batch = self.model.images.encode([item.convert("RGB") for item in items])
        else:
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(f"Expected texts, or pictures of Pillow; found {names}.")
        return {_VECTORS: _dense(batch)}

    def forward(self, features: dict[str, Tensor], **_options: Any) -> dict[str, Tensor]:
        """Return the features as they are: :meth:`preprocess` has encoded them."""
        return features

    def get_embedding_dimension(self) -> int:
        """Return the number of words."""
        return len(self.model.vocabulary)

    def save(self, output_path: str, *_args: Any, **_options: Any) -> None:
        """Copy the model's files to a folder.

        Raises:
            InputError: if the model is not on disk.
        """
        folder = self.model.folder
        if folder is None:
            raise InputError("The model is not on disk; write it with save_pretrained first.")
        for file in model_files(folder):
            target = Path(output_path) / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                shutil.copyfile(file, target)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        **_options: Any,
    ) -> Self:
        """Load the model of a folder, or of the hub."""
        source = Path(model_name_or_path, subfolder)
        return cls(
            LexicalModel.from_pretrained(
                source if source.is_dir() else model_name_or_path,
                revision=revision,
                token=token if isinstance(token, str) else None,
                cache_dir=cache_folder,
                local_files_only=local_files_only,
            )
        )


class _Words:
    """What SparseEncoder.decode asks a tokenizer for: the words of their numbers."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def convert_ids_to_tokens(self, ids: Iterable[int]) -> list[str]:
        return [self._words[number] for number in ids]

    def get_vocab(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self._words)}


def _opened(item: Any) -> Any:
    """Return the picture that a path names, as sentence-transformers takes it for one."""
    if not isinstance(item, str) or not is_image_url_or_path(item):
        return item
    if not Path(item).is_file():
        raise InputError(f"{item[:80]!r} is a picture's address; open the picture first.")
    return open_image(Path(item), min_side=ENCODING_MIN_SIDE)


def _dense(batch: SparseBatch) -> Tensor:
    dense_BV = torch.zeros(len(batch), len(batch.vocabulary))
    for row, vector in enumerate(batch):
        dense_BV[row, torch.from_numpy(vector.term_ids.astype("int64"))] = torch.from_numpy(
            vector.weights
        )
    return dense_BV
