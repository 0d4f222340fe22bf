"""Encodes the parts of a plan on the machines of a Ray cluster, by Ray Data (``lexret[scale]``).

Each actor loads the model once. Actors write parts to the plan's folder themselves, which all
machines see under the same path, as they do the pictures; what goes through Ray is numbers. A part
that was done and whose report was lost with its machine is found done. Ray gives a part to another
actor as often as one dies: its tries are not counted, as the seconds until a dead machine is known
to be dead take many.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lexret.errors import InputError, LexretError, MissingPackageError
from lexret.library.encoding.plan import EncodePlan, load_plan
from lexret.library.encoding.worker import part_encoder
from lexret.library.encoding.workers import Advance, WorkerSettings, error_of

if TYPE_CHECKING:
    from lexret.library.encoding.parts import PartEncoder

LOCAL: Final = "local"
INSTALL_RAY: Final = "pip install 'lexret[scale]'"
_MOST_BLOCKS: Final = 10_000
_TOKEN, _TOKEN_MODE = "RAY_AUTH_TOKEN", "RAY_AUTH_MODE"


class RayPartEncoder:
    """Actor of Ray that encodes parts.

    Args:
        out: folder of the plan.
    """

    def __init__(self, out: str, threads: int, device: str) -> None:
        self._values = (Path(out), threads, device)
        self._encoder: PartEncoder | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Encode the parts of a batch; an error is told, not raised, as Ray tries again then."""
        parts = [int(number) for number in batch["part"]]
        failed = [self._encode(number) for number in parts]
        return {
            "part": parts,
            "kind": [kind for kind, _ in failed],
            "message": [message for _, message in failed],
        }

    def _encode(self, number: int) -> tuple[str, str]:
        try:
            if self._encoder is None:
                out, threads, device = self._values
                self._encoder = part_encoder(load_plan(out), threads, device)
            self._encoder.encode(number)
        except LexretError as error:
            return type(error).__name__, str(error)
        return "", ""


def run_on_ray(
    plan: EncodePlan,
    parts: Sequence[int],
    settings: WorkerSettings,
    *,
    address: str,
    advance: Advance,
) -> None:
    """Encode parts on a Ray cluster.

    Args:
        settings: at most so many actors work at once; 0: as many as the cluster has room for.
        address: of the cluster, ``host:port``; ``local``: this machine alone, by a Ray of its own.
            Where this process is connected with a cluster already, that one is taken.
        advance: is called with each part that is done.

    Raises:
        MissingPackageError: if Ray is not installed.
        InputError: if the cluster cannot be reached, or has too little room.
        LexretError: what a part could not be encoded for, or that Ray failed.
    """
    ray = _ray(address)
    with _connected(ray, address, settings):
        data = ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        workers = settings.workers or _room_for(ray, settings)
        items = [{"part": number} for number in parts]
        done = data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS))
        done = done.map_batches(
            RayPartEncoder,
            fn_constructor_args=(str(plan.out), settings.threads, settings.device),
            batch_size=1,
            compute=data.ActorPoolStrategy(
                min_size=1,
                max_size=workers,
                initial_size=workers,
                max_tasks_in_flight_per_actor=2,
            ),
            num_cpus=settings.threads,
            num_gpus=0 if settings.device == "cpu" else 1,
        )
        try:
            for row in done.iter_rows():
                if row["kind"]:
                    raise error_of(row["kind"], row["message"])
                advance(int(row["part"]), plan.size_of(int(row["part"])))
        except ray.exceptions.RayError as error:
            raise LexretError(
                f"Ray gave up: {_first_line(error)}. The parts that are done stay; run the command "
                "again, and it goes on from there."
            ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(".")


def _ray(address: str) -> Any:
    # Before it is imported, as it reads both then. Ray tells its makers about its use, unless it is
    # told not to. Without a token, whoever reaches the machine may run programs on a Ray of ours;
    # without one of lexret's making, Ray writes one into the home folder.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL and "ray" not in sys.modules:
        os.environ.setdefault(_TOKEN, secrets.token_hex(32))
        os.environ.setdefault(_TOKEN_MODE, "token")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingPackageError(
            f"Encoding on Ray needs the package ray with its part for data: {INSTALL_RAY}. "
            "Without --ray, processes of this machine encode."
        ) from error
    return ray


@contextmanager
def _connected(ray: Any, address: str, settings: WorkerSettings) -> Iterator[None]:
    """Connect with a cluster while the context is open, unless this process is in one already."""
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        if _TOKEN not in os.environ:
            raise InputError(
                "Ray was imported in this process before lexret could give it a token, without "
                f"which others may run programs by it. Set {_TOKEN} and {_TOKEN_MODE}=token before "
                "that, or start Ray by ray.init() yourself."
            )
        wanted = max(1, settings.workers) * settings.threads + 1  # Ray's own work needs room too
        options |= {"num_cpus": wanted, "include_dashboard": False}
    try:
        ray.init(address=address, **options)
    except Exception as error:  # Ray raises many, a bare Exception among them
        what = "started here" if address == LOCAL else f"reached at {address!r}"
        raise InputError(
            f"No Ray cluster can be {what}: {_first_line(error)}. Expected the address of its "
            f"head, host:port, or 'local'; a cluster that asks for a token wants it in {_TOKEN}."
        ) from error
    said_by_data = logging.getLogger("ray.data")
    level = said_by_data.level
    said_by_data.setLevel(logging.ERROR)  # it tells of every step, on stderr
    try:
        yield
    finally:
        said_by_data.setLevel(level)
        ray.shutdown()


def _room_for(ray: Any, settings: WorkerSettings) -> int:
    """Return how many actors find room, a processor on each machine left for Ray's own work.

    Raises:
        InputError: if there is none for any.
    """
    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            processors = int(node["Resources"].get("CPU", 0))
            of_gpus = int(node["Resources"].get("GPU", 0))
            by_cpu = max(processors - 1, 0) // settings.threads
            room += by_cpu if settings.device == "cpu" else min(by_cpu, of_gpus)
    if not room:
        raise InputError(
            f"No machine of the Ray cluster has room for a worker of {settings.threads} "
            "processors and one to spare. Ask for fewer with --threads, or start Ray with more "
            "(--num-cpus)."
        )
    return room
