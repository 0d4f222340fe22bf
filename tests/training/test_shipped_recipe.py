"""The recipe of the shipped model is the one that the model's card records."""

import json
import re
from pathlib import Path
from typing import Any

from lexret.config import load_recipe
from lexret.encoders.folder.record import find_model

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "mini-shipped.toml"


def test_the_recipe_of_the_shipped_model_has_the_values_of_its_card() -> None:
    card = (find_model("mini") / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```json\n(.*?)\n```$", card, re.DOTALL | re.MULTILINE)
    assert block is not None, "the card holds no configuration"
    recorded = json.loads(block.group(1))
    recipe = json.loads(load_recipe(RECIPE).to_json())
    # What was not there to be chosen when the model was made is not in its card.
    assert _as_recorded(_without_folders(recipe), recorded) == _without_folders(recorded)


def _as_recorded(values: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    """Leave out the fields that the card lacks."""
    return {
        key: _as_recorded(value, recorded[key]) if isinstance(value, dict) else value
        for key, value in values.items()
        if key in recorded
    }


def _without_folders(values: dict[str, Any]) -> dict[str, Any]:
    """Name files without their folders, as a card does: they are the reader's own."""
    data = values["data"]
    names = {key: Path(data[key]).name for key in ("train", "dev", "feature_cache")}
    more = [Path(source).name for source in data["more"]]
    return {**values, "data": {**data, **names, "more": more}}
