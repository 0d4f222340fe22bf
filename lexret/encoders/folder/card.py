"""Model cards with the front matter that model hubs read: YAML between two lines of dashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_FENCE: Final = "---\n"
_TAGS: Final = ("lexret", "sparse-retrieval", "image-text-retrieval", "explainable-search")


def with_front_matter(card: str, record: Mapping[str, Any]) -> str:
    """Return a card that begins with front matter; one that does so already stays as it is.

    Args:
        record: the values of ``model.json``, with ``backbones`` where they are known.
    """
    if card.startswith(_FENCE):
        return card
    config = record["config"]
    body = card or f"# {config['name']}\n\nA lexical image-text model, made with lexret.\n"
    lines = [
        "library_name: lexret",
        "pipeline_tag: image-feature-extraction",
        "language: en",
        # Its limits are said in the card, in sentences.
        "license: other",
        "license_name: see-card",
        "license_link: README.md",
        "tags:",
        *(f"- {tag}" for tag in _TAGS),
        *_base_models(record.get("backbones", {})),
    ]
    return f"{_FENCE}" + "".join(f"{line}\n" for line in lines) + f"{_FENCE}\n{body}"


def _base_models(backbones: Mapping[str, Any]) -> list[str]:
    sources = [str(side.get("source", "")) for side in backbones.values()]
    names = [source.removeprefix("hub:") for source in sources if source.startswith("hub:")]
    return ["base_model:", *(f"- {json.dumps(name)}" for name in names)] if names else []
