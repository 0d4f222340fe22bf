"""What ``lexret search`` looks for: its arguments and pictures, made into a query of an index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import load_images_of, load_texts_of, print_notes

if TYPE_CHECKING:
    from PIL import Image

    from lexret.cli.common import TextEncoderKind
    from lexret.encoders.protocol import Encoder
    from lexret.engine.index import EmbeddedIndex
    from lexret.engine.query.binding import PictureParts
    from lexret.engine.query.query import Query
    from lexret.sparse import LexicalVector

Box = tuple[int, int, int, int]

# A text without any of these is plain; to see that takes no parser, whose import takes time.
_OPERATOR: Final = re.compile(r'[()"?^>:]|(?:^|\s)[+-]|\bOR\b')
# No argument of a program can hold it.
_TEXT: Final = "\0"
_EXCLUDED: Final = re.compile(r'-(?!k\d*\Z|h\Z)[^\W\d_][^\0]*|-[("][^\0]*')
_BOX: Final = re.compile(r"\s*(\d{1,9})" + r"\s*,\s*(\d{1,9})" * 3 + r"\s*", re.ASCII)


class QueryCommand(click.Command):
    """A command whose arguments may begin with a minus: ``-dog`` is a word, no option.

    Options are ``--long`` ones, ``-h``, ``-k`` with or without its number, and the command's own
    short ones, such as ``-o``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark such words, so that click takes them for arguments; see :func:`query_text`."""
        valued = {
            name
            for one in self.params
            if isinstance(one, click.Option) and not one.is_flag
            for name in one.opts
        }
        own = {name for one in self.params for name in one.opts}
        marked, before = [], ""
        for place, one in enumerate(args):
            if one == "--":
                marked += args[place:]
                break
            is_word = before not in valued and one not in own and _EXCLUDED.fullmatch(one)
            marked.append(_TEXT + one if is_word else one)
            before = one
        return super().parse_args(ctx, marked)


def plain_arguments(arguments: tuple[str, ...]) -> list[str]:
    """Return the arguments of a :class:`QueryCommand` as they were given."""
    return [one.removeprefix(_TEXT) for one in arguments]


def query_text(words: tuple[str, ...]) -> str:
    """Join a command's arguments to the text of a query."""
    return " ".join(plain_arguments(words))


def parse_box(_ctx: object, _param: object, value: str | None) -> Box | None:
    """Read ``x,y,w,h``, whole numbers."""
    if value is None:
        return None
    found = _BOX.fullmatch(value)
    if found is None or "0" in (found[3].lstrip("0") or "0", found[4].lstrip("0") or "0"):
        raise click.BadParameter(
            f"{value!r}; expected four whole numbers x,y,w,h: left, top, width and height in "
            "pixels, the last two above 0."
        )
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])


@dataclass(frozen=True)
class Wanted:
    """What a call of ``lexret search`` asks for.

    Attributes:
        text: the query's text.
        images: picture files to look for.
        box: the part of the only one of them that counts: x, y, width, height in pixels.
        likes: pictures of the index to look for.
        model_source: the model that was named.
        text_encoder: the kind of text encoder that was named.
    """

    text: str
    images: tuple[Path, ...] = ()
    box: Box | None = None
    likes: tuple[str, ...] = ()
    model_source: str | None = None
    text_encoder: TextEncoderKind | None = None

    def check(self) -> None:
        """Raise UsageError where options do not go together."""
        if self.box is not None and len(self.images) != 1:
            raise click.UsageError("--box is a part of one picture: give exactly one --image.")


@dataclass(frozen=True, eq=False)
class Understood:
    """A query and what it took to make it.

    Attributes:
        is_plain: the query is a text without operators and pictures.
        text_encoder: what encoded its text; ``None`` where there is none.
    """

    query: LexicalVector | Query
    is_plain: bool
    text_encoder: TextEncoderKind | None

    @property
    def scores(self) -> bool:
        """Whether anything in it scores; filters and excluded words alone do not."""
        from lexret.sparse import LexicalVector

        return isinstance(self.query, LexicalVector) or self.query.scores


def understand(wanted: Wanted, index: EmbeddedIndex) -> Understood:
    """Make the query that a call asks for.

    Raises:
        InputError: if the text breaks the query language or holds no known word, or a box lies
            outside of its picture.
        MissingError: if a picture is not there.
        MismatchError: if an encoder is needed, and the model is not the one of the index.
    """
    if is_surely_plain(wanted.text) and not (wanted.images or wanted.likes):
        from lexret.engine.query.notes import notes_on_text

        print_notes(notes_on_text(wanted.text, index.vocabulary, muted=index.corrections.muted))
        kind, texts = load_texts_of(index, wanted.model_source, wanted.text_encoder)
        return Understood(texts.encode([wanted.text]).row(0), True, kind)
    return _understand(wanted, index)


def is_surely_plain(text: str) -> bool:
    """Whether nothing in a text may be an operator."""
    return _OPERATOR.search(text) is None


def _understand(wanted: Wanted, index: EmbeddedIndex) -> Understood:
    from lexret.engine.query.binding import bind_query, notes_on
    from lexret.engine.query.parser import parse_query
    from lexret.library.query_dates import notes_on_dates

    parsed = parse_query(wanted.text)
    has_pictures = bool(wanted.images or wanted.likes)
    muted = index.corrections.muted
    notes = notes_on(parsed, index.vocabulary, muted=muted, has_pictures=has_pictures)
    loaded: list[tuple[TextEncoderKind, Encoder[str]]] = []

    def encode(text: str) -> LexicalVector:
        if not loaded:
            loaded.append(load_texts_of(index, wanted.model_source, wanted.text_encoder))
        return loaded[0][1].encode([text]).row(0)

    query = bind_query(
        parsed, index.vocabulary, index.columns, encode, pictures=_pictures(wanted, index)
    )
    print_notes(
        [*notes, *notes_on_dates(parsed, index)]
    )  # not before an error, which may tell the same words
    plain = parsed.is_plain and not has_pictures
    return Understood(query, plain, loaded[0][0] if loaded else None)


def _pictures(wanted: Wanted, index: EmbeddedIndex) -> PictureParts:
    from lexret.engine.query.binding import PictureParts

    likes = tuple(_document(index, one) for one in wanted.likes)
    vectors = [index.vector(one) for one in likes]
    if wanted.images:
        images = [_read(path, wanted.box) for path in wanted.images]
        vectors += load_images_of(index, wanted.model_source).encode(images)
    return PictureParts(tuple(vectors), likes)


def _document(index: EmbeddedIndex, given: str) -> str:
    """Return the id of a picture of the index that was named by its id or by its path."""
    from lexret.errors import MissingError
    from lexret.library.lookup import document_named

    try:
        return document_named(index, given)
    except MissingError as error:
        raise MissingError(
            f"{error} For a picture that is not in the index there is --image."
        ) from error


def _read(path: Path, box: Box | None) -> Image.Image:
    """Read a picture, or a part of it, as ``lexret index`` does."""
    from lexret.errors import InputError
    from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_image

    if box is None:
        return open_image(path, min_side=ENCODING_MIN_SIDE)
    whole = open_image(path)
    x, y, width, height = box
    if x + width > whole.width or y + height > whole.height:
        raise InputError(
            f"The box {x},{y},{width},{height} reaches out of {path}, which is {whole.width} x "
            f"{whole.height} pixels."
        )
    part = whole.crop((x, y, x + width, y + height))
    return part.reduce(max(1, min(part.size) // ENCODING_MIN_SIDE))
