"""Model folders that sentence-transformers' SparseEncoder opens as well; written without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from lexret.encoders.folder.record import ModelRecord
from lexret.encoders.folder.sharing import save_model

MODULES_FILE: Final = "modules.json"
SETTINGS_FILE: Final = "config_sentence_transformers.json"
MODULE: Final = "lexret.encoders.sentence_module.WordsOfModel"


def save_sentence_model(record: ModelRecord, folder: Path) -> ModelRecord:
    """Write a model to a folder that lexret and sentence-transformers open.

    See :func:`lexret.encoders.folder.sharing.save_model` for what is raised.
    """
    modules = [{"idx": 0, "name": "0", "path": "", "type": MODULE}]
    settings: dict[str, Any] = {
        "model_type": "SparseEncoder",
        "prompts": {},
        "default_prompt_name": None,
        "similarity_fn_name": "dot",
    }
    more = {MODULES_FILE: modules, SETTINGS_FILE: settings}
    return save_model(record, folder, more={name: _text(value) for name, value in more.items()})


def _text(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
