"""Configuration of a model: the image side, the text side, the codebooks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from lexret.config.values import Frozen
from lexret.sparse import Precision

Activation = Literal["log1p_relu", "relu", "elu1p"]
Pooling = Literal["mean", "last"]
Matrix = Literal["input_embeddings", "lm_head"]
AdapterKind = Literal["attention", "context", "pursuit"]


class ImageConfig(Frozen):
    """Configuration of the image side: frozen backbone, adapter, visual codebook."""

    backbone: str = Field(
        description="timm model name, or a two-tower model, as open_clip:ARCHITECTURE/PRETRAINED"
    )
    weights: str = Field(
        description="'package:NAME', 'hub', 'random', a file (safetensors, or PyTorch's .pth) or a "
        "folder of transformers; of DINOv2 in timm's, transformers' or Meta's layout; of a "
        "two-tower model 'sha256:' and the digest of its weights"
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
        "picture, through a linear map and a two-layer MLP parallel to it; 'pursuit' is none: a "
        "two-tower model's own vector is written as a sum of words (`lexret models make`)",
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

    backbone: str = Field(
        description="'package:NAME', a hub name, a local folder or a two-tower model"
    )
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
