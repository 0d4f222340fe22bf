"""The loop of a rebuilding run: prepared pictures, steps, saved states, the model in the end.

The run folder is that of every training run (:mod:`lexret.training.run_folder`); its ``model/`` is
a rebuilding model (:mod:`lexret.rebuild.folder`), which is written with every saved state.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from lexret.captions.sources import open_captions
from lexret.config.rebuild import RebuildConfig
from lexret.encoders.devices import chosen_device
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.errors import InputError
from lexret.rebuild.folder import save_rebuild_model
from lexret.rebuild.prepared import PreparedPictures, prepared_pictures
from lexret.training.average import WeightAverage, replaced_weights
from lexret.training.rebuild.batches import training_batch
from lexret.training.rebuild.learner import RebuildLearner, RebuildLosses
from lexret.training.run_folder import RunFolder
from lexret.training.schedule import rate_factor
from lexret.training.state import Progress, has_state, load_state, save_state
from lexret.training.time_limit import TimeLimit

_TELL_EVERY = 25


class RebuildObserver(Protocol):
    """Observer of a rebuilding run."""

    def features(self, name: str, done: int, total: int) -> None:
        """``done`` of the pictures of ``name`` are prepared."""

    def rebuilt(self, step: int, num_steps: int, losses: RebuildLosses) -> None:
        """``step`` of ``num_steps`` steps are done."""


@dataclass(frozen=True, slots=True)
class RebuildOutcome:
    """Outcome of a run.

    Attributes:
        step: steps that are done.
        finished: whether these are all.
        model: the model's folder.
    """

    step: int
    finished: bool
    model: Path


def train_rebuild(
    config: RebuildConfig,
    folder: Path,
    observer: RebuildObserver,
    *,
    stop_after: int = 0,
    max_minutes: float | None = None,
    device: str = "cpu",
) -> RebuildOutcome:
    """Train by a configuration; a run that was interrupted goes on where its state was saved.

    Args:
        stop_after: stop after so many steps of this call, with the state saved; 0: at the end.
        max_minutes: stop after so many minutes, likewise.
        device: as :func:`lexret.encoders.devices.chosen_device` takes it.

    Raises:
        InputError: if no data are named, or the folder is that of another configuration.
        LexretError: if a picture cannot be read or a file cannot be written.
    """
    if not config.data.train:
        raise InputError(
            "No pictures to train on: name them, such as --set 'data.train=[\"captions.jsonl\"]'."
        )
    limit, place = TimeLimit(max_minutes), chosen_device(device)
    run = RunFolder(folder)
    run.write_config(config.to_json())
    with run.begun():
        lexical = load_model(config.model)
        pictures = open_pictures(config, run.path, lexical, observer)
    run.write_environment({"torch": torch.__version__, "threads": torch.get_num_threads()})
    return _Run(config, run, lexical, pictures, observer, place).go(stop_after, limit)


def open_pictures(
    config: RebuildConfig, folder: Path, lexical: LexicalModel, observer: RebuildObserver
) -> PreparedPictures:
    """Return all training pictures, prepared, in memory."""
    data = config.data
    parts = [
        prepared_pictures(
            open_captions(source),
            lexical,
            Path(data.prepared) if data.prepared else folder / "prepared",
            side=data.prepared_side or config.network.side,
            feature_cache=Path(data.feature_cache) if data.feature_cache else folder / "features",
            progress=lambda done, total, name=source: observer.features(name, done, total),  # type: ignore[misc]
        )
        for source in data.train
    ]
    return PreparedPictures.joined(parts).reduced(config.network.side)


class _Run:
    """Run with everything loaded."""

    def __init__(
        self,
        config: RebuildConfig,
        folder: RunFolder,
        lexical: LexicalModel,
        pictures: PreparedPictures,
        observer: RebuildObserver,
        device: torch.device,
    ) -> None:
        self.config, self.folder, self.lexical = config, folder, lexical
        self.pictures, self.observer = pictures, observer
        self.device = device
        self.learner = RebuildLearner(config, lexical).to(device)
        train = config.train
        self.optimizer = torch.optim.AdamW(
            self.learner.trainable().values(),
            lr=train.lr,
            betas=(0.9, 0.99),
            weight_decay=train.weight_decay,
        )
        self.average = WeightAverage(self.learner, train.ema_decay)
        self.step = 0
        if has_state(folder.state):
            progress = load_state(
                folder.state,
                self.learner,
                self.optimizer,
                self.average,
                config_json=config.to_json(),
            )
            self.step = progress.step
        folder.forget_after(self.step, evaluated=self.step)

    def go(self, stop_after: int, limit: TimeLimit) -> RebuildOutcome:
        """Do the steps that are left."""
        num_steps = self.config.train.steps
        end = min(num_steps, self.step + stop_after) if stop_after else num_steps
        started, saved_at = time.perf_counter(), self.step
        while self.step < end and not limit.is_over:
            losses = self._do_step()
            if self.step % _TELL_EVERY == 0 or self.step == end:
                elapsed = time.perf_counter() - started
                record = {"kind": "step", "step": self.step, "seconds": round(elapsed, 2)}
                self.folder.append({**record, **losses.as_dict()})
                self.observer.rebuilt(self.step, num_steps, losses)
            if self.step % self.config.train.save_every == 0:
                self._save()
                saved_at = self.step
        if saved_at != self.step or not self.folder.model.is_dir():
            self._save()
        return RebuildOutcome(self.step, self.step >= num_steps, self.folder.model)

    def _do_step(self) -> RebuildLosses:
        train = self.config.train
        batch = training_batch(self.pictures, self.config, self.step).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = train.lr * rate_factor(self.step, train.steps, train)
        self.optimizer.zero_grad(set_to_none=True)
        losses = self.learner.backward(batch, self.step)
        if not np.isfinite(losses.total):
            raise InputError(
                f"The loss is not finite at step {self.step}; try a lower train.lr "
                f"(found {train.lr})."
            )
        torch.nn.utils.clip_grad_norm_(self.learner.trainable().values(), train.clip_norm)
        self.optimizer.step()
        self.average.update()
        self.step += 1
        return losses

    def _save(self) -> None:
        self.folder.make_metrics_durable()
        save_state(
            self.folder.state,
            self.learner,
            self.optimizer,
            self.average,
            progress=Progress(self.step, self.step, {}),
            config_json=self.config.to_json(),
        )
        with replaced_weights(self.learner, self.average.tensors()):
            save_rebuild_model(
                self.folder.model,
                self.config.network,
                self.learner.model.network.state_dict(),
                self.lexical,
                {"step": self.step, "steps": self.config.train.steps},
            )
