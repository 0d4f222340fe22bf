"""Training loop: a run from its first step to its last, through any number of interruptions."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lexret import __version__
from lexret.config import RunConfig
from lexret.encoders.folder.checkpoint import save_checkpoint
from lexret.encoders.image.max_head import head_kernel
from lexret.errors import InputError
from lexret.sparse import Precision
from lexret.training.curves import draw_curves
from lexret.training.dev_evaluation import evaluate_dev
from lexret.training.distributed import Processes, started_processes
from lexret.training.evaluated_weights import EvaluatedWeights
from lexret.training.model_card import model_card
from lexret.training.observer import Observer, SilentObserver
from lexret.training.precision import EMULATED, usable_precision
from lexret.training.preparation import PreparedRun, prepare
from lexret.training.reading.batches import Batch
from lexret.training.reading.sources import batches_ahead
from lexret.training.run_folder import RunFolder
from lexret.training.speed import SpeedMeter, timed
from lexret.training.state import Progress, has_state, load_state, save_state
from lexret.training.step import train_step
from lexret.training.time_limit import TIME_IS_UP, TimeIsUp, TimeLimit
from lexret.training.trackers import Tracker, figures_of, opened_trackers

# Steps between two records of speed and memory.
_SPEED_EVERY = 20


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run.

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
    max_minutes: float | None = None,
    device: str = "auto",
    trackers: Sequence[str] = (),
) -> Outcome:
    """Train a model; a run folder that holds a state of the same configuration is resumed.

    Started by torchrun, the processes share the work; all of them must see the run folder.

    Args:
        stop_after: end after so many steps as if interrupted, having saved the state; 0: never.
        max_minutes: end after so many minutes, as if interrupted, in whatever stage; None: never.
        trackers: names of trackers, see :mod:`lexret.training.trackers`.
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
    limit = TimeLimit(max_minutes)
    with started_processes(device) as processes:
        wanted = config.train.precision
        # Machines may differ: all compute in the precision of the leading process.
        precision = processes.told_by_leader(usable_precision(wanted, processes.device))
        if processes.leads:
            folder.write_config(config.to_json())
            folder.write_environment(_environment(processes, precision))
        observer = limit.watching(observer) if processes.leads else SilentObserver()
        if precision != wanted:
            observer.note(EMULATED)
        try:
            with folder.begun() if processes.leads else nullcontext():
                prepared = prepare(config, folder, observer, processes)
        except TimeIsUp:
            observer.note(TIME_IS_UP)
            return Outcome(folder.model, 0, None)
        loop = _Run(config, folder, observer, processes, prepared, precision, limit)
        with opened_trackers(trackers if processes.leads else (), run, config) as opened:
            loop.trackers = opened
            return loop.go(stop_after)


def _environment(processes: Processes, precision: Precision) -> dict[str, Any]:
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
        "precision": precision,
    }


class _Run:
    """Loop over the steps of a prepared run."""

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        observer: Observer,
        processes: Processes,
        prepared: PreparedRun,
        precision: Precision,
        limit: TimeLimit,
    ) -> None:
        self.limit, self.trackers = limit, list[Tracker]()
        self.meter = SpeedMeter(prepared.batches.batch_size, processes.device)
        self.config, self.folder, self.observer = config, folder, observer
        self.processes, self.prepared, self.precision = processes, prepared, precision
        self.learner, self.sets = prepared.learner, prepared.sets
        self.weights = EvaluatedWeights(
            prepared.learner,
            prepared.average,
            config,
            prepared.sets.train,
            prepared.batches,
            prepared.vocabulary,
        )
        self.per_epoch = prepared.batches.steps_per_epoch
        num_steps = self.per_epoch * config.train.epochs
        self.num_steps = min(num_steps, config.train.max_steps or num_steps)
        self.best: dict[str, Any] = {"score": -1.0, "step": 0, "result": None}
        self.done, self.evaluated = 0, 0

    def go(self, stop_after: int) -> Outcome:
        """Run from the saved step, or from the first, to the last."""
        self._resume()
        first, before = self.done, (self.done, self.evaluated)
        last = min(self.num_steps, stop_after or self.num_steps)
        try:
            self._evaluate_if_due()  # an interruption may have come before it
            for step, (batch, waited) in enumerate(timed(self._batches(first, last)), start=first):
                self.meter.step(waited)
                self._step(step, batch)
                if self.limit.is_set and self.processes.told_by_leader(self.limit.is_over):
                    self.observer.note(TIME_IS_UP)
                    break
        finally:
            # After an interruption (Ctrl-C, a bad batch) what was learnt so far is kept.
            if (self.done, self.evaluated) != before:
                self._save_state()
        if self.done == self.num_steps:
            self._finish()
        result = self.best["result"]
        return Outcome(self.folder.model, int(self.best["step"]), result)

    def _batches(self, first: int, last: int) -> Iterable[Batch]:
        batches = self.prepared.batches
        if self.config.data.cached:
            return map(batches.batch, range(first, last))
        return batches_ahead(batches, first, last)

    def _step(self, step: int, batch: Batch) -> None:
        losses = train_step(
            self.learner,
            self.prepared.optimizer,
            batch.to(self.processes.device),
            self.config,
            step=step,
            num_steps=self.num_steps,
            num_steps_without_words=self._num_steps_without_words,
            processes=self.processes,
            precision=self.precision,
        )
        if self.prepared.average is not None:
            self.prepared.average.update()
        # From here on the weights are those of this step, whatever interrupts the rest.
        self.done = step + 1
        if self.processes.leads:
            self._record({"kind": "step", "step": self.done, **asdict(losses)})
            if self.done % _SPEED_EVERY == 0 or self.done == self.num_steps:
                self._record({"kind": "speed", "step": self.done, **self.meter.read()})
        self.observer.step(self.done, self.num_steps, losses)
        self._evaluate_if_due()
        if self.done % self.config.train.checkpoint_every_steps == 0:
            self._save_state()

    def _record(self, record: dict[str, Any]) -> None:
        self.folder.append(record)
        for tracker in self.trackers:
            tracker.log(record["step"], figures_of(record))

    def _evaluate_if_due(self) -> None:
        """Evaluate, unless that was done after this step or there is nothing to evaluate."""
        if self.sets.dev is None or self.evaluated >= self.done or not self._is_evaluation_due():
            return
        self._evaluate(self.done)
        self.best = self.processes.told_by_leader(self.best)
        self.evaluated = self.done

    def _is_evaluation_due(self) -> bool:
        if self.done == self.num_steps:
            return True
        if self.done <= self._num_steps_without_words:
            return False
        every = self.config.train.eval_every_steps
        return self.done % (every or self.per_epoch * self.config.train.eval_every_epochs) == 0

    @property
    def _num_steps_without_words(self) -> int:
        """Number of first steps that match dense vectors alone."""
        return self.per_epoch * self.config.train.dense_epochs

    def _evaluate(self, step: int) -> None:
        """Evaluate the dev split, which all processes encode; the leading one records it."""
        dev, features = self.sets.dev, self.prepared.dev_features
        assert dev is not None and features is not None
        with self.weights.in_place():
            result = evaluate_dev(self.learner.network, dev, features, self.processes)
            if result is None:
                return
            figures = result.as_dict()
            self._record({"kind": "dev", "step": step, **figures})
            self.observer.dev(step, result)
            score = sum(
                figures[direction][name]
                for direction in ("text_to_image", "image_to_text")
                for name in ("R@1", "R@5", "R@10")
            )
            if score > self.best["score"]:
                best = {"score": score, "step": step, "result": figures}
                self._save_model(best)
                self.best = best
        draw_curves(self.folder.records(), self.folder.curves)

    def _finish(self) -> None:
        if self.sets.dev is None:
            self.best = {"score": 0.0, "step": self.num_steps, "result": None}
            if not self.processes.leads:
                return
            with self.weights.in_place():
                self._save_model(self.best)
            draw_curves(self.folder.records(), self.folder.curves)

    def _save_model(self, best: dict[str, Any]) -> None:
        network = self.learner.network
        card = model_card(self.config, self.sets.train, self.sets.dev, best, network)
        numbers = {"dev": best["result"], "step": best["step"]}
        save_checkpoint(
            self.folder.model,
            self.config.model,
            self.prepared.vocabulary,
            {name: tensor.cpu() for name, tensor in network.trained_state().items()},
            numbers=numbers,
            card=card,
        )

    def _resume(self) -> None:
        """Put a saved state in place, if there is one."""
        self.learner.train()
        if not has_state(self.folder.state):
            if self.processes.leads:
                self.folder.forget_after(0, evaluated=0)  # of a run that was killed before
            return
        progress = load_state(
            self.folder.state,
            self.learner,
            self.prepared.optimizer,
            self.prepared.average,
            config_json=self.config.to_json(),
        )
        self.done, self.evaluated, self.best = progress.step, progress.evaluated, progress.best
        if self.processes.leads:
            self.folder.forget_after(self.done, evaluated=self.evaluated)

    def _save_state(self) -> None:
        if not self.processes.leads:
            return
        self.folder.make_metrics_durable()
        save_state(
            self.folder.state,
            self.learner,
            self.prepared.optimizer,
            self.prepared.average,
            progress=Progress(self.done, self.evaluated, self.best),
            config_json=self.config.to_json(),
        )
