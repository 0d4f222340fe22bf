"""Computation of models: device and precision, chosen without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexret.sparse import Precision


@dataclass(frozen=True, slots=True)
class Computation:
    """Computation of a model: its device and the precision of its matrix products.

    Attributes:
        device: as :func:`lexret.encoders.devices.chosen_device` takes it.
        precision: of the vectors of pictures and texts; all results are float32. Patches and dense
            vectors of pictures are computed in float32 in any case.
    """

    device: str = "cpu"
    precision: Precision = "float32"
