"""Files of backbone weights: timm's, transformers' and Meta's layouts, at any size of picture.

The published DINOv2 was trained at 518 px and has 37 x 37 + 1 positions. At another size timm
resamples them (bicubic, antialiased), in the filter that each of its architectures has for
checkpoints; a file's tensors go through the same filter here as those that timm fetches itself.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from lexret.errors import CorruptError, MissingError

# What a folder of transformers calls its weights, the safer kind first.
_FOLDER_FILES: Final = ("model.safetensors", "pytorch_model.bin")
# Under which names checkpoints of training code hold their tensors.
_NESTED: Final = ("state_dict", "model", "teacher")

# Under which name transformers' models with a head hold the backbone.
_PREFIX: Final = re.compile(r"^(backbone|dinov2|dinov2_with_registers)\.")
# transformers' names of a DINOv2, then Meta's. Releases before 5 and files that they wrote call
# the attention's parts `attention.attention.query` and `attention.output.dense`.
_OF_TRANSFORMERS: Final = (
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
    (r"^encoder\.layer\.", "blocks."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.(q|k|v)_proj\.", r".attn.\1_proj."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.(?:weights_out|down_proj)\.", ".mlp.w3."),
)
# Parts that Meta's layout holds in one tensor, one below the other.
_STACKED: Final = (
    (("attn.query", "attn.key", "attn.value"), "attn.qkv"),
    (("attn.q_proj", "attn.k_proj", "attn.v_proj"), "attn.qkv"),
    (("mlp.gate_proj", "mlp.up_proj"), "mlp.w12"),
)


def load_weights(net: nn.Module, path: Path, backbone: str) -> None:
    """Load a file's weights into a timm model; every one must be there and fit.

    Args:
        path: a safetensors file, a PyTorch file of tensors alone (nothing else in it is run), or
            a folder of transformers that holds one.
        backbone: timm's name of the model.

    Raises:
        MissingError: if there is no such file.
        CorruptError: if it cannot be read, or holds the weights of another model.
    """
    file = _file_of(path)
    tensors = _read(file)
    try:
        state = _filtered(_in_metas_layout(tensors), net, backbone)
        net.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:
        raise CorruptError(f"{file} does not hold this backbone's weights: {error}") from error


def _file_of(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        for name in _FOLDER_FILES:
            if (path / name).is_file():
                return path / name
        raise MissingError(
            f"The folder {path} holds no backbone weights; expected {' or '.join(_FOLDER_FILES)}."
        )
    raise MissingError(
        f"No backbone weights at {path}; expected a safetensors file, a PyTorch file (.pth, .bin) "
        "or a folder of transformers."
    )


def _read(file: Path) -> dict[str, Tensor]:
    """Return a file's tensors by name, without running anything that it may hold."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    kind = "safetensors" if file.suffix == ".safetensors" else "PyTorch"
    try:
        if kind == "safetensors":
            return load_file(file)
        held: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CorruptError(f"{file} cannot be read as a {kind} file of tensors: {error}") from error
    for name in _NESTED:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
    if not isinstance(held, Mapping) or not all(isinstance(v, Tensor) for v in held.values()):
        raise CorruptError(f"{file} holds {type(held).__name__}; expected tensors by name.")
    return dict(held)


def _in_metas_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return transformers' tensors under Meta's names; other layouts stay as they are."""
    bare = {_PREFIX.sub("", name): tensor for name, tensor in tensors.items()}
    if "embeddings.position_embeddings" not in bare:
        return dict(tensors)
    renamed = {_metas_name(name): tensor for name, tensor in bare.items()}
    for parts, whole in _STACKED:
        for name in [name for name in renamed if f".{parts[0]}." in name]:
            pieces = [renamed.pop(name.replace(parts[0], part)) for part in parts]
            renamed[name.replace(parts[0], whole)] = torch.cat(pieces)
    # By this entry timm knows the layout; the filter leaves it out.
    renamed.setdefault("mask_token", torch.zeros(1, renamed["pos_embed"].shape[-1]))
    # A head of transformers' classifier is no part of the backbone.
    return {name: tensor for name, tensor in renamed.items() if not name.startswith("classifier.")}


def _metas_name(name: str) -> str:
    for pattern, meant in _OF_TRANSFORMERS:
        name = re.sub(pattern, meant, name)
    return name


def _filtered(tensors: dict[str, Tensor], net: nn.Module, backbone: str) -> dict[str, Tensor]:
    """Return what timm makes of a checkpoint for this model, without the classifier."""
    import timm

    entrypoint = timm.models.model_entrypoint(backbone.partition(".")[0])
    for module in (entrypoint.__module__, type(net).__module__):
        change = getattr(sys.modules[module], "checkpoint_filter_fn", None)
        if change is not None:
            tensors = change(tensors, net)
            break
    published: Any = getattr(net, "pretrained_cfg", {})
    classifier = published.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    wanted = net.state_dict()
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name in wanted or not name.startswith(tuple(f"{head}." for head in names))
    }
