"""Pictures are found by the names of places, which come from their coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.errors import MissingPackageError, QueryError
from lexret.library import places
from lexret.library.library import Library
from lexret.places.gazetteer import Gazetteer

TOWNS = (
    # Name, country, state, latitude, longitude, inhabitants, other names.
    ("Lisbon", "PT", "14", 38.72509, -9.1498, 517_802, "Lisboa\nLissabon\nLIS"),
    ("Belém", "PT", "14", 38.69875, -9.19289, 16_546, ""),
    ("São Paulo", "BR", "27", -23.5475, -46.63611, 10_021_295, ""),
    ("Paris", "FR", "11", 48.85341, 2.3488, 2_138_551, ""),
    ("Paris", "US", "TX", 33.66094, -95.55551, 24_839, ""),
)
PHOTOS = {
    "baixa.jpg": (38.7077, -9.1366),
    "tower.jpg": (38.6976, -9.1935),
    "ibirapuera.jpg": (-23.5874, -46.6576),
    "louvre.jpg": (48.8606, 2.3376),
    "texas.jpg": (33.661, -95.556),
    "sea.jpg": (40.0, -40.0),
    "nowhere.jpg": None,
}


@pytest.fixture(autouse=True)
def few_towns(monkeypatch: pytest.MonkeyPatch) -> None:
    cities = [
        {"name": name, "countrycode": code, "admin1code": state, "latitude": latitude,
         "longitude": longitude, "population": population, "alternatenames": others}
        for name, code, state, latitude, longitude, population, others in TOWNS
    ]  # fmt: skip
    names = {"PT": "Portugal", "BR": "Brazil", "FR": "France", "US": "United States"}
    countries = {
        code: {"name": name, "iso3": f"{code}X", "continentcode": "EU" if code in "PTFR" else "A"}
        for code, name in names.items()
    }
    towns = Gazetteer(cities, countries, {"EU": {"name": "Europe"}}, {"TX": {"name": "Texas"}})
    monkeypatch.setattr(places, "gazetteer", lambda: towns)
    places._kept.clear()


def save(path: Path, seed: int, point: tuple[float, float] | None) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    exif = Image.Exif()
    if point is not None:
        gps = exif.get_ifd(0x8825)
        for first, value, signs in ((1, point[0], "NS"), (3, point[1], "EW")):
            degrees, minutes = divmod(abs(value) * 60, 60)
            gps[first] = signs[value < 0]
            gps[first + 1] = (degrees, int(minutes), round(minutes % 1 * 60, 4))
    Image.fromarray(noise).save(path, exif=exif)


@pytest.fixture
def library(tmp_path: Path, static_model_folder: Path) -> Library:
    for seed, (name, point) in enumerate(PHOTOS.items()):
        save(tmp_path / name, seed, point)
    return Library.create(tmp_path, model=str(static_model_folder))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("place:Lisbon", {"baixa.jpg", "tower.jpg"}),
        ("place:lisboa", {"baixa.jpg", "tower.jpg"}),
        ("place:belem", {"tower.jpg"}),
        ("place:Portugal", {"baixa.jpg", "tower.jpg"}),
        ('place:"Lisbon, Portugal"', {"baixa.jpg", "tower.jpg"}),
        ("place:Sao_Paulo", {"ibirapuera.jpg"}),
        ('place:"são paulo"', {"ibirapuera.jpg"}),
        ("place:s*paulo", {"ibirapuera.jpg"}),
        ("place:Paris", {"louvre.jpg", "texas.jpg"}),
        ('place:"Paris, France"', {"louvre.jpg"}),
        ('place:"Paris, Texas"', {"texas.jpg"}),
        ("place:Texas", {"texas.jpg"}),
        ("place:US", {"texas.jpg"}),
        ("place:Europe", {"baixa.jpg", "tower.jpg", "louvre.jpg"}),
        ("place:Europe -place:Lisbon", {"louvre.jpg"}),
        ("-place:*", {"sea.jpg", "nowhere.jpg"}),
        ("-place:Europe latitude:*..", None),
        ("place:Lisbo", set()),
    ],
)
def test_a_name_finds_what_was_taken_there(
    library: Library, query: str, found: set[str] | None
) -> None:
    if found is None:
        with pytest.raises(QueryError):
            library.search(query)
        return
    assert {hit.doc_id for hit in library.search(query, k=20)} == found


def test_it_is_said_which_towns_a_name_means_and_which_are_near(library: Library) -> None:
    assert library.search("place:Paris").notes == (
        "place:Paris is Paris, France (1); Paris, Texas, United States (1)",
    )
    assert library.search("place:Lisbom").notes == (
        "no picture tells that it was taken in 'Lisbom' (nearest: Lisbon)",
    )
    assert library.search("place:Lisbon").notes == library.search("place:Europe").notes == ()


def test_towns_are_counted_as_they_are_found(library: Library) -> None:
    index = library.snapshot().index
    counted = {str(one.town): one.num_pictures for one in places.counted_towns(index)}
    assert counted == {
        "Lisbon, Portugal": 2, "Belém, Portugal": 1, "São Paulo, Brazil": 1, "Paris, France": 1,
        "Paris, Texas, United States": 1,
    }  # fmt: skip
    for name, count in counted.items():
        assert len(library.search(f'place:"{name}"', k=20)) == count
    assert places.num_located(index) == 6
    assert places.counted_countries(index)["Portugal"] == 2


def test_without_coordinates_it_is_said_that_there_are_none(
    tmp_path: Path, static_model_folder: Path
) -> None:
    save(tmp_path / "a.jpg", 1, None)
    library = Library.create(tmp_path, model=str(static_model_folder))
    with pytest.raises(QueryError, match="tells where it was taken") as caught:
        library.search("place:Lisbon")
    assert (caught.value.start, caught.value.end) == (0, 5)
    assert places.counted_towns(library.snapshot().index) == []


def test_fields_of_that_name_which_somebody_gave_come_first(library: Library) -> None:
    library.set_fields("sea.jpg", {"place": "Lisbon"})
    assert [hit.doc_id for hit in library.search("place:Lisbon", k=20)] == ["sea.jpg"]


def test_without_the_package_it_is_said_what_to_install(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Gazetteer:
        raise MissingPackageError("get it with: pip install 'lexret[places]'")

    monkeypatch.setattr(places, "gazetteer", missing)
    with pytest.raises(MissingPackageError, match="places"):
        library.search("place:Lisbon")
    assert len(library.search("latitude:38..39", k=20)) == 2  # coordinates need no package


def test_pictures_that_were_removed_have_no_places(library: Library, tmp_path: Path) -> None:
    (tmp_path / "texas.jpg").unlink()
    library.update()
    index = library.snapshot().index
    assert "Paris, Texas, United States" not in {
        str(one.town) for one in places.counted_towns(index)
    }
