"""Words that stand for the classes of the backbone's classifier.

Legend: C classes, T texts, V words.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from lexret.encoders.image.class_head import name_words
from lexret.encoders.model import text_vectors
from lexret.encoders.network import LexicalNetwork

# Words that the text side adds to a class's names.
_ADDED: Final = 5
# A word that captions of fewer pictures use is not trusted without evidence.
_RARE: Final = 30
_BATCH: Final = 64


@torch.no_grad()
def set_class_words(network: LexicalNetwork, uses_V: Tensor) -> None:
    """Fill the table of a network's class evidence; the text side should be trained by now.

    The words of a class's names count fully. Of the names' mean text vector the five heaviest
    words count with their weight over the heaviest. Silent words are left out.

    Args:
        uses_V: captions of how many real pictures use each word.
    """
    evidence, vocabulary = network.image.evidence, network.vocabulary
    assert evidence is not None
    names = evidence.names
    silent = [vocabulary.term_id(word) for word in network.config.image.silent_words]
    table_CV = torch.zeros(len(names), len(vocabulary))
    named_V = torch.zeros(len(vocabulary), dtype=torch.bool)
    vectors_TV = _text_vectors(network, [name for group in names for name in group])
    for row, (group, vectors) in enumerate(
        zip(names, vectors_TV.split([len(group) for group in names]), strict=True)
    ):
        mean_V = vectors.mean(0)
        weights, words = (mean_V / mean_V.max().clamp_min(1e-12)).topk(_ADDED)
        table_CV[row, words] = weights
        term_ids = name_words(group, vocabulary)
        table_CV[row, term_ids] = 1.0
        named_V[term_ids] = True
    table_CV[:, silent] = 0.0
    device = network.image.bias_V.device
    evidence.set_words(table_CV.to(device), (named_V & (uses_V.cpu() < _RARE)).to(device))


def _text_vectors(network: LexicalNetwork, texts: list[str]) -> Tensor:
    """Return (T, V) the text side's vectors."""
    rows = []
    for start in range(0, len(texts), _BATCH):
        chunk = texts[start : start + _BATCH]
        own_BV = network.own_words(chunk)
        batch = text_vectors(
            network.text(chunk, own_BV).cpu(), own_BV.cpu(), network.config, network.vocabulary
        )
        rows.append(torch.from_numpy(batch.to_scipy().toarray()).float())
    return torch.cat(rows)
