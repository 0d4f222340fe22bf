"""Evaluation on a dev split during training, from cached features, by all processes together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lexret.captions.caption_set import CaptionSet
from lexret.encoders.image.feature_cache import Features
from lexret.encoders.model import image_vectors, text_vectors
from lexret.encoders.network import LexicalNetwork
from lexret.encoders.text.queries import QueryForm, as_queries
from lexret.eval.retrieval.recall import RetrievalResult, evaluate_retrieval
from lexret.sparse import SparseBatch
from lexret.training.distributed import Processes
from lexret.vocabulary import Vocabulary

_BATCH = 64


# Not inference mode: what a spread transformer gathers meanwhile is used in training, too.
@torch.no_grad()
def evaluate_dev(
    network: LexicalNetwork,
    captions: CaptionSet,
    features_NPF: Features,
    processes: Processes | None = None,
) -> RetrievalResult | None:
    """Return recall in both directions, with the word budgets of the saved model.

    Of several processes each encodes its part of the pictures and texts; all must call this.

    Returns:
        None in processes that do not lead.
    """
    processes = processes or Processes()
    owned = [(text, i) for i in range(len(captions)) for text in captions.captions(i)]
    texts = [text for text, _ in owned]
    pictures = _pictures(network, features_NPF, processes.part(len(captions)))
    images = _whole(pictures, network.vocabulary, processes)
    # As many batches in each process: a text model that is spread over them needs all at once.
    num_batches = -(-len(texts) // (processes.size * _BATCH))
    written = _texts(network, texts[processes.part(len(texts))], max(1, num_batches))
    documents = _whole(written, network.vocabulary, processes)
    if images is None or documents is None:
        return None
    text = network.config.text
    form = QueryForm(text.query_power, text.query_typed_weight)
    return evaluate_retrieval(
        images,
        documents,
        np.array([i for _, i in owned]),
        queries=as_queries(documents, texts, form),
    )


def _pictures(network: LexicalNetwork, features_NPF: Features, rows: slice) -> SparseBatch:
    config, vocabulary = network.config, network.vocabulary
    device = network.text.codebook_VD.device
    images = []
    for start in range(rows.start, rows.stop, _BATCH):
        part = np.array(features_NPF[start : min(start + _BATCH, rows.stop)])
        weights_BV = network.encode_features(torch.from_numpy(part).to(device).float()).cpu()
        images.append(image_vectors(weights_BV, config, vocabulary))
    return SparseBatch.concatenate(images, vocabulary)


def _texts(network: LexicalNetwork, texts: Sequence[str], num_batches: int) -> SparseBatch:
    config, vocabulary = network.config, network.vocabulary
    encoded = []
    for start in range(0, num_batches * _BATCH, _BATCH):
        chunk = texts[start : start + _BATCH]
        if not chunk:
            network.text([""], network.own_words([""]))
            continue
        own_BV = network.own_words(chunk)
        weights_BV = network.text(chunk, own_BV).cpu()
        encoded.append(text_vectors(weights_BV, own_BV.cpu(), config, vocabulary))
    return SparseBatch.concatenate(encoded, vocabulary)


def _whole(part: SparseBatch, vocabulary: Vocabulary, processes: Processes) -> SparseBatch | None:
    """Return the vectors of all processes, in the leading one."""
    parts = processes.collected((part.indptr, part.term_ids, part.weights))
    if parts is None:
        return None
    return SparseBatch.concatenate(
        [SparseBatch(*arrays, vocabulary) for arrays in parts], vocabulary
    )
