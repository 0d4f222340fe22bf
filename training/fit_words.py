"""Fit of words: the image side's vectors of the words that training pictures know, to truer words.

    python training/fit_words.py mini --captions train.jsonl --captions more.jsonl \\
        --wordnet /usr/share/wordnet --feature-cache CACHE -o my-model

A trained model's words carry recall and need not be true. Here its image codebook's rows and biases
of the words that are true of five pictures or more learn both: a logistic loss asks for what
captions, outlined objects and WordNet (word_targets.py) say of each picture, a contrastive loss and
the divergence from the model's own matches keep the recall against the static text encoder's
vectors, and a penalty holds each row near the trained one. Three fits of different strengths are
averaged. The text side stays as it is, so that nothing is distilled anew; words' levels and
calibrations (`lexret eval held-words --save`, `lexret eval no-match --save`) must be made again.

Legend: B pictures, P patches, D codebook dimension, F features, N pictures, V words, W fitted
words, T texts.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softplus
from word_targets import ABSENCE, LEAST_SAID, SAID_OF_OTHERS, WordTargets, word_targets

from lexret.captions.joined import JoinedCaptions
from lexret.captions.sources import open_captions
from lexret.encoders import load_model
from lexret.encoders.folder.record import STATIC_TEXT_FILE, WEIGHTS_FILE, read_record, write_record
from lexret.encoders.image.feature_cache import JoinedFeatures, cached_features
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.image.max_head import max_over_patches
from lexret.encoders.lexical_model import LexicalModel
from lexret.files.hashes import file_sha256
from lexret.training.words.overuse import background_rows, measure_base_rates
from lexret.vocabularies.wordnet import WordNet

LEAST = 5  # pictures that a fitted word is true of
BATCH = 256
MARGIN = 3.0  # that of train.caption_words_margin
# A word's positives weigh as if it were true of at least this share of the pictures.
PRIOR = 0.02
RATE, BIAS_RATE = 0.005, 0.05
BIAS_SIGMA = 1.0
TEMPERATURE = 0.05
MATCHED = (3000, 2000)  # pictures of the first source and of the others whose matches are held


@dataclass(frozen=True)
class Strength:
    """Strength of a fit: of the matches, of their divergence from before, and how far rows go."""

    matches: float
    divergence: float
    sigma: float
    steps: int
    truth_of_matched: bool


STRENGTHS = (
    Strength(100.0, 1.0, 0.02, 110, True),
    Strength(30.0, 1.0, 0.015, 110, True),
    Strength(40.0, 4.0, 0.015, 140, False),
)


class Patches:
    """Patches of all training pictures in the codebook's space, in half precision."""

    def __init__(self, side: ImageSide, features: JoinedFeatures) -> None:
        parts = []
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(features), 32):
                rows = np.arange(start, min(start + 32, len(features)))
                chunk = torch.from_numpy(features[rows].astype(np.float32))
                parts.append(side.patch_vectors(chunk).half())
        self.all_NPD = torch.cat(parts)

    def of(self, rows: np.ndarray) -> Tensor:
        """Return (B, P, D) patches of some pictures in single precision."""
        return self.all_NPD[torch.from_numpy(rows)].float()


class Matches:
    """Matches of some pictures with their captions, most of which the fit leaves as they are."""

    def __init__(
        self,
        model: LexicalModel,
        captions: JoinedCaptions,
        features: JoinedFeatures,
        patches: Patches,
        words_W: np.ndarray,
    ) -> None:
        side, rng = model.torch_images.side, np.random.default_rng(5)
        first = captions.sizes[0]
        own = rng.permutation(first)[: MATCHED[0]]
        others = first + rng.permutation(len(captions) - first)[: MATCHED[1]]
        self.rows = np.concatenate([np.sort(own), np.sort(others)])
        self._num_first, self._words_W = len(own), words_W
        weights, evidence = _weights(side, features, patches, self.rows)
        is_fitted_V = np.zeros(weights.shape[1], bool)
        is_fitted_V[words_W] = True
        self._fixed = weights.multiply(~is_fitted_V[None]).tocsr()
        self._squares = np.asarray(self._fixed.multiply(self._fixed).sum(1)).ravel()
        lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(1)).ravel()).clip(1e-9)
        self._before = (sparse.diags(1 / lengths) @ weights).tocsr()
        self._evidence_W = evidence[:, words_W].tocsr()
        texts = [captions.captions(int(row)) for row in self.rows]
        self._starts = np.cumsum([0, *map(len, texts)])
        flat, encoder = [text for group in texts for text in group], model.static_text
        encoded = (encoder.encode_queries(flat), encoder.encode(flat))
        self._texts = [batch.to_scipy().tocsr() for batch in encoded]

    def batch(self, rng: np.random.Generator) -> np.ndarray:
        """Return places of a batch, of the first source or of the others."""
        if rng.random() < 0.6:
            return np.sort(rng.choice(self._num_first, BATCH, replace=False))
        rest = rng.choice(len(self.rows) - self._num_first, BATCH, replace=False)
        return np.sort(self._num_first + rest)

    def loss(
        self, places: np.ndarray, logits_BW: Tensor, divergence: float, rng: np.random.Generator
    ) -> Tensor:
        """Return the contrastive loss and the weighed divergence, over queries and documents."""
        chosen = np.array([rng.integers(self._starts[p], self._starts[p + 1]) for p in places])
        evidence_BW = torch.from_numpy(self._evidence_W[places].toarray()).float()
        weights_BW = torch.log1p(torch.relu(logits_BW)) + evidence_BW
        squares_B = torch.from_numpy(self._squares[places]).float() + weights_BW.square().sum(1)
        lengths_B1 = squares_B.clamp_min(1e-9).sqrt()[:, None]
        total = logits_BW.new_zeros(())
        for vectors in self._texts:
            texts = vectors[chosen]
            fixed_BT = torch.from_numpy((self._fixed[places] @ texts.T).toarray()).float()
            fitted_TW = torch.from_numpy(texts[:, self._words_W].toarray()).float()
            scores_BT = (fixed_BT + weights_BW @ fitted_TW.t()) / lengths_B1 / TEMPERATURE
            before = (self._before[places] @ texts.T).toarray()
            before_BT = torch.from_numpy(before).float() / TEMPERATURE
            # Captions of the same words are right answers to each other's pictures.
            same_TT = torch.from_numpy((texts @ texts.T).toarray() > 0.95).float()
            target_TT = same_TT.fill_diagonal_(1.0) / same_TT.sum(1, keepdim=True)
            for now, then in ((scores_BT, before_BT), (scores_BT.t(), before_BT.t())):
                total = total + 0.25 * cross_entropy(now, target_TT)
                shares = (log_softmax(now, 1), log_softmax(then, 1))
                total = total + 0.25 * divergence * kl_div(
                    *shares, log_target=True, reduction="batchmean"
                )
        return total


@torch.inference_mode()
def _weights(
    side: ImageSide, features: JoinedFeatures, patches: Patches, rows: np.ndarray
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return (N, V) weights of pictures, and what class evidence alone would weigh."""
    weights, evidence = [], []
    for chunk in np.array_split(rows, math.ceil(len(rows) / 32)):
        seen_BPF = torch.from_numpy(features[chunk].astype(np.float32))
        weights_BV = side.word_weights(seen_BPF, "log1p_relu", precision=torch.bfloat16)
        weights.append(sparse.csr_matrix(weights_BV.numpy()))
        alone_BV = torch.zeros_like(weights_BV)
        if side.evidence is not None:
            columns_W = side.evidence.columns()
            none_BPW = torch.zeros(*seen_BPF.shape[:2], len(columns_W))
            alone_BV[:, columns_W] = side.evidence(seen_BPF, none_BPW, columns_W).amax(1)
        evidence.append(sparse.csr_matrix(alone_BV.numpy()))
    return sparse.vstack(weights).tocsr(), sparse.vstack(evidence).tocsr()


class TruthLoss:
    """Logistic loss of each word over all training pictures, estimated from a batch."""

    def __init__(self, targets: WordTargets, words_W: np.ndarray) -> None:
        self._true = targets.true_NV[:, words_W].tocsr()
        self._absence = torch.from_numpy(ABSENCE[targets.kind_V[words_W]].T.copy())
        self._source_N = targets.source_N
        place = {word: k for k, word in enumerate(words_W.tolist())}
        singulars = targets.singular_V[words_W].tolist()
        pairs = [(k, place[s]) for k, s in enumerate(singulars) if s in place]
        self._plurals = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
        num_sources = ABSENCE.shape[1]
        masks = [targets.source_N == source for source in range(num_sources)]
        true_W4 = np.stack([np.asarray(self._true[m].sum(0)).ravel() for m in masks], 1)
        absent_W4 = np.array([mask.sum() for mask in masks]) - true_W4
        absent_W = (absent_W4 * ABSENCE[targets.kind_V[words_W]]).sum(1)
        true_W = true_W4.sum(1)
        share_W = np.clip(true_W / (true_W + absent_W), PRIOR, 0.5)
        self._of_true = torch.from_numpy(absent_W * share_W / (1 - share_W) / true_W).float()
        self.scale_W = 1 / torch.from_numpy(absent_W + true_W).float().clamp_min(1)

    def __call__(self, rows: np.ndarray, logits_BW: Tensor) -> Tensor:
        """Return (W,) the losses."""
        true_BW = torch.from_numpy(self._true[rows].toarray())
        absence_BW = self._absence[self._source_N[rows]].clone()
        plurals, singulars = self._plurals.unbind(1)
        absence_BW[:, plurals] *= true_BW[:, singulars] == 0
        z = logits_BW - MARGIN
        losses_BW = true_BW * self._of_true * softplus(-z) + (1 - true_BW) * absence_BW * softplus(
            z
        )
        return losses_BW.sum(0) * (len(self._source_N) / len(rows))


def fit(
    side: ImageSide,
    patches: Patches,
    truth: TruthLoss,
    matches: Matches,
    words_W: np.ndarray,
    strength: Strength,
) -> tuple[Tensor, Tensor]:
    """Return (W, D) rows and (W,) biases."""
    first_WD, first_W = side.codebook_VD.detach()[words_W], side.bias_V.detach()[words_W]
    rows_WD, bias_W = first_WD.clone().requires_grad_(), first_W.clone().requires_grad_()
    groups = [{"params": [rows_WD], "lr": RATE}, {"params": [bias_W], "lr": BIAS_RATE}]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98))
    orders, draws, num_pictures = (
        np.random.default_rng(0),
        np.random.default_rng(3),
        len(patches.all_NPD),
    )
    order = np.concatenate([orders.permutation(num_pictures) for _ in range(4)])
    for step in range(strength.steps):
        factor = 0.5 * (1 + math.cos(math.pi * step / strength.steps)) * min(1, (step + 1) / 10)
        for group, rate in zip(optimizer.param_groups, (RATE, BIAS_RATE), strict=True):
            group["lr"] = rate * factor
        places = matches.batch(draws) if step % 2 == 0 else None
        pictures = np.unique(order[step * BATCH : (step + 1) * BATCH])
        if places is not None:
            pictures = matches.rows[places]
        logits_BW = (
            max_over_patches(patches.of(pictures), rows_WD, precision=torch.bfloat16).float()
            + bias_W
        )
        held_W = (rows_WD - first_WD).square().sum(1) / (2 * strength.sigma**2)
        held_W = held_W + (bias_W - first_W).square() / (2 * BIAS_SIGMA**2)
        loss_W = held_W
        if strength.truth_of_matched or places is None:
            times = 1.0 if strength.truth_of_matched else 2.0
            loss_W = loss_W + times * truth(pictures, logits_BW)
        loss = (loss_W * truth.scale_W).sum()
        if places is not None:
            match = matches.loss(places, logits_BW, strength.divergence, draws)
            loss = loss + 2 * strength.matches * match
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            click.echo(f"step {step} of {strength.steps}: loss {loss.item():.1f}")
    return rows_WD.detach(), bias_W.detach()


def _save(model: LexicalModel, output: Path) -> None:
    """Write the model with its changed image side; levels and calibrations are left out."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    source = model.folder
    assert source is not None
    shutil.copytree(source, output, ignore=shutil.ignore_patterns("word_levels*", "calibration*"))
    side, tensors = model.torch_images.side, load_file(source / WEIGHTS_FILE)
    for name, tensor in side.state_dict().items():
        stored = tensors.get(f"image.{name}")
        if stored is not None:
            tensors[f"image.{name}"] = tensor.detach().to(stored.dtype).contiguous()
    with safe_open(source / WEIGHTS_FILE, "pt") as opened:
        metadata = opened.metadata()
    save_file(tensors, output / WEIGHTS_FILE, metadata=metadata)
    values = json.loads((output / "model.json").read_text(encoding="utf-8"))
    values["sha256"][WEIGHTS_FILE] = file_sha256(output / WEIGHTS_FILE)
    values["sha256"][STATIC_TEXT_FILE] = file_sha256(output / STATIC_TEXT_FILE)
    write_record(output, values)
    click.echo(f"{output}: {read_record(output).model_id}")


def _worth_fitting(targets: WordTargets, side: ImageSide) -> np.ndarray:
    """Return the words that are fitted: seen often enough, and not silent."""
    often = targets.fitted(LEAST)
    return often[side.bias_V.detach().numpy()[often] > -50]


@click.command()
@click.argument("model_source", metavar="MODEL")
@click.option("--captions", "sources", multiple=True, required=True, help="May be repeated.")
@click.option("--wordnet", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--feature-cache", type=click.Path(path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(
    model_source: str,
    sources: tuple[str, ...],
    wordnet: Path,
    feature_cache: Path,
    output: Path,
) -> None:
    """Fit the words of MODEL to what is true of its training pictures."""
    if output.exists():
        raise click.ClickException(f"{output} exists; name a new folder.")
    model = load_model(model_source)
    side, config = model.torch_images.side, model.checkpoint.config
    parts = [open_captions(source) for source in sources]
    captions = JoinedCaptions(parts)
    features = JoinedFeatures([cached_features(p, config.image, feature_cache) for p in parts])
    targets = word_targets(captions, WordNet(wordnet), model.vocabulary)
    words_W = _worth_fitting(targets, side)
    patches = Patches(side, features)
    matches = Matches(model, captions, features, patches, words_W)
    truth = TruthLoss(targets, words_W)
    fits = [fit(side, patches, truth, matches, words_W, strength) for strength in STRENGTHS]
    names = np.array([model.vocabulary.words[word] for word in words_W])
    kept = torch.from_numpy(
        (targets.said_V[words_W] >= LEAST_SAID) | np.isin(names, list(SAID_OF_OTHERS))
    )
    chosen = torch.from_numpy(words_W)[kept]
    with torch.no_grad():
        side.codebook_VD[chosen] = torch.stack([rows for rows, _ in fits]).mean(0)[kept]
        side.bias_V[chosen] = torch.stack([bias for _, bias in fits]).mean(0)[kept]
    if side.evidence is not None:
        # A word that pictures taught speaks without class evidence too.
        side.evidence.rare_N &= ~torch.isin(side.evidence.words_N, chosen)
    before_V = side.base_rate_V.clone()
    first = captions.sizes[0] if len(parts) > 1 else 0
    rows = background_rows(first, len(captions), seed=0)
    measure_base_rates(side, features, rows, config.activation, 0.5)
    is_chosen_V = torch.zeros_like(before_V, dtype=torch.bool)
    is_chosen_V[chosen] = True
    side.base_rate_V.copy_(torch.where(is_chosen_V, side.base_rate_V, before_V))
    click.echo(f"{len(chosen):,} words fitted")
    _save(model, output)


if __name__ == "__main__":
    main()
