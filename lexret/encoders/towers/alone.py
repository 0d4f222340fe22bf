"""Tokens alone: the value path of a layer's attention, as MaskCLIP takes it.

The last attention of a vision transformer mixes the patches to say what the whole picture shows.
What a patch says by itself is the output of that layer without the mixing: its query and key are
left out and its value goes through the output projection (Zhou et al., ECCV 2022, section 3.3).
Attention over a sequence of one token does just that, so that a layer is asked about each token as
a sequence of its own, whatever its class.

Legend: B pictures, L tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass
class LayerCall:
    """Arguments that a layer was called with last.

    Attributes:
        tokens_BLD: its first argument.
    """

    layer: nn.Module
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)

    @property
    def tokens_BLD(self) -> Tensor:
        """The tokens that went in."""
        tokens = self.arguments[0] if self.arguments else self.named["hidden_states"]
        assert isinstance(tokens, Tensor)
        return tokens

    def again(self, tokens: Tensor) -> Tensor:
        """Call the layer with other tokens and without masks, which are for the first ones."""
        others = [None if isinstance(value, Tensor) else value for value in self.arguments[1:]]
        named = {
            name: None if isinstance(value, Tensor) else value
            for name, value in self.named.items()
            if name != "hidden_states"
        }
        output = self.layer(tokens, *others, **named)
        # Layers of transformers 4 return tuples.
        result: Tensor = output[0] if isinstance(output, tuple) else output
        return result


@contextmanager
def calls_of(layer: nn.Module) -> Iterator[LayerCall]:
    """Note what a layer is called with."""
    call = LayerCall(layer)

    def note(_layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        call.arguments, call.named = arguments, named

    hook = layer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield call
    finally:
        hook.remove()


def alone(tokens_BLD: Tensor, ask: Callable[[Tensor], Tensor]) -> Tensor:
    """Return (B, L, ...) what ``ask`` makes of each token as a sequence of its own.

    Args:
        ask: gets (B * L, 1, D) and returns so many rows, with or without the sequence's dimension.
    """
    batch, length, width = tokens_BLD.shape
    rows = ask(tokens_BLD.reshape(batch * length, 1, width))
    return rows.reshape(batch, length, -1)
