"""Index real photos, search them and explain what was found, as a user would.

    python demo/run_demo.py --out demo/out

The photos are those that lie inside the packages scikit-image and scikit-learn; nothing is
downloaded. Every step calls the command line; the first that fails ends the demo.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
# The demo also runs from a checkout that is not installed.
sys.path[:0] = [str(HERE.parent), str(HERE)]

SKIMAGE_PHOTOS = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png"),
    *("coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg"),
    *("moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png"),
)
SKLEARN_PHOTOS = ("china.jpg", "flower.jpg")
QUERIES = (
    "a cat",
    "a cup of coffee",
    "a rocket launch",
    "a motorcycle in a garage",
    "a man with a camera",
    "a flower",
    "a temple in china",
)
EXPLAINED_QUERY = "a woman in an orange suit"
EXPLAINED_PHOTOS = (
    ("motorcycle_left.png", "a motorcycle in a garage"),
    ("coffee.png", "a cup of coffee on a table"),
    ("astronaut.png", "a woman in an orange suit"),
)


class DemoError(Exception):
    """A step of the demo failed."""


def main() -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE / "out", help="where to write")
    parser.add_argument("--model", default="mini", help="a shipped model or a model folder")
    arguments = parser.parse_args()
    try:
        run_demo(arguments.out, arguments.model)
    except DemoError as error:
        click.echo(f"\nThe demo failed: {error}", err=True)
        return 1
    return 0


def run_demo(out: Path, model_source: str) -> None:
    """Do all steps and say which files to look at."""
    photos = out / "photos"
    model = [] if model_source == "mini" else ["--model", model_source]
    say(f"Collecting sample photos into {shown(photos)}")
    click.echo(f"  {collect_photos(photos)} photos")

    say("Indexing them")
    lexret("index", photos, "--rebuild", *model)
    index = ["--index", photos / ".lexret"]

    say("Searching")
    for query in QUERIES:
        lexret("search", query, *index, "-k", 3)

    say("Searching, with what each word adds to the score")
    lexret("search", EXPLAINED_QUERY, *index, "-k", 2, "--explain")

    say("The words of one photo")
    lexret("words", photos / "chelsea.png", "-k", 10, *model)

    say("Explaining photos")
    for name, query in EXPLAINED_PHOTOS:
        folder = out / "explain" / Path(name).stem
        lexret("explain", photos / name, "-o", folder, "--query", query, *model)

    say("Drawing a contact sheet")
    sheet = draw_sheet(out, photos, model_source)
    click.echo(f"  {shown(sheet)}")
    first = out / "explain" / Path(EXPLAINED_PHOTOS[0][0]).stem
    shutil.copyfile(first / "summary.png", out / "explanation.png")

    say("Done. Look at")
    click.echo(f"  {shown(sheet)}: each query, its best photos, and the words that matched")
    click.echo(f"  {shown(out / 'explanation.png')}: one photo explained in words")
    click.echo(f"  {shown(first / 'query.png')}: why it scores as it does for a text")
    click.echo(f"  {shown(out / 'explain')}: these for {len(EXPLAINED_PHOTOS)} photos, and as JSON")
    click.echo(f'Go on with: lexret search "a red wall" --index {shown(photos / ".lexret")}')


def collect_photos(folder: Path) -> int:
    """Copy the sample photos that the installed packages hold; return how many."""
    sources = [package_folder("skimage", "scikit-image") / "data" / one for one in SKIMAGE_PHOTOS]
    sklearn = package_folder("sklearn", "scikit-learn") / "datasets" / "images"
    sources += [sklearn / one for one in SKLEARN_PHOTOS]
    folder.mkdir(parents=True, exist_ok=True)
    present = [source for source in sources if source.is_file()]
    for source in present:
        shutil.copyfile(source, folder / source.name)
    needed = {name for name, _ in EXPLAINED_PHOTOS} - {source.name for source in present}
    if needed:
        raise DemoError(
            f"the installed scikit-image holds no {', '.join(sorted(needed))}; "
            'expected scikit-image 0.22 or later: pip install "lexret[demo]"'
        )
    return len(present)


def package_folder(module: str, package: str) -> Path:
    """Return where a package is installed, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise DemoError(f'{package} is not installed; get it with: pip install "lexret[demo]"')
    return Path(spec.origin).parent


def lexret(*arguments: object) -> None:
    """Run a command as a user would, and show it and what it prints."""
    words = [shown(one) if isinstance(one, Path) else str(one) for one in arguments]
    click.echo(f"\n$ lexret {shlex.join(words)}")
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-m", "lexret", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", env=environment)
    click.echo("".join(f"  {line}\n" for line in done.stdout.splitlines()), nl=False)
    if done.returncode != 0:
        raise DemoError(f"`lexret {shlex.join(words)}` ended with status {done.returncode}")


def draw_sheet(out: Path, photos: Path, model_source: str) -> Path:
    """Search once more, this time from Python, and draw what was found."""
    from contact_sheet import NUM_HITS, Row, draw_contact_sheet

    import lexret

    library = lexret.Library.open(photos, model=model_source)
    rows = [Row(text, library.search(text, k=NUM_HITS).hits) for text in QUERIES]
    model_id = library.snapshot().index.model_id
    note = (
        f"{len(library)} sample photos of scikit-image and scikit-learn, model {model_id}; "
        "under each score the strongest words that query and photo share, and what they add to it"
    )
    path = out / "demo.png"
    path.write_bytes(draw_contact_sheet(rows, photos, note))
    return path


def say(text: str) -> None:
    """Announce a step."""
    click.echo(f"\n== {text}")


def shown(path: Path) -> str:
    """Return a path as a user would type it here."""
    full = path.resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)


if __name__ == "__main__":
    sys.exit(main())
