"""LoRA of a model's text side, in the files that peft reads: ``lora/`` in a model folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lexret.encoders.folder.backbones import KEY
from lexret.encoders.folder.record import WEIGHTS_FILE

LORA_FOLDER: Final = "lora"
_PREFIX: Final = "text.transformer.net."
_ADAPTER: Final = ".default."  # what lexret's only adapter is called, which files leave out


def write_lora(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``lora/`` into a model folder whose text side has LoRA; do nothing for others.

    ``peft.PeftModel.from_pretrained(transformer, folder / "lora")`` puts it on the transformer.
    """
    text = record["config"]["text"]
    if not text["lora_rank"]:
        return
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / WEIGHTS_FILE)
    adapter = {
        name.removeprefix(_PREFIX).replace(_ADAPTER, "."): tensor
        for name, tensor in tensors.items()
        if name.startswith(_PREFIX) and ".lora_" in name
    }
    source = str(record.get(KEY, {}).get("text", {}).get("source", text["backbone"]))
    settings = {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "base_model_name_or_path": source.removeprefix("hub:"),
        "r": text["lora_rank"],
        "lora_alpha": text["lora_alpha"],
        "lora_dropout": text["lora_dropout"],
        "target_modules": list(text["lora_targets"]),
        "bias": "none",
        "inference_mode": True,
    }
    place = folder / LORA_FOLDER
    place.mkdir(exist_ok=True)
    save_file(adapter, place / "adapter_model.safetensors", metadata={"format": "pt"})
    (place / "adapter_model.safetensors").chmod(0o644)
    (place / "adapter_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
