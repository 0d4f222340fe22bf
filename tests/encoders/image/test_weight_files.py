"""Files of DINOv2: published layouts and sizes, read with tiny models of the real classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lexret.config import ImageConfig, load_recipe
from lexret.encoders.image.backbones import ImageBackbone
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import CorruptError, MissingError
from lexret.presets import preset_values

# The preset's backbone, registers or none, with fewer channels and layers.
TINY = {"embed_dim": 24, "depth": 2, "num_heads": 2}
PUBLISHED = 518
SMALLER = 224
NAMES = ["vit_base_patch14_dinov2.lvd142m", "vit_base_patch14_reg4_dinov2.lvd142m"]
GATED = "vit_giant_patch14_dinov2.lvd142m"


def config(weights: Path, name: str = NAMES[0], **args: Any) -> ImageConfig:
    values = preset_values("lexvla")["model"]["image"] | {
        "backbone": name,
        "weights": str(weights),
        "backbone_args": TINY | {"img_size": SMALLER} | args,
        "feature_dim": TINY["embed_dim"],
        "num_heads": TINY["num_heads"],
    }
    return ImageConfig.model_validate(values)


def pixels(size: int = SMALLER) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=generator)


def of_timm(size: int, name: str = NAMES[0], **cfg: Any) -> nn.Module:
    import timm

    arguments = {**TINY, "img_size": size, "num_classes": 0}
    net: nn.Module = timm.create_model(name, pretrained=bool(cfg), **arguments, **cfg)
    return net.eval()


def randomise(net: nn.Module) -> nn.Module:
    """Fill every parameter: fresh positions and layer scales would hide mistakes."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    return net.eval()


@pytest.fixture(autouse=True, scope="module")
def operators() -> Iterator[None]:
    declare_missing_operators()
    with torch.random.fork_rng():
        yield


def as_meta(state: dict[str, Tensor], num_registers: int) -> dict[str, Tensor]:
    """Return timm's tensors in Meta's layout: class position, mask token, registers."""
    state = dict(state)
    state["mask_token"] = torch.zeros(1, TINY["embed_dim"])
    if state["blocks.0.mlp.fc1.weight"].shape[0] != 4 * TINY["embed_dim"]:
        for name in [name for name in state if ".mlp.fc" in name]:
            new = name.replace("fc1", "w12").replace("fc2", "w3")
            state[new] = state.pop(name)
    if num_registers:
        state["register_tokens"] = state.pop("reg_token")
        cls_position = torch.full((1, 1, TINY["embed_dim"]), 0.25)
        state["cls_token"] = state["cls_token"] - cls_position
        state["pos_embed"] = torch.cat([cls_position, state["pos_embed"]], 1)
    return state


def as_transformers(meta: dict[str, Tensor], num_registers: int, folder: Path) -> nn.Module:
    """Save a model of transformers' real class with the same weights; return it."""
    from transformers import (
        Dinov2Config,
        Dinov2Model,
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
    )

    sizes = {
        "hidden_size": TINY["embed_dim"],
        "num_hidden_layers": TINY["depth"],
        "num_attention_heads": TINY["num_heads"],
        "image_size": PUBLISHED,
        "patch_size": 14,
        "use_swiglu_ffn": "blocks.0.mlp.w12.weight" in meta,
    }
    net = (
        Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes))
        if num_registers
        else Dinov2Model(Dinov2Config(**sizes))
    )
    state = {
        "embeddings.cls_token": meta["cls_token"],
        "embeddings.mask_token": meta["mask_token"],
        "embeddings.position_embeddings": meta["pos_embed"],
        "embeddings.patch_embeddings.projection.weight": meta["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": meta["patch_embed.proj.bias"],
        "layernorm.weight": meta["norm.weight"],
        "layernorm.bias": meta["norm.bias"],
    }
    if num_registers:
        state["embeddings.register_tokens"] = meta["register_tokens"]
    for i in range(TINY["depth"]):
        mine, theirs = f"encoder.layer.{i}.", f"blocks.{i}."
        for part in ("weight", "bias"):
            pieces = meta[f"{theirs}attn.qkv.{part}"].chunk(3)
            for letter, piece in zip("qkv", pieces, strict=True):
                state[f"{mine}attention.{letter}_proj.{part}"] = piece.contiguous()
            state[f"{mine}attention.o_proj.{part}"] = meta[f"{theirs}attn.proj.{part}"]
            for name in ("norm1", "norm2"):
                state[f"{mine}{name}.{part}"] = meta[f"{theirs}{name}.{part}"]
            if sizes["use_swiglu_ffn"]:
                gate, up = meta[f"{theirs}mlp.w12.{part}"].chunk(2)
                state[f"{mine}mlp.gate_proj.{part}"] = gate.contiguous()
                state[f"{mine}mlp.up_proj.{part}"] = up.contiguous()
                state[f"{mine}mlp.down_proj.{part}"] = meta[f"{theirs}mlp.w3.{part}"]
            else:
                for name in ("mlp.fc1", "mlp.fc2"):
                    state[f"{mine}{name}.{part}"] = meta[f"{theirs}{name}.{part}"]
        for n in (1, 2):
            state[f"{mine}layer_scale{n}.lambda1"] = meta[f"{theirs}ls{n}.gamma"]
    current = net.state_dict()
    if "encoder.layer.0.attention.q_proj.weight" not in current:  # before release 5
        state = {_old_name(name): tensor for name, tensor in state.items()}
    net.load_state_dict(state)
    net.save_pretrained(folder)
    return net.eval()


def _old_name(name: str) -> str:
    for letter, old in (("q", "query"), ("k", "key"), ("v", "value")):
        name = name.replace(f"attention.{letter}_proj", f"attention.attention.{old}")
    return name.replace("attention.o_proj", "attention.output.dense")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_518_px_gives_at_224_px_what_timm_makes_of_it(name: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "published.safetensors"
    whole = randomise(of_timm(PUBLISHED, name))
    save_file(whole.state_dict(), path)
    assert whole.state_dict()["pos_embed"].shape[1] in (37 * 37 + 1, 37 * 37)
    mine = ImageBackbone(config(path, name))
    assert len(mine.grid) == 16 * 16
    theirs = of_timm(SMALLER, name, pretrained_cfg_overlay={"file": str(path)})
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (mine.config.mean, mine.config.std))
    with torch.inference_mode():
        expected = theirs.forward_features((pixels() / 255.0 - mean) / std)
    found = mine(pixels())
    torch.testing.assert_close(found, expected[:, mine.num_prefix_tokens :], check_stride=False)
    assert found.std() > 0.1


def test_at_the_published_size_nothing_is_resampled(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "published.safetensors"
    net = randomise(of_timm(PUBLISHED))
    save_file(net.state_dict(), path)
    whole = config(path, img_size=PUBLISHED).model_copy(update={"image_size": PUBLISHED})
    for key, tensor in ImageBackbone(whole).net.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[key]), key


@pytest.mark.parametrize(("name", "num_registers"), [(NAMES[0], 0), (NAMES[1], 4), (GATED, 0)])
def test_the_three_published_layouts_give_equal_features(
    name: str, num_registers: int, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    state = dict(randomise(of_timm(PUBLISHED, name)).state_dict())
    meta = as_meta(state, num_registers)
    save_file(state, tmp_path / "timm.safetensors")
    torch.save(meta, tmp_path / "meta.pth")
    torch.save({"model": meta}, tmp_path / "nested.pth")
    as_transformers(meta, num_registers, tmp_path / "transformers")
    saved = load_file(tmp_path / "transformers" / "model.safetensors")
    new, old = _renamed(saved, new=True), _renamed(saved, new=False)
    assert new != old
    save_file(new, tmp_path / "new.safetensors")
    save_file(old, tmp_path / "old.safetensors")
    save_file({f"dinov2.{k}": v for k, v in old.items()}, tmp_path / "prefixed.safetensors")
    expected = ImageBackbone(config(tmp_path / "timm.safetensors", name))(pixels())
    for file in (
        *("meta.pth", "nested.pth", "transformers", "new.safetensors", "old.safetensors"),
        "prefixed.safetensors",
    ):
        found = ImageBackbone(config(tmp_path / file, name))(pixels())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, msg=file)


def _renamed(saved: dict[str, Tensor], *, new: bool) -> dict[str, Tensor]:
    """Return transformers' tensors as releases from 5 on name them, or as earlier ones did."""
    tensors = {_new_name(name): tensor for name, tensor in saved.items()}
    for name in [name for name in tensors if "mlp.weights_in" in name]:
        gate, up = tensors.pop(name).chunk(2)
        tensors[name.replace("weights_in", "gate_proj")] = gate.contiguous()
        tensors[name.replace("weights_in", "up_proj")] = up.contiguous()
    tensors = {name.replace("weights_out", "down_proj"): t for name, t in tensors.items()}
    if new:
        return tensors
    for name in [name for name in tensors if "gate_proj" in name]:
        both = [tensors.pop(name), tensors.pop(name.replace("gate", "up"))]
        tensors[name.replace("gate_proj", "weights_in")] = torch.cat(both)
    old = {name.replace("down_proj", "weights_out"): t for name, t in tensors.items()}
    return {_old_name(name): tensor for name, tensor in old.items()}


def _new_name(name: str) -> str:
    for letter, old in (("q", "query"), ("k", "key"), ("v", "value")):
        name = name.replace(f"attention.attention.{old}", f"attention.{letter}_proj")
    return name.replace("attention.output.dense", "attention.o_proj")


def test_transformers_own_forward_gives_the_same_features(tmp_path: Path) -> None:
    meta = as_meta(dict(randomise(of_timm(PUBLISHED)).state_dict()), 0)
    theirs = as_transformers(meta, 0, tmp_path / "transformers")
    # At the published size: transformers resamples positions in a way of its own.
    whole = config(tmp_path / "transformers", img_size=PUBLISHED)
    mine = ImageBackbone(whole.model_copy(update={"image_size": PUBLISHED}))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (mine.config.mean, mine.config.std))
    with torch.inference_mode():
        expected = theirs((pixels(PUBLISHED) / 255.0 - mean) / std).last_hidden_state[:, 1:]
    torch.testing.assert_close(mine(pixels(PUBLISHED)), expected, rtol=1e-4, atol=1e-4)


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    state = dict(of_timm(PUBLISHED).state_dict())
    del state["blocks.1.attn.proj.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(CorruptError, match=r"(?s)part\.pth does not hold.*blocks\.1\.attn\.proj"):
        ImageBackbone(config(tmp_path / "part.pth"))


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize("held", [_Bomb(), {"a": _Bomb()}])
def test_a_pickle_is_not_run(held: object, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "bomb.pth")
    with pytest.raises(CorruptError, match=r"bomb\.pth cannot be read as a PyTorch file"):
        ImageBackbone(config(tmp_path / "bomb.pth"))


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(CorruptError, match="expected tensors by name"):
        ImageBackbone(config(tmp_path / "other.pth"))


def test_a_folder_without_weights_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"expected model\.safetensors or pytorch_model\.bin"):
        ImageBackbone(config(tmp_path))


def _of_openai(name: str) -> str:
    """Return OpenAI's name of a tensor that timm calls ``name``."""
    for theirs, mine in (
        *(("visual.class_embedding", "cls_token"), ("visual.positional_embedding", "pos_embed")),
        *(("visual.conv1.", "patch_embed.proj."), ("visual.ln_pre.", "norm_pre.")),
        *(("visual.ln_post.", "norm."), ("visual.transformer.resblocks.", "blocks.")),
    ):
        if name.startswith(mine):
            name = name.replace(mine, theirs, 1)
            break
    for theirs, mine in (
        *((".ln_1.", ".norm1."), (".ln_2.", ".norm2."), (".attn.out_proj.", ".attn.proj.")),
        *((".attn.in_proj_", ".attn.qkv."), (".mlp.c_fc.", ".mlp.fc1.")),
        (".mlp.c_proj.", ".mlp.fc2."),
    ):
        name = name.replace(mine, theirs)
    return name


def test_clips_picture_tower_loads_in_openais_layout_beside_its_texts(tmp_path: Path) -> None:
    recipe = load_recipe(Path(__file__).parents[3] / "training" / "recipes" / "lexvla-clip.toml")
    image = recipe.model.image
    net = randomise(of_timm(SMALLER, image.backbone))
    state = dict(net.state_dict())
    torch.save(state, tmp_path / "timm.pth")
    openai = {_of_openai(name): tensor for name, tensor in state.items()}
    openai["visual.class_embedding"] = openai["visual.class_embedding"][0, 0]
    openai["visual.positional_embedding"] = openai["visual.positional_embedding"][0]
    openai |= {"visual.proj": torch.randn(TINY["embed_dim"], 16), "logit_scale": torch.ones(())}
    openai |= {"positional_embedding": torch.randn(77, 16), "text_projection": torch.eye(16)}
    torch.save(openai, tmp_path / "openai.pth")
    tiny = {
        "backbone_args": {**TINY, "img_size": SMALLER},
        "feature_dim": TINY["embed_dim"],
        "num_heads": TINY["num_heads"],
    }
    found = {
        name: ImageBackbone(
            image.model_copy(update={**tiny, "weights": str(tmp_path / f"{name}.pth")})
        )(pixels())
        for name in ("timm", "openai")
    }
    assert found["timm"].shape == (2, 14 * 14, TINY["embed_dim"])
    assert torch.equal(found["timm"], found["openai"])
