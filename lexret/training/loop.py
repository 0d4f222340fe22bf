"""A training run from its first step to its last, through any number of interruptions."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lexret import __version__
from lexret.captions.joined import JoinedCaptions
from lexret.captions.word_use import caption_words
from lexret.config import RunConfig
from lexret.encoders.folder.checkpoint import save_checkpoint
from lexret.encoders.image.max_head import head_kernel
from lexret.encoders.network import LexicalNetwork
from lexret.errors import InputError, StorageError
from lexret.files.whole import whole_file
from lexret.training.curves import draw_curves
from lexret.training.dev_evaluation import evaluate_dev
from lexret.training.distributed import Processes, started_processes
from lexret.training.initialise.network import (
    load_start,
    save_start,
    start_file,
    start_network,
)
from lexret.training.model_card import model_card
from lexret.training.observer import Observer, Silent
from lexret.training.reading.augmented_views import PictureView
from lexret.training.reading.batches import Batch
from lexret.training.reading.sources import batches_ahead, open_batches, open_sets
from lexret.training.run_folder import RunFolder
from lexret.training.state import has_state, load_state, save_state
from lexret.training.step import Learner, make_optimizer, train_step
from lexret.training.words.caption_statistics import rarity
from lexret.training.words.class_words import set_class_words
from lexret.training.words.drift_penalty import Anchor
from lexret.training.words.overuse import (
    UseLimit,
    background_rows,
    imagined_features,
    measure_base_rates,
    use_of_words,
)
from lexret.vocabularies.sources import open_vocabulary


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        model: the folder of the best checkpoint (of the last, without a dev split).
        step: after how many steps it was taken.
        result: its figures on the dev split, if there is one.
    """

    model: Path
    step: int
    result: dict[str, Any] | None


def train(
    config: RunConfig,
    run: Path,
    observer: Observer,
    *,
    stop_after: int = 0,
    device: str = "auto",
) -> Outcome:
    """Train a model; a run folder that holds a state of the same configuration is resumed.

    Started by torchrun, the processes share the work; all of them must see the run folder.

    Args:
        stop_after: end after so many steps as if interrupted, having saved the state; 0: never.
        device: see :func:`lexret.training.distributed.started_processes`.

    Raises:
        InputError: if the configuration names no training data, or the folder is another run's,
            or there is no such device.
        MismatchError, CorruptError: if the saved state does not fit.
        StorageError: if something cannot be written.
    """
    if not config.data.train:
        raise InputError("The recipe names no training data; set data.train to a captions file.")
    folder = RunFolder(run)
    with started_processes(device) as processes:
        if processes.leads:
            folder.write_config(config.to_json())
            folder.write_environment(_environment(processes))
        told = observer if processes.leads else Silent()
        return _Run(config, folder, told, processes).go(stop_after)


def _environment(processes: Processes) -> dict[str, Any]:
    device = processes.device
    on_gpu = device.type == "cuda"
    return {
        "lexret": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
        "processes": processes.size,
        "head_kernel": head_kernel(device),
    }


class _Run:
    """One run's moving parts."""

    def __init__(
        self, config: RunConfig, folder: RunFolder, observer: Observer, processes: Processes
    ) -> None:
        self.config, self.folder, self.observer = config, folder, observer
        self.processes = processes
        # What fails fast comes before what takes long: names, networks, features.
        self.sets = open_sets(config, folder, processes, observer.shards)
        self.vocabulary = open_vocabulary(config.model.vocabulary)
        torch.manual_seed(config.train.seed)
        network = LexicalNetwork(config.model, self.vocabulary, self._codebook())
        self.learner = Learner(network, config.train).to(processes.device)
        self.optimizer = make_optimizer(self.learner, config.train)
        self.average: dict[str, Tensor] = {}
        self.batches, self.dev_features = open_batches(
            self.sets, config, self.vocabulary, folder, processes, observer.features
        )
        self._start()
        # Processes of different machines may have made slightly different starts.
        trained = self.learner.trainable().values()
        processes.copy_from_leader([network.text.codebook_VD, *trained])
        if processes.leads:
            self._keep_codebook(network.text.codebook_VD.cpu())
        processes.wait()
        if config.train.anchor_weight:
            self.learner.anchor = self._anchor()
        self.per_epoch = self.batches.steps_per_epoch
        self.num_steps = self.per_epoch * config.train.epochs
        self.best: dict[str, Any] = {"score": -1.0, "step": 0, "result": None}

    def go(self, stop_after: int) -> Outcome:
        """Run from the saved step, or from the first, to the last."""
        start = self._resume()
        last = min(self.num_steps, stop_after or self.num_steps)
        done = start
        try:
            for step, batch in enumerate(self._batches(start, last), start=start):
                self._one_step(step, batch)
                done = step + 1
        finally:
            # An interruption (Ctrl-C, a bad batch) keeps what was learnt up to the last step.
            if done > start:
                self._save_state(done)
        if done == self.num_steps:
            self._finish()
        result = self.best["result"]
        return Outcome(self.folder.model, int(self.best["step"]), result)

    def _batches(self, start: int, last: int) -> Iterable[Batch]:
        if self.config.data.cached:
            return map(self.batches.batch, range(start, last))
        return batches_ahead(self.batches, start, last)

    def _one_step(self, step: int, batch: Batch) -> None:
        train = self.config.train
        losses = train_step(
            self.learner,
            self.optimizer,
            batch.to(self.processes.device),
            self.config,
            step=step,
            num_steps=self.num_steps,
            num_dense_steps=self.per_epoch * train.dense_epochs,
            processes=self.processes,
        )
        self._update_average(step)
        done = step + 1
        if self.processes.leads:
            self.folder.append({"kind": "step", "step": done, **asdict(losses)})
        self.observer.step(done, self.num_steps, losses)
        if done <= self.per_epoch * train.dense_epochs and done < self.num_steps:
            return self._checkpoint(done)
        evaluate = done % (self.per_epoch * train.eval_every_epochs) == 0 or done == self.num_steps
        if evaluate and self.sets.dev is not None:
            if self.processes.leads:
                self._evaluate(done)
            self.best = self.processes.told_by_leader(self.best)
        self._checkpoint(done)

    def _checkpoint(self, done: int) -> None:
        if done % self.config.train.checkpoint_every_steps == 0:
            self._save_state(done)

    def _evaluate(self, step: int) -> None:
        dev, features = self.sets.dev, self.dev_features
        assert dev is not None and features is not None
        with self._averaged():
            result = evaluate_dev(self.learner.network, dev, features)
            figures = result.as_dict()
            self.folder.append({"kind": "dev", "step": step, **figures})
            self.observer.dev(step, result)
            score = sum(
                figures[direction][name]
                for direction in ("text_to_image", "image_to_text")
                for name in ("R@1", "R@5", "R@10")
            )
            if score > self.best["score"]:
                self.best = {"score": score, "step": step, "result": figures}
                self._save_model()
        draw_curves(self.folder.records(), self.folder.curves)

    def _finish(self) -> None:
        if self.sets.dev is None:
            self.best = {"score": 0.0, "step": self.num_steps, "result": None}
            if not self.processes.leads:
                return
            with self._averaged():
                self._save_model()
            draw_curves(self.folder.records(), self.folder.curves)

    def _save_model(self) -> None:
        network = self.learner.network
        card = model_card(self.config, self.sets.train, self.sets.dev, self.best, network)
        numbers = {"dev": self.best["result"], "step": self.best["step"]}
        save_checkpoint(
            self.folder.model,
            self.config.model,
            self.vocabulary,
            {name: tensor.cpu() for name, tensor in network.trained_state().items()},
            numbers=numbers,
            card=card,
        )

    def _update_average(self, step: int) -> None:
        decay = self.config.train.ema_decay
        if not decay:
            return
        # Early on the average follows closely, so that it does not remember the start.
        decay = min(decay, (1 + step) / (10 + step))
        for name, parameter in self.learner.trainable().items():
            if name in self.average:
                self.average[name].lerp_(parameter.detach(), 1.0 - decay)
            else:
                self.average[name] = parameter.detach().clone()

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """Put the averaged weights into the network, and the trained ones back afterwards."""
        own = {name: p.detach().clone() for name, p in self.learner.trainable().items()}
        self._put(self.average)
        self.learner.eval()
        for limit in self._use_limits:
            limit.apply(self.learner.network.image)
        if self.config.model.image.class_evidence:
            set_class_words(self.learner.network, self._real_uses)
        if self.config.train.base_rate_quantile is not None:
            self._measure_base_rates(self.config.train.base_rate_quantile)
        try:
            yield
        finally:
            self._put(own)
            self.learner.network.image.base_rate_V.zero_()
            self.learner.train()

    def _measure_base_rates(self, quantile: float) -> None:
        captions, view = self.sets.train, self.batches.views[0]
        assert not isinstance(view, PictureView)  # RunConfig asks for cached features
        first = captions.sizes[0] if isinstance(captions, JoinedCaptions) else 0
        measure_base_rates(
            self.learner.network.image,
            view,
            background_rows(first, len(captions), seed=self.config.train.seed),
            self.config.model.activation,
            quantile,
        )

    @cached_property
    def _use_limits(self) -> list[UseLimit]:
        train, captions, imagined = self.config.train, self.sets.train, self.batches.imagined
        view, num_pictures, limits = self.batches.views[0], len(captions), []
        if train.most_active is not None:
            assert not isinstance(view, PictureView)  # RunConfig asks for cached features
            uses_V = use_of_words(captions, imagined, self.vocabulary)
            limits.append(UseLimit(view, uses_V, num_pictures, train.most_active, seed=train.seed))
        if train.most_active_imagined is not None:
            assert not isinstance(view, PictureView) and imagined is not None  # likewise
            features = imagined_features(imagined, view, seed=train.seed)
            most = train.most_active_imagined
            limits.append(UseLimit(features, self._real_uses, num_pictures, most, seed=train.seed))
        return limits

    @cached_property
    def _real_uses(self) -> Tensor:
        return use_of_words(self.sets.train, None, self.vocabulary)

    def _put(self, tensors: dict[str, Tensor]) -> None:
        parameters = self.learner.trainable()
        with torch.no_grad():
            for name, tensor in tensors.items():
                parameters[name].copy_(tensor)

    def _resume(self) -> int:
        self.learner.train()
        if not has_state(self.folder.state):
            return 0
        step, self.best = load_state(
            self.folder.state,
            self.learner,
            self.optimizer,
            self.average,
            config_json=self.config.to_json(),
        )
        if self.processes.leads:
            self.folder.forget_after(step)
        return step

    def _save_state(self, step: int) -> None:
        if not self.processes.leads:
            return
        save_state(
            self.folder.state,
            self.learner,
            self.optimizer,
            self.average,
            step=step,
            config_json=self.config.to_json(),
            best=self.best,
        )

    def _start(self) -> None:
        """Begin at a match of wholes, if the recipe says so; the leading process makes it."""
        if self.config.train.start != "correlated":
            return
        self.learner.network.text.remember()
        file = start_file(self.folder, self.sets.train, self.config)
        if self.processes.leads and not file.is_file():
            start_network(self.learner, self.sets.train, self.batches, self.config, self.observer)
            save_start(self.learner, file)
        self.processes.wait()
        load_start(self.learner, file)

    def _anchor(self) -> Anchor:
        captions, start = self.sets.train, self._codebook()
        texts = [text for i in range(len(captions)) for text in captions.captions(i)]
        weights_V = rarity(caption_words(texts, self.vocabulary))
        assert start is not None  # kept just before
        device = self.processes.device
        return Anchor(start.to(device), weights_V.to(device))

    def _codebook(self) -> Tensor | None:
        """The text codebook of this run, if it was made before: a resumed run keeps its own."""
        file = self.folder.path / "codebook.safetensors"
        return load_file(file)["codebook_VD"] if file.is_file() else None

    def _keep_codebook(self, codebook_VD: Tensor) -> None:
        file = self.folder.path / "codebook.safetensors"
        if not file.is_file():
            try:
                with whole_file(file) as fresh:
                    save_file({"codebook_VD": codebook_VD.contiguous()}, fresh)
            except (OSError, SafetensorError) as error:
                raise StorageError(f"Cannot write the codebook to {file}: {error}.") from error
