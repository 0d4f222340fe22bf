"""Which matrix of a language model makes the better codebook: the one it reads, or predicts, with?

    python training/ablate_matrix.py --train train.jsonl --dev dev.jsonl -o runs/matrix

At a size that two cores can carry: a Llama of 3 layers and 128 dimensions, with Llama 2's tokenizer
and two matrices, learns to answer the preset's prompt, then the preset `lexvla` is trained
on them with codebooks from either matrix (and with random ones), all else alike. Measured are,
before that training, which share of the 20 strongest words of a caption are content words of the
picture's other captions, and recall after it. The language model is trained once and kept. Prints a
Markdown table; `--epochs 0` leaves the training out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch.nn.functional import cross_entropy

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.config import RunConfig, merged
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.pretrained import LLAMA2_TOKENIZER, verified_path
from lexret.encoders.torchvision_ops import declare_missing_operators
from lexret.presets import preset_values
from lexret.training.loop import train
from lexret.training.observer import SilentObserver
from lexret.vocabulary import STOP_WORDS, Vocabulary

DIM = 128
NUM_STRONGEST = 20
PROMPT = preset_values("lexvla")["model"]["text"]["prompt"]
ROWS = {
    "lm_head": {"sources": ["text_backbone"], "matrix": "lm_head"},
    "input_embeddings": {"sources": ["text_backbone"], "matrix": "input_embeddings"},
    "random": {"sources": ["random"]},
}


@click.command()
@click.option("--train", "train_file", required=True, help="Captions file to train on.")
@click.option("--dev", "dev_file", required=True, help="Captions file to measure on.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--lm-batch", default=48, show_default=True, help="Its lines a step.")
@click.option("--lm-steps", default=600, show_default=True, help="Steps of the language model.")
@click.option("--epochs", default=6, show_default=True, help="Of the lexical model.")
def main(
    train_file: str, dev_file: str, output: Path, lm_batch: int, lm_steps: int, epochs: int
) -> None:
    """Run the ablation; see the module."""
    output.mkdir(parents=True, exist_ok=True)
    folder = output / "language-model"
    if not (folder / "config.json").is_file():
        make_language_model(open_captions(train_file), folder, steps=lm_steps, size=lm_batch)
    headings = ["codebook", "words of other captions among 20, untrained"]
    headings += ["text->image R@1/5/10", "image->text R@1/5/10"] * (epochs > 0)
    click.echo(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|")
    for name, codebook in ROWS.items():
        config = recipe(train_file, dev_file, output, folder, codebook, max(epochs, 1))
        share = words_of_others(config, open_captions(dev_file))
        if not epochs:
            click.echo(f"| {name} | {100 * share:.1f}% |")
            continue
        result = train(config, output / name, SilentObserver()).result
        assert result is not None
        (output / f"{name}.json").write_text(json.dumps({"words": share, **result}, indent=2))
        cells = [
            "/".join(f"{result[way][k]:.1f}" for k in ("R@1", "R@5", "R@10"))
            for way in ("text_to_image", "image_to_text")
        ]
        click.echo(f"| {name} | {100 * share:.1f}% | {cells[0]} | {cells[1]} |")


def recipe(
    train_file: str, dev_file: str, output: Path, folder: Path, codebook: Any, epochs: int
) -> RunConfig:
    """Return the preset `lexvla` with mini's picture backbone and the small language model."""
    backbone = preset_values("mini")["model"]["image"]
    names = ("backbone", "weights", "image_size", "stride", "feature_dim", "mean", "std")
    image = {name: backbone[name] for name in names}
    changes = {
        "model": {
            "codebook": {"dim": DIM, **codebook},
            "image": {**image, "num_heads": 8, "mlp_width": 512},
            "text": {"backbone": str(folder), "max_tokens": 48, "lora_rank": 8},
        },
        "data": {"train": train_file, "dev": dev_file, "flip": False,
                 "feature_cache": str(output / "features")},
        "train": {"epochs": epochs, "batch_size": 64, "warmup_steps": 20, "lr": 5e-4,
                  "codebook_lr": 5e-3, "lora_lr": 1e-3, "temperature": 0.05,
                  "penalty_weight": 1e-2, "eval_every_epochs": epochs},
    }  # fmt: skip
    values = merged(preset_values("lexvla"), changes)
    values["model"]["image"].pop("backbone_args")
    return RunConfig.model_validate(values)


def make_language_model(captions: CaptionSet, folder: Path, *, steps: int, size: int) -> None:
    """Teach a small Llama to answer the prompt with a word of another caption of the picture.

    Llama 2 answers such a prompt by itself; a model of this size must see how it goes on.
    """
    declare_missing_operators()
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(verified_path(LLAMA2_TOKENIZER)),
        bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>",
    )  # fmt: skip
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = LlamaForCausalLM(
        LlamaConfig(hidden_size=DIM, intermediate_size=3 * DIM, num_hidden_layers=3,
                    num_attention_heads=4, max_position_embeddings=128)
    )  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for step in range(steps):
        rows = rng.integers(len(captions), size=size).tolist()
        asked, answers = zip(*(line_of(captions.captions(i), rng) for i in rows), strict=True)
        tokens = tokenizer(
            list(asked), padding=True, truncation=True, max_length=64, return_tensors="pt"
        )
        hidden_BTH = net.model(**tokens).last_hidden_state
        last_B = tokens["attention_mask"].sum(1) - 1
        logits_BT = net.lm_head(hidden_BTH[torch.arange(size), last_B])
        wanted = tokenizer(list(answers), add_special_tokens=False)["input_ids"]
        loss = cross_entropy(logits_BT, torch.tensor([ids[0] for ids in wanted]))
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 30) * (1.0 - step / steps)
        optimizer.step()
        if step % 20 == 0:
            click.echo(f"language model: step {step}, loss {loss.item():.3f}", err=True)
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def line_of(texts: tuple[str, ...], rng: np.random.Generator) -> tuple[str, str]:
    """Return a caption in the prompt, and a content word of a caption of the same picture."""
    first, other = (texts[int(n)] for n in rng.integers(len(texts), size=2))
    words = content(other) or ["thing"]
    return PROMPT.replace("{text}", first), words[int(rng.integers(len(words)))]


def content(text: str) -> list[str]:
    """Return the words of a text that are no function words."""
    found = (word.strip(".,;:!?\"'").lower() for word in text.split())
    return [word for word in found if word.isalpha() and word not in STOP_WORDS]


def words_of_others(config: RunConfig, captions: CaptionSet) -> float:
    """Return which share of an untrained text side's strongest words other captions hold."""
    torch.manual_seed(config.train.seed)
    vocabulary = Vocabulary.shipped(config.model.vocabulary)
    network = LexicalNetwork(config.model, vocabulary).eval()
    shares = []
    for i in range(min(len(captions), 200)):
        first, *others = captions.captions(i)
        with torch.inference_mode():
            strongest = network.text([first], network.own_words([first]))[0].topk(NUM_STRONGEST)
        held = {word for text in others for word in content(text)}
        found = [vocabulary.words[v] in held for v in strongest.indices.tolist()]
        shares.append(sum(found) / NUM_STRONGEST)
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
