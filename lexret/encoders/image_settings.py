"""Settings of encoding pictures: which runtime, on which device, by how many threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from lexret.errors import InputError

if TYPE_CHECKING:
    from lexret.sparse import VectorPrecision

Runtime = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Settings of an image encoder.

    Attributes:
        runtime: ONNX Runtime or torch; None: ONNX Runtime for int8, and for float32 where the model
            has an exported backbone.
        device: of ONNX Runtime; see :data:`lexret.encoders.portable.sessions.PROVIDERS`.
        jobs: threads that encode in ONNX Runtime; None: as many as there are processors.
    """

    runtime: Runtime | None = None
    device: str = "cpu"
    jobs: int | None = None


DEFAULT_SETTINGS: Final = ImageSettings()


def runtime_for(
    precision: VectorPrecision, settings: ImageSettings, *, is_exported: bool
) -> Runtime:
    """Return the runtime that encodes a model's pictures.

    Args:
        is_exported: whether the model has an exported backbone.

    Raises:
        InputError: if the settings contradict each other.
    """
    runtime = settings.runtime
    if runtime is None:
        in_onnx = precision == "int8" or (precision == "float32" and is_exported)
        runtime = "onnx" if in_onnx else "torch"
    if runtime == "onnx" and precision == "bfloat16":
        raise InputError(
            "ONNX Runtime encodes in float32 or int8 here, but bfloat16 is asked for: that takes "
            "torch."
        )
    if runtime == "torch" and precision == "int8":
        raise InputError(
            "torch encodes in float32 or bfloat16 here, but int8 is asked for: that takes ONNX "
            "Runtime."
        )
    if runtime == "torch" and settings.device != "cpu":
        raise InputError(
            f"The device {settings.device!r} is one of ONNX Runtime's, but these pictures would be "
            f"encoded by torch (in {precision}, on the CPU). Leave the device out, or encode in "
            "float32 with a model that is exported (`lexret models export`)."
        )
    return runtime
