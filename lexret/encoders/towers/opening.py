"""Opening of two-tower models by their sources, each once for all that use it at a time."""

from __future__ import annotations

import threading
from typing import Final
from weakref import WeakValueDictionary

from torch import nn

from lexret.encoders.tower_source import TowerSource, parse_source
from lexret.encoders.towers.towers import Towers
from lexret.errors import CorruptError, LexretError

_lock: Final = threading.Lock()
# Both sides of a model share its towers; they live as long as a side does.
_opened: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()


def open_towers(source: str | TowerSource, *, fingerprint: str | None = None) -> Towers:
    """Load a two-tower model, once for all that use it at a time.

    Args:
        fingerprint: what the weights' digest must be; None: it is not looked at.

    Raises:
        InputError: if the source is none, or no two-tower model that lexret can use.
        MissingPackageError: if its package is not installed.
        MissingError: if its weights cannot be found.
        CorruptError: if they are not the expected ones, or the model's files are damaged.
    """
    parsed = parse_source(source) if isinstance(source, str) else source
    with _lock:
        towers = _opened.get(str(parsed))
        if towers is None:
            towers = _load_or_tell(parsed)
            towers.eval().requires_grad_(False)
            _opened[str(parsed)] = towers
    result: Towers = towers  # type: ignore[assignment]
    if fingerprint is not None and result.fingerprint() != fingerprint:
        raise CorruptError(
            f"The weights of {parsed} have changed: their digest is "
            f"{result.fingerprint()[:12]}..., the model was made from {fingerprint[:12]}.... Make "
            "the model anew with `lexret models make`, or bring the old weights back."
        )
    return result


def _load_or_tell(source: TowerSource) -> nn.Module:
    try:
        return _load(source)
    except (LexretError, ImportError, MemoryError):
        raise
    except Exception as error:  # damaged files drive the packages to whatever error comes first
        raise CorruptError(
            f"{source.kind} cannot make a model of the files of {source.name!r} "
            f"({type(error).__name__}: {error}). Save or copy them again."
        ) from error


def _load(source: TowerSource) -> nn.Module:
    if source.kind == "open_clip":
        from lexret.encoders.towers.open_clip_towers import OpenClipTowers

        return OpenClipTowers(source)
    if source.kind == "transformers":
        from lexret.encoders.towers.transformers_towers import TransformersTowers

        return TransformersTowers(source)
    from lexret.encoders.towers.lexret_towers import LexretTowers

    return LexretTowers(source)
