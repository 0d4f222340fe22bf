"""A training run from its first step to its last, through any number of interruptions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lexret.config import ImageConfig, RunConfig
from lexret.data.captions import CaptionSet, open_captions
from lexret.encoders.checkpoint import save_checkpoint
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.vocabularies import open_vocabulary
from lexret.errors import InputError, StorageError
from lexret.eval.recall import RetrievalResult
from lexret.training.batches import BatchSource
from lexret.training.curves import draw_curves
from lexret.training.dev import evaluate_dev
from lexret.training.features import Features, cached_features
from lexret.training.imagined import ImaginedPictures
from lexret.training.model_card import model_card
from lexret.training.run_folder import RunFolder
from lexret.training.state import has_state, load_state, save_state
from lexret.training.step import Learner, StepLosses, make_optimizer, train_step


class Observer(Protocol):
    """Told what happens; the command line draws its progress bars from it."""

    def features(self, name: str, done: int, total: int) -> None:
        """Backbone features of ``done`` pictures of the split ``name`` are cached."""

    def step(self, step: int, num_steps: int, losses: StepLosses) -> None:
        """``step`` of ``num_steps`` steps are done."""

    def dev(self, step: int, result: RetrievalResult) -> None:
        """The dev split was evaluated after ``step`` steps."""


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


def train(config: RunConfig, run: Path, observer: Observer, *, stop_after: int = 0) -> Outcome:
    """Train a model; a run folder that holds a state of the same configuration is resumed.

    Args:
        stop_after: end after so many steps as if interrupted, having saved the state; 0: never.

    Raises:
        InputError: if the configuration names no training data, or the folder is another run's.
        MismatchError, CorruptError: if the saved state does not fit.
        StorageError: if something cannot be written.
    """
    if not config.data.train:
        raise InputError("The recipe names no training data; set data.train to a captions file.")
    folder = RunFolder(run)
    folder.write_config(config.to_json())
    return _Run(config, folder, observer).go(stop_after)


class _Run:
    """One run's moving parts."""

    def __init__(self, config: RunConfig, folder: RunFolder, observer: Observer) -> None:
        self.config, self.folder, self.observer = config, folder, observer
        self.captions = open_captions(config.data.train)
        self.dev = open_captions(config.data.dev) if config.data.dev else None
        self.vocabulary = open_vocabulary(config.model.vocabulary)
        torch.manual_seed(config.train.seed)
        network = LexicalNetwork(config.model, self.vocabulary, self._codebook())
        self._keep_codebook(network.text.codebook_VD)
        self.learner = Learner(network, config.train)
        self.optimizer = make_optimizer(self.learner, config.train)
        self.average: dict[str, Tensor] = {}
        views = [self._features(self.captions, "train")]
        if config.data.flip:
            views.append(self._features(self.captions, "train, mirrored", mirrored=True))
        self.dev_features = self._features(self.dev, "dev") if self.dev else None
        imagined = ImaginedPictures(config.model.image) if config.data.imagined else None
        self.source = BatchSource(
            self.captions,
            views,
            self.vocabulary,
            config.train,
            imagined,
            silent_words=config.model.image.silent_words,
        )
        self.num_steps = self.source.steps_per_epoch * config.train.epochs
        self.best: dict[str, Any] = {"score": -1.0, "step": 0, "result": None}

    def go(self, stop_after: int) -> Outcome:
        """Run from the saved step, or from the first, to the last."""
        start = self._resume()
        last = min(self.num_steps, stop_after or self.num_steps)
        done = start
        try:
            for step in range(start, last):
                self._one_step(step)
                done = step + 1
        finally:
            # An interruption (Ctrl-C, a bad batch) keeps what was learnt up to the last step.
            if done > start:
                self._save_state(done)
        if done == self.num_steps:
            self._finish()
        result = self.best["result"]
        return Outcome(self.folder.model, int(self.best["step"]), result)

    def _one_step(self, step: int) -> None:
        train = self.config.train
        batch = self.source.batch(step)
        losses = train_step(
            self.learner,
            self.optimizer,
            batch,
            self.config,
            step=step,
            num_steps=self.num_steps,
            num_dense_steps=self.source.steps_per_epoch * train.dense_epochs,
        )
        self._update_average(step)
        done = step + 1
        self.folder.append({"kind": "step", "step": done, **asdict(losses)})
        self.observer.step(done, self.num_steps, losses)
        per_epoch = self.source.steps_per_epoch
        if done <= per_epoch * train.dense_epochs and done < self.num_steps:
            return self._checkpoint(done)
        evaluate = done % (per_epoch * train.eval_every_epochs) == 0 or done == self.num_steps
        if evaluate and self.dev is not None:
            self._evaluate(done)
        self._checkpoint(done)

    def _checkpoint(self, done: int) -> None:
        if done % self.config.train.checkpoint_every_steps == 0:
            self._save_state(done)

    def _evaluate(self, step: int) -> None:
        assert self.dev is not None and self.dev_features is not None
        with self._averaged():
            result = evaluate_dev(self.learner.network, self.dev, self.dev_features)
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
        if self.dev is None:
            with self._averaged():
                self.best = {"score": 0.0, "step": self.num_steps, "result": None}
                self._save_model()
            draw_curves(self.folder.records(), self.folder.curves)

    def _save_model(self) -> None:
        network = self.learner.network
        card = model_card(self.config, self.captions, self.dev, self.best, network)
        numbers = {"dev": self.best["result"], "step": self.best["step"]}
        save_checkpoint(
            self.folder.model,
            self.config.model,
            self.vocabulary,
            network.trained_state(),
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
        try:
            yield
        finally:
            self._put(own)
            self.learner.train()

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
        self.folder.forget_after(step)
        return step

    def _save_state(self, step: int) -> None:
        save_state(
            self.folder.state,
            self.learner,
            self.optimizer,
            self.average,
            step=step,
            config_json=self.config.to_json(),
            best=self.best,
        )

    def _codebook(self) -> Tensor | None:
        """The text codebook of this run, if it was made before: a resumed run keeps its own."""
        file = self.folder.path / "codebook.safetensors"
        return load_file(file)["codebook_VD"] if file.is_file() else None

    def _keep_codebook(self, codebook_VD: Tensor) -> None:
        file = self.folder.path / "codebook.safetensors"
        if not file.is_file():
            fresh = file.with_suffix(".tmp")
            try:
                save_file({"codebook_VD": codebook_VD.contiguous()}, fresh)
                fresh.replace(file)
            except (OSError, SafetensorError) as error:
                raise StorageError(f"Cannot write the codebook to {file}: {error}.") from error

    def _features(self, captions: CaptionSet, name: str, *, mirrored: bool = False) -> Features:
        cache = self.config.data.feature_cache
        place = Path(cache) if cache else self.folder.path / "features"
        image: ImageConfig = self.config.model.image
        return cached_features(
            captions,
            image,
            place,
            mirrored=mirrored,
            progress=lambda done, total: self.observer.features(name, done, total),
        )
