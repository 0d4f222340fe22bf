"""Training step: forward, losses, backward, update.

Legend: B pictures, T texts (B times captions per picture), V words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lexret.config import RunConfig, TrainConfig
from lexret.encoders.activations import activate, normalize
from lexret.encoders.model import keep_strongest
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.transformer import TextTransformer
from lexret.errors import LexretError
from lexret.sparse import Precision
from lexret.training.distributed import Processes
from lexret.training.encoded_batch import EncodedBatch, EncodingSettings, encode
from lexret.training.losses import caption_words, contrastive, distillation, sparsity_penalty
from lexret.training.random_draws import Stream, dropout_seed, generator
from lexret.training.reading.batches import Batch
from lexret.training.schedule import penalty_factor, rate_factor
from lexret.training.words.drift_penalty import DriftPenalty

# CLIP's bound on the learnt temperature (Radford et al., 2021, section 2.5).
_MIN_TEMPERATURE = 0.01


@dataclass(frozen=True, slots=True)
class StepLosses:
    """Figures of one step: losses before their weights, means over the batch, and others."""

    total: float
    contrastive: float
    dense: float
    distillation: float
    anchor: float
    penalty_image: float
    penalty_text: float
    caption_words: float
    caption_words_text: float
    temperature: float
    active_image: float
    active_text: float
    gradient_norm: float
    rate_factor: float


class Learner(nn.Module):
    """Trainable module: the network with what only training needs, such as temperatures."""

    def __init__(self, network: LexicalNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self.log_dense_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self.drift_penalty: DriftPenalty | None = None
        if config.gradient_checkpointing:
            assert isinstance(network.text.transformer, TextTransformer)
            network.text.transformer.checkpoint_gradients()

    def trainable(self) -> dict[str, nn.Parameter]:
        """Return the parameters that are trained, by name, in a fixed order."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


def make_optimizer(learner: Learner, config: TrainConfig) -> torch.optim.AdamW:
    """Return AdamW with a group for each kind of parameter; only the adapter's matrices decay."""
    rates = {
        "rest": config.lr,
        "words": config.codebook_lr,
        "mapper": config.mapper_lr,
        "lora": config.lora_lr,
        "own_words": config.own_word_lr,
        "temperature": config.temperature_lr,
    }
    groups: dict[str, list[nn.Parameter]] = {kind: [] for kind in rates}
    for name, parameter in learner.trainable().items():
        if ".lora_" in name:
            groups["lora"].append(parameter)
        elif "codebook" in name or "bias_V" in name:
            groups["words"].append(parameter)
        elif "own_weight" in name:
            groups["own_words"].append(parameter)
        elif "temperature" in name:
            groups["temperature"].append(parameter)
        elif "mapper" in name:
            groups["mapper"].append(parameter)
        else:
            groups["rest"].append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": rates[kind],
                "peak_lr": rates[kind],
                "weight_decay": config.weight_decay if kind == "rest" else 0.0,
            }
            for kind, parameters in groups.items()
            if parameters
        ]
    )


def train_step(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: RunConfig,
    *,
    step: int,
    num_steps: int,
    num_steps_without_words: int = 0,
    processes: Processes | None = None,
    precision: Precision | None = None,
) -> StepLosses:
    """Update the parameters once.

    Dropout draws from a generator seeded by the step, so that a resumed run repeats it.

    Args:
        batch: this process's share, on its device.
        num_steps_without_words: so many first steps match dense vectors alone.
        precision: of the matrix products; None: the configuration's.

    Raises:
        LexretError: if the loss is not finite.
    """
    train, processes = config.train, processes or Processes()
    torch.manual_seed(dropout_seed(train.seed, step, processes.rank))
    factor = rate_factor(step, num_steps, train)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
    optimizer.zero_grad(set_to_none=True)
    settings = EncodingSettings(
        getattr(torch, precision or train.precision),
        words=step >= num_steps_without_words,
        micro_batch=train.micro_batch,
        head_patches=train.head_patches,
    )
    encoded, finish = encode(learner.network, batch, settings, processes)
    loss, parts = _losses(learner, encoded, config, step, num_steps_without_words)
    if not torch.isfinite(loss):
        raise LexretError(
            f"The loss is {loss.item()} at step {step}; try a lower train.lr or "
            "train.precision = 'float32'."
        )
    loss.backward()
    finish()
    parameters = learner.trainable().values()
    processes.average_gradients(parameters)
    norm = nn.utils.clip_grad_norm_(parameters, train.clip_norm)
    optimizer.step()
    return StepLosses(total=loss.item(), gradient_norm=norm.item(), rate_factor=factor, **parts)


def random_budget(bounds: tuple[int, int], seed: int, step: int) -> int:
    """Return a number of words, log-uniform between two bounds, fixed by seed and step.

    Cutting at a random place makes a word's rank mean its importance, so that one model serves
    every budget (nested dropout, Rippel et al., ICML 2014; ViLex's TailDrop for tokens).
    """
    low, high = (math.log(bound) for bound in bounds)
    return round(math.exp(generator(Stream.WORD_BUDGET, seed, step).uniform(low, high)))


def _dense_losses(
    learner: Learner, encoded: EncodedBatch, train: TrainConfig
) -> tuple[Tensor, Tensor]:
    """Match dense vectors of whole pictures and texts, without the vocabulary.

    Returns:
        the loss, and (T, T) how well each text's picture fits each text, over the temperature.
    """
    images_BD = functional.normalize(encoded.pictures_BD)
    images_TD = images_BD.repeat_interleave(train.captions_per_image, 0)
    texts_TD = functional.normalize(encoded.vectors_TD)
    temperature = learner.log_dense_temperature.exp().clamp_min(_MIN_TEMPERATURE)
    loss = contrastive(
        images_TD, texts_TD, temperature, encoded.owners_T, hard_negatives=train.hard_negatives
    )
    return loss, images_TD @ texts_TD.t() / temperature


def _losses(
    learner: Learner,
    encoded: EncodedBatch,
    config: RunConfig,
    step: int,
    num_steps_without_words: int,
) -> tuple[Tensor, dict[str, float]]:
    train, network = config.train, learner.network
    dense, dense_matches_TT = _dense_losses(learner, encoded, train)
    logits_BV, own_TV = encoded.logits_BV, encoded.own_TV
    if logits_BV is None or own_TV is None:
        return dense, _parts(dense=dense, temperature=learner.log_dense_temperature.exp())
    images_BV = _image_words(logits_BV, config, step)
    text_logits_TV, texts_TV = _text_words(network, encoded.vectors_TD, own_TV.float(), config)
    temperature = learner.log_temperature.exp().clamp_min(_MIN_TEMPERATURE)
    paired_TV = functional.normalize(images_BV).repeat_interleave(train.captions_per_image, 0)
    units_TV = functional.normalize(texts_TV)
    match = contrastive(
        paired_TV, units_TV, temperature, encoded.owners_T, hard_negatives=train.hard_negatives
    )
    extra = _extra_losses(learner, train, paired_TV, units_TV, temperature, dense_matches_TT)
    is_raw = train.penalty_on == "raw"
    penalised_BV = images_BV if is_raw else functional.normalize(images_BV)
    penalty_image = sparsity_penalty(penalised_BV, train.penalty)
    penalty_text = sparsity_penalty(texts_TV if is_raw else units_TV, train.penalty)
    factor = train.penalty_weight * penalty_factor(step - num_steps_without_words, train)
    loss = match + factor * (penalty_image + penalty_text) + train.dense_weight * dense
    words = _words_loss(logits_BV, images_BV, encoded.shares_BV, train, num_texts=1)
    text_words = _words_loss(
        text_logits_TV, texts_TV, encoded.shares_BV, train, num_texts=train.captions_per_image
    )
    loss = loss + train.caption_words_weight * words
    loss = loss + train.caption_words_text_weight * text_words
    loss = loss + train.distill_weight * extra["distillation"]
    loss = loss + train.anchor_weight * extra["anchor"]
    return loss, _parts(
        contrastive=match,
        dense=dense,
        **extra,
        penalty_image=penalty_image,
        penalty_text=penalty_text,
        caption_words=words,
        caption_words_text=text_words,
        temperature=temperature,
        active_image=_num_active(images_BV, config.model.threshold),
        active_text=_num_active(texts_TV, config.model.threshold),
    )


def _image_words(logits_BV: Tensor, config: RunConfig, step: int) -> Tensor:
    """Return (B, V) the pictures' activations, within the step's budget of words."""
    train, images_BV = config.train, activate(logits_BV, config.model.activation)
    if train.image_words is None:
        return images_BV
    return keep_strongest(images_BV, random_budget(train.image_words, train.seed, step))


def _text_words(
    network: LexicalNetwork, vectors_TD: Tensor, own_TV: Tensor, config: RunConfig
) -> tuple[Tensor, Tensor]:
    """Return (T, V) the texts' logits, and their activations within the budget of words."""
    logits_TV, texts_TV = network.text.word_logits(vectors_TD, own_TV)
    if config.train.text_words is not None:
        always_TV = None if config.model.text.own_word_floor is None else own_TV
        texts_TV = keep_strongest(texts_TV, config.train.text_words, always_BV=always_TV)
    return logits_TV, texts_TV


def _extra_losses(
    learner: Learner,
    train: TrainConfig,
    images_TV: Tensor,
    texts_TV: Tensor,
    temperature: Tensor,
    dense_matches_TT: Tensor,
) -> dict[str, Tensor]:
    """Return the losses that keep words near the dense matches and their first vectors; 0: off."""
    extra = {"distillation": images_TV.new_zeros(()), "anchor": images_TV.new_zeros(())}
    if train.distill_weight:
        matches_TT = images_TV @ texts_TV.t() / temperature
        extra["distillation"] = distillation(matches_TT, dense_matches_TT)
    if learner.drift_penalty is not None:
        extra["anchor"] = learner.drift_penalty.distance(learner.network)
    return extra


def _words_loss(
    logits_NV: Tensor,
    weights_NV: Tensor,
    shares_BV: Tensor | None,
    train: TrainConfig,
    *,
    num_texts: int,
) -> Tensor:
    """Ask each picture, or each of its ``num_texts`` texts, for the captions' words, if asked."""
    if shares_BV is None:
        return logits_NV.new_zeros(())
    shares_NV = shares_BV.repeat_interleave(num_texts, 0)
    return caption_words(logits_NV, shares_NV, weights_NV.detach() > 0, train.caption_words_margin)


def _num_active(weights_NV: Tensor, threshold: float) -> Tensor:
    """Return the mean number of words that an item has above the threshold."""
    with torch.no_grad():
        kept_NV = normalize(weights_NV, threshold=threshold) if threshold else weights_NV
        return (kept_NV > 0).sum(1).float().mean()


def _parts(**measured: Tensor) -> dict[str, float]:
    """Return all of a step's figures; those that this step did not measure are 0."""
    names = (
        *("contrastive", "dense", "distillation", "anchor", "penalty_image", "penalty_text"),
        *("caption_words", "caption_words_text", "temperature", "active_image", "active_text"),
    )
    return {name: measured[name].item() if name in measured else 0.0 for name in names}
