"""Sessions of ONNX Runtime: their device, their threads, and their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from lexret.encoders.portable.runtime import onnxruntime
from lexret.errors import CorruptError, InputError, MissingPackageError

# Device -> the provider of ONNX Runtime that runs on it.
PROVIDERS: Final[dict[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
_PACKAGES: Final = {
    "cuda": "pip install onnxruntime-gpu (instead of onnxruntime)",
    "coreml": "it comes with onnxruntime on macOS",
    "directml": "pip install onnxruntime-directml (instead of onnxruntime), on Windows",
    "openvino": "pip install onnxruntime-openvino (instead of onnxruntime)",
}
_ERRORS_ONLY: Final = 3

RUNTIME: Final = f"onnxruntime {onnxruntime.__version__}"


def available_devices() -> list[str]:
    """Return the devices that this installation of ONNX Runtime can run on."""
    offered = set(onnxruntime.get_available_providers())
    return [device for device, provider in PROVIDERS.items() if provider in offered]


def check_device(device: str) -> None:
    """Check that a device is available.

    Raises:
        InputError: if there is no device of that name.
        MissingPackageError: if the installed ONNX Runtime does not offer it; the message says what
            would.
    """
    if device not in PROVIDERS:
        raise InputError(f"Unknown device {device!r}; known: {', '.join(PROVIDERS)}.")
    available = available_devices()
    if device not in available:
        raise MissingPackageError(
            f"The installed ONNX Runtime cannot run on {device!r}; it offers "
            f"{', '.join(available)}. For {device}: {_PACKAGES[device]}."
        )


class Session:
    """Graph that is ready to run; threads may share it.

    Args:
        source: a file, or a model's bytes.
        threads: that one run uses.
        device: see :data:`PROVIDERS`; operators that it lacks run on the CPU.

    Raises:
        InputError, MissingPackageError: if the device is not there.
        CorruptError: if the model cannot be loaded.
    """

    def __init__(self, source: Path | bytes, *, threads: int = 1, device: str = "cpu") -> None:
        check_device(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Threads that wait in a loop take time from the processes that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = list(dict.fromkeys((PROVIDERS[device], PROVIDERS["cpu"])))
        model = source if isinstance(source, bytes) else str(source)
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # ONNX Runtime has a dozen types of errors, without a base
            name = "The graph" if isinstance(source, bytes) else str(source)
            raise CorruptError(f"{name} cannot be loaded by ONNX Runtime: {error}") from error
        used = self._session.get_providers()
        if PROVIDERS[device] not in used:
            raise MissingPackageError(
                f"ONNX Runtime cannot start on {device!r} and fell back to {', '.join(used)}: are "
                "its drivers installed?"
            )

    @property
    def outputs(self) -> list[str]:
        """Names of what the graph computes."""
        return [output.name for output in self._session.get_outputs()]

    def run(self, **inputs: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the outputs in the graph's order."""
        found: list[npt.NDArray[Any]] = self._session.run(None, inputs)
        return found
