"""Frozen text-to-image generator as the decoder of soft tokens, in a folder that diffusers loads.

ViLex (Visual Lexicon, section 3): soft tokens stand in a prompt as if they were words' embeddings,
alone or followed by words, between the marks of a beginning and an end; the generator's own frozen
text encoder reads them. With words, text-free guidance sets how much these count.

Legend: n soft tokens, D size of the text encoder's token embeddings, L tokens of a prompt, H size
of its outputs.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lexret.errors import InputError, MissingError, MissingPackageError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from lexret.sparse import FloatArray

INSTALL_COMMAND: Final = "pip install 'lexret[generate]'"
_INDEX_FILE: Final = "model_index.json"


class PictureGenerator:
    """Text-to-image pipeline with one text encoder, such as Stable Diffusion 1 and 2.

    Nothing is loaded from a hub, no code of the folder's is run, and no pickled weights are read.
    Threads may share it: one picture is made at a time.

    Args:
        folder: as diffusers saves a pipeline.
        device: what it computes on; ``auto``: CUDA where there is any.

    Attributes:
        dim: D, the size that soft tokens must have.
        max_tokens: of a prompt, without the marks of its beginning and end.

    Raises:
        MissingError: if there is no such folder.
        InputError: if it holds no pipeline that soft tokens can be given to.
        MissingPackageError: if diffusers is not installed.
    """

    def __init__(self, folder: str | Path, *, device: str = "auto") -> None:
        self._torch, pipeline_class = _packages()
        path = Path(folder).expanduser()
        if not (path / _INDEX_FILE).is_file():
            raise MissingError(
                f"There is no text-to-image pipeline in {folder}: expected a folder with "
                f"{_INDEX_FILE}, as diffusers saves it.",
                path=path,
            )
        try:
            self._pipeline: Any = pipeline_class.from_pretrained(
                str(path), local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, AttributeError, TypeError, ImportError) as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            raise InputError(f"diffusers cannot load a pipeline from {folder}: {reason}") from error
        _require_one_text_encoder(self._pipeline, path)
        if device == "auto":
            device = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._device = device
        self._pipeline.to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        for part in self._pipeline.components.values():
            if isinstance(part, self._torch.nn.Module):
                part.eval().requires_grad_(False)
        self._tokenizer, self._encoder = self._pipeline.tokenizer, self._pipeline.text_encoder
        self._embeddings = self._encoder.get_input_embeddings()
        self._marks = list(self._tokenizer("")["input_ids"])
        self.dim = int(self._embeddings.weight.shape[1])
        self.max_tokens = int(self._tokenizer.model_max_length) - len(self._marks)
        self._turn = threading.Lock()

    def generate(
        self,
        soft_nD: FloatArray,
        *,
        text: str = "",
        guidance: float = 7.5,
        num_steps: int = 50,
        size: tuple[int, int] | None = None,
        num_pictures: int = 1,
        seed: int = 0,
    ) -> list[Image.Image]:
        """Make pictures of soft tokens, and of words beside them.

        Args:
            soft_nD: (n, D) float32, finite; the first ones alone may be given (TailDrop).
            text: words that follow the soft tokens.
            guidance: how far to go from what is predicted without the condition to what is with
                it, 1 or more: without a text, from an empty prompt to the soft tokens
                (classifier-free guidance); with one, from the soft tokens alone to these with the
                text (ViLex's text-free guidance).
            num_steps: of denoising.
            size: width and height; by default what the pipeline makes.
            seed: of the noise that is begun with; the same seed makes the same pictures.

        Raises:
            InputError: if soft tokens and text do not fit the text encoder, or a number is wrong.
        """
        if guidance < 1 or num_steps < 1 or num_pictures < 1:
            raise InputError(
                "Guidance, steps and pictures are 1 or more each; found "
                f"{guidance}, {num_steps} and {num_pictures}."
            )
        torch = self._torch
        soft = torch.from_numpy(np.ascontiguousarray(soft_nD, dtype=np.float32))
        with torch.inference_mode():
            wanted = self.states(soft, text)
            against = self.states(soft) if text.strip() else self.states(soft[:0])
        options = {} if size is None else {"width": size[0], "height": size[1]}
        with self._turn:
            try:
                made = self._pipeline(
                    prompt_embeds=wanted,
                    negative_prompt_embeds=against,
                    guidance_scale=guidance,
                    num_inference_steps=num_steps,
                    num_images_per_prompt=num_pictures,
                    generator=torch.Generator("cpu").manual_seed(seed),
                    output_type="pil",
                    **options,
                )
            except ValueError as error:  # such as a size that is no multiple of 8
                raise InputError(f"The pipeline makes no such picture: {error}") from error
        return list(made.images)

    def states(self, soft_nD: Tensor, text: str = "") -> Tensor:
        """Return (1, L, H) the text encoder's outputs for soft tokens followed by words.

        Gradients flow to the soft tokens, and to nothing else.

        Raises:
            InputError: if they do not fit.
        """
        self._check(soft_nD)
        words = list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        num_soft = len(soft_nD)
        if num_soft + len(words) > self.max_tokens:
            raise InputError(
                f"The text encoder reads {self.max_tokens} tokens; found {num_soft} soft tokens "
                f"and a text of {len(words)}. Give fewer of them, the first ones, or less text."
            )
        begins, ends = self._marks[:-1], self._marks[-1:]
        ids = [*begins, *[self._placeholder()] * num_soft, *words, *ends]
        num_padded = int(self._tokenizer.model_max_length) - len(ids)
        mask = [1] * len(ids) + [0] * num_padded
        padding = self._tokenizer.pad_token_id
        ids += [ends[0] if padding is None else padding] * num_padded
        torch = self._torch
        given: dict[str, Any] = {"input_ids": torch.tensor([ids], device=self._device)}
        if getattr(self._encoder.config, "use_attention_mask", False):
            given["attention_mask"] = torch.tensor([mask], device=self._device)
        with self._turn, self._embedded(soft_nD.to(self._device), len(begins)):
            states: Tensor = self._encoder(**given)[0]
        return states

    @contextmanager
    def _embedded(self, soft_nD: Tensor, start: int) -> Iterator[None]:
        """Let soft tokens stand for the embeddings of those from ``start`` on."""

        def replace(_module: object, _inputs: object, found_BLD: Tensor) -> Tensor:
            soft_BnD = soft_nD.to(found_BLD.dtype)[None].expand(len(found_BLD), -1, -1)
            parts = [found_BLD[:, :start], soft_BnD, found_BLD[:, start + len(soft_nD) :]]
            joined: Tensor = self._torch.cat(parts, dim=1)
            return joined

        hook = self._embeddings.register_forward_hook(replace)
        try:
            yield
        finally:
            hook.remove()

    def _placeholder(self) -> int:
        """Return a token that is no mark: CLIP looks for the mark of the end."""
        return next(n for n in range(len(self._marks) + 8) if n not in self._special())

    def _special(self) -> frozenset[int]:
        return frozenset([*self._tokenizer.all_special_ids, *self._marks])

    def _check(self, soft_nD: Tensor) -> None:
        if soft_nD.ndim != 2 or soft_nD.shape[1] != self.dim:
            raise InputError(
                f"The generator's text encoder takes soft tokens of the shape (n, {self.dim}); "
                f"found {tuple(soft_nD.shape)}. They are made for one text encoder."
            )
        if not bool(self._torch.isfinite(soft_nD).all()):
            raise InputError("The soft tokens hold a number that is not finite.")


def _packages() -> tuple[Any, Any]:
    """Return torch and diffusers' class of pipelines, or say what to install."""
    try:
        import torch

        from lexret.encoders.torchvision_ops import declare_missing_operators

        declare_missing_operators()
        import transformers  # noqa: F401
    except ModuleNotFoundError as error:
        from lexret.encoders.train_packages import needs_training_packages

        raise needs_training_packages("a text-to-image generator", error) from error
    try:
        from diffusers import DiffusionPipeline
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"A text-to-image generator needs diffusers, which is not installed: {INSTALL_COMMAND}"
        ) from error
    return torch, DiffusionPipeline


def _require_one_text_encoder(pipeline: Any, path: Path) -> None:
    """Raise InputError for a pipeline that cannot take soft tokens."""
    name = type(pipeline).__name__
    encoders = [part for part in pipeline.components if part.startswith("text_encoder")]
    takes = inspect.signature(type(pipeline).__call__).parameters
    usable = (
        encoders == ["text_encoder"]
        and pipeline.text_encoder is not None
        and getattr(pipeline, "tokenizer", None) is not None
        and {"prompt_embeds", "negative_prompt_embeds", "guidance_scale"} <= set(takes)
    )
    if not usable:
        raise InputError(
            f"{path} holds a {name} with the text encoders {', '.join(encoders) or 'none'}; "
            "soft tokens go into a pipeline that has one, such as Stable Diffusion 1 or 2."
        )
