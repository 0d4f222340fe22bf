"""Run folder: everything that a training run leaves behind.

``config.json``     the whole configuration
``environment.json``  where it last ran: versions, device, processes, precision, kernel of the head
``metrics.jsonl``   one JSON object a line: {"kind": "step" | "speed" | "dev", "step": ..., ...}
``curves.png``      losses, active words and dev recall over the steps
``state/``          what a resumed run starts from
``model/``          the best checkpoint, with its model card
``skipped.jsonl``  samples of shards without a picture or a usable caption, if any
``unreadable.jsonl``  pictures that were left out, if any (of process N: ``unreadable.N.jsonl``)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lexret.captions.shard_index import SkippedSample
from lexret.errors import InputError, LexretError, StorageError
from lexret.files.folders import make_folder, remove_leftovers
from lexret.files.text import parse_json
from lexret.files.whole import replace_file, sync_file, sync_folder


class RunFolder:
    """Paths and records of one run.

    Raises:
        StorageError: if the folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.environment = path / "environment.json"
        self.skipped = path / "skipped.jsonl"
        self.metrics = path / "metrics.jsonl"
        self.curves = path / "curves.png"
        self.state = path / "state"
        self.model = path / "model"
        self._made = [each for each in (path, *path.parents) if not each.exists()]
        try:
            make_folder(path)
        except OSError as error:
            raise StorageError(f"Cannot make the run folder {path}: {error}.") from error

    @contextmanager
    def begun(self) -> Iterator[None]:
        """While a run begins: where that is refused before anything was done, nothing is left.

        What is refused is told by a :class:`LexretError`.
        """
        try:
            yield
        except LexretError:
            with suppress(OSError):  # what cannot be removed is replaced by the next run
                records = [self.config, self.environment]
                if set(self.path.iterdir()) <= set(records):
                    for record in records:
                        record.unlink(missing_ok=True)
                    for folder in self._made:
                        folder.rmdir()
            raise

    def write_config(self, config_json: str) -> None:
        """Record the configuration; that of a run that never came to a step is replaced.

        Raises:
            InputError: if the folder belongs to a run of another configuration.
        """
        if self.config.is_file() and (self.state.exists() or self.metrics.exists()):
            recorded = self.config.read_text(encoding="utf-8")
            if recorded != config_json:
                raise InputError(
                    f"{self.path} holds a run of another configuration"
                    f"{_differences(recorded, config_json)}. Choose another --run folder or "
                    "delete it."
                )
        self._write(lambda: replace_file(self.config, config_json.encode()))
        self._write(self._tidy_up)

    def _tidy_up(self) -> None:
        """Remove what a run left that was cut off; this one may have nothing to write."""
        for folder in (self.state, self.model):
            remove_leftovers(folder)

    def write_environment(self, found: dict[str, Any]) -> None:
        """Record where the run runs now."""
        text = json.dumps(found, indent=2) + "\n"
        self._write(lambda: replace_file(self.environment, text.encode()))

    def write_skipped(self, skipped: Sequence[SkippedSample]) -> None:
        """List the samples that the training shards' index left out."""
        lines = "".join(
            json.dumps({"picture": sample.name, "problem": sample.problem}) + "\n"
            for sample in skipped
        )
        self._write(lambda: replace_file(self.skipped, lines.encode()))

    def unreadable(self, rank: int) -> Path:
        """Return the file for the pictures that a process cannot read."""
        return self.path / (f"unreadable.{rank}.jsonl" if rank else "unreadable.jsonl")

    def append(self, record: dict[str, Any]) -> None:
        """Add one line to the metrics."""

        def write() -> None:
            with self.metrics.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")

        self._write(write)

    def make_metrics_durable(self) -> None:
        """See that the metrics are on the disk, as is to be before the state that follows them."""
        if self.metrics.is_file():
            self._write(lambda: sync_file(self.metrics))
            self._write(lambda: sync_folder(self.path))

    def records(self) -> list[dict[str, Any]]:
        """Return all metrics; a last line that a crash cut short is left out."""
        if not self.metrics.is_file():
            return []
        text = self.metrics.read_text(encoding="utf-8")
        return [parse_json(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def forget_after(self, step: int, *, evaluated: int) -> None:
        """Drop metrics that a resumed run makes again.

        Args:
            step: drop those of later steps.
            evaluated: drop evaluations of later steps.
        """
        until = {"step": step, "speed": step, "dev": min(step, evaluated)}
        kept = [record for record in self.records() if record["step"] <= until[record["kind"]]]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        if self.metrics.is_file():
            self._write(lambda: replace_file(self.metrics, lines.encode()))

    def _write(self, action: Any) -> None:
        try:
            action()
        except OSError as error:
            raise StorageError(f"Cannot write into {self.path}: {error}.") from error


def _differences(recorded: str, wanted: str) -> str:
    """Say which values differ: " (train.epochs: 3 there, 5 now)"; nothing if that is unknown."""
    try:
        there, now = _flat(parse_json(recorded)), _flat(parse_json(wanted))
    except ValueError:  # a crash cut the record short
        return ""
    keys = [key for key in {**there, **now} if there.get(key) != now.get(key)]
    shown = [f"{key}: {there.get(key)!r} there, {now.get(key)!r} now" for key in keys]
    return f" ({'; '.join(shown)})" if shown else ""


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix.removesuffix("."): values}
    return {
        key: value
        for name, inner in values.items()
        for key, value in _flat(inner, f"{prefix}{name}.").items()
    }
