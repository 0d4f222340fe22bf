"""Measure of mixed queries by soft tokens: "this photo" and a word as one text.

The queries, and what is right for them, are those of :mod:`lexret.eval.mixed.queries`.

Legend: N pictures, Q queries, n soft tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lexret.captions.caption_set import CaptionSet
from lexret.eval.mixed.queries import FIRST, MixedQueries, mixed_queries, share_right
from lexret.rebuild.prepared import PreparedPictures
from lexret.sparse import SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.rebuild.model import RebuildModel


def precision(index: SparseBatch, queries: SparseBatch, asked: MixedQueries) -> float:
    """Return the mean share of right pictures among the first ten, over what was possible, in %.

    The photo itself is no hit.
    """
    scores_QN = (queries.to_scipy() @ index.to_scipy().T).toarray()
    scores_QN[np.arange(len(asked.rows)), asked.rows] = -np.inf
    shares = []
    for scores_N, right_N in zip(scores_QN, asked.right_QN, strict=True):
        first = np.argsort(-scores_N, kind="stable")[:FIRST]
        shares.append(share_right(first[scores_N[first] > 0], right_N))
    return 100 * float(np.mean(shares))


def soft_queries(
    model: RebuildModel,
    lexical: LexicalModel,
    pictures: PreparedPictures,
    words: Sequence[str] | None,
    *,
    num_soft: int,
) -> SparseBatch:
    """Return queries of soft tokens, each with a word behind them if there are words."""
    from lexret.rebuild.queries import queries_of_soft_tokens, soft_tokens

    soft_QnH = soft_tokens(model, pictures)[:, :num_soft]
    return queries_of_soft_tokens(model, lexical, soft_QnH, words)


def measure_mixed(
    model: RebuildModel,
    lexical: LexicalModel,
    captions: CaptionSet,
    pictures: PreparedPictures,
    index: SparseBatch,
    *,
    num_soft: int,
) -> dict[str, float]:
    """Return the precision of each kind of query, in percent.

    What search does with a picture and a word is measured by :mod:`lexret.eval.mixed.measure`;
    another photo's soft tokens are the control. Texts go through the contextual text encoder, as
    soft tokens do; by the static one, which search takes by default, the word is asked besides.

    Raises:
        InputError: if the captions give no such query, or the model has no soft tokens.
    """
    asked = mixed_queries(captions)
    photos = pictures.rows(asked.rows)
    others = pictures.rows(asked.rows[np.roll(np.arange(len(asked.rows)), 1)])
    alone = soft_queries(model, lexical, photos, None, num_soft=num_soft)
    word = lexical.contextual_text.encode_queries(list(asked.words))
    stored = SparseBatch.from_vectors([index.row(i) for i in asked.rows.tolist()], index.vocabulary)
    kinds = {
        "soft tokens": alone,
        "word": word,
        "soft tokens, word": soft_queries(model, lexical, photos, asked.words, num_soft=num_soft),
        "another photo's soft tokens, word": soft_queries(
            model, lexical, others, asked.words, num_soft=num_soft
        ),
        "soft tokens' vector and word's added": _added(alone, word),
        "stored words": stored,
        "stored words and word's vector added": _added(stored, word),
    }
    if lexical.has_static_text:
        static = lexical.static_text.encode_queries(list(asked.words))
        kinds["word, static text encoder"] = static
        kinds["stored words and that word's vector added"] = _added(stored, static)
    found = {name: precision(index, queries, asked) for name, queries in kinds.items()}
    return {**found, "queries": float(len(asked.rows))}


def _added(mine: SparseBatch, theirs: SparseBatch) -> SparseBatch:
    total = (mine.normalized().to_scipy() + theirs.normalized().to_scipy()).tocsr()
    total.sort_indices()
    return SparseBatch(
        total.indptr.astype(np.int64),
        total.indices.astype(np.int32),
        total.data.astype(np.float32),
        mine.vocabulary,
    ).normalized()
