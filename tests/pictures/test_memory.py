"""Memory that decoding takes: what is asked for, what is shared, and what is really used."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexret.errors import ImageError
from lexret.pictures.decoding import ENCODING_MIN_SIDE, MAX_REDUCED_SQUARES, read_picture
from lexret.pictures.memory import MemoryBudget
from lexret.pictures.reading import FileContent, ReadSettings, ThreadReader
from tests.pictures.made import chunk

MB = 1_000_000


def asked(file: io.BytesIO, **options: int) -> int:
    """The bytes that reading a picture asks for."""
    costs: list[int] = []

    @contextmanager
    def admit(num_bytes: int) -> Iterator[None]:
        costs.append(num_bytes)
        yield

    read_picture(file, "made", admit=admit, **options)  # type: ignore[arg-type]
    (cost,) = costs
    return cost


def saved(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    ("mode", "form", "bytes_a_pixel"),
    [("L", "PNG", 1), ("RGB", "PNG", 4), ("RGBA", "PNG", 4), ("I;16", "PNG", 2), ("RGB", "JPEG", 4),
     ("RGB", "WEBP", 12), ("RGB", "JPEG2000", 20), ("P", "GIF", 9)],
)  # fmt: skip
def test_the_cost_follows_from_size_mode_and_format(
    mode: str, form: str, bytes_a_pixel: int
) -> None:
    assert asked(saved(Image.new(mode, (100, 80)), form)) == 8000 * bytes_a_pixel


def test_a_large_jpeg_is_cheap_unless_it_is_progressive() -> None:
    image = Image.new("RGB", (4000, 2000))
    assert asked(saved(image, "JPEG"), min_side=250) == 500 * 250 * 4
    progressive = asked(saved(image, "JPEG", progressive=True), min_side=250)
    assert progressive == 500 * 250 * 4 + 8 * MB * 6


@pytest.mark.parametrize("size", [(70, 6000), (6000, 70), (100, 100), (1600, 900), (20, 40_000)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_long_pictures_are_reduced_by_their_area_too(size: tuple[int, int], form: str) -> None:
    picture = read_picture(saved(Image.new("L", size), form), "long", min_side=100)
    assert picture.image.width * picture.image.height <= MAX_REDUCED_SQUARES * 100**2
    assert (picture.width, picture.height) == size
    found = picture.image.width / picture.image.height
    assert found == pytest.approx(size[0] / size[1], rel=0.2) or min(picture.image.size) < 8


@pytest.mark.parametrize(
    "size", [(4000, 3000), (3000, 2000), (6000, 4000), (1535, 1535), (640, 480)]
)
def test_no_side_of_a_common_photo_falls_below_what_is_asked_for(size: tuple[int, int]) -> None:
    image = read_picture(saved(Image.new("L", size), "PNG"), "it", min_side=ENCODING_MIN_SIDE).image
    assert min(image.size) >= min(ENCODING_MIN_SIDE, *size)


def test_pillow_decodes_what_is_within_the_limit_and_gets_its_own_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for form in ("PNG", "JPEG", "TIFF", "GIF"):
        read_picture(saved(Image.new("L", (64, 64)), form), "it", max_pixels=5000)
        assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(ImageError, match="64 x 64 pixels; at most 4,000 pixels"):
        read_picture(saved(Image.new("L", (64, 64)), "PNG"), "it", max_pixels=4000)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_a_200_megapixel_jpeg_is_read() -> None:
    file = saved(Image.new("L", (16_320, 12_240), 77), "JPEG", quality=1)
    costs: list[int] = []

    @contextmanager
    def admit(num_bytes: int) -> Iterator[None]:
        costs.append(num_bytes)
        yield

    picture = read_picture(file, "phone", min_side=ENCODING_MIN_SIDE, admit=admit)
    assert (picture.width, picture.height) == (16_320, 12_240)
    assert min(picture.image.size) >= ENCODING_MIN_SIDE
    assert costs == [2040 * 1530]


def test_an_icon_that_claims_256_pixels_and_holds_more_is_refused_before_it_is_decoded() -> None:
    header = (20_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    inner = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    entry = (
        bytes([0, 0, 0, 0, 1, 0, 32, 0]) + len(inner).to_bytes(4, "little") + bytes([22, 0, 0, 0])
    )
    icon = b"\x00\x00\x01\x00\x01\x00" + entry + inner
    with pytest.raises(ImageError, match="20,000 x 20,000 pixels"):
        read_picture(io.BytesIO(icon), "icon")
    for options in ({}, {"bitmap_format": "bmp"}):
        icon_file = saved(Image.new("RGBA", (32, 32)), "ICO", **options)
        assert asked(icon_file, max_pixels=2000) == 16 * 32 * 32


def test_a_format_that_takes_much_more_a_pixel_is_refused_earlier() -> None:
    file = saved(Image.new("RGB", (100, 80)), "JPEG2000")
    with pytest.raises(ImageError, match="takes 160,000 bytes; at most 159,990 are") as caught:
        read_picture(file, "it", max_pixels=15_999)
    assert caught.value.reason == "too many pixels"
    file.seek(0)
    assert asked(file, max_pixels=16_000) == 160_000


def test_no_more_is_held_together_than_the_budget() -> None:
    budget = MemoryBudget(100)
    running, most = 0, 0
    lock = threading.Lock()

    def work(num_bytes: int) -> None:
        nonlocal running, most
        with budget.holding(num_bytes):
            with lock:
                running += num_bytes
                most = max(most, running)
            time.sleep(0.002)
            with lock:
                running -= num_bytes

    threads = [threading.Thread(target=work, args=(10 + 7 * (n % 5),)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 0 < most <= 100
    assert budget.most_held == most


def test_what_is_larger_than_the_budget_runs_alone_and_is_not_overtaken() -> None:
    budget, order = MemoryBudget(100), list[str]()
    release = threading.Event()

    def first() -> None:
        with budget.holding(60):
            order.append("first")
            release.wait(30)

    def then(name: str, num_bytes: int) -> None:
        with budget.holding(num_bytes):
            order.append(name)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    while not order:
        time.sleep(0.001)
    for waiting, (name, num_bytes) in enumerate((("huge", 1000), ("small", 10)), start=1):
        threads.append(threading.Thread(target=then, args=(name, num_bytes)))
        threads[-1].start()
        while len(budget._waiting) < waiting:
            time.sleep(0.001)
    assert order == ["first"]
    release.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "huge", "small"]
    assert budget.most_held == 1000


def test_a_failure_gives_back_what_was_held(tmp_path: Path) -> None:
    budget = MemoryBudget(100)
    with pytest.raises(ValueError), budget.holding(70):
        raise ValueError
    with budget.holding(100):
        pass
    assert budget.most_held == 100


def test_pictures_that_are_decoded_together_stay_within_the_budget(tmp_path: Path) -> None:
    for number in range(8):
        Image.new("L", (700, 3000), number).save(tmp_path / f"{number}.png")
    budget = MemoryBudget(5 * MB)
    reader = ThreadReader(ReadSettings(250 * MB, ENCODING_MIN_SIDE), budget)
    outcomes: list[object] = []

    def read(number: int) -> None:
        outcomes.append(reader.read(tmp_path / f"{number}.png", is_known=lambda sha256: False))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(isinstance(outcome, FileContent) for outcome in outcomes)
    assert 2.1 * MB <= budget.most_held <= 5 * MB


MEASURE = """
import sys
from pathlib import Path
from lexret.pictures.decoding import ENCODING_MIN_SIDE, open_picture

def most_used():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

open_picture(Path(sys.argv[1]), min_side=ENCODING_MIN_SIDE)
Path("/proc/self/clear_refs").write_text("5")  # the highest is counted anew from here
before = most_used()
open_picture(Path(sys.argv[2]), min_side=ENCODING_MIN_SIDE)
print(most_used() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux alone tells it")
@pytest.mark.parametrize(
    ("values", "decoded"),
    [
        (np.zeros((4000, 4000), np.uint16), 32 * MB),
        (np.full((16_000, 700, 4), 200, np.uint8), 44.8 * MB),
    ],
    ids=["16-bit", "long and transparent"],
)
def test_decoding_takes_little_more_than_the_decoded_picture(
    tmp_path: Path, values: np.ndarray, decoded: float
) -> None:
    """In a process of its own: what Pillow takes shows in the resident size alone."""
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.fromarray(values[:64, :64]).save(small)
    Image.fromarray(values).save(large, compress_level=1)
    command = [sys.executable, "-c", textwrap.dedent(MEASURE), str(small), str(large)]
    used = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert decoded * 0.5 < used < decoded + 25 * MB
