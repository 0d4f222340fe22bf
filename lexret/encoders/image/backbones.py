"""Frozen image backbones through timm: pictures in, a map of patch features out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lexret.config import ImageConfig
from lexret.encoders.image.package_weights import package_state
from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.image.standardising import standardised
from lexret.encoders.image.weight_files import load_weights
from lexret.encoders.pretrained import LITE2
from lexret.encoders.protocol import PatchGrid
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import CorruptError, InputError, MissingError

_PACKAGES = {LITE2.package: LITE2}


class ImageBackbone(nn.Module):
    """Frozen timm model that gives (B, P, F) patch features.

    Convolutional maps are read at their last stage; of vision transformers the class and
    register tokens are left out. Pictures are resized (not cropped) to a square, so that a patch
    is a fixed part of the whole picture.

    Raises:
        InputError: if the model's map does not have the size and channels that the config says.
    """

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        self.config = config
        side = config.image_size // config.stride
        self.grid = PatchGrid(side, side)
        self.net = create_backbone(config)
        fuse_batch_norms(self.net.eval())
        self.eval().requires_grad_(False)
        # Class and register tokens of vision transformers; other models have none.
        self.num_prefix_tokens = int(getattr(self.net, "num_prefix_tokens", 0))
        self._check_shape()

    @property
    def num_vectors(self) -> int:
        """Vectors of a picture's features: one a patch."""
        return len(self.grid)

    def train(self, mode: bool = True) -> ImageBackbone:
        """Stay in evaluation mode: the backbone is frozen, its batch statistics too."""
        return super().train(False)

    def transform(self, image: Image.Image) -> Tensor:
        """Return a (3, S, S) uint8 tensor of an RGB picture, resized with antialiasing.

        Raises:
            InputError: if the picture is not RGB; lexret does not guess what its values mean.
        """
        return torch.from_numpy(square_pixels(image, self.config.image_size))

    @torch.inference_mode()
    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, P, F) float32 features of uint8 pixels."""
        x = standardised(pixels_B3SS, self.config.mean, self.config.std)
        return self.features_of_inputs(x.contiguous(memory_format=torch.channels_last))

    def features_of_inputs(self, inputs_B3SS: Tensor) -> Tensor:
        """Return (B, P, F) features of standardised pixels, with gradients; see :meth:`forward`."""
        features = self.net.forward_features(inputs_B3SS)  # type: ignore[operator]
        if features.ndim == 4:
            return cast(Tensor, features.flatten(2).transpose(1, 2))
        return cast(Tensor, features[:, self.num_prefix_tokens :])

    @contextmanager
    def with_still_padding(self) -> Iterator[None]:
        """Pad by fixed numbers where timm works them out from each input ("same" padding).

        Inputs have one size here. A graph of ONNX holds that arithmetic otherwise, and no runtime
        can join the padding with the convolution after it.
        """
        places = _same_convolutions(self.net, self.config.image_size)
        for parent, name, layer, padding in places:
            setattr(parent, name, nn.Sequential(nn.ZeroPad2d(padding), _without_padding(layer)))
        try:
            yield
        finally:
            for parent, name, layer, _ in places:
                setattr(parent, name, layer)

    def _check_shape(self) -> None:
        size = self.config.image_size
        if next(self.net.parameters()).is_meta:
            return
        with torch.inference_mode():
            shape = tuple(self(torch.zeros(1, 3, size, size, dtype=torch.uint8)).shape[1:])
        expected = (len(self.grid), self.config.feature_dim)
        if shape != expected:
            raise InputError(
                f"Backbone {self.config.backbone} at {size} px gives patches of shape {shape}; "
                f"the configuration says {expected} (stride {self.config.stride})."
            )


def fuse_batch_norms(module: nn.Module) -> None:
    """Fold batch norms of frozen statistics into the convolutions before them.

    Each saves a pass over memory: the whole backbone is 1.6 times as fast on a CPU. timm's
    batch norms hold the activation that follows; it stays.
    """
    children = list(module.named_children())
    for _, child in children:
        fuse_batch_norms(child)
    for (name, layer), (next_name, following) in pairwise(children):
        if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(layer, following))
            rest = [getattr(following, part, nn.Identity()) for part in ("drop", "act")]
            setattr(module, next_name, nn.Sequential(*rest))


_Padding = tuple[int, int, int, int]


def _same_convolutions(
    net: nn.Module, side: int
) -> list[tuple[nn.Module, str, nn.Conv2d, _Padding]]:
    """Find the convolutions with "same" padding: parent, name, layer, and what each pads."""
    from timm.layers import Conv2dSame

    paddings: dict[nn.Module, _Padding] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        paddings[layer] = _same_padding(cast(nn.Conv2d, layer), inputs[0])

    layers = [layer for layer in net.modules() if isinstance(layer, Conv2dSame)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    with torch.no_grad():
        net.forward_features(torch.zeros(1, 3, side, side))  # type: ignore[operator]
    for hook in hooks:
        hook.remove()
    return [
        (parent, name, cast(nn.Conv2d, layer), paddings[layer])
        for parent in net.modules()
        for name, layer in parent.named_children()
        if layer in paddings
    ]


def _same_padding(layer: nn.Conv2d, inputs: Tensor) -> _Padding:
    """Return left, right, top, bottom: TensorFlow's "same", the odd pixel right and below."""
    found = []
    for axis in (1, 0):
        size, stride = inputs.shape[2 + axis], layer.stride[axis]
        reach = (layer.kernel_size[axis] - 1) * layer.dilation[axis] + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        found += [total // 2, total - total // 2]
    return found[0], found[1], found[2], found[3]


def _without_padding(layer: nn.Conv2d) -> nn.Conv2d:
    """Return a plain convolution that shares the weights of another."""
    plain = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        cast(tuple[int, int], layer.kernel_size),
        cast(tuple[int, int], layer.stride),
        dilation=cast(tuple[int, int], layer.dilation),
        groups=layer.groups,
        bias=layer.bias is not None,
    )
    plain.weight, plain.bias = layer.weight, layer.bias
    return plain


def create_backbone(config: ImageConfig) -> nn.Module:
    """Make the timm model of a configuration with its weights, batch norms and all.

    Raises:
        InputError, MissingError, CorruptError: if it or its weights cannot be had.
    """
    declare_missing_operators()
    import timm

    arguments = {"pretrained": config.weights == "hub", "num_classes": 0, **config.backbone_args}
    try:
        net = timm.create_model(config.backbone, **arguments)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"timm cannot make the model {config.backbone!r} with {arguments}: {error}"
        ) from error
    except OSError as error:
        raise MissingError(
            f"Cannot get the weights of {config.backbone!r}: {error}. Where no hub can be reached, "
            "give a file of weights as model.image.weights."
        ) from error
    if config.weights.startswith("package:"):
        _load_in_order(net, config)
    elif config.weights not in ("hub", "random"):
        load_weights(net, Path(config.weights), config.backbone)
    return cast(nn.Module, net)


def _load_in_order(net: nn.Module, config: ImageConfig) -> None:
    """Load a package's state dict whose entries fit timm's in order, under other names."""
    name = config.weights.removeprefix("package:")
    if name not in _PACKAGES:
        raise InputError(f"Unknown weight package {name!r}; known: {sorted(_PACKAGES)}.")
    stored = package_state(_PACKAGES[name])
    # The classifier, which num_classes=0 leaves out here, comes last in the file.
    wanted = net.state_dict()
    pairs = list(zip(wanted.items(), stored.values(), strict=False))
    if any(mine.shape != theirs.shape for (_, mine), theirs in pairs) or len(stored) < len(wanted):
        raise CorruptError(f"{name} does not fit timm's {config.backbone} entry for entry.")
    net.load_state_dict({key: theirs for (key, _), theirs in pairs})
