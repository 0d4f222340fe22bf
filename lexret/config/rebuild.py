"""Configuration of the network that rebuilds pictures from their tokens, and of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from lexret.config.recipes import read_values
from lexret.config.values import Frozen, validated

KIND = "rebuild"
Codebook = Literal["projected", "raw", "learnt"]
Text = Literal["none", "captions", "words"]


class CellsConfig(Frozen):
    """Configuration of the cells: a grid of vocabulary entries (V2L Tokenizer, section 3.2)."""

    grid: int = Field(8, gt=0, description="rows, and columns, of cells")
    codebook: Codebook = Field(
        "projected",
        description="'projected': Llama 2's vocabulary, frozen, through one trained linear map; "
        "'raw': its leading principal axes as they are; 'learnt': free vectors, as VQ-GAN has them",
    )
    dim: int = Field(8, gt=0, description="dimensions in which distances are taken")
    unit: bool = Field(
        True,
        description="take distances between unit vectors, so that entries and encodings cannot "
        "shrink together (Yu et al., 2022, section 3.2)",
    )
    entries: int = Field(0, ge=0, description="of a learnt codebook; 0: as many as Llama 2's")
    codebook_weight: float = Field(
        1.0, ge=0, description="of |stopped(encoding) - entry|^2, which moves the entries"
    )
    commitment_weight: float = Field(
        0.25, ge=0, description="of |encoding - stopped(entry)|^2, which moves the encoder"
    )
    drop: float = Field(0.0, ge=0, le=1, description="share of pictures trained without cells")
    free_steps: int = Field(
        0, ge=0, description="first steps in which encodings pass as they are: the decoder learns "
        "to need them, and entries in use do not collapse to a few",
    )  # fmt: skip
    ramp_steps: int = Field(
        0, ge=0, description="steps after those, in which they move to the entries evenly"
    )

    def share(self, step: int) -> float:
        """Return how far encodings are moved to their entries at a step, 0 to 1."""
        if step < self.free_steps:
            return 0.0
        return min(1.0, (step - self.free_steps + 1) / max(1, self.ramp_steps))

    @property
    def count(self) -> int:
        """Cells of a picture."""
        return self.grid * self.grid


class WordsConfig(Frozen):
    """Configuration of the words: the strongest of the picture's sparse vector."""

    use: bool = True
    budgets: tuple[int, ...] = Field(
        (5, 21, 64, 296), description="how many words a picture may have; each batch draws one"
    )
    drop: float = Field(0.1, ge=0, le=1, description="share of pictures trained without words")


class SoftConfig(Frozen):
    """Configuration of the soft tokens (ViLex): vectors in a text encoder's own token space."""

    num_tokens: int = Field(0, ge=0, description="0: none")
    tail_drop: bool = Field(
        True, description="cut a random number of tokens off the end (ViLex, section 3.2)"
    )
    num_heads: int = Field(4, gt=0, description="of the attention pooling")
    query_weight: float = Field(
        1.0,
        ge=0,
        description="of the loss that makes the text encoder's vector of the soft tokens alone "
        "that of the picture, so that they are a query",
    )
    temperature: float = Field(0.05, gt=0, description="of that loss")
    drop: float = Field(0.0, ge=0, le=1, description="share of pictures trained without them")
    every: int = Field(1, gt=0, description="train them at every n-th step only: they are dear")


class NetworkConfig(Frozen):
    """Configuration of the encoder and the decoder."""

    side: int = Field(64, gt=0, description="pixels of a picture's side")
    widths: tuple[int, ...] = Field(
        (64, 128, 192), description="channels from half the side down to the cells' grid or to 8"
    )
    blocks: int = Field(2, gt=0, description="residual blocks at each resolution")
    attention_heads: int = Field(4, gt=0)
    cells: CellsConfig = CellsConfig()
    words: WordsConfig = WordsConfig()
    soft: SoftConfig = SoftConfig()
    text: Text = Field(
        "none",
        description="what conditions encoder and decoder besides (TexTok): a caption's tokens from "
        "the frozen text encoder, or the picture's own words in their place",
    )

    @property
    def inner(self) -> int:
        """Side of the map between encoder and decoder."""
        return self.side >> len(self.widths)

    @model_validator(mode="after")
    def _the_sides_fit(self) -> NetworkConfig:
        factor = 1 << len(self.widths)
        if self.side % factor:
            raise ValueError(f"side must be a multiple of {factor} with {len(self.widths)} widths")
        if self.inner % self.cells.grid:
            raise ValueError(f"cells.grid must divide {self.inner}, the side of the innermost map")
        if self.widths[-1] % self.attention_heads:
            raise ValueError("the last width must be a multiple of attention_heads")
        return self


class LossConfig(Frozen):
    """Configuration of the losses besides those of the cells and the soft tokens."""

    absolute: float = Field(1.0, ge=0, description="weight of the mean absolute difference")
    squared: float = Field(1.0, ge=0, description="weight of the mean squared difference")
    perceptual: float = Field(
        0.0, ge=0, description="weight of the distance in early layers of the image backbone"
    )
    perceptual_every: int = Field(1, gt=0, description="take it at every n-th step only")
    perceptual_pictures: int = Field(0, ge=0, description="of so many pictures; 0: all")
    adversarial: float = Field(0.0, ge=0, description="weight of the patch discriminator; 0: none")
    adversarial_start: int = Field(0, ge=0, description="first step with it")


class RebuildTrainConfig(Frozen):
    """Configuration of the training."""

    steps: int = Field(6000, gt=0)
    batch_size: int = Field(32, gt=0)
    lr: float = Field(1e-3, gt=0)
    min_lr_fraction: float = Field(0.02, ge=0, le=1)
    warmup_steps: int = Field(50, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.998, ge=0, lt=1)
    text_drop: float = Field(0.1, ge=0, le=1, description="share of pictures without their text")
    flip: bool = Field(True, description="mirror half of the pictures")
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    save_every: int = Field(500, gt=0, description="steps between two saved states")
    seed: int = 0


class RebuildDataConfig(Frozen):
    """Configuration of the data."""

    train: tuple[str, ...] = Field((), description="sources of pictures with captions")
    dev: str = Field("", description="a source to measure on; empty: none")
    feature_cache: str = Field("", description="folder of backbone features; empty: in the run's")
    prepared: str = Field("", description="folder of prepared pictures; empty: in the run's")
    prepared_side: int = Field(
        0, ge=0, description="pixels of their side, a multiple of network.side; 0: the same"
    )


class RebuildConfig(Frozen):
    """Configuration of a run: everything that determines it."""

    kind: Literal["rebuild"] = "rebuild"
    model: str = Field("mini", description="the lexical model whose words these are")
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    data: RebuildDataConfig = RebuildDataConfig()
    train: RebuildTrainConfig = RebuildTrainConfig()

    def to_json(self) -> str:
        """Return indented JSON, from which an equal value can be validated."""
        return self.model_dump_json(indent=2) + "\n"


def load_rebuild_recipe(path: str | Path, assignments: Sequence[str] = ()) -> RebuildConfig:
    """Read a TOML recipe of ``kind = "rebuild"``; see :func:`lexret.config.recipes.load_recipe`.

    Raises:
        MissingError: if there is no such file.
        InputError: if the file is not TOML or a value is wrong.
    """
    return validated(RebuildConfig, read_values(path, assignments), str(path))


def is_rebuild_recipe(path: str | Path, assignments: Sequence[str] = ()) -> bool:
    """Tell whether a recipe is one of ``kind = "rebuild"``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is not TOML.
    """
    return read_values(path, assignments).get("kind") == KIND
