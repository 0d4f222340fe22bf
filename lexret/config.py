"""Configuration: frozen, documented values, validated once, read from TOML, written as JSON.

A recipe names a preset and changes some of its fields::

    preset = "mini"
    [model.image]
    image_size = 224
    [train]
    epochs = 3
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lexret.arguments import require_several
from lexret.errors import InputError, MissingError
from lexret.sparse import Precision

NONE: Final = "none"

Activation = Literal["log1p_relu", "relu", "elu1p"]
Pooling = Literal["mean", "last"]
Penalty = Literal["overuse", "overuse_v", "flops", "none"]
Matrix = Literal["input_embeddings", "lm_head"]
AdapterKind = Literal["attention", "context"]
Start = Literal["random", "correlated"]


class Frozen(BaseModel):
    """Base class of all configuration: immutable, and unknown fields are errors.

    The text ``none`` unsets a field that may be without a value, because TOML has no null.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _read_none(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {name: None if isinstance(value, str) and value == NONE and _may_be_unset(cls, name)
                else value for name, value in values.items()}  # fmt: skip


def _may_be_unset(cls: type[BaseModel], name: str) -> bool:
    """Whether a field may be None, and the text ``none`` is not a value of its own."""
    field = cls.model_fields.get(name)
    kinds = () if field is None else get_args(field.annotation)
    return NoneType in kinds and not any(NONE in get_args(kind) for kind in kinds)


C = TypeVar("C", bound=Frozen)


class ImageConfig(Frozen):
    """Configuration of the image side: frozen backbone, adapter, visual codebook."""

    backbone: str = Field(description="timm model name")
    weights: str = Field(
        description="'package:NAME', 'hub', 'random', a file (safetensors, or PyTorch's .pth) or a "
        "folder of transformers; of DINOv2 in timm's, transformers' or Meta's layout"
    )
    backbone_args: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="more arguments for timm.create_model, such as img_size"
    )
    image_size: int = Field(gt=0, description="pictures are resized to this square, in pixels")
    stride: int = Field(gt=0, description="pixels a patch, along each side")
    feature_dim: int = Field(gt=0, description="channels of the backbone's map")
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    adapter: AdapterKind = Field(
        "attention",
        description="'attention' is the paper's; 'context' sees each patch within the mean of its "
        "picture, through a linear map and a two-layer MLP parallel to it",
    )
    spread: float = Field(
        1.0,
        gt=0,
        le=1,
        description="of the context adapter: how much of a patch's difference from its picture's "
        "mean is kept",
    )
    width: int | None = Field(None, description="adapter width; None: the backbone's (the paper)")
    num_heads: int = Field(12, gt=0, description="heads of the adapter's self-attention")
    mlp_width: int = Field(gt=0, description="hidden width of the two-layer MLP")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the adapter's input and hidden layer")
    cosine_scale: float | None = Field(
        None,
        gt=0,
        description="logits are this times the dot product of the patch's UNIT vector and the "
        "word's; None: the plain dot product (the paper)",
    )
    word_bias: bool = Field(False, description="a trained bias for each word")
    class_evidence: float = Field(
        0.0,
        ge=0,
        description="weight of what the backbone's own classifier says of each patch, as words: 1 "
        "trusts it as much as what was learnt; 0: it is not asked",
    )
    bias_start: float = Field(0.0, description="start of the biases; below 0 words start silent")
    silent_words: tuple[str, ...] = Field(
        (), description="words that say nothing of any picture, such as 'photo': never active"
    )

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> ImageConfig:
        width = self.width or self.feature_dim
        if self.adapter == "attention" and width % self.num_heads:
            raise ValueError(f"num_heads must divide the adapter's width {width}")
        return self


class TextConfig(Frozen):
    """Configuration of the text side: transformer, LoRA, mapper to the frozen text codebook."""

    backbone: str = Field(description="'package:NAME', a hub name or a local folder")
    prompt: str = Field("{text}", description="how the text is put to the transformer")
    pooling: Pooling = "mean"
    max_tokens: int = Field(64, gt=0)
    dtype: Precision = Field(
        "float32", description="type of the frozen weights; LoRA's are float32 in any case"
    )
    lora_rank: int = Field(8, ge=0, description="0: the transformer stays frozen")
    lora_alpha: float = Field(16.0, gt=0)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    lora_targets: tuple[str, ...] = ("query", "key", "value")
    cosine_scale: float | None = Field(None, gt=0, description="as on the image side")
    word_bias: bool = False
    bias_start: float = Field(0.0, description="start of the biases; below 0 words start silent")
    mapper_width: int = Field(
        0, ge=0, description="hidden width of an MLP parallel to the mapper's linear layer; 0: none"
    )
    mapper_dropout: float = Field(0.0, ge=0, lt=1, description="on the mapper's input and MLP")
    words: Literal["predicted", "own"] = Field(
        "predicted",
        description="'predicted': a text's words are what transformer, mapper and codebook give; "
        "'own': the content words that it holds, each with weight 1 (the paper's BoW variant)",
    )
    caption_terms: int = Field(
        0,
        ge=0,
        description="so many of the training captions' most frequent words are also given to the "
        "mapper, by their latent semantic vectors; 0: none",
    )
    caption_term_dim: int = Field(0, ge=0, description="dimensions of those vectors")
    train_codebook: bool = Field(False, description="train the text codebook too")
    own_word_weight: float | None = Field(
        1.0,
        ge=0,
        description="start of the learnt weight that is added to the logits of the words that a "
        "text itself holds; None: nothing is added (the paper)",
    )
    own_word_floor: float | None = Field(
        0.05,
        gt=0,
        description="least activation of a text's own words, which are then always kept; None: "
        "they are words like any other (the paper)",
    )
    max_words: int = Field(64, gt=0, description="strongest words that a text keeps")
    query_power: float = Field(
        1.0, gt=0, description="a query's weights are the text's to this power"
    )
    query_typed_weight: float = Field(
        0.0,
        ge=0,
        description="length of the typed words' vector that is added to the text's, which has "
        "length 1",
    )

    @model_validator(mode="after")
    def _prompt_has_a_place_for_the_text(self) -> TextConfig:
        if "{text}" not in self.prompt:
            raise ValueError(f"prompt must hold {{text}}; found {self.prompt!r}")
        return self


class CodebookConfig(Frozen):
    """Configuration of the codebooks: where the words' vectors come from, in one space."""

    sources: tuple[Literal["llama2", "sentence", "text_backbone", "random", "text_side"], ...] = (
        Field(
            ("sentence",),
            description="'text_side': the words as texts of the text side that train.start made",
        )
    )
    dim: int = Field(gt=0)
    matrix: Matrix = Field(
        "input_embeddings",
        description="which rows of the text model the source 'text_backbone' takes: those that it "
        "reads tokens with, or those that it predicts the next token with",
    )
    center: bool = Field(True, description="subtract the mean vector before normalising")


class ModelConfig(Frozen):
    """Configuration of a lexical model."""

    name: str
    vocabulary: str = Field(description="a shipped vocabulary's name or a text file")
    activation: Activation = "log1p_relu"
    threshold: float = Field(
        0.0,
        ge=0,
        description="normalised weights of pictures and texts that do not exceed it are cut",
    )
    max_image_words: int = Field(296, gt=0, description="strongest words that a picture keeps")
    codebook: CodebookConfig
    image: ImageConfig
    text: TextConfig


class DataConfig(Frozen):
    """Configuration of the training data: pictures with captions."""

    train: str = Field(
        "",
        description="captions file (JSON lines), 'datasets:NAME[:SPLIT]' or 'webdataset:PATTERN'",
    )
    more: tuple[str, ...] = Field(
        (),
        description="further sources of training pictures, each a domain of its own: a step shows "
        "pictures of one domain, so that its wrong pairs are hard to tell from the right ones; "
        "imagined pictures belong to the last",
    )
    passes: tuple[float, ...] = Field(
        (), description="how often an epoch shows each domain; empty: each once"
    )
    dev: str = Field("", description="the same, for evaluation while training; may be empty")
    feature_cache: str = Field("", description="folder for cached backbone features")
    cached: bool = Field(
        True,
        description="put each picture through the backbone once and keep its features; False: read "
        "and encode the pictures of every step anew",
    )
    flip: bool = Field(True, description="also show mirrored pictures")
    crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="show random rectangles of at least this share of a picture's area; below 1 "
        "only without cached features",
    )
    stream_buffer: int | None = Field(
        None,
        gt=0,
        description="read shards from one end to the other, in random order, and mix the pictures "
        "within so many at a time, which are read ahead into memory (shared by the processes of a "
        "batch); for disks and networks that random reads are slow on. Needs one webdataset source "
        "and cached = false; None: any picture at any time",
    )
    workers: int | None = Field(
        None, gt=0, description="threads that read pictures; None: one a processor"
    )
    max_unreadable: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the pictures that may be left out because they cannot be read; "
        "None: 0, but 0.001 of webdataset shards",
    )
    imagined: bool = Field(
        False, description="also show pictures imagined from the backbone's classifier"
    )

    @model_validator(mode="after")
    def _crops_need_the_pictures(self) -> DataConfig:
        if self.cached and self.crop < 1.0:
            raise ValueError("crop below 1 needs cached = false: cached features are of whole ones")
        return self

    @model_validator(mode="after")
    def _streams_are_of_shards(self) -> DataConfig:
        fits = self.train.startswith("webdataset:") and not self.more and not self.cached
        if self.stream_buffer is not None and self.train and (not fits or self.imagined):
            raise ValueError(
                "stream_buffer needs train = 'webdataset:...', no more sources, cached = false and "
                "imagined = false"
            )
        return self

    @model_validator(mode="after")
    def _passes_pair_with_domains(self) -> DataConfig:
        num_domains = 1 + len(self.more)
        if self.passes and (len(self.passes) != num_domains or min(self.passes) <= 0):
            raise ValueError(
                f"passes are {list(self.passes)}; expected a number above 0 for each of the "
                f"{num_domains} sources of train and more"
            )
        return self


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


class CardConfig(Frozen):
    """Texts of the model card that no program can know."""

    description: str = ""
    data: str = Field("", description="what the training data are and where they come from")
    citation: str = ""
    licence: str = Field("", description="licence of the weights, and what the data's licence asks")
    limits: str = Field("", description="what the model is not good for")


class RunConfig(Frozen):
    """Configuration of a training run: everything that determines it."""

    model: ModelConfig
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    card: CardConfig = CardConfig()

    @model_validator(mode="after")
    def _the_start_fits_the_model(self) -> RunConfig:
        correlated = self.train.start == "correlated"
        if correlated and self.model.image.adapter != "context":
            raise ValueError("train.start = 'correlated' needs model.image.adapter = 'context'")
        if self.train.most_active is not None and not self.data.cached:
            raise ValueError("train.most_active needs data.cached = true")
        if self.train.base_rate_quantile is not None and not self.data.cached:
            raise ValueError("train.base_rate_quantile needs data.cached = true")
        imagined = self.data.imagined and self.data.cached
        if self.train.most_active_imagined is not None and not imagined:
            raise ValueError("train.most_active_imagined needs data.imagined and data.cached")
        if self.model.text.words == "own" and (
            correlated
            or self.train.dense_weight
            or self.train.dense_epochs
            or self.train.distill_weight
        ):
            raise ValueError(
                "model.text.words = 'own' has no text vectors: train.start = 'random' and no "
                "dense_weight, dense_epochs and distill_weight"
            )
        if self.train.shard_text and correlated:
            raise ValueError("train.shard_text needs train.start = 'random'")
        if correlated and not self.data.cached:
            raise ValueError("train.start = 'correlated' needs data.cached = true")
        if correlated != (self.model.codebook.sources == ("text_side",)):
            raise ValueError(
                "model.codebook.sources = ['text_side'] and train.start = 'correlated' need "
                "each other"
            )
        return self

    def to_json(self) -> str:
        """Return indented JSON, from which an equal value can be validated."""
        return self.model_dump_json(indent=2) + "\n"


def validated(cls: type[C], values: Mapping[str, Any], where: str) -> C:
    """Build a configuration from plain values.

    Raises:
        InputError: names every field that is wrong, what was found and what was expected.
    """
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                lines.append(f"  {place}: there is no such value{_known(cls, problem['loc'])}")
                continue
            # For a missing field, or a rule about several, pydantic's input is the whole table.
            of_table = problem["type"] in ("missing", "value_error")
            found = "" if of_table else f" (found {problem['input']!r})"
            lines.append(f"  {place}: {problem['msg']}{found}")
        raise InputError("\n".join([f"Bad configuration in {where}:", *lines])) from error


def _known(cls: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """Return which names could be meant at a place of a configuration, for an error message."""
    for part in place[:-1]:
        field = cls.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return ""
        cls = inner
    names = list(cls.model_fields)
    near = get_close_matches(str(place[-1]), names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(names)}"


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """Read a TOML file, which errors call ``what``.

    Raises:
        MissingError: if there is no such file.
        InputError: if it cannot be read, or is not TOML.
    """
    try:
        return _parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingError(
            f"There is no {what} {path}; expected a TOML file.", path=path
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; expected a {what}, a TOML file.") from error
    except ValueError as error:
        raise InputError(f"The {what} {path} is not valid TOML: {error}.") from error
    except OSError as error:
        raise InputError(f"The {what} {path} cannot be read: {error.strerror}.") from error


def _parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises ValueError where it is none, or is nested too deeply to be read."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def load_recipe(path: str | Path, assignments: Sequence[str] = ()) -> RunConfig:
    """Read a TOML recipe; ``assignments`` are ``key.path=value`` changes with TOML values.

    A value ``none`` unsets what the preset sets, where there need not be a value.

    Raises:
        MissingError: if there is no such file.
        InputError: if the file is not TOML or a value is wrong.
    """
    from lexret.presets import preset_values

    require_several(assignments, "changes key=value")
    values = read_toml(Path(path), what="recipe")
    for assignment in assignments:
        _assign(values, assignment)
    name = values.pop("preset", None)
    if name is not None:
        values = merged(preset_values(str(name)), values)
    return validated(RunConfig, values, str(path))


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the nested values of ``changes`` replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _assign(values: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise InputError(f"Cannot read --set {assignment!r}; expected key.path=value.")
    try:
        value = _parse_toml(f"x = {text}")["x"]
    except ValueError:
        value = text.strip()
    *parents, last = key.strip().split(".")
    place = values
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"--set {assignment!r}: {parent!r} is a value, not a table.")
    place[last] = value
