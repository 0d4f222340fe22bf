"""Causal language models that transformers loads, on the CPU or a GPU.

Legend: B continuations, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lexret.errors import InputError, MissingError
from lexret.telling.language_model import Where

MOST_TOKENS: Final = 60
"""A continuation that meets no stop ends after so many tokens."""
_BATCH: Final = 8


class TransformersModel:
    """Causal language model in a folder, or of a name that transformers knows.

    No code of the model's is run, and no pickled weights are read.

    Args:
        place: the folder, or the name, which may be loaded from the hub.
        device: what it computes on; ``auto``: CUDA where there is any.

    Raises:
        MissingError: if there is no such folder.
        InputError: if it is no causal language model.
        MissingPackageError: if transformers is not installed.
    """

    def __init__(self, place: str, *, device: str = "auto") -> None:
        try:
            import torch

            from lexret.encoders.torchvision_ops import declare_missing_operators

            declare_missing_operators()
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ModuleNotFoundError as error:
            from lexret.encoders.train_packages import needs_training_packages

            raise needs_training_packages("a language model from a folder", error) from error
        if place.startswith((".", "/", "~")) and not Path(place).expanduser().is_dir():
            raise MissingError(
                f"There is no folder {place} with a language model; name one, or where a model is "
                "served: http://...",
                path=Path(place),
            )
        source = str(Path(place).expanduser()) if Path(place).expanduser().is_dir() else place
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(source)
            self._model: Any = AutoModelForCausalLM.from_pretrained(source, use_safetensors=True)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"transformers cannot load a causal language model from {place}: "
                f"{str(error).splitlines()[0]} Name a folder with config.json, the tokenizer's "
                "files and weights in *.safetensors, or a model that a server at http://... serves."
            ) from error
        self.name = Path(place).name
        self._torch = torch
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = device
        self._model.to(device).eval()

    def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Return the logarithm of the probability of each continuation of a prompt.

        Prompt and continuation are split into tokens together; what follows the tokens that the
        prompt alone has in common with them is the continuation.
        """
        begun = self._ids(prompt)
        rows = []
        for continuation in continuations:
            ids = self._ids(prompt + continuation)
            start = _common(begun, ids)
            if not 0 < start < len(ids):
                raise InputError("A language model needs a prompt and a continuation of it.")
            rows.append((ids, start))
        scores: list[float] = []
        for at in range(0, len(rows), _BATCH):
            scores += self._scores(rows[at : at + _BATCH])
        return scores

    def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
        """Return the likeliest continuation, token by token, up to but without a stop."""
        torch = self._torch
        ids = self._ids(prompt)
        begun = len(ids)
        past, fresh = None, ids
        ends = {self._tokenizer.eos_token_id}
        with torch.inference_mode():
            for _ in range(MOST_TOKENS):
                out = self._model(
                    input_ids=torch.tensor([fresh], device=self._device),
                    past_key_values=past,
                    use_cache=True,
                )
                past = out.past_key_values
                following = int(out.logits[0, -1].argmax())
                if following in ends:
                    break
                ids, fresh = [*ids, following], [following]
                text = self._text(ids, begun)
                cut = min((text.find(end) for end in stop if end in text), default=-1)
                if cut >= 0:
                    return text[:cut]
        return self._text(ids, begun)

    @property
    def num_tokens(self) -> int:
        """Size of the vocabulary."""
        return int(self._model.get_input_embeddings().weight.shape[0])

    def token_ids(self, text: str, *, where: Where) -> list[int]:
        """Return the tokens of a text; see :class:`lexret.telling.language_model.TokenModel`."""
        if where == "first":
            return self._ids(text)
        alone = self._bare_ids(text)
        if where == "alone":
            return alone
        # Some tokenizers put a blank before every text: what follows a letter has none.
        letter = self._bare_ids("a")
        both = self._bare_ids(f"a{text}")
        return both[len(letter) :] if both[: len(letter)] == letter else alone

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        """Return the texts of tokens, as the vocabulary writes them."""
        return [str(piece) for piece in self._tokenizer.convert_ids_to_tokens(list(token_ids))]

    def continue_tokens(
        self, ids: Sequence[int], num: int, allowed: Sequence[int] | None
    ) -> list[int]:
        """Return the ``num`` likeliest tokens that follow, of those that are allowed.

        Raises:
            InputError: if that is more than the model reads.
        """
        torch = self._torch
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest is not None and len(ids) + num > longest:
            raise InputError(
                f"The prompt has {len(ids):,} tokens and {num} more are to follow; {self.name} "
                f"reads {longest:,}. Show it fewer examples, or shorter ones."
            )
        only = None if allowed is None else torch.tensor(allowed, device=self._device)
        past, fresh, found = None, list(ids), []
        with torch.inference_mode():
            for _ in range(num):
                out = self._model(
                    input_ids=torch.tensor([fresh], device=self._device),
                    past_key_values=past,
                    use_cache=True,
                )
                past, logits_V = out.past_key_values, out.logits[0, -1]
                best = logits_V.argmax() if only is None else only[logits_V[only].argmax()]
                found.append(int(best))
                fresh = found[-1:]
        return found

    def _bare_ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text)["input_ids"])

    def _text(self, ids: list[int], begun: int) -> str:
        """Return the text of the tokens after the first ``begun``, blanks as they are."""
        whole: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        before: str = self._tokenizer.decode(ids[:begun], skip_special_tokens=True)
        return whole[len(before) :]

    def _scores(self, rows: Sequence[tuple[list[int], int]]) -> list[float]:
        """Return sums of log-probabilities of the tokens from each row's start on.

        Rows are filled up on the right, where a causal model does not look.
        """
        torch = self._torch
        longest = max(len(ids) for ids, _ in rows)
        ids_BL = torch.zeros((len(rows), longest), dtype=torch.long)
        mask_BL = torch.zeros((len(rows), longest), dtype=torch.long)
        for row, (ids, _) in enumerate(rows):
            ids_BL[row, : len(ids)] = torch.tensor(ids)
            mask_BL[row, : len(ids)] = 1
        ids_BL, mask_BL = ids_BL.to(self._device), mask_BL.to(self._device)
        with torch.inference_mode():
            logits_BLV = self._model(input_ids=ids_BL, attention_mask=mask_BL).logits
            log_BLV = torch.log_softmax(logits_BLV[:, :-1].float(), dim=-1)
            told_BL = log_BLV.gather(2, ids_BL[:, 1:, None])[..., 0].double().cpu()
        return [
            float(told_BL[row, start - 1 : len(ids) - 1].sum())
            for row, (ids, start) in enumerate(rows)
        ]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens at their beginning two lists have in common."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
