"""A photo damaged in five ways, its cells restored by a model that copies."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lexret.errors import InputError
from lexret.rebuild.denoised import damaged_photo, denoised_photo
from lexret.rebuild.denoising_prompts import AS_THE_CODE, AS_THE_PAPER, TASKS, Task
from tests.rebuild.test_denoising import Copier


class GreyCells:
    """Coder whose cells are shades of grey."""

    token_ids = np.arange(100, 356, dtype=np.int32)

    def cells(self, image: Image.Image) -> np.ndarray:
        small = image.convert("L").resize((8, 8), Image.Resampling.BOX)
        return 100 + np.asarray(small).astype(np.int32)

    def rebuild(self, words: None = None, cells: np.ndarray | None = None) -> np.ndarray:
        assert cells is not None
        shades = (cells - 100).astype(np.uint8).repeat(4, 0).repeat(4, 1)
        return np.repeat(shades[..., None], 3, axis=2)


@pytest.fixture
def photo() -> Image.Image:
    across, down = np.meshgrid(np.linspace(0, 200, 96), np.linspace(0, 55, 64))
    shades = (across + down).astype(np.uint8)
    shades[20:30, 40:50] = 255
    return Image.fromarray(np.repeat(shades[..., None], 3, axis=2))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("settings", [AS_THE_PAPER, AS_THE_CODE])
def test_a_model_that_copies_restores_the_photo(
    photo: Image.Image, task: Task, settings: object
) -> None:
    coder = GreyCells()
    found = denoised_photo(coder, Copier(), photo, task, settings=settings)  # type: ignore[arg-type]
    whole = damaged_photo(photo, task)[1]
    assert (found.whole == coder.rebuild(None, coder.cells(whole))).all()
    assert found.num_predicted == {"inpaint": 16, "outpaint": 32}.get(task, 64)
    assert found.num_right >= found.num_predicted - 1
    assert (found.restored == found.whole).mean() > 0.97
    assert (found.damaged != found.whole).any()


def test_what_is_missing_is_grey_and_the_rest_as_it_was(photo: Image.Image) -> None:
    found = denoised_photo(GreyCells(), Copier(), photo, "outpaint")
    assert (found.damaged[16:] == 128).all() and (found.damaged[:16] == found.whole[:16]).all()


def test_other_photos_may_be_the_examples(photo: Image.Image) -> None:
    other = photo.point(lambda shade: 255 - shade)
    found = denoised_photo(GreyCells(), Copier(), photo, "inpaint", others=[other])
    expected = GreyCells().cells(other)
    assert (found.cells[2:6, 2:6] == expected[2:6, 2:6]).all() and found.num_right < 16


def test_photos_are_damaged_as_in_the_public_code(photo: Image.Image) -> None:
    turned, whole = damaged_photo(photo, "rotate")
    assert (np.asarray(turned) == np.rot90(np.asarray(photo))).all() and whole is photo
    shifted, middle = damaged_photo(photo, "shift")
    assert (np.asarray(shifted) == np.asarray(photo)[:, 32:]).all()
    assert (np.asarray(middle) == np.asarray(photo)[:, 16:80]).all()
    blurred, _ = damaged_photo(photo, "deblur")
    assert np.asarray(blurred)[20, 40].max() < 255 == np.asarray(photo)[20, 40].max()
    with pytest.raises(InputError, match="this one is square"):
        damaged_photo(photo.crop((0, 0, 20, 20)), "shift")
    with pytest.raises(InputError, match="no way to denoise"):
        damaged_photo(photo, "sharpen")  # type: ignore[arg-type]
