"""Writes keywords into picture files, byte by byte around everything else, which stays as it is.

JPEG and PNG hold them themselves; of other formats a file beside the picture does, as photo
programs expect it. In a JPEG that has IPTC-IIM data as well, both are kept alike (Metadata Working
Group, Guidelines for Handling Image Metadata 2.0, 2010).

Every change is undone in memory before it is made: one that could not be taken back byte for byte
is refused. What is not understood is refused as well, and the file stays as it is.
"""

from __future__ import annotations

import os
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexret.errors import ImageError, MissingError, StorageError
from lexret.pictures.metadata.embedded import embedded_keywords
from lexret.pictures.metadata.holders import JpegHolder, KeywordHolder, PngHolder
from lexret.pictures.metadata.iptc import (
    fitting_words,
    iptc_digest,
    iptc_keywords,
    with_iptc_words,
    without_iptc_words,
)
from lexret.pictures.metadata.keyword_lists import (
    distinct,
    own_in_iptc,
    packet_keywords,
    people_keywords,
)
from lexret.pictures.metadata.packets import SUBJECT, read_packet
from lexret.pictures.metadata.png import SIGNATURE
from lexret.pictures.metadata.replacing import (
    check_unchanged,
    create_file,
    interrupted_copy,
    mend_interrupted,
    remove_file,
    replace_content,
)
from lexret.pictures.metadata.sidecars import belongs_to, read_sidecar, sidecar_for, sidecars_of
from lexret.pictures.metadata.xmp import Marks, keywords_of, marks_of, with_words, without_words

_JPEG: Final = b"\xff\xd8"


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """What writing keywords changes.

    Attributes:
        path: the file that holds them: the picture or the one beside it.
        before: all its keywords.
        after: all its keywords then.
        old: the whole file now; ``None`` where there is none.
        content: the whole file then; ``None`` where it stays as it is, or goes.
        goes: the file beside the picture is taken away, as nothing is left in it.
    """

    path: Path
    before: tuple[str, ...]
    after: tuple[str, ...]
    old: bytes | None
    content: bytes | None
    goes: bool = False

    @property
    def is_one(self) -> bool:
        """Whether anything changes."""
        return self.goes or self.content is not None


def plan_keywords(picture: Path, words: Sequence[str]) -> KeywordChange:
    """Return what it takes to make these the keywords that lexret wrote of a picture.

    Nothing is written. Keywords of people stay, and a word that is one of them is not written
    again. Without words, what lexret wrote is taken back, byte for byte.

    Raises:
        MissingError: if the picture is not there.
        ImageError: if its metadata are damaged or not understood, or would grow too large; the
            message names the file.
    """
    place = _resolved(picture)
    content = _read(place)
    try:
        if content.startswith(_JPEG):
            return _planned(place, JpegHolder(content), words, _beside(picture, words))
        if content.startswith(SIGNATURE):
            return _planned(place, PngHolder(content), words, _beside(picture, words))
        return _plan_sidecar(picture, place, words)
    except ImageError as error:
        message = str(error) if str(place) in str(error) else f"{place}: {error}"
        raise ImageError(message, reason=error.reason) from error
    except (ValueError, IndexError, struct.error, zlib.error, RecursionError) as error:
        raise ImageError(
            f"{place}: its metadata are damaged: {error}.", reason="damaged"
        ) from error


def mend_picture(picture: Path) -> bool:
    """Put a picture back that was being written when its writer was cut off; tells whether it was.

    Raises:
        ImageError: if its place cannot be found.
        StorageError: if it cannot be written.
    """
    return mend_interrupted(_resolved(picture))


def write_keywords(change: KeywordChange) -> None:
    """Change the file at once; a crash leaves the old or the new one.

    Its times, rights and names stay.

    Raises:
        StorageError: if that fails, or the file changed since it was planned; it is left as it is.
    """
    if change.goes and change.old is not None:
        remove_file(change.path, expected=change.old)
    elif change.content is not None and change.old is None:
        create_file(change.path, change.content)
    elif change.content is not None and change.old is not None:
        replace_content(change.path, change.content, expected=change.old)


def check_writable(change: KeywordChange) -> None:
    """Raise StorageError where a change could not be written, as far as can be told before."""
    folder = change.path.parent
    if not os.access(folder, os.W_OK):
        raise StorageError(f"{folder} may not be written.")
    if change.old is not None:
        check_unchanged(change.path, change.old)


def _resolved(picture: Path) -> Path:
    try:
        return picture.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise ImageError(f"{picture} cannot be read: {error}.", reason="unreadable") from error


def _read(path: Path) -> bytes:
    kept = interrupted_copy(path)
    if kept.exists():
        raise ImageError(
            f"Writing {path} was interrupted once; as it was before, it is kept in {kept}. "
            "`lexret tag --write` puts it back, unless the picture was changed since: then delete "
            "that copy if the picture is whole, else copy it over the picture.",
            reason="interrupted",
        )
    try:
        if path.exists() and not path.is_file():
            raise ImageError(f"{path} is not a file.", reason="not a picture")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(f"There is no picture {path}.", path=path) from error
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.",
                         reason="unreadable") from error  # fmt: skip


def _planned(
    place: Path, holder: KeywordHolder, words: Sequence[str], beside: Sequence[str],
    copied: Sequence[str] = (),
) -> KeywordChange:  # fmt: skip
    """Plan the change of a file.

    Args:
        beside: keywords of people in other files, which are not written again.
        copied: those among them that a list of lexret's words alone would hide.
    """
    base = _stripped(holder, copied)
    new = _with_words(base, words, beside, copied) if words else base
    if _stripped(new, copied) != base:
        raise ImageError(
            "The change could not be taken back byte for byte.", reason="unknown structure"
        )
    before, after = _keywords(holder), _keywords(new)
    if (before == after and _marks(holder) == _marks(new)) or new == holder:
        return KeywordChange(place, before, before, holder.content, None)
    return KeywordChange(place, before, after, holder.content, new.content, new.content is None)


def _marks(holder: KeywordHolder) -> list[tuple[tuple[str, ...], tuple[str, ...] | None]]:
    found: list[Marks | None] = [marks_of(packet) for packet in holder.packets]
    return [(marks.words, marks.in_iptc) for marks in found if marks is not None]


def _keywords(holder: KeywordHolder) -> tuple[str, ...]:
    found = [word for packet in holder.packets for word in keywords_of(packet)]
    found += iptc_keywords(holder.iptc) if holder.iptc is not None else []
    return tuple(distinct([*found, *holder.other_keywords]))


def _stripped(holder: KeywordHolder, copied: Sequence[str]) -> KeywordHolder:
    """Take back what lexret wrote; ``copied`` are keywords that other files hold."""
    marked = [number for number, packet in enumerate(holder.packets) if marks_of(packet)]
    if not marked:
        return holder
    if len(marked) > 1:
        raise ImageError("Its XMP metadata are there more than once.", reason="damaged metadata")
    packet, iptc = holder.packets[marked[0]], holder.iptc
    elsewhere = [*copied, *holder.other_keywords]
    if iptc is not None:
        iptc = without_iptc_words(iptc, own_in_iptc([packet]))
        elsewhere += iptc_keywords(iptc)
    return holder.replaced(without_words(packet, elsewhere=elsewhere), iptc, marked[0])


def _with_words(
    base: KeywordHolder, words: Sequence[str], beside: Sequence[str], copied: Sequence[str]
) -> KeywordHolder:
    """Put words into a file without words of lexret."""
    packets, iptc = base.packets, base.iptc
    if len(packets) > 1:
        raise ImageError("Its XMP metadata are there more than once.", reason="damaged metadata")
    base.check()
    said = [*people_keywords(packets, iptc), *base.other_keywords, *beside]
    theirs = {_folded(word) for word in said}
    new = [word for word in dict.fromkeys(words) if _folded(word) not in theirs]
    if not new:
        return base
    has_list = bool(packets) and bool(read_packet(packets[0]).values(SUBJECT))
    hidden = [*copied, *(iptc_keywords(iptc) if iptc else ()), *base.other_keywords]
    in_iptc = fitting_words(iptc, new) if iptc is not None else []
    after = with_iptc_words(iptc, in_iptc) if iptc is not None else None
    packet = with_words(
        packets[0] if packets else None,
        new,
        copied=[] if has_list else distinct(hidden),
        in_iptc=in_iptc,
        digests=None if iptc is None or after is None else (iptc_digest(iptc), iptc_digest(after)),
        note=base.note(),
    )
    return base.replaced(packet, after, 0)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


def _beside(picture: Path, words: Sequence[str]) -> list[str]:
    """Return the keywords of people in files beside a picture; not needed to take words back."""
    return [
        word
        for sidecar in (sidecars_of(picture) if words else ())
        for word in _said_in(sidecar, read_sidecar(sidecar))
    ]


def _said_in(sidecar: Path, packet: bytes) -> list[str]:
    try:
        return packet_keywords(packet)
    except ImageError as error:
        raise ImageError(f"{sidecar}: {error}", reason=error.reason) from error


def _plan_sidecar(picture: Path, place: Path, words: Sequence[str]) -> KeywordChange:
    """Plan the change of the file beside a picture: of the one that lexret wrote into before."""
    packets = {path: read_sidecar(path) for path in sidecars_of(picture)}
    said = {path: _said_in(path, packet) for path, packet in packets.items()}
    chosen = next((path for path, packet in packets.items() if marks_of(packet)), None)
    if chosen is None:
        mine = (path for path, packet in packets.items() if belongs_to(path, packet, place))
        chosen = next(mine, sidecar_for(place))
    others = [word for path, found in said.items() if path != chosen for word in found]
    copied = distinct([*embedded_keywords(place), *others])
    return _planned(chosen, KeywordHolder(packets.get(chosen)), words, copied, copied)
