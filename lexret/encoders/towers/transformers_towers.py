"""Two-tower models of transformers: CLIP, SigLIP, SigLIP 2, and what is built like them.

Legend: B items, P patches, L tokens, S pixels a side, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.encoders.text.transformer import quiet_transformers
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.encoders.tower_source import TowerSource
from lexret.encoders.towers.alone import alone, calls_of
from lexret.encoders.towers.towers import TowerModule, TowerShape
from lexret.errors import CorruptError, InputError, MissingError

_HALF: tuple[float, float, float] = (0.5, 0.5, 0.5)


class TransformersTowers(TowerModule):
    """Two-tower model of transformers.

    Raises:
        InputError: if it does not have both towers, or is of a kind that lexret does not know.
        MissingError: if it cannot be found.
        CorruptError: if its weights are damaged or incomplete.
    """

    def __init__(self, source: TowerSource) -> None:
        super().__init__()
        self.net, self._processor = load_transformers(source.name)
        net: Any = self.net
        self._vision: nn.Module = net.vision_model
        config = net.config.vision_config
        # SigLIP 2's flexible models take patches and their number along both sides.
        self._flexible = not hasattr(config, "image_size")
        self._patch = int(config.patch_size)
        size = _flexible_size(config) if self._flexible else int(config.image_size)
        has_layers = hasattr(getattr(self._vision, "encoder", None), "layers")
        knows_patches = has_layers and (
            hasattr(net, "visual_projection") or hasattr(self._vision, "head")
        )
        images = self._processor.image_processor
        with torch.inference_mode():
            self._shape = TowerShape(size, size // self._patch if knows_patches else 0, 0, _HALF,
                                     _HALF)  # fmt: skip
            dim = self.encode_pictures(torch.zeros(1, 3, size, size)).shape[1]
        self._shape = TowerShape(
            size, self._shape.patches_a_side, dim, _colours(images.image_mean),
            _colours(images.image_std),
        )  # fmt: skip

    @property
    def shape(self) -> TowerShape:
        """What it takes and gives."""
        return self._shape

    def encode_pictures(self, inputs_B3SS: Tensor) -> Tensor:
        """Return (B, D) vectors of standardised pictures, not normalised."""
        net: Any = self.net
        return pooled(net.get_image_features(**self._inputs(inputs_B3SS)))

    def encode_patches(self, inputs_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) pictures and (B, P, D) patches, row by row, not normalised."""
        vision: Any = self._vision
        last = vision.encoder.layers[-1]
        with calls_of(last) as call:
            pictures_BD = self.encode_pictures(inputs_B3SS)
        num_patches = self._shape.patches_a_side**2
        tokens_BPD = alone(call.tokens_BLD[:, -num_patches:], call.again)
        tokens_BPD = vision.post_layernorm(tokens_BPD)
        if hasattr(self.net, "visual_projection"):
            return pictures_BD, self.net.visual_projection(tokens_BPD)  # type: ignore[operator]
        # SigLIP's pooling is attention too; over a patch alone it gives the patch's own value.
        return pictures_BD, alone(tokens_BPD, vision.head)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Return (B, D) vectors of texts, not normalised."""
        net: Any = self.net
        # SigLIP was trained on texts of full length; CLIP's attention leaves the padding out.
        inputs = self._processor.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=int(net.config.text_config.max_position_embeddings),
            return_tensors="pt",
        ).to(self.device)
        return pooled(net.get_text_features(**inputs))

    def _inputs(self, inputs_B3SS: Tensor) -> dict[str, Tensor]:
        if not self._flexible:
            return {"pixel_values": inputs_B3SS}
        batch, side = len(inputs_B3SS), inputs_B3SS.shape[-1] // self._patch
        patches_BFP = functional.unfold(inputs_B3SS, self._patch, stride=self._patch)
        # unfold's numbers run by channel, row, column; the model's by row, column, channel.
        numbers_B3QP = patches_BFP.reshape(batch, 3, self._patch**2, side * side)
        device = inputs_B3SS.device
        return {
            "pixel_values": numbers_B3QP.permute(0, 3, 2, 1).reshape(batch, side * side, -1),
            "pixel_attention_mask": torch.ones(batch, side * side, dtype=torch.long, device=device),
            "spatial_shapes": torch.full((batch, 2), side, dtype=torch.long, device=device),
        }


def load_transformers(name: str) -> tuple[nn.Module, Any]:
    """Load a model of transformers with both towers, and its processor.

    Raises:
        InputError: if it does not have both.
        MissingError: if it cannot be found.
        CorruptError: if its weights are damaged or incomplete.
    """
    declare_missing_operators()
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoProcessor

    is_here = Path(name).is_dir()  # then the hub is asked for nothing
    try:
        with quiet_transformers():
            net, info = AutoModel.from_pretrained(
                name,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told below, by their names
                local_files_only=is_here,
            )
            if not (hasattr(net, "get_image_features") and hasattr(net, "get_text_features")):
                raise InputError(
                    f"{name!r} is a {type(net).__name__}, which does not have both a picture and "
                    "a text tower; expected a model such as CLIP, SigLIP or SigLIP 2."
                )
            processor = AutoProcessor.from_pretrained(name, local_files_only=is_here)
    except InputError:
        raise
    except SafetensorError as error:
        raise CorruptError(f"The weights of {name!r} are damaged: {error}.") from error
    except (OSError, ValueError) as error:
        raise MissingError(
            f"transformers cannot load {name!r}: {str(error).rstrip('.')}. Where no hub can be "
            "reached, name a folder that save_pretrained wrote."
        ) from error
    if info["mismatched_keys"]:
        key, found, expected = min(info["mismatched_keys"])
        raise CorruptError(
            f"The weights of {name!r} do not fit its config.json: {key} is {tuple(found)}, "
            f"expected {tuple(expected)}. Save or copy the folder again."
        )
    missing = sorted(key for key in info["missing_keys"] if not key.endswith("position_ids"))
    if missing:
        raise CorruptError(f"The weights of {name!r} lack {missing[:5]}.")
    if not (hasattr(processor, "tokenizer") and hasattr(processor, "image_processor")):
        raise InputError(
            f"{name!r} comes with a {type(processor).__name__}; expected one for pictures and "
            "texts, as processor.save_pretrained writes it."
        )
    return net.eval(), processor


def pooled(output: Any) -> Tensor:
    """Return the vectors of get_image_features and get_text_features of any release."""
    # transformers 5 wraps the features in an output object, transformers 4 gives the tensor.
    found: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return found


def _flexible_size(config: Any) -> int:
    side: int = round(config.num_patches**0.5) * int(config.patch_size)
    return side


def _colours(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
