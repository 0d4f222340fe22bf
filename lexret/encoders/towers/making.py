"""Making of a lexical model from a two-tower model, without training.

The vocabulary's words go through the text tower; their vectors, less their mean, of unit length,
are the codebook C. A picture is its vector as a sum of a few of these words
(:mod:`lexret.encoders.towers.pursuit`). A text t is how much it is like each word; its product with
a picture's weights, (C t) . w, comes close to the inner product that the two towers give. An index
knows no weights below zero, but that a text is unlike a word says nearly as much as that it is
like it. So a text is relu(C t + b), with b the spread of such numbers: what is added is nearly the
same for all pictures, whose weights have the length 1 and are about equally many.

The mean of a folder's pictures, where there is one, is taken from every picture's vector: pictures
and texts lie in different parts of the space (Liang et al., NeurIPS 2022), and what all pictures
have in common tells none from another.

Legend: B items, D dimensions, V words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

import lexret
from lexret.config import ModelConfig, validated
from lexret.encoders.devices import chosen_device
from lexret.encoders.folder.checkpoint import save_checkpoint
from lexret.encoders.folder.record import check_model_folder
from lexret.encoders.image.pixels import square_pixels
from lexret.encoders.image.standardising import standardised
from lexret.encoders.tower_source import DIGEST, TowerSource, parse_source
from lexret.encoders.towers.card import model_card
from lexret.encoders.towers.opening import open_towers
from lexret.encoders.towers.pursuit import pursue
from lexret.encoders.towers.towers import Towers
from lexret.errors import InputError
from lexret.presets import preset_values
from lexret.vocabulary import Vocabulary

MIN_PICTURES: Final = 16
WORD: Final = "{word}"
# Words whose likeness to all others tells how far such numbers spread.
_SAMPLE: Final = 1000
# What a lexret model's own towers are asked, and all others, which learnt from captions of photos.
_BARE_PROMPTS: Final = (WORD,)
_PROMPTS: Final = (f"a photo of {WORD}.",)

T = TypeVar("T")
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class MakingSettings:
    """Settings of a model that is made of two towers.

    Attributes:
        num_words: words of a picture at most.
        query_words: words of a text at most; None: all that it is like.
        active_words: how many of the vocabulary's words pictures and texts draw from; those that
            the pictures use most, without pictures the first ones. None: all. Fewer make queries
            shorter and encoding faster, and leave the others without a meaning.
        patches: tell the patches of a picture apart.
        prompts: how a word is put to the text tower, with ``{word}`` in each; their vectors are
            averaged. Empty: what suits the towers.
        batch_size: pictures or texts that go through a tower together.
    """

    num_words: int = 64
    query_words: int | None = None
    active_words: int | None = None
    patches: bool = True
    prompts: tuple[str, ...] = ()
    batch_size: int = 64


@dataclass(frozen=True)
class MadeModel:
    """Model that was made.

    Attributes:
        folder: where it lies.
        model_id: its identity.
        source: the towers.
        num_words: of its vocabulary.
        num_pictures: that it learnt the pictures' mean from.
        patches_a_side: of a picture; 1: patches are not told apart.
    """

    folder: Path
    model_id: str
    source: str
    num_words: int
    num_pictures: int
    patches_a_side: int


def make_model(
    folder: Path,
    source: str,
    vocabulary: Vocabulary,
    *,
    vocabulary_name: str,
    pictures: Iterable[Image.Image] = (),
    settings: MakingSettings | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> MadeModel:
    """Make a model folder from a two-tower model.

    Args:
        source: see :func:`lexret.encoders.tower_source.parse_source`.
        vocabulary_name: what the model's record calls the vocabulary.
        pictures: RGB pictures like those that will be searched, without captions; may be empty.
        device: what the towers compute on.
        progress: called with "words" or "pictures", how many are done, and how many there are.

    Raises:
        InputError: if the source, a prompt or the folder will not do, there are pictures but fewer
            than ``MIN_PICTURES``, or patches are asked of towers that cannot tell them apart.
        MissingError, MissingPackageError: if the towers cannot be loaded.
        StorageError: if the folder cannot be written; one that was there is then untouched.
    """
    chosen, progress = settings or MakingSettings(), progress or _ignore
    check_model_folder(folder)
    parsed = parse_source(source)
    prompts = _checked_prompts(chosen.prompts, parsed)
    towers = open_towers(parsed)
    towers.to(chosen_device(device))
    if chosen.patches and not towers.shape.patches_a_side:
        raise InputError(
            f"lexret does not know how to tell the patches of {parsed} apart; make it with "
            "--no-patches: it then explains whole pictures."
        )
    pictures_ND = _picture_vectors(towers, pictures, chosen.batch_size, progress)
    num_pictures = len(pictures_ND)
    words_VD = _word_vectors(towers, vocabulary, prompts, chosen.batch_size, progress)
    config = _config(folder.resolve().name, parsed, towers, vocabulary, vocabulary_name, chosen)
    silent = [vocabulary.term_id(word) for word in config.image.silent_words]
    tensors = _tensors(words_VD, pictures_ND, silent, chosen)
    numbers = {
        "towers": {
            "source": str(parsed),
            "sha256": towers.fingerprint(),
            "prompts": list(prompts),
            "pictures": num_pictures,
            "lexret": lexret.__version__,
        }
    }
    card = model_card(config, len(vocabulary), prompts, num_pictures)
    digest = save_checkpoint(folder, config, vocabulary, tensors, numbers=numbers, card=card)
    side = config.image.image_size // config.image.stride
    return MadeModel(
        folder, f"{config.name}-{digest[:12]}", str(parsed), len(vocabulary), num_pictures, side
    )


def _checked_prompts(prompts: Sequence[str], source: TowerSource) -> tuple[str, ...]:
    for prompt in prompts:
        if WORD not in prompt:
            raise InputError(f"Found the prompt {prompt!r}; expected a text with {WORD} in it.")
    return tuple(prompts) or (_BARE_PROMPTS if source.kind == "lexret" else _PROMPTS)


@torch.inference_mode()
def _picture_vectors(
    towers: Towers, pictures: Iterable[Image.Image], batch_size: int, progress: Progress
) -> Tensor:
    """Return (N, D) the pictures' unit vectors."""
    shape, rows, count = towers.shape, [torch.empty(0, towers.shape.dim)], 0
    for chunk in _chunks(pictures, batch_size):
        pixels = [torch.from_numpy(square_pixels(picture, shape.image_size)) for picture in chunk]
        inputs_B3SS = standardised(torch.stack(pixels).to(towers.device), shape.mean, shape.std)
        vectors_BD = towers.encode_pictures(inputs_B3SS).float().cpu()
        rows.append(functional.normalize(vectors_BD, dim=-1))
        count += len(chunk)
        progress("pictures", count, None)
    if 0 < count < MIN_PICTURES:
        raise InputError(
            f"Found {count} readable pictures to learn from; expected at least {MIN_PICTURES}, or "
            "none: leave --pictures out."
        )
    return torch.cat(rows)


@torch.inference_mode()
def _word_vectors(
    towers: Towers,
    vocabulary: Vocabulary,
    prompts: Sequence[str],
    batch_size: int,
    progress: Progress,
) -> Tensor:
    """Return (V, D) unit vectors of words, the mean over the prompts."""
    rows, done = [], 0
    for chunk in _chunks(vocabulary, batch_size):
        summed_BD = torch.zeros(len(chunk), towers.shape.dim)
        for prompt in prompts:
            vectors_BD = towers.encode_texts([prompt.replace(WORD, word) for word in chunk])
            summed_BD += functional.normalize(vectors_BD.float(), dim=-1).cpu()
        rows.append(functional.normalize(summed_BD, dim=-1))
        done += len(chunk)
        progress("words", done, len(vocabulary))
    return torch.cat(rows)


def _tensors(
    words_VD: Tensor,
    pictures_ND: Tensor,
    silent: Sequence[int | None],
    settings: MakingSettings,
) -> dict[str, Tensor]:
    """Return the tensors of the model's folder."""
    num_words, dim = words_VD.shape
    codebook_VD = functional.normalize(words_VD - words_VD.mean(0), dim=-1)
    codebook_VD[[term_id for term_id in silent if term_id is not None]] = 0.0
    mean_D = pictures_ND.mean(0) if len(pictures_ND) else torch.zeros(dim)
    if settings.active_words is not None and settings.active_words < num_words:
        order_V = _by_use(functional.normalize(pictures_ND - mean_D, dim=-1), codebook_VD, settings)
        codebook_VD[order_V[settings.active_words :]] = 0.0
    sample_SD = words_VD[:: max(1, num_words // _SAMPLE)]
    is_asked_V = (codebook_VD.square().sum(1) > 0).float()
    spread = float((sample_SD @ codebook_VD[is_asked_V > 0].t()).std())
    return {
        "image.codebook_VD": codebook_VD,
        "image.mean_D": mean_D,
        "text.codebook_VD": codebook_VD.clone(),
        "text.bias_V": spread * is_asked_V,
        "text.own_weight_V": torch.zeros(num_words),
        "text.mapper.weight": torch.eye(dim),
        "text.mapper.bias": torch.zeros(dim),
    }


def _by_use(pictures_ND: Tensor, codebook_VD: Tensor, settings: MakingSettings) -> Tensor:
    """Return (V,) word ids, those that the pictures use most first, then in their own order."""
    used_V = torch.zeros(len(codebook_VD))
    for part_BD in pictures_ND.split(settings.batch_size):
        used_V += pursue(part_BD, codebook_VD, settings.num_words).sum(0)
    silent_V = codebook_VD.square().sum(1) == 0
    used_V[silent_V] = -1.0  # they count as none of the active ones
    return used_V.argsort(descending=True, stable=True)


def _config(
    name: str,
    source: TowerSource,
    towers: Towers,
    vocabulary: Vocabulary,
    vocabulary_name: str,
    settings: MakingSettings,
) -> ModelConfig:
    shape = towers.shape
    side = shape.patches_a_side if settings.patches else 1
    silent = preset_values("mini")["model"]["image"]["silent_words"]
    values: dict[str, Any] = {
        "name": name,
        "vocabulary": vocabulary_name,
        "activation": "relu",
        "max_image_words": min(settings.num_words, len(vocabulary)),
        "codebook": {"sources": ["text_side"], "dim": shape.dim},
        "image": {
            "backbone": str(source),
            "weights": f"{DIGEST}{towers.fingerprint()}",
            "image_size": shape.image_size,
            "stride": shape.image_size // side,
            "feature_dim": shape.dim,
            "mean": shape.mean,
            "std": shape.std,
            "adapter": "pursuit",
            "mlp_width": 1,
            "silent_words": [word for word in silent if word in vocabulary],
        },
        "text": {
            "backbone": str(source),
            "lora_rank": 0,
            "train_codebook": True,
            "own_word_weight": None,
            "own_word_floor": None,
            "max_words": settings.query_words or settings.active_words or len(vocabulary),
        },
    }
    return validated(ModelConfig, values, f"the model made of {source}")


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _ignore(what: str, done: int, total: int | None) -> None:
    """Ignore progress."""
