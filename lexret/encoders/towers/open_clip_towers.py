"""Two-tower models of open_clip.

Legend: B items, P patches, S pixels a side, D dimensions.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.encoders.tower_source import TowerSource
from lexret.encoders.towers.alone import alone, calls_of
from lexret.encoders.towers.towers import TowerModule, TowerShape
from lexret.errors import InputError, MissingError, MissingPackageError


class OpenClipTowers(TowerModule):
    """Two-tower model of open_clip.

    Raises:
        InputError: if it takes pictures that are no squares.
        MissingError: if it cannot be found.
        MissingPackageError: if open_clip is not installed.
    """

    def __init__(self, source: TowerSource) -> None:
        super().__init__()
        self.net, _, self._tokenizer = load_open_clip(source)
        visual: Any = self.net.visual
        size = visual.image_size
        height, width = size if isinstance(size, tuple | list) else (size, size)
        if height != width:
            raise InputError(f"{source} takes pictures of {height} x {width}; expected squares.")
        self._last, side = _last_layer(visual)
        with torch.inference_mode():
            dim = self.encode_pictures(torch.zeros(1, 3, height, height)).shape[1]
        self._shape = TowerShape(
            height, side, dim, tuple(visual.image_mean), tuple(visual.image_std)
        )

    @property
    def shape(self) -> TowerShape:
        """What it takes and gives."""
        return self._shape

    def encode_pictures(self, inputs_B3SS: Tensor) -> Tensor:
        """Return (B, D) vectors of standardised pictures, not normalised."""
        net: Any = self.net
        result: Tensor = net.encode_image(inputs_B3SS)
        return result

    def encode_patches(self, inputs_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) pictures and (B, P, D) patches, row by row, not normalised."""
        visual: Any = self.net.visual
        assert self._last is not None
        with calls_of(self._last) as call:
            pictures_BD = self.encode_pictures(inputs_B3SS)
        num_patches = self._shape.patches_a_side**2
        tokens_BPD = alone(call.tokens_BLD[:, -num_patches:], call.again)
        if hasattr(visual, "trunk"):
            # timm's pooling is attention too; over a patch alone it gives the patch's own value.
            trunk = visual.trunk
            return pictures_BD, alone(
                trunk.norm(tokens_BPD), lambda token: visual.head(trunk.forward_head(token))
            )
        tokens_BPD = visual.ln_post(tokens_BPD)
        return pictures_BD, tokens_BPD if visual.proj is None else tokens_BPD @ visual.proj

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) vectors of texts, not normalised."""
        net: Any = self.net
        result: Tensor = net.encode_text(self._tokenizer(list(texts)).to(self.device))
        return result


def _last_layer(visual: Any) -> tuple[nn.Module | None, int]:
    """Return the last layer of a vision transformer, and its patches a side; else None and 0."""
    trunk = getattr(visual, "trunk", None)
    if trunk is None:
        is_known = hasattr(visual, "transformer") and getattr(visual, "attn_pool", None) is None
        if not is_known or not getattr(visual.transformer, "batch_first", False):
            return None, 0
        return visual.transformer.resblocks[-1], int(visual.grid_size[0])
    is_known = hasattr(trunk, "blocks") and getattr(trunk, "attn_pool", None) is not None
    if not is_known:
        return None, 0
    return trunk.blocks[-1], int(trunk.patch_embed.grid_size[0])


def load_open_clip(source: TowerSource) -> tuple[nn.Module, Any, Any]:
    """Load a model of open_clip, its own transform of pictures, and its tokenizer.

    Raises:
        MissingPackageError: if open_clip is not installed.
        MissingError: if the model cannot be loaded.
    """
    declare_missing_operators()
    try:
        import open_clip
    except ImportError as error:
        raise MissingPackageError(
            f"{source} needs the package open_clip_torch, which is not installed: pip install "
            "'lexret[clip]'"
        ) from error
    architecture, weights = source.open_clip_names()
    try:
        with _quiet():
            made = open_clip.create_model_and_transforms(
                architecture, weights, require_pretrained=True
            )
            tokenizer = open_clip.get_tokenizer(architecture)
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise MissingError(f"open_clip cannot load {source.name!r}: {error}") from error
    return made[0].eval(), made[2], tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip's log and advice from the user's screen; errors are raised anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
