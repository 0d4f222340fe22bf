"""Explanations of pictures of the index, laid out for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from lexret.encoders.protocol import PatchEncoding
from lexret.engine.query.query import Query
from lexret.errors import InputError
from lexret.explain.answers import Answer, contributions_to, counting_vector
from lexret.explain.contact import ranks_of
from lexret.explain.drawing.clouds import draw_cloud
from lexret.explain.drawing.palette import LIGHT
from lexret.explain.drawing.svg import ink_offset
from lexret.explain.explanation import Place, places_won
from lexret.explain.patches.heatmaps import heat_map
from lexret.explain.patches.parts import cut_into_parts, relevant_patches
from lexret.explain.patches.regions import patch_number, patches_in_box, vector_of
from lexret.explain.sureness import held_words, surest_words
from lexret.files.names import name_to_text, shown_line, whole_text
from lexret.library.asking.copies import WithoutCopies
from lexret.library.asking.keyword_words import words_of_keywords
from lexret.library.library import Library
from lexret.library.snapshots import Snapshot
from lexret.pictures.boxes import Box, check_box, corners_of
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture
from lexret.pictures.packed import identity_of
from lexret.serve import schema
from lexret.serve.caches import Remember, remembering
from lexret.serve.limits import HeavyWork
from lexret.serve.questions import served_file
from lexret.sparse import LexicalVector, WordWeight

# What the patches of a picture say, and its width and height.
_Encoded = tuple[PatchEncoding, int, int]

NUM_WORDS: Final = 40
NUM_REGION_WORDS: Final = 16
NUM_RANKS: Final = 8
_HEAT_DECIMALS: Final = 4
_CLOUD: Final = (720, 440)
_REGION_CLOUD: Final = (440, 240)


class Explaining:
    """Explains pictures of the index; what patches say is kept for a while.

    Args:
        heavy: guards what takes long.
        allow_links: see :class:`lexret.serve.settings.ServeSettings`.
    """

    def __init__(self, library: Library, heavy: HeavyWork, *, allow_links: bool) -> None:
        self._library, self._heavy, self._allow_links = library, heavy, allow_links
        self._remember: Remember[_Encoded] = remembering(24)

    def explain(
        self,
        doc_id: str,
        query: LexicalVector | Query | None,
        snapshot: Snapshot,
        *,
        num_parts: int,
        copies: bool = False,
    ) -> schema.Explanation:
        """Return what a picture says and, for a query, why it was found.

        Args:
            copies: whether each copy of a file counts in the ranks.

        Raises:
            MissingError: if the index holds no such picture or its file is gone.
            ImageError: if the file cannot be read as a picture.
            BusyError: if too many wait for an encoder.
        """
        encoding, width, height = self._encode(doc_id, snapshot)
        vector = snapshot.index.vector(doc_id)
        levels_V = self._library.encoders(snapshot).levels_V()
        listed = surest_words(vector, levels_V)
        held = frozenset(word.word for word, is_held in listed if is_held)
        words = [word for word, _ in listed[:NUM_WORDS]]
        won = places_won(encoding)
        explanation = schema.Explanation(
            id=name_to_text(doc_id),
            name=shown_line(doc_id),
            width=width,
            height=height,
            rows=encoding.grid.num_rows,
            cols=encoding.grid.num_cols,
            fields=_fields(snapshot, doc_id),
            words=[_seen(word, encoding, won) for word in words],
            from_keywords=sorted(words_of_keywords(snapshot.index, doc_id)),
            cloud=_cloud(words, held, *_CLOUD),
            regions=[
                _region(f"part {number}", part, encoding, held)
                for number, part in enumerate(cut_into_parts(encoding, num_parts=num_parts), 1)
            ],
            score=None,
            matched=[],
            missing=[],
            patches=[],
        )
        if query is not None:
            _add_reasons(explanation, doc_id, query, vector, encoding, won, snapshot, copies)
        return explanation

    def region(
        self,
        doc_id: str,
        snapshot: Snapshot,
        *,
        patch: tuple[int, int] | None = None,
        box: Box | None = None,
    ) -> schema.Region:
        """Return what a patch (row, column) or a box (x, y, width, height) of a picture says.

        Raises:
            InputError: if it is not in the picture, or neither or both were given.
        """
        if (patch is None) == (box is None):
            raise InputError("Expected either a patch or a box.")
        encoding, width, height = self._encode(doc_id, snapshot)
        levels_V = self._library.encoders(snapshot).levels_V()
        held = held_words(snapshot.index.vector(doc_id), levels_V)
        if patch is not None:
            patches: tuple[int, ...] = (patch_number(encoding.grid, *patch),)
            return _region(f"patch {patch[0]},{patch[1]}", patches, encoding, held)
        corners = corners_of(check_box(box or (0, 0, 0, 0), (width, height)))
        inside = patches_in_box(encoding.grid, corners, width, height)
        return _region("box", inside, encoding, held)

    def _encode(self, doc_id: str, snapshot: Snapshot) -> _Encoded:
        path = served_file(snapshot, doc_id, allow_links=self._allow_links)
        key = (identity_of(path), snapshot.index.model_id)

        def encode() -> _Encoded:
            with self._heavy.turn():
                picture = open_picture(path, min_side=ENCODING_MIN_SIDE)
                encoder = self._library.encoders(snapshot).images()
                (encoding,) = encoder.encode_patches([picture.image])
            return encoding, picture.width, picture.height

        return self._remember(key, encode)


def _add_reasons(
    explanation: schema.Explanation,
    doc_id: str,
    query: LexicalVector | Query,
    vector: LexicalVector,
    encoding: PatchEncoding,
    won: Mapping[str, Place],
    snapshot: Snapshot,
    copies: bool,
) -> None:
    contributions, asked = contributions_to(query, vector)
    score = sum(shared.product for shared in contributions)
    found = Answer(doc_id, score, 1, contributions, asked)
    index = snapshot.index
    ranked = index if copies else WithoutCopies(index, index, shown=doc_id)
    ranks = ranks_of(ranked, query, found, num_words=NUM_RANKS)
    rank_without = {rank.word: str(rank) for rank in ranks}
    explanation.score = score
    explanation.matched = [
        schema.MatchedWord(**asdict(word), rank_without=rank_without.get(word.word, ""))
        for word in contributions
    ]
    explanation.missing = [schema.WordWeight(**asdict(word)) for word in found.missing[:60]]
    shown = {word.word for word in explanation.words}
    weights = [WordWeight(w.word, w.image_weight) for w in contributions if w.word not in shown]
    explanation.words += [_seen(word, encoding, won) for word in weights]
    explanation.patches = [
        schema.RelevantPatch(patch=patch.place, score=patch.score, words=list(patch.words[:6]))
        for patch in relevant_patches(encoding, counting_vector(query, vector))
    ]


def _seen(word: WordWeight, encoding: PatchEncoding, won: Mapping[str, Place]) -> schema.SeenWord:
    heat = heat_map(encoding, word.word)
    if not heat.any():
        return schema.SeenWord(word=word.word, weight=word.weight, patch=None, heat=None)
    place = won.get(word.word)
    if place is None:  # added by hand, yet a patch holds a little of it
        place = encoding.grid.place(int(heat.argmax()))
    rows = [[round(value, _HEAT_DECIMALS) for value in row] for row in heat.tolist()]
    return schema.SeenWord(word=word.word, weight=word.weight, patch=place, heat=rows)


def _region(
    name: str, patches: tuple[int, ...], encoding: PatchEncoding, held: frozenset[str]
) -> schema.Region:
    words = vector_of(encoding, patches).words(NUM_REGION_WORDS)
    return schema.Region(
        name=name,
        patches=[encoding.grid.place(patch) for patch in patches],
        words=[schema.WordWeight(**asdict(word)) for word in words],
        cloud=_cloud(words, held, *_REGION_CLOUD),
    )


def _cloud(words: list[WordWeight], held: frozenset[str], width: int, height: int) -> schema.Cloud:
    if not words:
        return schema.Cloud(width=width, height=height, words=[])
    unheld = frozenset(word.word for word in words) - held
    drawn = draw_cloud(words, width=width, height=height, all_words=False, unheld=unheld)
    placed = []
    for word in drawn.words:
        left, top = ink_offset(word.word, word.font_size)
        placed.append(
            schema.PlacedWord(
                word=word.word,
                weight=word.weight,
                x=word.box[0] - left,
                y=word.box[1] - top,
                size=word.font_size,
                length=word.box[2] - word.box[0],
                colour=LIGHT.words.index(LIGHT.colour_of(word.word)),
                held=word.held,
            )
        )
    return schema.Cloud(width=width, height=height, words=placed)


def _fields(snapshot: Snapshot, doc_id: str) -> dict[str, int | float | str]:
    fields = snapshot.index.document(doc_id).fields
    return {
        name: whole_text(value) if isinstance(value, str) else value
        for name, value in fields.items()
        # What begins with an underscore is lexret's own; keywords are told by /api/details.
        if value is not None and not name.startswith("_")
    }
