"""Preparation of a training run: data, features, a network with its first weights.

What fails fast comes before what takes long: names and networks before features, which take
minutes to hours the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lexret.captions.caption_set import CaptionSet
from lexret.captions.word_use import caption_words
from lexret.config import RunConfig
from lexret.encoders.image.feature_cache import Features
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import CorruptError, MismatchError, StorageError
from lexret.files.whole import whole_file
from lexret.training.average import WeightAverage
from lexret.training.distributed import Processes
from lexret.training.initialise.network import (
    initialisation_file,
    initialise_network,
    load_initialisation,
    save_initialisation,
)
from lexret.training.observer import Observer
from lexret.training.reading.batches import BatchSource, fitting_batch_size
from lexret.training.reading.sources import DataSets, open_batches, open_sets
from lexret.training.run_folder import RunFolder
from lexret.training.step import Learner, make_optimizer
from lexret.training.text_sharding import machine_turn, shard_frozen, sharding_mesh
from lexret.training.words.caption_statistics import rarity
from lexret.training.words.drift_penalty import DriftPenalty
from lexret.vocabularies.sources import open_vocabulary
from lexret.vocabulary import Vocabulary

# Under which name a codebook's file records its vocabulary.
_FINGERPRINT: Final = "vocabulary"


@dataclass(frozen=True, eq=False)
class PreparedRun:
    """Run that is ready for its first step: everything that the steps work with.

    Attributes:
        batches: this process's share of the training batches.
        dev_features: of the dev split, if there is one.
        average: of the learner's weights; None if the configuration asks for none.
    """

    sets: DataSets
    vocabulary: Vocabulary
    learner: Learner
    optimizer: torch.optim.AdamW
    batches: BatchSource
    dev_features: Features | None
    average: WeightAverage | None


def prepare(
    config: RunConfig, folder: RunFolder, observer: Observer, processes: Processes
) -> PreparedRun:
    """Open the data, make or open their features, and make the network.

    Raises:
        InputError: if the data or the configuration cannot be used.
        MissingError, CorruptError: if files are missing or damaged.
        StorageError: if something cannot be written.
    """
    sets = open_sets(config, folder, processes, observer.shards)
    size = fitting_batch_size(sets.train, config.train, processes)
    if size < config.train.batch_size:
        observer.note(
            f"The training data hold fewer pictures than a batch of {config.train.batch_size}: "
            f"batches are of {size}."
        )
    vocabulary = open_vocabulary(config.model.vocabulary)
    codebook_VD = _kept_codebook(folder, vocabulary)
    spread = config.train.shard_text and processes.size > 1
    mesh = sharding_mesh(processes) if spread else None
    with machine_turn(processes):
        torch.manual_seed(config.train.seed)
        network = LexicalNetwork(config.model, vocabulary, codebook_VD)
        if mesh is not None:
            assert isinstance(network.text.transformer, TextTransformer)
            shard_frozen(network.text.transformer.net, mesh)
        learner = Learner(network, config.train).to(processes.device)
    optimizer = make_optimizer(learner, config.train)
    batches, dev_features = open_batches(
        sets, config, vocabulary, folder, processes, observer.features
    )
    if config.train.start == "correlated":
        _initialise(learner, sets.train, batches, config, folder, observer, processes)
    # Processes of different machines may have made slightly different weights.
    processes.copy_from_leader([network.text.codebook_VD, *learner.trainable().values()])
    if processes.leads:
        _keep_codebook(folder, network.text.codebook_VD.cpu(), vocabulary)
    processes.wait()
    if config.train.anchor_weight:
        penalty = _drift_penalty(sets.train, vocabulary, folder, processes.device)
        learner.drift_penalty = penalty
    decay = config.train.ema_decay
    average = WeightAverage(learner, decay) if decay else None
    return PreparedRun(sets, vocabulary, learner, optimizer, batches, dev_features, average)


def _initialise(
    learner: Learner,
    captions: CaptionSet,
    batches: BatchSource,
    config: RunConfig,
    folder: RunFolder,
    observer: Observer,
    processes: Processes,
) -> None:
    """Put an initialised network in place; the leading process makes it."""
    learner.network.text.remember()
    file = initialisation_file(folder, captions, config)
    if processes.leads and not file.is_file():
        initialise_network(learner, captions, batches, config, observer)
        save_initialisation(learner, file)
    processes.wait()
    load_initialisation(learner, file)


def _drift_penalty(
    captions: CaptionSet, vocabulary: Vocabulary, folder: RunFolder, device: torch.device
) -> DriftPenalty:
    texts = [text for i in range(len(captions)) for text in captions.captions(i)]
    weights_V = rarity(caption_words(texts, vocabulary))
    first_VD = _kept_codebook(folder, vocabulary)
    assert first_VD is not None  # kept just before
    return DriftPenalty(first_VD.to(device), weights_V.to(device))


def _codebook_file(folder: RunFolder) -> Path:
    return folder.path / "codebook.safetensors"


def _kept_codebook(folder: RunFolder, vocabulary: Vocabulary) -> Tensor | None:
    """Return the text codebook that this run began with; None if it never did.

    Raises:
        MismatchError: if it is of another vocabulary, which had the same name.
        CorruptError: if it cannot be read.
    """
    file = _codebook_file(folder)
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as tensors:
            codebook_VD: Tensor = tensors.get_tensor("codebook_VD")
            # Runs before this was recorded say nothing; their number of words must fit.
            kept = (tensors.metadata() or {}).get(_FINGERPRINT)
    except (SafetensorError, OSError) as error:
        raise CorruptError(f"{file} cannot be read: {error}. Delete the run folder.") from error
    if kept not in (None, vocabulary.fingerprint) or len(codebook_VD) != len(vocabulary):
        raise MismatchError(
            f"Vocabularies differ: the run in {folder.path} began with {len(codebook_VD)} words "
            f"({(kept or 'of unknown order')[:12]}), the configuration's has {len(vocabulary)} "
            f"({vocabulary.fingerprint[:12]}). Choose another --run folder."
        )
    return codebook_VD


def _keep_codebook(folder: RunFolder, codebook_VD: Tensor, vocabulary: Vocabulary) -> None:
    file = _codebook_file(folder)
    if file.is_file():
        return
    try:
        with whole_file(file) as fresh:
            save_file(
                {"codebook_VD": codebook_VD.contiguous()},
                fresh,
                metadata={_FINGERPRINT: vocabulary.fingerprint},
            )
    except (OSError, SafetensorError) as error:
        raise StorageError(f"Cannot write the codebook to {file}: {error}.") from error
