"""The process that encodes parts for another one; :mod:`lexret.library.encoding.workers` starts it.

It is told a part's number and answers with what the part's file says of it. Every few pictures it
says how far it is: where nobody listens any more, it ends, and the part is left undone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from lexret.encoders.folder.record import find_model, read_record
from lexret.encoders.image_settings import ImageSettings
from lexret.encoders.lazy import LazyImageEncoder
from lexret.errors import LexretError
from lexret.library.encoding.parts import PartEncoder
from lexret.library.encoding.plan import EncodePlan, load_plan
from lexret.library.updating.reader import Decoding


@dataclass(frozen=True)
class Advanced:
    """Said after some pictures of a part."""

    num_pictures: int


@dataclass(frozen=True)
class Failed:
    """The answer where a part cannot be encoded.

    Attributes:
        kind: name of the error's class in :mod:`lexret.errors`.
        message: of the error.
    """

    kind: str
    message: str


def main(handle: int, out: str, threads: int, device: str) -> None:
    """Encode parts until the other side closes the connection.

    Args:
        handle: of the connection, inherited.
        out: folder of the plan.
        threads: that encode, and processes that decode.
        device: of ONNX Runtime.
    """
    connection: Connection = Connection(handle)
    encoder: PartEncoder | None = None
    try:
        with suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while True:
                number: int = connection.recv()
                try:
                    encoder = encoder or part_encoder(load_plan(Path(out)), threads, device)
                    answer: object = encoder.encode(
                        number, lambda count: connection.send(Advanced(count))
                    )
                except LexretError as error:
                    answer = Failed(type(error).__name__, str(error))
                connection.send(answer)
    finally:
        if encoder is not None:
            encoder.close()


def part_encoder(plan: EncodePlan, threads: int, device: str) -> PartEncoder:
    """Return an encoder of parts that loads the plan's model with the first picture.

    Raises:
        MissingError: if the model is not there.
        MismatchError: if it is another one.
    """
    encoder = LazyImageEncoder(
        read_record(find_model(plan.model.source)),
        precision=plan.model.precision,
        settings=ImageSettings(None, device, threads),
    )
    decoding = Decoding(jobs=threads, max_pixels=plan.max_pixels)
    return PartEncoder(plan, encoder, decoding, threads)
