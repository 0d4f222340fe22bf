"""Initialisation of the network: both sides are matched, then words enter their common space.

A canonical correlation analysis of pooled picture features and text features gives linear maps in
seconds. MLPs that are added to them are trained against the other pairs of a batch, which is cheap
because neither patches nor the vocabulary take part. The words then enter the space as texts: a
word's vector is the text side's vector of it.

Legend: N pictures (times views), F backbone features, H text features, D codebook dimension,
V words, B pictures a batch.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from lexret.captions.caption_set import CaptionSet
from lexret.captions.word_use import caption_words
from lexret.config import RunConfig
from lexret.encoders.image.context_adapter import ContextAdapter, square_roots
from lexret.encoders.image.feature_cache import CachedFeatures
from lexret.encoders.image.image_side import silence
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.mapper import TextMapper
from lexret.errors import InputError, StorageError
from lexret.files.whole import whole_file
from lexret.training.initialise.correlation import correlated_maps
from lexret.training.losses import contrastive
from lexret.training.observer import Observer
from lexret.training.random_draws import Stream, generator
from lexret.training.reading.augmented_views import PictureView
from lexret.training.reading.batches import BatchSource
from lexret.training.reading.sources import feature_folder
from lexret.training.run_folder import RunFolder
from lexret.training.step import Learner
from lexret.training.words.caption_statistics import fit_terms

# Chosen on Flickr8k's dev split; the result hardly depends on them.
_RIDGE = (1.0, 0.5)
_POWER = 0.75
# Spread of the caption terms' vectors against the transformer's.
_TERMS_SHARE = 0.5
# The closed form sees at most so many pictures, drawn at random.
_MOST_PICTURES = 20_000
_CHUNK = 256
# Pictures and texts from which the biases are set.
_SAMPLE = 256


def initialise_network(
    learner: Learner,
    captions: CaptionSet,
    batches: BatchSource,
    config: RunConfig,
    observer: Observer,
) -> None:
    """Initialise both sides of a fresh network in place; the same arguments give the same weights.

    Raises:
        InputError: if the features have fewer dimensions than the codebook.
    """
    network, train = learner.network, config.train
    network.text.remember()
    network.eval()
    with torch.no_grad():
        chosen = _chosen(len(captions), train.seed)
        _fit_closed_form(network, captions, batches, chosen, observer)
    torch.manual_seed(train.seed)
    network.train()
    _match(learner, batches.for_initialisation(), config, observer)
    network.eval()
    with torch.no_grad():
        _place_words(network)
        _set_biases(network, captions, batches, chosen[:_SAMPLE], train.start_words)


def initialisation_file(folder: RunFolder, captions: CaptionSet, config: RunConfig) -> Path:
    """Return the weights' place: with the cached features, for all runs that begin alike."""
    later = {"name", "activation", "threshold", "max_image_words"}
    train = config.train.model_dump(mode="json")
    decisive = {
        "model": config.model.model_dump(mode="json", exclude=later),
        "pictures": captions.fingerprint,
        "flip": config.data.flip,
        "passes": config.data.passes,
        "imagined": config.data.imagined,
        "train": {name: train[name] for name in ("seed", "region", "min_lr_fraction")}
        | {name: value for name, value in train.items() if name.startswith("start")},
    }
    key = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]
    return feature_folder(config, folder) / f"start-{key}.safetensors"


def save_initialisation(learner: Learner, file: Path) -> None:
    """Write what :func:`initialise_network` made, whole or not at all.

    Raises:
        StorageError: if writing fails.
    """
    try:
        with whole_file(file) as fresh:
            save_file({k: v.cpu().contiguous() for k, v in _weights(learner).items()}, fresh)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"Cannot write the initialisation to {file}: {error}.") from error


def load_initialisation(learner: Learner, file: Path) -> None:
    """Put weights that :func:`save_initialisation` wrote into a learner of that configuration."""
    stored = load_file(file)
    with torch.no_grad():
        for name, tensor in _weights(learner).items():
            tensor.copy_(stored[name])


def _weights(learner: Learner) -> dict[str, Tensor]:
    state = learner.network.trained_state()
    return {**state, "log_dense_temperature": learner.log_dense_temperature.data}


def _chosen(num_pictures: int, seed: int) -> np.ndarray:
    order = generator(Stream.INITIALISATION_PICTURES, seed).permutation(num_pictures)
    return np.sort(order[:_MOST_PICTURES])


def _parts(network: LexicalNetwork) -> tuple[ContextAdapter, TextMapper]:
    adapter, mapper = network.image.adapter, network.text.mapper
    if not isinstance(adapter, ContextAdapter) or not isinstance(mapper, TextMapper):
        raise InputError(
            "train.start = 'correlated' needs model.image.adapter = 'context' and a text mapper "
            "with model.text.mapper_width or model.text.caption_terms above 0."
        )
    return adapter, mapper


def _fit_closed_form(
    network: LexicalNetwork,
    captions: CaptionSet,
    batches: BatchSource,
    chosen: np.ndarray,
    observer: Observer,
) -> None:
    adapter, mapper = _parts(network)
    groups = [captions.captions(i) for i in chosen.tolist()]
    texts_ND = _text_features(network, mapper, groups, observer)
    views = [_mean_roots(view, chosen) for view in batches.views]
    adapter.mean_F.copy_(views[0].mean(0))
    adapter.scale_F.copy_(views[0].std(0) + 1e-3)
    pictures_NF = torch.cat([(view - views[0].mean(0)) / adapter.scale_F.cpu() for view in views])
    try:
        image_FD, text_HD = correlated_maps(
            pictures_NF,
            texts_ND.repeat(len(views), 1),
            network.image.codebook_VD.shape[1],
            ridge=_RIDGE,
            power=_POWER,
        )
    except ValueError as error:
        raise InputError(f"model.codebook.dim is too large: {error}") from error
    for layer, weights in ((adapter.map.direct, image_FD), (mapper.map.direct, text_HD)):
        layer.weight.copy_(weights.t())
        layer.bias.zero_()


def _text_features(
    network: LexicalNetwork,
    mapper: TextMapper,
    groups: list[tuple[str, ...]],
    observer: Observer,
) -> Tensor:
    """Return (N, H) each picture's mean centred caption, having fitted terms and centre."""
    every = [text for group in groups for text in group]
    pooled = []
    for start in range(0, len(every), _CHUNK):
        pooled.append(network.text.pooled(every[start : start + _CHUNK]))
        observer.features("captions", min(start + _CHUNK, len(every)), len(every))
    pooled_NH = torch.cat(pooled)
    if mapper.terms is not None:
        words_NV = caption_words(every, network.vocabulary)
        fit_terms(mapper.terms, words_NV)
        spread = torch.cat(_term_vectors(network, mapper, every)).std(0).mean()
        ratio = pooled_NH.std(0).mean() / spread.clamp_min(1e-12)
        mapper.terms.vectors_RL *= _TERMS_SHARE * ratio
        pooled_NH = torch.cat([pooled_NH, torch.cat(_term_vectors(network, mapper, every))], 1)
    mapper.mean_H.copy_(pooled_NH.mean(0))
    owners = torch.repeat_interleave(
        torch.arange(len(groups)), torch.tensor([len(group) for group in groups])
    ).to(pooled_NH.device)
    sums = pooled_NH.new_zeros(len(groups), pooled_NH.shape[1]).index_add(0, owners, pooled_NH)
    return (sums / owners.bincount().unsqueeze(1) - mapper.mean_H).cpu()


def _term_vectors(network: LexicalNetwork, mapper: TextMapper, texts: list[str]) -> list[Tensor]:
    assert mapper.terms is not None
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    return [mapper.terms(network.own_words(chunk)) for chunk in chunks]


def _mean_roots(view: CachedFeatures | PictureView, chosen: np.ndarray) -> Tensor:
    """Return (N, F) the mean square root of each picture's features."""
    assert not isinstance(view, PictureView)  # RunConfig asks for cached features
    parts = []
    for start in range(0, len(chosen), _CHUNK):
        features = torch.from_numpy(np.array(view[chosen[start : start + _CHUNK]])).float()
        parts.append(square_roots(features.nan_to_num()).mean(1))
    return torch.cat(parts)


def _match(learner: Learner, batches: BatchSource, config: RunConfig, observer: Observer) -> None:
    """Train the maps to match whole pictures and texts against the other pairs of a batch."""
    network, train = learner.network, config.train
    adapter, mapper = _parts(network)
    linear = [adapter.map.direct.weight, mapper.map.direct.weight]
    maps = [p for part in (adapter.map, mapper.map) for p in part.parameters()]
    mlps = [p for p in maps if all(p is not weight for weight in linear)]
    groups = [
        {"params": [w], "lr": train.start_lr * w.detach().square().mean().sqrt().item()}
        for w in linear
    ]
    groups += [
        {"params": mlps, "lr": train.start_mlp_lr},
        {"params": [learner.log_dense_temperature], "lr": train.start_lr},
    ]
    optimizer = torch.optim.Adam(groups)
    peaks = [group["lr"] for group in optimizer.param_groups]
    num_steps = batches.steps_per_epoch * train.start_epochs
    for step in range(num_steps):
        batch = batches.batch(step).to(mapper.mean_H.device)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            falling = 0.5 * (1 + math.cos(math.pi * step / num_steps))
            group["lr"] = peak * max(falling, train.min_lr_fraction)
        _, pictures_BD = network.image.with_picture_vectors(batch.features_BPF, num_patches=1)
        texts_BD = network.text.vectors(batch.texts, network.own_words(batch.texts))
        loss = contrastive(
            functional.normalize(pictures_BD),
            functional.normalize(texts_BD),
            learner.log_dense_temperature.exp().clamp_min(0.01),
            batch.owners_T,
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        observer.initialisation(step + 1, num_steps)


def _place_words(network: LexicalNetwork) -> None:
    """Set both codebooks to the words as texts: of unit length, centred, of unit length again."""
    words = list(network.vocabulary)
    parts = []
    for start in range(0, len(words), _CHUNK):
        chunk = words[start : start + _CHUNK]
        parts.append(network.text.vectors(chunk, network.own_words(chunk)))
    vectors_VD = functional.normalize(torch.cat(parts))
    vectors_VD = functional.normalize(vectors_VD - vectors_VD.mean(0))
    network.image.codebook_VD.copy_(vectors_VD)
    network.text.codebook_VD.copy_(vectors_VD)


def _set_biases(
    network: LexicalNetwork,
    captions: CaptionSet,
    batches: BatchSource,
    chosen: np.ndarray,
    num_words: tuple[int, int],
) -> None:
    """Set each side's biases so that so many words are active, on average over a sample."""
    view = batches.views[0]
    assert not isinstance(view, PictureView)
    features = torch.from_numpy(np.array(view[chosen])).float().nan_to_num()
    network.image.bias_V.zero_()
    logits_BV = network.image(features.to(network.image.bias_V.device))
    network.image.bias_V.fill_(-_threshold(logits_BV, num_words[0]))
    silence(network.image, network.vocabulary)
    texts = [captions.captions(i)[0] for i in chosen.tolist()]
    own_BV = network.own_words(texts)
    vectors_BD = network.text.vectors(texts, own_BV)
    network.text.bias_V.fill_(-_threshold(vectors_BD @ network.text.codebook_VD.t(), num_words[1]))


def _threshold(logits_BV: Tensor, num_words: int) -> float:
    """Return what ``num_words`` logits of a row exceed, on average."""
    flat = logits_BV.flatten()
    exceeding = min(num_words * len(logits_BV), len(flat) - 1)
    return float(flat.kthvalue(len(flat) - exceeding).values)
