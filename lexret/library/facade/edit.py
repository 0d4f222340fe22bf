"""Edits of the library: words, fields and keywords of its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lexret.arguments import require_several
from lexret.library.asking.query_pictures import PathLike
from lexret.library.asking.question import names_of
from lexret.library.facade.base import LibraryBase
from lexret.library.lookup import document_named

if TYPE_CHECKING:
    from lexret.library.tagging import Tagged


class EditableLibrary(LibraryBase):
    """Library that can be edited; a part of :class:`~lexret.library.library.Library`."""

    def correct(
        self,
        pictures: PathLike | Sequence[PathLike],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        undo: bool = False,
    ) -> None:
        """Correct the words of pictures, as ``lexret words edit`` does.

        Args:
            pictures: by id or path.
            add: words that they show; as strong in each as its strongest word.
            remove: words that they do not show.
            undo: take back corrections of the words in ``add`` and ``remove``, or of all words.

        Raises:
            MissingError: if the index holds no such picture; nothing is changed then.
            InputError: if a word is none of the vocabulary.
            StorageError: if the corrections cannot be written.
        """
        from lexret.library.correcting import WordChange, correct_pictures

        require_several(add, "words to add")
        require_several(remove, "words to take away")
        index = self.snapshot().index
        ids = [document_named(index, name) for name in names_of(pictures)]
        changes = [*(WordChange("+", word) for word in add),
                   *(WordChange("-", word) for word in remove)]  # fmt: skip
        correct_pictures(index, ids, changes, undo=undo)
        self._latest.expire()

    def mute(self, *words: str, undo: bool = False) -> frozenset[str]:
        """Mute words: they count nowhere, as ``lexret vocab mute`` has it; returns all muted words.

        Args:
            undo: let them count again.

        Raises:
            InputError: if a word is none of the vocabulary, or one to let count is not muted.
            StorageError: if that cannot be written.
        """
        from lexret.library.correcting import mute_words

        muted = mute_words(self.snapshot().index, words, mute=not undo)
        self._latest.expire()
        return muted

    def set_fields(self, pictures: PathLike | Sequence[PathLike], fields: Mapping[str, str]) -> int:
        """Give pictures fields, as ``lexret fields set`` does; returns how many pictures changed.

        Args:
            pictures: by id or path.
            fields: name -> value as it is typed; an empty one takes the field away.

        Raises:
            MissingError, InputError, LockedError, StorageError: see
                :func:`lexret.library.fields.set_fields`.
        """
        from lexret.library.fields import OwnFields, parse_value, set_fields

        kinds = self.snapshot().index.columns
        values = {name: parse_value(name, text, kinds.get(name)) for name, text in fields.items()}
        try:
            if len(self.paths) == 1:
                return set_fields(self.path, dict.fromkeys(names_of(pictures), values))
            index, wanted = self.snapshot().index, dict[Path, dict[str, OwnFields]]()
            for name in names_of(pictures):  # each before any is changed
                doc_id = document_named(index, name)
                wanted.setdefault(index.part_of(doc_id).path, {})[doc_id] = values
            return sum(set_fields(path, fields) for path, fields in wanted.items())
        finally:
            self._latest.expire()

    def tag(
        self, pictures: PathLike | Sequence[PathLike], *, k: int = 8, write: bool = False
    ) -> list[Tagged]:
        """Write the words that pictures hold into their files, as ``lexret tag`` does.

        Args:
            pictures: by id or path.
            k: at most so many words a picture.
            write: change the files; without it, only report what would change.

        Raises:
            MissingError: if the index holds no such picture, or its model is not there.
        """
        from lexret.library.tagging import tag_pictures

        snapshot = self.snapshot()
        index, levels_V = snapshot.index, self.encoders(snapshot).levels_V()
        ids = [document_named(index, name) for name in names_of(pictures)]
        return list(tag_pictures(index, ids, levels_V, k=k, write=write))
