"""All shards of some folders, searched as one index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from lexret.engine.index import EmbeddedIndex
from lexret.engine.joined import join_indexes
from lexret.errors import InputError, MismatchError, MissingError
from lexret.library.folders import picture_folders
from lexret.library.packed.pictures import without_packed_folders
from lexret.library.shards import Shard, without_shard

_MOST_NAMED: Final = 10


def join_shards(indexes: Sequence[EmbeddedIndex]) -> EmbeddedIndex:
    """Return one index over all shards of some folders; over a single index, itself.

    Raises:
        InputError, MissingError, MismatchError: if they are not all the shards of one index; see
            :func:`require_all_shards`.
    """
    if len(indexes) == 1:
        return indexes[0]
    for index in indexes:
        if Shard.of(index.manifest.options) is None:
            raise InputError(
                f"The index at {index.path} is no shard, so that it cannot be searched together "
                "with others. `lexret merge INDEX INDEX... -o PATH` makes one index of several; "
                "`lexret index DIR --shard I/N` makes shards."
            )
    require_all_shards(indexes)
    return join_indexes(sorted(indexes, key=lambda index: _shard_of(index).number))


def require_all_shards(indexes: Sequence[EmbeddedIndex], *, allow_missing: bool = False) -> None:
    """Raise an error where shards are not all those of one index, made alike.

    Args:
        indexes: shards.
        allow_missing: accept that some are not among them.

    Raises:
        InputError: if one is there twice, or they are of different numbers of shards.
        MissingError: if some are not among them; it names them.
        MismatchError: if they are of different folders, or were made in different ways.
    """
    first = indexes[0]
    there: dict[int, EmbeddedIndex] = {}
    total = _shard_of(first).total
    for index in indexes:
        shard = _shard_of(index)
        if shard.total != total:
            raise InputError(
                f"The index at {first.path} is shard {_shard_of(first)}, that at {index.path} is "
                f"shard {shard}: they are not of one split. Name shards of one split only."
            )
        if shard.number in there:
            raise InputError(
                f"The indexes at {there[shard.number].path} and {index.path} are both shard "
                f"{shard}; name each shard once."
            )
        there[shard.number] = index
    for what, told in _MADE:
        for index in indexes[1:]:
            if told(index) != told(first):
                raise MismatchError(
                    f"{what} of shard {_shard_of(first)} at {first.path}: {told(first)}; of shard "
                    f"{_shard_of(index)} at {index.path}: {told(index)}. Shards of one index are "
                    "made alike: make one of them again as the other, with --rebuild."
                )
    missing = [str(Shard(n, total)) for n in range(1, total + 1) if n not in there]
    if missing and not allow_missing:
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        names = ", ".join(missing[:_MOST_NAMED]) + more
        raise MissingError(
            f"{'Shard' if len(missing) == 1 else 'Shards'} {names} "
            f"{'is' if len(missing) == 1 else 'are'} missing: only "
            f"{', '.join(str(each.path) for each in indexes[:_MOST_NAMED])} "
            f"{'is' if len(indexes) == 1 else 'are'} there. Name the others as well, or make them: "
            f"`lexret index DIR --shard {missing[0]}`."
        )


def _shard_of(index: EmbeddedIndex) -> Shard:
    shard = Shard.of(index.manifest.options)
    assert shard is not None, "callers give shards"
    return shard


def _folders(index: EmbeddedIndex) -> str:
    return ", ".join(str(f.path) for f in picture_folders(index.manifest.roots, index.path))


def _options(index: EmbeddedIndex) -> str:
    # Where tar shards lie may differ: machines see them in different places.
    alike = without_packed_folders(without_shard(index.manifest.options))
    return ", ".join(sorted(alike)) or "none"


_MADE: Final[tuple[tuple[str, Callable[[EmbeddedIndex], str]], ...]] = (
    ("The folders", _folders),
    ("The precision", lambda index: index.manifest.precision),
    ("The weights", lambda index: index.manifest.weights),
    ("The options", _options),
)
