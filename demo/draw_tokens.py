"""Draw the picture of docs/tokens.md: one photo as words, as a grid, and as soft tokens.

    python demo/draw_tokens.py --out docs/tokens.png

The photo lies inside the package scikit-image. Words are those of the model; the soft tokens are a
scheme. The grid shows each place's strongest word, or with ``--cells`` the cells of a file that
`lexret rebuild PHOTO --json` printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from run_demo import package_folder  # noqa: E402

from lexret.encoders.folder.record import find_model, read_record  # noqa: E402
from lexret.encoders.protocol import PatchEncoding  # noqa: E402
from lexret.explain.drawing.canvas import PngCanvas  # noqa: E402
from lexret.explain.drawing.palette import LIGHT  # noqa: E402
from lexret.explain.sureness import surest_words  # noqa: E402
from lexret.library.model_encoders import ModelEncoders  # noqa: E402
from lexret.pictures.decoding import open_photo  # noqa: E402
from lexret.sparse import FloatArray  # noqa: E402

SIDE, GAP, EDGE, TOP = 400, 36, 28, 118
NUM_WORDS, NUM_SOFT, NUM_NUMBERS = 9, 6, 18
HEADINGS = (
    ("a picture", "as `lexret index` sees it"),
    ("words", "what is there: in the index"),
    ("cells", "what it looks like: a grid"),
    ("soft tokens", "what no word says: vectors"),
)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/tokens.png"))
    parser.add_argument("--photo", default="rocket.jpg", help="of scikit-image's data")
    parser.add_argument("--cells", type=Path, help="what `lexret rebuild PHOTO --json` printed")
    arguments = parser.parse_args()
    file = package_folder("skimage", "scikit-image") / "data" / arguments.photo
    photo = open_photo(file)
    encoders = ModelEncoders(read_record(find_model("mini")))
    (encoding,) = encoders.images().encode_patches([photo])
    grid = words_of_places(encoding)
    note = "drawn here: the strongest word of each place"
    if arguments.cells is not None:
        grid = texts_of_cells(json.loads(arguments.cells.read_text(encoding="utf-8"))["cells"])
        note = f"{sum(map(len, grid))} entries of Llama 2's vocabulary"
    arguments.out.write_bytes(draw(photo, encoding, encoders.levels_V(), grid, note))


def words_of_places(encoding: PatchEncoding) -> list[list[str]]:
    """Return the strongest word of each place, row by row."""
    found = [patch.words(1) for patch in encoding.patches]
    texts = [words[0].word if words else "" for words in found]
    cols = encoding.grid.num_cols
    return [texts[start : start + cols] for start in range(0, len(texts), cols)]


def texts_of_cells(cells: list[list[int]]) -> list[list[str]]:
    """Return what cells say, row by row."""
    from tokenizers import Tokenizer

    from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path

    tokenizer = Tokenizer.from_file(str(verified_path(LLAMA2_TOKENIZER)))
    return [[(tokenizer.id_to_token(one) or "").strip("\u2581") for one in row] for row in cells]


def draw(
    photo: Image.Image,
    encoding: PatchEncoding,
    levels_V: FloatArray | None,
    grid: list[list[str]],
    note_of_grid: str,
) -> bytes:
    """Return the drawing as PNG."""
    width = 2 * EDGE + 4 * SIDE + 3 * GAP
    canvas = PngCanvas(width, TOP + SIDE + 62, LIGHT)
    lefts = [EDGE + place * (SIDE + GAP) for place in range(4)]
    for left, (heading, meaning) in zip(lefts, HEADINGS, strict=True):
        canvas.text(left, 40, heading, size=30, bold=True)
        canvas.text(left, 82, meaning, size=19, colour=LIGHT.faint)
    square = photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    canvas.picture(lefts[0], TOP, square)
    draw_words(canvas, lefts[1], encoding, levels_V)
    draw_grid(canvas, lefts[2], square, grid)
    draw_soft(canvas, lefts[3])
    notes = (
        "",
        "the surest of up to 296, with their weights",
        note_of_grid,
        "a scheme; the first say most",
    )
    for left, note in zip(lefts, notes, strict=True):
        canvas.text(left, TOP + SIDE + 30, note, size=17, colour=LIGHT.faint)
    return canvas.to_bytes()


def draw_words(
    canvas: PngCanvas, left: int, encoding: PatchEncoding, levels_V: FloatArray | None
) -> None:
    """Draw the surest words that the picture holds, a bar each."""
    listed = [word for word, held in surest_words(encoding.image, levels_V) if held][:NUM_WORDS]
    strongest = max(word.weight for word in listed)
    step = SIDE / NUM_WORDS
    for place, word in enumerate(listed):
        middle = TOP + (place + 0.5) * step
        colour = LIGHT.colour_of(word.word)
        length = 190 * word.weight / strongest
        canvas.text(left, middle, word.word, size=24, colour=colour, max_width=150)
        canvas.box(left + 160, middle - 11, length, 22, fill=colour)
        canvas.text(left + 168 + length, middle, f"{word.weight:.2f}", size=17, colour=LIGHT.faint)


def draw_grid(canvas: PngCanvas, left: int, square: Image.Image, grid: list[list[str]]) -> None:
    """Draw the grid over the pale photo, an entry in each place."""
    pale = Image.blend(square.convert("RGB"), Image.new("RGB", square.size, "white"), 0.72)
    canvas.picture(left, TOP, pale)
    high, wide = SIDE / len(grid), SIDE / len(grid[0])
    for row, texts in enumerate(grid):
        for col, text in enumerate(texts):
            x, y = left + col * wide, TOP + row * high
            canvas.box(x, y, wide, high, line="#c3ccd9")
            canvas.text(
                x + wide / 2, y + high / 2, text, size=int(min(15, wide / 4)), align="center",
                max_width=wide - 4, colour=LIGHT.colour_of(text),
            )  # fmt: skip


def draw_soft(canvas: PngCanvas, left: int) -> None:
    """Draw a few vectors as strips of shades; those behind are paler, as TailDrop has them."""
    rng = np.random.default_rng(7)
    step = SIDE / NUM_SOFT
    for token in range(NUM_SOFT):
        values = rng.normal(size=NUM_NUMBERS)
        weight = 1 - 0.13 * token
        for place, value in enumerate(values):
            shade = np.tanh(value) * weight
            strong = np.array([27, 79, 143]) if shade > 0 else np.array([179, 57, 31])
            colour = 255 + (strong - 255) * abs(shade)
            fill = "#" + "".join(f"{int(one):02x}" for one in colour)
            size = SIDE / NUM_NUMBERS
            canvas.box(left + place * size, TOP + token * step + 8, size - 2, step - 18, fill=fill)


if __name__ == "__main__":
    main()
