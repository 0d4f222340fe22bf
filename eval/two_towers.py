"""How much of two towers' recall the lexical model keeps that was made of them without training.

    lexret models make my-clip --from open_clip:ViT-B-32/laion2b_s34b_b79k --words 296
    python eval/two_towers.py my-clip captions.jsonl --trained mini

Pictures and captions are encoded once; pictures are then cut to each number of words. Beside the
model stand the towers themselves; the pictures' words with weights below zero in queries too, which
an index cannot hold; and the words most like a picture, in place of those that add up to it.

Legend: I pictures, T captions, D dimensions, V words.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
import numpy as np
from scipy.sparse import csr_matrix

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.encoders.lexical_model import LexicalModel, load_model
from lexret.encoders.towers.picture_side import PursuitSide
from lexret.errors import InputError, LexretError
from lexret.eval.control.annotated_pictures import RecordingEncoder
from lexret.eval.retrieval.encoding import EncodedCaptions, encode_captions
from lexret.eval.retrieval.recall import RetrievalRanks, ranks_from_scores, retrieval_ranks
from lexret.sparse import FloatArray, SparseBatch

_CHUNK = 64


@click.command()
@click.argument("model_source", metavar="MODEL")
@click.argument("captions_source", metavar="CAPTIONS")
@click.option("--words", default="16,64,296", show_default=True, help="Words that pictures keep.")
@click.option("--trained", metavar="MODEL", help="A trained model to stand beside it.")
def main(model_source: str, captions_source: str, words: str, trained: str | None) -> None:
    """Print a table of recall at 1, 5 and 10, in percent, in both directions."""
    try:
        _print_table(model_source, captions_source, words, trained)
    except LexretError as error:
        raise click.ClickException(str(error)) from error


def _print_table(model_source: str, captions_source: str, words: str, trained: str | None) -> None:
    captions, budgets = open_captions(captions_source), [int(part) for part in words.split(",")]
    model = load_model(model_source)
    if not isinstance(model.torch_images.side, PursuitSide):
        raise InputError(f"{model_source} was not made of two towers by `lexret models make`.")
    encoder = RecordingEncoder(model)
    encoded = encode_captions(captions, encoder, model.contextual_text)
    click.echo("|  | text->image R@1/5/10 | image->text R@1/5/10 |\n| --- | --- | --- |")
    for name, ranks in _rows(model, encoded, encoder.dense(), budgets):
        click.echo(_row(name, ranks))
    if trained is not None:
        for name, ranks in _trained(load_model(trained), captions, budgets):
            click.echo(_row(name, ranks))


def _rows(
    model: LexicalModel, encoded: EncodedCaptions, images_ID: FloatArray, budgets: list[int]
) -> Iterator[tuple[str, RetrievalRanks]]:
    owners_T = encoded.owners_T
    texts_TD = model.contextual_text.encode_dense(encoded.captions)
    yield "the two towers", ranks_from_scores(images_ID @ texts_TD.T, owners_T)
    for budget in budgets:
        yield f"{budget} words", _ranks(encoded.cut(image_words=budget))
    codebook_VD = model.checkpoint.tensors["text.codebook_VD"].numpy()
    signed_VT = codebook_VD @ texts_TD.T
    for budget in budgets:
        kept_IV = encoded.cut(image_words=budget).images.to_scipy()
        yield (
            f"{budget} words, queries with weights below zero",
            ranks_from_scores(kept_IV @ signed_VT, owners_T),
        )
    centred_ID = images_ID - model.checkpoint.tensors["image.mean_D"].numpy()
    for budget in budgets:
        likest_IV = _likest(centred_ID, codebook_VD, model, budget)
        yield (
            f"the {budget} words most like the picture",
            ranks_from_scores(likest_IV @ signed_VT, owners_T),
        )


def _likest(
    images_ID: FloatArray, codebook_VD: FloatArray, model: LexicalModel, budget: int
) -> csr_matrix:
    """Return (I, V) similarities of unit length, the largest of each picture."""
    parts = []
    for start in range(0, len(images_ID), _CHUNK):
        likeness_BV = images_ID[start : start + _CHUNK] @ codebook_VD.T
        parts.append(SparseBatch.from_dense(likeness_BV, model.vocabulary, max_words=budget))
    likest_IV = SparseBatch.concatenate(parts, model.vocabulary).to_scipy().tocsr()
    lengths_I = np.sqrt(likest_IV.multiply(likest_IV).sum(axis=1)).A1
    return csr_matrix(likest_IV.multiply(1.0 / np.maximum(lengths_I, 1e-12)[:, None]))


def _trained(
    model: LexicalModel, captions: CaptionSet, budgets: list[int]
) -> Iterator[tuple[str, RetrievalRanks]]:
    encoded = encode_captions(captions, model.images, model.contextual_text)
    for budget in budgets:
        yield f"{model.name}, trained, {budget} words", _ranks(encoded.cut(image_words=budget))


def _ranks(encoded: EncodedCaptions) -> RetrievalRanks:
    return retrieval_ranks(encoded.images, encoded.texts, encoded.owners_T, queries=encoded.queries)


def _row(name: str, ranks: RetrievalRanks) -> str:
    cells = [f"{found.r1:.1f}/{found.r5:.1f}/{found.r10:.1f}" for found in ranks.summary()]
    return f"| {name} | {cells[0]} | {cells[1]} |"


if __name__ == "__main__":
    main()
