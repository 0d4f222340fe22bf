"""Checks of an index before it is changed: whether it is as the caller wants it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from lexret.encoders.protocol import Encoder
from lexret.engine.segments.manifest import BackendEntry, Manifest
from lexret.errors import InputError, MismatchError
from lexret.library.shards import Shard
from lexret.library.updating.scan import UpdatePlan


def check_base_stays(plan: UpdatePlan, manifest: Manifest, index_path: Path) -> None:
    """Raise InputError if the first folder leaves an index whose vectors a backend holds."""
    if plan.base_leaves and manifest.backend is not None:
        raise InputError(
            f"The first folder of the index at {index_path} cannot be taken out of it while the "
            f"backend {manifest.backend.name} holds its vectors: all pictures get other paths by "
            "that. Make the index anew: --rebuild with the folders that stay, and --remove-root."
        )


def check_is_of_folders(manifest: Manifest, index_path: Path) -> None:
    """Raise InputError where an index holds pictures, but names no folder to look for them in."""
    if manifest.segments and not manifest.roots:
        raise InputError(
            f"The index at {index_path} holds pictures of no folder, such as those of tar shards "
            "or Parquet that `lexret index --vectors` takes in, so that there is no folder to look "
            "through. Take in more of these by --vectors, or name another place with --index."
        )


def check_backend(backend: BackendEntry | None, shard: Shard | None, weights: str | None) -> None:
    """Raise InputError if a new index cannot keep its vectors in a backend."""
    if backend is None:
        return
    if weights not in (None, "exact"):
        raise InputError(
            f"The backend {backend.name} holds exact weights; leave --weights {weights} out."
        )
    if shard is not None and shard.total > 1:
        raise InputError(
            f"Shards whose vectors are in {backend.name} could not be searched together or merged. "
            "To encode on several machines, use `lexret encode`, and take what it wrote into one "
            f"index: lexret index --vectors OUT --backend {backend.name} --uri URI."
        )


def check_shard(manifest: Manifest, index_path: Path, shard: Shard | None) -> None:
    """Raise InputError if a shard is asked for that an index is not."""
    recorded = Shard.of(manifest.options)
    if shard not in (None, recorded):
        is_one = "holds all pictures" if recorded is None else f"is shard {recorded}"
        raise InputError(
            f"The index at {index_path} {is_one}, but shard {shard} is asked for. Name another "
            "place with --index, or make it anew with --rebuild."
        )


def check_weights(manifest: Manifest, index_path: Path, weights: str | None) -> None:
    """Raise InputError if weights are asked for that an index does not store."""
    if weights not in (None, manifest.weights):
        raise InputError(
            f"The index at {index_path} stores {manifest.weights} weights, but {weights} ones are "
            "asked for. Leave the option out, or make the index anew with --rebuild."
        )


def check_precision(manifest: Manifest, index_path: Path, precision: str) -> None:
    """Raise InputError if pictures are encoded in another precision than the index was."""
    if precision != manifest.precision:
        raise InputError(
            f"The index at {index_path} was encoded in {manifest.precision}, but {precision} is "
            "asked for. Leave the option out, or make the index anew with --rebuild."
        )


def check_model(manifest: Manifest, index_path: Path, encoder: Encoder[Image.Image]) -> None:
    """Raise MismatchError if an index was made with another model or vocabulary."""
    vocabulary = encoder.vocabulary
    if (manifest.model_id, manifest.vocabulary_fingerprint) != (
        encoder.model_id,
        vocabulary.fingerprint,
    ):
        raise MismatchError(
            f"The index at {index_path} was made with the model {manifest.model_id} "
            f"({manifest.num_words} words), but this is {encoder.model_id} ({len(vocabulary)} "
            "words). Use that model, or make the index anew with --rebuild."
        )
