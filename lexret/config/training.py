"""Configuration of the training: batches, rates, losses, penalties, what is saved when."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lexret.config.values import Frozen
from lexret.sparse import Precision

Penalty = Literal["overuse", "overuse_v", "flops", "none"]
Start = Literal["random", "correlated"]


class TrainConfig(Frozen):
    """Configuration of the training."""

    epochs: int = Field(12, gt=0)
    max_steps: int | None = Field(
        None, gt=0, description="at most so many steps, whatever epochs says; None: all"
    )
    batch_size: int = Field(
        128,
        gt=1,
        description="pictures a step, over all processes; a domain of fewer makes all batches as "
        "large as itself",
    )
    micro_batch: int | None = Field(
        None,
        gt=0,
        description="pictures that a process encodes at once (cached gradients); None: its share",
    )
    gradient_checkpointing: bool = Field(
        False, description="compute the text transformer's activations again in backward"
    )
    shard_text: bool = Field(
        False,
        description="spread the text transformer's frozen weights over the processes of torchrun, "
        "where one GPU does not hold them (experimental)",
    )
    captions_per_image: int = Field(1, gt=0, description="of one picture, in one batch")
    lr: float = Field(1e-3, gt=0, description="peak rate of the adapter")
    codebook_lr: float = Field(1e-3, gt=0, description="peak rate of codebook and biases")
    mapper_lr: float = Field(1e-3, gt=0, description="peak rate of the text mapper")
    lora_lr: float = Field(2e-4, gt=0, description="peak rate of LoRA")
    own_word_lr: float = Field(1e-2, gt=0, description="peak rate of own-word weights")
    weight_decay: float = Field(0.05, ge=0)
    warmup_steps: int = Field(100, ge=0)
    min_lr_fraction: float = Field(0.02, ge=0, le=1)
    clip_norm: float = Field(1.0, gt=0)
    start: Start = Field(
        "random",
        description="'correlated': both sides first learn to match whole pictures with texts, "
        "beginning at a canonical correlation analysis; needs the context adapter",
    )
    start_epochs: int = Field(30, ge=0, description="epochs of that match after the closed form")
    start_batch_size: int = Field(512, gt=1)
    start_lr: float = Field(
        1e-2, gt=0, description="peak rate of the linear layers, relative to their weights' RMS"
    )
    start_mlp_lr: float = Field(1e-3, gt=0, description="peak rate of the MLPs in that match")
    start_words: tuple[int, int] = Field(
        (400, 200), description="words that a picture and a text have active at first, on average"
    )
    dense_epochs: int = Field(
        0,
        ge=0,
        description="first epochs that only match mean patch vectors with mapped texts, without "
        "the vocabulary: a fast way into the codebook's space",
    )
    dense_weight: float = Field(0.0, ge=0, description="weight of that match afterwards")
    distill_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the divergence between the matches by words and the dense ones",
    )
    anchor_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the squared distance of words' vectors from their start; a word "
        "that n training pictures' captions use weighs 1/(1 + n/5)",
    )
    temperature_lr: float = Field(5e-3, gt=0, description="peak rate of the log temperature")
    temperature: float = Field(0.05, gt=0, description="start of the learnt temperature")
    hard_negatives: float = Field(
        0.0,
        ge=0,
        description="how much more the harder negatives of a batch weigh (beta of HN-NCE); 0: "
        "all alike",
    )
    penalty: Penalty = "overuse"
    penalty_on: Literal["normalised", "raw"] = Field(
        "normalised",
        description="weights that the penalty averages: 'normalised' of length 1, as its formula "
        "says, so that one penalty_weight means one thing for every activation; 'raw' as the "
        "activation gives them, so that silence is an answer too (mini)",
    )
    penalty_weight: float = Field(1e-3, ge=0)
    penalty_warmup_steps: int = Field(200, ge=0, description="quadratic rise of the penalty")
    caption_words_weight: float = Field(
        0.0, ge=0, description="weight of the loss that asks a picture for its captions' words"
    )
    caption_words_text_weight: float = Field(
        0.0, ge=0, description="the same for a text: the words of all captions of its picture"
    )
    caption_words_margin: float = Field(
        3.0, description="a word is active where its probability exceeds sigmoid(-margin)"
    )
    image_words: tuple[int, int] | None = Field(
        None,
        description="keep a random number of words, log-uniform between these, in each step's "
        "pictures, so that one model serves many budgets; None: all",
    )
    text_words: int | None = Field(None, gt=0, description="words kept of each text; None: all")
    most_active: tuple[float, float] | None = Field(
        None,
        description="lower the biases, in what is evaluated and saved, of words that are active in "
        "too many pictures: in a larger share than the first for a word that captions of fewer "
        "than five pictures use, than the second and three times the share of pictures whose "
        "captions use it for any other; needs cached features; None: do not",
    )
    most_active_imagined: tuple[float, float] | None = Field(
        None,
        description="the same by what words do in imagined pictures, which are unlike those of the "
        "training data; captions of real pictures count; needs data.imagined; None: do not",
    )
    base_rate_quantile: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="take from each word's weight, in what is evaluated and saved, this quantile "
        "of its weights over training pictures of the further sources (of all, where there is "
        "one): a word says something only beyond what it says anyway; needs cached features; "
        "None: do not",
    )
    patch_dropout: float = Field(0.0, ge=0, lt=1, description="share of patches hidden in a step")
    region: float = Field(
        1.0,
        gt=0,
        le=1,
        description="show random rectangles of at least this share of the map's sides",
    )
    head_patches: int | None = Field(
        None, gt=0, description="patches of each picture that a step puts to the words; None: all"
    )
    precision: Precision = "float32"
    seed: int = 0
    eval_every_epochs: int = Field(1, gt=0)
    eval_every_steps: int | None = Field(
        None, gt=0, description="evaluate the dev split that often; None: by eval_every_epochs"
    )
    checkpoint_every_steps: int = Field(200, gt=0)
    ema_decay: float = Field(0.0, ge=0, lt=1, description="moving average of weights; 0: none")
