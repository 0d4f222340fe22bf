"""Exported models against torch: tiny random weights of the classes that are used, and mini."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from lexret.cli.main import main
from lexret.config import ImageConfig, ModelConfig
from lexret.encoders import export, load_model
from lexret.encoders import quantization as quantization_module
from lexret.encoders.export import export_backbone, made_pictures
from lexret.encoders.folder.checkpoint import save_checkpoint
from lexret.encoders.folder.exported import IMAGE_FILE, IMAGE_META_FILE, INT8_FILE
from lexret.encoders.folder.record import find_model, read_record
from lexret.encoders.image.image_side import ImageSide
from lexret.encoders.image_settings import ImageSettings
from lexret.encoders.lazy import LazyImageEncoder
from lexret.encoders.model_check import check_model
from lexret.encoders.portable.encoder import PortableImageEncoder
from lexret.encoders.quantization import quantize_backbone
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.errors import CorruptError, InputError, MismatchError, MissingError
from lexret.sparse import LexicalVector, SparseBatch
from lexret.vocabulary import Vocabulary

pytest.importorskip("onnx", reason="needs onnx: pip install 'lexret[train]'")

WORDS = Vocabulary([f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(400)])
DIMENSION = 24


def save_backbone(name: str, arguments: dict[str, Any], path: Path) -> None:
    declare_missing_operators()
    import timm
    from safetensors.torch import save_file

    net = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    for parameter_name, parameter in net.named_parameters():
        if "gamma" in parameter_name or "norm" not in parameter_name:
            torch.nn.init.normal_(parameter, std=0.2)
    save_file(net.state_dict(), path)


def made_model(folder: Path, image: dict[str, Any], **more: Any) -> Path:
    """A model whose image side alone is real; no test here loads its text side."""
    values = {
        "name": "made",
        "vocabulary": "vocabulary.txt",
        "max_image_words": 40,
        "codebook": {"sources": ["random"], "dim": DIMENSION},
        "image": {
            **{"weights": "backbone.safetensors", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
            **{"num_heads": 2, "mlp_width": 20, "word_bias": True},
            **image,
        },
        "text": {"backbone": "text"},
        **more,
    }
    config = ModelConfig.model_validate(values)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        codebook_VD = torch.nn.functional.normalize(torch.randn(len(WORDS), DIMENSION), dim=-1)
        side = ImageSide(config.image, codebook_VD)
        for parameter in side.parameters():
            if parameter is not side.codebook_VD:
                torch.nn.init.normal_(parameter, std=0.3)
        side.base_rate_V.uniform_(0.0, 0.05)
        tensors = {f"image.{name}": tensor for name, tensor in side.state_dict().items()}
        save_checkpoint(folder, config, WORDS, tensors)
        save_backbone(
            config.image.backbone,
            dict(config.image.backbone_args),
            folder / config.image.weights,
        )
    return folder


EFFICIENTNET = {"image_size": 64, "stride": 32, "feature_dim": 256}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "convolutions with context": (
        {"backbone": "test_efficientnet", "adapter": "context", "spread": 0.4, **EFFICIENTNET,
         "cosine_scale": 10.0},
        {},
    ),
    "same padding with attention": (
        {"backbone": "tf_efficientnet_lite0", "image_size": 65, "stride": 32, "feature_dim": 1280,
         "width": 16},
        {"activation": "relu"},
    ),
    "a map without an MLP": (
        {"backbone": "test_efficientnet", "adapter": "context", **EFFICIENTNET, "mlp_width": 20,
         "width": None},
        {},
    ),
    "DINOv2 with the paper's head": (
        {
            "backbone": "vit_base_patch14_dinov2.lvd142m",
            "backbone_args": {"img_size": 56, "embed_dim": 24, "depth": 2, "num_heads": 2},
            "image_size": 56, "stride": 14, "feature_dim": 24,
        },
        {"activation": "elu1p", "threshold": 0.02, "max_image_words": 400},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    image, more = CASES[request.param]
    if image["image_size"] % image["stride"]:
        image = {**image, "image_size": 96}
    folder = made_model(tmp_path_factory.mktemp("model") / "made", image, **more)
    agreement = export_backbone(read_record(folder))
    assert agreement.least_cosine >= 0.9999 and agreement.different_words == 0
    return folder


def test_pictures_have_the_vectors_that_torch_gives_them(exported: Path) -> None:
    model = load_model(exported)
    assert isinstance(model.images, PortableImageEncoder)
    rng = np.random.default_rng(3)
    pictures = [
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8))
        for h, w in ((40, 90), (200, 64), (96, 96), (31, 33), (70, 70), (64, 64), (300, 20))
    ]
    expected = model.torch_images.encode(pictures).to_scipy().toarray()
    for batch_size in (1, 3, 32):
        found = model.images.encode(pictures, batch_size=batch_size).to_scipy().toarray()
        np.testing.assert_allclose(found, expected, atol=2e-4)
    alone = load_model(exported).portable_images(ImageSettings(jobs=1))
    assert np.array_equal(alone.encode(pictures[:1]).weights, alone.encode(pictures[:1]).weights)
    np.testing.assert_allclose(
        model.images.encode_dense(pictures), model.torch_images.encode_dense(pictures), atol=2e-4
    )
    assert len(model.images.encode([])) == 0


def test_patches_are_those_of_torch_and_their_largest_are_the_picture(exported: Path) -> None:
    model = load_model(exported)
    picture = made_pictures(80)[2]
    (mine,), (theirs,) = (
        images.encode_patches([picture]) for images in (model.images, model.torch_images)
    )
    assert mine.grid == theirs.grid
    mine_PV, theirs_PV = mine.patches.to_scipy().toarray(), theirs.patches.to_scipy().toarray()
    np.testing.assert_allclose(mine_PV, theirs_PV, atol=5e-4)
    np.testing.assert_array_equal(mine_PV.max(0)[mine.image.term_ids], mine.image.weights)
    np.testing.assert_array_equal(mine_PV.argmax(0)[mine.image.term_ids], mine.winning_patches)
    assert model.images.encode_patches([]) == []


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return made_model(tmp_path / "made", CASES["convolutions with context"][0])


def test_a_backbone_that_disagrees_with_torch_is_not_written(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = export._write

    def write_another(backbone: Any, file: Path) -> None:
        another = copy.deepcopy(backbone)
        with torch.no_grad():
            for parameter in another.net.parameters():
                parameter.normal_()
        write(another, file)

    monkeypatch.setattr(export, "_write", write_another)
    with pytest.raises(MismatchError, match="does not agree with torch"):
        export_backbone(read_record(made))
    assert sorted(path.name for path in made.glob("image.*")) == []


def test_a_damaged_or_foreign_backbone_is_refused(made: Path, tmp_path: Path) -> None:
    export_backbone(read_record(made))
    load_model(made).images.encode(made_pictures(64)[:1])
    meta = json.loads((made / IMAGE_META_FILE).read_text())
    assert meta["backbone"]["weights"] == "backbone.safetensors"
    moved = Path(shutil.copytree(made, tmp_path / "moved"))
    load_model(moved).images.encode(made_pictures(64)[:1])

    (moved / IMAGE_FILE).write_bytes((made / IMAGE_FILE).read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptError, match=r"image.onnx is damaged.*models export"):
        _ = load_model(moved).images
    (moved / IMAGE_FILE).unlink()
    with pytest.raises(MissingError, match=r"lacks image.onnx"):
        _ = load_model(moved).images
    for values, message in (
        ({**meta, "format": 9}, "format 9"),
        ({**meta, "sha256": {}}, "lacks sha256"),
        ({**meta, "backbone": {**meta["backbone"], "image_size": 32}}, "differ in image_size"),
    ):
        (moved / IMAGE_META_FILE).write_text(json.dumps(values))
        with pytest.raises(CorruptError, match=message):
            _ = load_model(moved).images
    (moved / IMAGE_META_FILE).write_text("{")
    with pytest.raises(CorruptError, match="not JSON"):
        _ = load_model(moved).images


def test_settings_choose_the_runtime_and_contradictions_are_refused(made: Path) -> None:
    record = read_record(made)
    with pytest.raises(MissingError, match=r"no exported image side.*models export"):
        load_model(made).image_encoder(settings=ImageSettings(runtime="onnx"))
    assert load_model(made).images.runtime.startswith("torch ")
    export_backbone(record)
    model = load_model(made)
    assert model.images.runtime.startswith("onnxruntime ")
    assert model.image_encoder() is model.images
    assert model.image_encoder(settings=ImageSettings("torch")) is model.torch_images
    assert model.image_encoder("bfloat16").runtime.startswith("torch ")
    with pytest.raises(InputError, match="bfloat16 is asked for"):
        LazyImageEncoder(record, precision="bfloat16", settings=ImageSettings("onnx"))
    with pytest.raises(InputError, match="'cuda' is one of ONNX Runtime's"):
        LazyImageEncoder(record, precision="bfloat16", settings=ImageSettings(device="cuda"))


def test_still_padding_is_that_of_timm() -> None:
    from lexret.encoders.image.backbones import ImageBackbone

    config = ImageConfig(
        backbone="tf_efficientnet_lite0", weights="random", image_size=96, stride=32,
        feature_dim=1280, mean=(0.5,) * 3, std=(0.5,) * 3, mlp_width=8, num_heads=2,
    )  # fmt: skip
    backbone = ImageBackbone(config)
    pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    expected = backbone(pixels)
    with backbone.with_still_padding():
        assert not any(type(m).__name__ == "Conv2dSame" for m in backbone.net.modules())
        torch.testing.assert_close(backbone(pixels), expected)
    assert any(type(m).__name__ == "Conv2dSame" for m in backbone.net.modules())


def test_mini_is_exported_and_its_vectors_are_those_of_torch() -> None:
    model = load_model("mini")
    record = read_record(find_model("mini"))
    meta = json.loads((record.folder / IMAGE_META_FILE).read_text())
    assert meta["licence"] == "Apache-2.0"
    assert meta["compared_with_torch"]["least_cosine"] >= 0.9999
    assert meta["compared_with_torch"]["different_words"] == 0
    pictures = made_pictures(300)[:3]
    pairs = zip(model.images.encode(pictures), model.torch_images.encode(pictures), strict=True)
    for mine, theirs in pairs:
        assert export.cosine(mine, theirs) >= 0.999999
        assert export._different_words(mine, theirs) == 0
        assert len(mine) > 20
    assert model.exported_precisions == ("float32", "int8")
    assert meta["int8"]["mean_cosine"] > 0.98


def test_words_that_tie_where_vectors_are_cut_may_change_places() -> None:
    def vector(**weights: float) -> LexicalVector:
        return SparseBatch.from_words([weights], WORDS).row(0)

    mine, theirs = vector(waa=0.9, wab=0.4, wac=0.02), vector(waa=0.9, wab=0.4, wad=0.02)
    assert export.cosine(mine, theirs) < 0.9999
    assert export._agreeing_cosine(mine, theirs) == pytest.approx(1.0)
    assert export._different_words(mine, theirs) == 0
    stronger = vector(waa=0.9, wab=0.4, wad=0.2)
    assert export._different_words(mine, stronger) == 1
    assert export._agreeing_cosine(mine, stronger) < 0.99


@pytest.fixture(scope="module")
def rounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made_model(
        tmp_path_factory.mktemp("model") / "rounded", CASES["convolutions with context"][0]
    )
    record = read_record(folder)
    export_backbone(record)
    rounding = quantize_backbone(record, made_pictures(64))
    assert rounding.num_pictures == 8
    assert 0.95 <= rounding.least_cosine <= rounding.mean_cosine < 0.999999
    return folder


def test_a_backbone_in_int8_gives_nearly_the_same_vectors(rounded: Path) -> None:
    model = load_model(rounded)
    assert model.exported_precisions == ("float32", "int8")
    images = model.image_encoder("int8")
    assert images.precision == "int8" and images.runtime.startswith("onnxruntime ")
    pictures = made_pictures(64)
    exact = model.images.encode(pictures).to_scipy()
    found = images.encode(pictures).to_scipy()
    cosines = np.asarray(exact.multiply(found).sum(1)).ravel()
    values = json.loads((rounded / IMAGE_META_FILE).read_text())["int8"]
    assert cosines.mean() == pytest.approx(values["mean_cosine"], abs=1e-6)
    assert not np.array_equal(exact.toarray(), found.toarray())
    assert all(not check.is_failure for check in check_model(rounded) if "onnx" in check.name)


def test_int8_is_refused_where_it_cannot_be_had(rounded: Path, made: Path, tmp_path: Path) -> None:
    record = read_record(made)
    with pytest.raises(MissingError, match="no exported image side to quantize"):
        quantize_backbone(record, made_pictures(64))
    with pytest.raises(MissingError, match=r"no image side in int8.*--int8 --pictures"):
        LazyImageEncoder(record, precision="int8")
    export_backbone(record)
    with pytest.raises(MissingError, match=r"no image side in int8.*--int8 --pictures"):
        LazyImageEncoder(record, precision="int8")
    with pytest.raises(MissingError, match="no image side in int8"):
        load_model(made).image_encoder("int8")
    with pytest.raises(InputError, match="there is none"):
        quantize_backbone(record, [])
    with pytest.raises(InputError, match="torch encodes in float32 or bfloat16"):
        LazyImageEncoder(read_record(rounded), precision="int8", settings=ImageSettings("torch"))

    moved = Path(shutil.copytree(rounded, tmp_path / "moved"))
    (moved / INT8_FILE).write_bytes(b"x")
    with pytest.raises(CorruptError, match=r"image-int8.onnx is damaged"):
        load_model(moved).image_encoder("int8")
    load_model(moved).images.encode(made_pictures(64)[:1])
    export_backbone(read_record(moved))
    assert not (moved / INT8_FILE).exists()
    assert load_model(moved).exported_precisions == ("float32",)


def test_a_rounding_that_changes_vectors_is_not_written(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_backbone(read_record(made))
    monkeypatch.setattr(quantization_module, "LEAST_MEAN_COSINE", 1.1)
    with pytest.raises(MismatchError, match="Nothing was changed"):
        quantize_backbone(read_record(made), made_pictures(64)[:2])
    assert not (made / INT8_FILE).exists()
    assert load_model(made).exported_precisions == ("float32",)


def test_a_backbone_without_convolutions_is_not_rounded(tmp_path: Path) -> None:
    image, more = CASES["DINOv2 with the paper's head"]
    record = read_record(made_model(tmp_path / "made", image, **more))
    export_backbone(record)
    with pytest.raises(InputError, match="backbones of convolutions"):
        quantize_backbone(record, made_pictures(56))


def test_the_command_rounds_what_is_exported_and_asks_for_pictures(
    made: Path, tmp_path: Path
) -> None:
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["models", "export", *map(str, arguments)])

    refused = run(made, "--int8")
    assert refused.exit_code == 2 and "name a folder by --pictures" in refused.stderr
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, picture in enumerate(made_pictures(64)[:3]):
        picture.save(photos / f"{number}.png")
    done = run(made, "--int8", "--pictures", photos)
    assert done.exit_code == 0, done.stderr
    assert "image.onnx" in done.stdout and "image-int8.onnx" in done.stdout
    before = (made / IMAGE_FILE).stat().st_mtime_ns
    again = run(made, "--int8", "--pictures", photos, "--json")
    assert json.loads(again.stdout)["num_pictures"] == 3
    assert (made / IMAGE_FILE).stat().st_mtime_ns == before
