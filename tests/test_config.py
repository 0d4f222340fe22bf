"""Recipes, assignments and presets; what is wrong is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lexret.config import ImageConfig, ModelConfig, RunConfig, load_recipe, merged, validated
from lexret.config.rebuild import is_rebuild_recipe
from lexret.errors import InputError, MissingError
from lexret.presets import preset_values
from lexret.vocabulary import Vocabulary

PRESETS = ("mini", "lexvla")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(
        'preset = "mini"\n[model.image]\nimage_size = 224\n[train]\nepochs = 3\n'
        '[data]\ntrain = "captions.jsonl"\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_valid_configuration_of_a_shipped_vocabulary(name: str) -> None:
    config = validated(RunConfig, preset_values(name), name)
    assert config.model.name == name
    assert len(Vocabulary.shipped(config.model.vocabulary)) > 17_000


RECIPES = sorted(
    path
    for path in (Path(__file__).parents[1] / "training" / "recipes").glob("*.toml")
    if not is_rebuild_recipe(path)  # tests/rebuild/test_training.py runs those
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_a_valid_configuration_of_a_shipped_vocabulary(recipe: Path) -> None:
    config = load_recipe(recipe)
    assert config.model.name == recipe.stem.removesuffix("-shipped")
    assert Vocabulary.shipped(config.model.vocabulary)


def test_the_recipes_of_the_papers_variants_differ_where_they_should() -> None:
    folder = RECIPES[0].parent
    plain, top, bow, clip = (
        load_recipe(folder / f"lexvla{name}.toml") for name in ("", "-512", "-bow", "-clip")
    )
    assert plain.model.threshold == pytest.approx(17_149**-0.5)
    assert (plain.model.text.own_word_weight, plain.model.text.own_word_floor) == (None, None)
    assert (top.model.threshold, top.model.max_image_words, top.model.text.max_words) == (
        *(0.0, 512, 512),
    )
    assert (top.train.image_words, top.train.text_words) == ((512, 512), 512)
    assert (plain.model.text.words, bow.model.text.words) == ("predicted", "own")
    assert "clip" in clip.model.image.backbone
    for other in (top, bow, clip):
        assert other.train.penalty_on == "normalised"
        assert other.train.penalty_weight == plain.train.penalty_weight


def test_the_penalty_of_mini_acts_on_what_its_numbers_were_made_with() -> None:
    assert preset_values("mini")["train"]["penalty_on"] == "raw"


@pytest.mark.parametrize(
    "assignment", ["train.dense_weight=0.1", "train.dense_epochs=1", "train.distill_weight=1.0"]
)
def test_texts_of_their_own_words_have_no_vectors_to_match(assignment: str) -> None:
    with pytest.raises(InputError, match="'own' has no text vectors"):
        load_recipe(RECIPES[0].parent / "lexvla-bow.toml", [assignment])


def test_an_unknown_preset_lists_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('preset = "maxi"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"'maxi'.*\['lexvla', 'mini'\]"):
        load_recipe(path)


def test_a_recipe_changes_single_fields_of_its_preset(recipe: Path) -> None:
    config, base = load_recipe(recipe), validated(RunConfig, preset_values("mini"), "mini")
    assert config.model.image.image_size == 224
    assert config.train.epochs == 3
    assert config.data.train == "captions.jsonl"
    assert config.model.text == base.model.text
    assert config.model.image == base.model.image.model_copy(update={"image_size": 224})


def test_assignments_change_the_recipe_and_keep_their_types(recipe: Path) -> None:
    config = load_recipe(
        recipe,
        [
            "train.epochs=5",
            "train.lr = 2e-4",
            "model.image.word_bias=false",
            'model.text.lora_targets=["query"]',
            "data.dev=folder/dev.jsonl",
            'model.image.backbone_args={img_size = 224, act_layer = "relu"}',
            "model.image.backbone_args.depth=2",
        ],
    )
    assert (config.train.epochs, config.train.lr) == (5, 2e-4)
    assert config.model.image.word_bias is False
    assert config.model.text.lora_targets == ("query",)
    assert config.data.dev == "folder/dev.jsonl"
    expected = {"img_size": 224, "act_layer": "relu", "depth": 2}
    assert config.model.image.backbone_args == expected


MINI_RECIPE = Path(__file__).parents[1] / "training" / "recipes" / "mini.toml"


def test_none_unsets_a_value_of_the_preset_on_the_command_line() -> None:
    with pytest.raises(InputError, match=r"most_active_imagined needs data\.imagined"):
        load_recipe(MINI_RECIPE, ["data.imagined=false"])
    config = load_recipe(
        MINI_RECIPE,
        ["data.imagined=false", "train.most_active_imagined=none", 'model.image.width="none"'],
    )
    assert config.data.imagined is False
    assert config.train.most_active_imagined is None
    assert config.model.image.width is None


def test_none_unsets_a_value_of_the_preset_in_a_recipe(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text.replace("epochs = 3", 'image_words = "none"\nbase_rate_quantile = "none"')
    )
    config = load_recipe(recipe)
    assert (config.train.image_words, config.train.base_rate_quantile) == (None, None)
    assert config.train.most_active is not None
    assert RunConfig.model_validate_json(config.to_json()) == config


def test_none_is_a_value_where_it_is_one_and_wrong_where_a_value_is_needed(recipe: Path) -> None:
    config = load_recipe(recipe, ["train.penalty=none", "model.name=none", "data.dev=none"])
    assert (config.train.penalty, config.model.name, config.data.dev) == ("none",) * 3
    with pytest.raises(InputError, match=r"train\.epochs: .*\(found 'none'\)"):
        load_recipe(recipe, ["train.epochs=none"])


def test_an_assignment_may_change_the_preset(recipe: Path) -> None:
    config = load_recipe(
        recipe, ["preset=lexvla", "model.image.image_size=224", "model.image.num_heads=8"]
    )
    assert config.model.name == "lexvla"


def test_a_recipe_without_preset_must_say_everything(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[train]\nepochs = 3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"model: Field required$"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.epoch=3", r"train\.epoch: there is no such value; did you mean epochs\?"),
        ("zzz=3", r"zzz: there is no such value; expected one of .*train"),
        ("train.epochs=0", r"train\.epochs: .*greater than 0 \(found 0\)"),
        ("train.epochs=many", r"train\.epochs: .*integer.*\(found 'many'\)"),
        ("model.activation=tanh", r"model\.activation: .*'log1p_relu'.*\(found 'tanh'\)"),
        ("model.image.adapter=attention", r"model\.image: .*num_heads must divide.*1280$"),
        ('model.text.prompt="no place"', r"model\.text: .*must hold \{text\}; found 'no place'$"),
        ("train", r"'train'; expected key\.path=value"),
        ("=3", r"'=3'; expected key\.path=value"),
        ("train.epochs.more=3", r"'epochs' is a value, not a table"),
    ],
)
def test_a_wrong_assignment_names_the_field_and_what_was_found(
    recipe: Path, assignment: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(recipe, [assignment])
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize("passes", ["[]", "[1, 0.5, 2]", "[1.0, 1.0, 1.0]"])
def test_passes_pair_with_the_sources(recipe: Path, passes: str) -> None:
    more = 'data.more=["objects.jsonl", "products.jsonl"]'
    data = load_recipe(recipe, [more, f"data.passes={passes}"]).data
    assert data.more == ("objects.jsonl", "products.jsonl")
    assert len(data.passes) in (0, 3)


@pytest.mark.parametrize("passes", ["[1]", "[1, 2, 3]", "[1, 0]", "[-1, 1]"])
def test_passes_that_do_not_pair_with_the_sources_are_refused(recipe: Path, passes: str) -> None:
    with pytest.raises(InputError, match=r"data: .*above 0 for each of the 2 sources"):
        load_recipe(recipe, ['data.more=["objects.jsonl"]', f"data.passes={passes}"])


@pytest.mark.parametrize("quantile", ["0", "1", "1.5"])
def test_a_base_rate_is_a_quantile_between_zero_and_one(recipe: Path, quantile: str) -> None:
    with pytest.raises(InputError, match=r"train\.base_rate_quantile: "):
        load_recipe(recipe, [f"train.base_rate_quantile={quantile}"])


def test_base_rates_need_cached_features() -> None:
    values = merged(preset_values("lexvla"), {"data": {"cached": False}})
    with pytest.raises(InputError, match=r"base_rate_quantile needs data\.cached = true"):
        validated(RunConfig, merged(values, {"train": {"base_rate_quantile": 0.7}}), "here")
    assert validated(RunConfig, values, "here").train.base_rate_quantile is None


def test_the_query_form_is_bounded(recipe: Path) -> None:
    text = load_recipe(recipe, ["model.text.query_power=1.5"]).model.text
    assert (text.query_power, text.query_typed_weight) == (1.5, 0.5)
    with pytest.raises(InputError, match=r"(?s)text\.query_power: .*text\.query_typed_weight: "):
        load_recipe(recipe, ["model.text.query_power=0", "model.text.query_typed_weight=-1"])


def test_every_wrong_field_is_named_at_once(recipe: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)small\.toml.*train\.lr.*train\.seeds"):
        load_recipe(recipe, ["train.lr=-1", "train.seeds=4"])


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"epochs = \n", b"\xff\xfe"])
def test_a_recipe_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.toml is not valid TOML"):
        load_recipe(tmp_path / "bad.toml")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; expected a recipe"):
        load_recipe(tmp_path)


@pytest.mark.parametrize("name", PRESETS)
def test_json_holds_a_configuration_exactly(name: str) -> None:
    config = validated(RunConfig, preset_values(name), name)
    assert RunConfig.model_validate_json(config.to_json()) == config


def test_a_configuration_cannot_be_changed() -> None:
    config = ModelConfig.model_validate(preset_values("mini")["model"])
    with pytest.raises(ValidationError, match="frozen"):
        config.name = "other"  # type: ignore[misc]


def test_backbone_arguments_keep_their_types() -> None:
    values: dict[str, Any] = preset_values("mini")["model"]["image"]
    arguments = {"flag": True, "number": 1, "share": 0.5, "name": "x"}
    config = ImageConfig.model_validate(values | {"backbone_args": arguments})
    assert {k: type(v) for k, v in config.backbone_args.items()} == {
        "flag": bool,
        "number": int,
        "share": float,
        "name": str,
    }


def test_merging_leaves_both_sides_as_they_were() -> None:
    base, changes = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "d": {"e": 4}}
    assert merged(base, changes) == {"a": {"b": 9, "c": 2}, "d": {"e": 4}}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
