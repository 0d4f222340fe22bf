"""What pictures are encoded in: which runtime, on which device, by how many threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from lexret.errors import InputError

if TYPE_CHECKING:
    from lexret.sparse import Precision

Runtime = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Settings of an image encoder.

    Attributes:
        runtime: ONNX Runtime or torch; None: ONNX Runtime where the model has an exported backbone
            and float32 is asked for.
        device: of ONNX Runtime; see :data:`lexret.encoders.portable.sessions.PROVIDERS`.
        jobs: threads that encode in ONNX Runtime; None: as many as there are processors.
    """

    runtime: Runtime | None = None
    device: str = "cpu"
    jobs: int | None = None


DEFAULT_SETTINGS: Final = ImageSettings()


def runtime_for(precision: Precision, settings: ImageSettings, *, is_exported: bool) -> Runtime:
    """Return what a model's pictures are encoded in.

    Args:
        is_exported: whether the model has an exported backbone.

    Raises:
        InputError: if the settings contradict each other.
    """
    runtime = settings.runtime
    if runtime is None:
        runtime = "onnx" if precision == "float32" and is_exported else "torch"
    if runtime == "onnx" and precision != "float32":
        raise InputError(
            f"ONNX Runtime encodes in float32 here, but {precision} is asked for: that takes torch."
        )
    if runtime == "torch" and settings.device != "cpu":
        raise InputError(
            f"The device {settings.device!r} is one of ONNX Runtime's, but these pictures would be "
            f"encoded by torch (in {precision}, on the CPU). Leave the device out, or encode in "
            "float32 with a model that is exported (`lexret models export`)."
        )
    return runtime
