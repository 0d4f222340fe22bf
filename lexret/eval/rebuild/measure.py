"""Measures of rebuilt pictures: how like the originals they are, and whether search takes them so.

PSNR in dB is taken at the rebuilt side: 10 log10(255^2 / mean squared difference), a picture's own,
then the mean. The distance is 1 - cosine of the image backbone's features, each averaged over the
picture. A rebuilt picture finds its own entry where the original's vector, of the index, is
among the first k of all; it finds its own caption where any of the original's captions is.

Legend: N pictures of the index, Q rebuilt pictures, S side in pixels, P patches, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lexret.captions.caption_set import CaptionSet
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.rebuild.choice import TokenChoice
    from lexret.rebuild.model import RebuildModel
    from lexret.rebuild.prepared import PreparedPictures

_AT_ONCE: Final = 32
_MOST: Final = 255.0
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RebuildFigures:
    """Figures of rebuilt pictures.

    Attributes:
        psnr: in dB.
        distance: in the backbone's features, 0 to 2.
        own_entry_10: percent whose own entry is among the first ten.
        own_entry_rank: median rank of the own entry, from 1.
        own_caption_10: percent of which a caption is among the first ten.
        own_caption_rank: median rank of the best own caption, from 1.
    """

    psnr: float
    distance: float
    own_entry_10: float
    own_entry_rank: float
    own_caption_10: float
    own_caption_rank: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


class RebuildMeter:
    """Meter of rebuilt pictures against one set of originals, all of which are in the index.

    Args:
        originals: (N, S, S, 3) uint8, at the rebuilt side.
        feature_cache: of the backbone's features; made where missing.
    """

    def __init__(
        self,
        captions: CaptionSet,
        lexical: LexicalModel,
        originals: Pixels,
        *,
        feature_cache: Path,
    ) -> None:
        from lexret.encoders.image.feature_cache import cached_features
        from lexret.encoders.model.image_encoder import ImageEncoder

        self.encoder = ImageEncoder(lexical.checkpoint, precision="bfloat16")
        config = lexical.checkpoint.config.image
        self.originals = originals
        self.features = cached_features(
            captions,
            config,
            feature_cache,
            backbone=self.encoder.backbone,
        )
        self.index = self._words_of_features(self.features)
        texts = [text for i in range(len(captions)) for text in captions.captions(i)]
        counts = [len(captions.captions(i)) for i in range(len(captions))]
        self.owners_T = np.repeat(np.arange(len(captions)), counts)
        self.texts = lexical.texts.encode(texts)

    def measure(self, rebuilt: Pixels, rows: npt.NDArray[np.int64]) -> RebuildFigures:
        """Measure rebuilt pictures.

        Args:
            rebuilt: (Q, S, S, 3) uint8.
            rows: (Q,) which original each of them is.
        """
        distances, vectors = [], []
        for start in range(0, len(rebuilt), _AT_ONCE):
            images = [Image.fromarray(pixels) for pixels in rebuilt[start : start + _AT_ONCE]]
            features_QPF = self.encoder.features(images)
            theirs = np.asarray(self.features[rows[start : start + _AT_ONCE]], np.float32)
            distances.append(feature_distances(features_QPF.numpy(), theirs))
            vectors.append(self.encoder.encode_features(features_QPF))
        queries = SparseBatch.concatenate(vectors, self.index.vocabulary)
        entries, captions = self._ranks(queries, rows)
        return RebuildFigures(
            psnr=float(np.mean(psnr(rebuilt, self.originals[rows]))),
            distance=float(np.mean(np.concatenate(distances))),
            own_entry_10=100 * float(np.mean(entries <= 10)),
            own_entry_rank=float(np.median(entries)),
            own_caption_10=100 * float(np.mean(captions <= 10)),
            own_caption_rank=float(np.median(captions)),
        )

    def _ranks(
        self, queries: SparseBatch, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return (Q,) ranks of the own entries and of the own captions; ties count against us."""
        of_entries = (queries.to_scipy() @ self.index.to_scipy().T).toarray()
        entries = (of_entries >= of_entries[np.arange(len(rows)), rows][:, None]).sum(1)
        of_texts = (queries.to_scipy() @ self.texts.to_scipy().T).toarray()
        captions = np.empty(len(rows), np.int64)
        for query, row in enumerate(rows.tolist()):
            own = self.owners_T == row
            best = of_texts[query, own].max()
            captions[query] = 1 + int((of_texts[query, ~own] >= best).sum())
        return entries, captions

    def _words_of_features(self, features: npt.NDArray[Any]) -> SparseBatch:
        import torch

        batches = [
            self.encoder.encode_features(torch.from_numpy(np.array(features[i : i + 64])).float())
            for i in range(0, len(features), 64)
        ]
        return SparseBatch.concatenate(batches, batches[0].vocabulary)


def psnr(rebuilt: Pixels, originals: Pixels) -> npt.NDArray[np.float64]:
    """Return (Q,) peak signal-to-noise ratios in dB; equal pictures count as one level off once."""
    difference = rebuilt.astype(np.float64) - originals.astype(np.float64)
    squares = np.square(difference).reshape(len(rebuilt), -1)
    mean = np.maximum(squares.mean(1), 1.0 / squares.shape[1])
    found: npt.NDArray[np.float64] = 10.0 * np.log10(_MOST**2 / mean)
    return found


def feature_distances(
    mine_QPF: npt.NDArray[Any], theirs_QPF: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return (Q,) 1 - cosine of features that are averaged over the places."""
    mine_QF, theirs_QF = mine_QPF.mean(1), theirs_QPF.mean(1)
    products_Q = np.einsum("qf,qf->q", mine_QF, theirs_QF)
    lengths_Q = np.linalg.norm(mine_QF, axis=1) * np.linalg.norm(theirs_QF, axis=1)
    found: npt.NDArray[np.float64] = (1.0 - products_Q / np.maximum(lengths_Q, 1e-12)).astype(
        np.float64
    )
    return found


def evenly_chosen(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most ``most`` of ``count`` rows, evenly spread, rising."""
    most = min(count, most)
    return (np.arange(most) * count) // max(most, 1)


def entries_in_use(entries: Sequence[npt.NDArray[np.int64]]) -> int:
    """Return how many different entries cells have."""
    return len(np.unique(np.concatenate([part.ravel() for part in entries])))


def measure_choices(
    model: RebuildModel, meter: RebuildMeter, pictures: PreparedPictures, most: int
) -> dict[str, RebuildFigures]:
    """Measure a model with every kind of its tokens, and with controls.

    Args:
        pictures: all that the meter has.
        most: rebuild so many of them.

    Returns:
        figures by what the pictures were rebuilt from; the first are the originals, reduced.
    """
    from lexret.rebuild.choice import rebuild_pictures

    rows = evenly_chosen(len(pictures), most)
    chosen = pictures.rows(rows)
    found = {"the originals, reduced": meter.measure(np.asarray(chosen.pixels), rows)}
    for choice in choices_of(model):
        rebuilt = rebuild_pictures(model, chosen, choice)
        found[choice.name] = meter.measure(rebuilt.pixels, rows)
    return found


def choices_of(model: RebuildModel) -> list[TokenChoice]:
    """Return the choices of tokens that tell a model's parts apart."""
    from lexret.rebuild.choice import TokenChoice

    config = model.config
    words = [5, 21, 64, 296] if config.words.use else []
    soft = [n for n in (1, 4, 16, 75) if n <= config.soft.num_tokens]
    found = [TokenChoice(cells=True), *(TokenChoice(words=k, cells=True) for k in words)]
    found += [TokenChoice(words=k) for k in words]
    found += [TokenChoice(soft=n) for n in soft]
    if words and soft:
        found += [TokenChoice(words=max(words), soft=max(soft)),
                  TokenChoice(words=max(words), soft=max(soft), cells=True)]  # fmt: skip
    found += [TokenChoice(words=max(words), others=True)] if words else []
    return [*found, TokenChoice(cells=True, others=True), TokenChoice()]
