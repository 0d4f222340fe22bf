"""``lexret info``: what an index holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lexret.cli.common import (
    index_option,
    json_option,
    near_path,
    open_chosen_index,
    path_text,
    print_json,
    printable,
)
from lexret.errors import MissingPackageError

if TYPE_CHECKING:
    from lexret.engine.index import EmbeddedIndex


_NUM_TOWNS: Final = 10
_PACKED: Final = {"shards": "tar_shards_in", "parquet": "parquet_in"}


@click.command("info")
@index_option
@click.option("--verify", is_flag=True, help="Read every file and compare it with its checksum.")
@json_option
def command(index_path: Path | None, verify: bool, as_json: bool) -> None:
    """Show what an index holds: pictures, words, corrections, size, model, folder.

    \b
    Example:
      lexret info
      lexret info --index ./images/.lexret --verify
    """
    index = open_chosen_index(index_path)
    if verify:
        _verify(index)
    values = _values(index)
    if as_json:
        print_json({**values, **_paths_as_text(values)})
        return
    if values["precision"] == "float32":  # only what differs from the usual is worth a line
        del values["precision"]
    if values.pop("keywords_as_words"):
        values["keywords"] = "count as words"
    if values["root"] is None:  # nothing to tell people; programs are told
        del values["root"]
    if "shard" in values:
        values["shard"] = f"{values['shard']}, a part of the pictures; the others hold the rest"
    width = max(map(len, values))
    for name, value in values.items():
        if isinstance(value, list):
            text = ("; " if name == "places" else ", ").join(map(str, value)) or "none"
        else:
            text = f"{value:,}" if isinstance(value, int) else str(value)
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {printable(text)}")
    if verify:
        click.echo("every file agrees with its checksum")


def _verify(index: EmbeddedIndex) -> None:
    """Raise DamageError for the first damage that `lexret check` would tell."""
    from lexret.engine.integrity.check import check_index
    from lexret.errors import DamageError

    for finding in check_index(index.path).findings:
        raise DamageError(index.path / finding.file, finding.found)


def _paths_as_text(values: Mapping[str, object]) -> dict[str, object]:
    """Return those of the values that are paths, as JSON tells them."""
    texts: dict[str, object] = {
        name: path_text(path) for name in ("index", "root") if isinstance(path := values[name], str)
    }
    for name in ("roots", *_PACKED.values()):
        if isinstance(folders := values.get(name), list):
            texts[name] = [path_text(folder) for folder in folders]
    return texts


def _values(index: EmbeddedIndex) -> dict[str, object]:
    from lexret.interop.backends import told_place
    from lexret.library.asking.query_fields import KEYWORDS_AS_WORDS
    from lexret.library.folders import picture_folders
    from lexret.library.shards import Shard

    manifest, size = index.manifest, index.num_bytes()
    error = max((segment.weight_error for segment in manifest.segments), default=0.0)
    roots = [near_path(folder.path) for folder in picture_folders(manifest.roots, index.path)]
    own = {
        "postings": index.num_postings,
        "bytes": size,
        "bytes_per_posting": round(size / index.num_postings, 3) if index.num_postings else None,
    }
    elsewhere = {"bytes": size, "vectors": told_place(manifest.backend)}
    return {
        "index": near_path(index.path.resolve()),
        "root": roots[0] if roots else None,
        **({"roots": roots} if len(roots) > 1 else {}),
        **_packed(index),
        **({} if (shard := Shard.of(manifest.options)) is None else {"shard": str(shard)}),
        "pictures": len(index),
        "corrected_pictures": sum(doc_id in index for doc_id in index.corrections.documents),
        **_places(index),
        "muted": sorted(index.corrections.muted),
        "keywords_as_words": KEYWORDS_AS_WORDS in manifest.options,
        "vocabulary_words": manifest.num_words,
        "vocabulary_fingerprint": manifest.vocabulary_fingerprint,
        **(own if manifest.backend is None else elsewhere),
        "weights": manifest.weights,
        "precision": manifest.precision,
        "runtimes": list(manifest.runtimes),
        "largest_weight_error": f"{error:.1%}" if error else "none",
        "model": manifest.model_id,
        "model_source": manifest.model_source,
        "format_version": manifest.format_version,
        "commits": manifest.generation,
        "segments": len(manifest.segments),
    }


def _packed(index: EmbeddedIndex) -> dict[str, object]:
    """Return where the tar shards and Parquet files lie that hold the pictures, if any do."""
    from lexret.library.packed.pictures import packed_folders

    told: dict[str, list[str]] = {}
    for folder in packed_folders(index.manifest.options, index.path):
        told.setdefault(_PACKED[folder.kind], []).append(near_path(folder.path))
    return {**told}


def _places(index: EmbeddedIndex) -> dict[str, object]:
    """Return how many pictures tell where they were taken, and the towns of most of them."""
    from lexret.library.places import counted_towns, has_coordinates, num_located

    located = num_located(index) if has_coordinates(index) else 0
    if not located:
        return {}
    try:
        towns = counted_towns(index)[:_NUM_TOWNS]
    except MissingPackageError as error:
        return {"located_pictures": located, "places": [f"not named: {error}"]}
    return {
        "located_pictures": located,
        "places": [f"{one.town} ({one.num_pictures:,})" for one in towns],
    }
