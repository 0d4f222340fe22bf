"""Card of a model that was made of a two-tower model."""

from __future__ import annotations

from collections.abc import Sequence

from lexret.config import ModelConfig


def model_card(
    config: ModelConfig, num_words: int, prompts: Sequence[str], num_pictures: int
) -> str:
    """Return the card as Markdown."""
    side = config.image.image_size // config.image.stride
    patches = f"{side} x {side} patches" if side > 1 else "no patches"
    mean = (
        f"The mean of {num_pictures:,} pictures, without captions, is taken from every picture."
        if num_pictures
        else "No picture was looked at."
    )
    asked = ", ".join(f"`{prompt}`" for prompt in prompts)
    return f"""# {config.name}

A lexical model made of the two-tower model `{config.image.backbone}` by
`lexret models make`, without training.

## What it is

- Pictures: {config.image.image_size} px, {patches}; a picture's vector is written as a sum of
  at most {config.max_image_words} of {num_words:,} words (matching pursuit). {mean}
- Words and texts: the text tower; a word is put to it as {asked}.
- The towers themselves are not in this folder: their weights are found where
  `{config.image.backbone}` names them, and must have the digest `{config.image.weights}`.

## Licence and limits

The towers' licence is that of `{config.image.backbone}`; see where it comes from. Its faults are
this model's, too. Words were not learnt: the first few of a picture describe it, the later ones
make up for what they leave out of its vector. Look at its words before you trust it.
"""
