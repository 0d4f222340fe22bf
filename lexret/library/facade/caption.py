"""Captions of pictures, and answers about them: from words alone, or by a language model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lexret.arguments import require_several, require_text
from lexret.errors import InputError
from lexret.library.asking.query_pictures import PathLike
from lexret.library.facade.base import LibraryBase

if TYPE_CHECKING:
    from lexret.library.caption_input import CaptionInput
    from lexret.telling.language_model import LanguageModel
    from lexret.telling.tell import Told


class CaptionableLibrary(LibraryBase):
    """Library that captions pictures; a part of :class:`~lexret.library.library.Library`."""

    def caption(
        self,
        picture: PathLike,
        *,
        lm: str | LanguageModel | None = None,
        lm_name: str | None = None,
        places: bool = False,
    ) -> Told:
        """Describe a picture in a few words, or in a sentence by a language model.

        Args:
            picture: of the index, by id or path, which is not opened, or any other picture file.
            lm: a folder or a name for transformers, the address of a server that speaks the OpenAI
                protocol, or an open model; None: the surest five words are the caption. Words are
                sent to the address that is named, on this machine or elsewhere.
            lm_name: which of a server's models; by default its first.
            places: show the model in which third of the picture each word is seen; the file is
                opened for that.

        Returns:
            the text, which is empty if no word is sure enough, and the words that it is based on.

        Raises:
            MissingError, ImageError: if there is no such picture, or it cannot be read.
            InputError: if the language model cannot be used.
            MismatchError: if the model is not the one that made the index.
        """
        from lexret.telling.tell import caption, plain_caption

        _check_name(lm, lm_name)
        told = self._told_picture(picture, places=places)
        if lm is None:
            return plain_caption(told.words)
        model = _opened(lm, lm_name)
        return caption(model, told.words, told.samples())

    def ask(
        self,
        picture: PathLike,
        question: str,
        *,
        lm: str | LanguageModel,
        lm_name: str | None = None,
        choices: Sequence[str] = (),
        places: bool = False,
    ) -> Told:
        """Answer a question about a picture by a language model that reads its 21 surest words.

        Args:
            question: in one line.
            choices: answers to choose from, two at least, compared as wholes; by default the model
                writes one.
            picture, lm, lm_name, places: see :meth:`caption`.

        Returns:
            the answer, which is empty if none is based on the picture's words, and those words.

        Raises:
            InputError: if the question is empty, there is one choice only, or the language model
                cannot be used.
            MissingError, ImageError, MismatchError: see :meth:`caption`.
        """
        from lexret.telling.tell import answer

        require_text(question, "a question")
        require_several(choices, "answers", of=(str,))
        if not question.strip():
            raise InputError("The question is empty.")
        if len(choices) == 1:
            raise InputError("One answer is no choice; give two or more, or none.")
        if lm is None:
            raise InputError("Questions are answered by a language model: name one as lm=.")
        _check_name(lm, lm_name)
        told = self._told_picture(picture, places=places)
        model = _opened(lm, lm_name)
        return answer(model, told.words, " ".join(question.split()), choices=choices)

    def _told_picture(self, picture: PathLike, *, places: bool) -> CaptionInput:
        from lexret.library.caption_input import picture_of_library

        return picture_of_library(self, os.fspath(picture), places=places)


def _check_name(lm: str | LanguageModel | None, lm_name: str | None) -> None:
    """Raise InputError if a server's model is named without the server."""
    if lm_name is not None and not isinstance(lm, str):
        raise InputError(
            f"lm_name={lm_name!r} names a model of a server; give the server's address as lm=."
        )


def _opened(lm: str | LanguageModel, lm_name: str | None) -> LanguageModel:
    from lexret.telling.opening import open_language_model

    return open_language_model(lm, served=lm_name) if isinstance(lm, str) else lm
