"""Losses against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lexret.training.losses import caption_words, contrastive, sparsity_penalty

# Averages: word 0: 1.0, word 1: 0.5, word 2: 0.
WEIGHTS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_contrastive_of_orthogonal_pairs_is_the_softmax_of_one_match() -> None:
    eye = torch.eye(2)
    loss = contrastive(eye, eye, torch.tensor(0.5), torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-2.0)), abs=1e-6)


def test_contrastive_takes_captions_of_one_picture_as_positives_of_each_other() -> None:
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    loss = contrastive(images, images, torch.tensor(1.0), torch.tensor([7, 7, 9, 9]))
    # Each row: two matches at logit 1, two others at 0.
    assert float(loss) == pytest.approx(math.log(2 * math.e + 2) - 1, abs=1e-6)


def test_contrastive_weighs_both_directions_alike() -> None:
    images, texts = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.eye(2)
    owners, unit = torch.tensor([0, 1]), torch.tensor(1.0)
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8]])

    def cross_entropy(logits: torch.Tensor) -> float:
        return float(-torch.log_softmax(logits, 1).diagonal().mean())

    expected = (cross_entropy(rows) + cross_entropy(rows.t())) / 2
    assert float(contrastive(images, texts, unit, owners)) == pytest.approx(expected, abs=1e-6)


def test_hard_negatives_weigh_more_by_their_likeness() -> None:
    images = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.8]])
    logits = (images @ images.t() / 0.5).tolist()
    beta = 0.7
    expected = 0.0
    for i, row in enumerate(logits):
        hardness = {j: math.exp(beta * row[j]) for j in range(3) if j != i}
        weights = {j: 2 * h / sum(hardness.values()) for j, h in hardness.items()}
        others = sum(weights[j] * math.exp(row[j]) for j in weights)
        expected -= math.log(math.exp(row[i]) / (math.exp(row[i]) + others)) / 3
    owners = torch.tensor([0, 1, 2])
    found = contrastive(images, images, torch.tensor(0.5), owners, hard_negatives=beta)
    assert float(found) == pytest.approx(expected, abs=1e-6)
    assert float(found) > float(contrastive(images, images, torch.tensor(0.5), owners))


def test_hard_negatives_of_a_batch_of_one_picture_are_none() -> None:
    images, owners = torch.eye(2).requires_grad_(), torch.tensor([4, 4])
    loss = contrastive(images, images, torch.tensor(0.5), owners, hard_negatives=1.0)
    loss.backward()
    plain = contrastive(images, images, torch.tensor(0.5), owners)
    assert loss.item() == pytest.approx(plain.item())
    assert images.grad is not None and images.grad.isfinite().all()


def test_overuse_weighs_the_average_by_its_share() -> None:
    # a = (1, 1/2, 0), p = (2/3, 1/3, 0): 2/3 + 1/6.
    assert float(sparsity_penalty(WEIGHTS, "overuse")) == pytest.approx(5 / 6)


def test_overuse_v_is_one_where_all_words_are_used_alike_and_v_where_one_is() -> None:
    assert float(sparsity_penalty(torch.ones(4, 5), "overuse_v")) == pytest.approx(1.0)
    only_one = torch.zeros(4, 5)
    only_one[:, 2] = 3.0
    assert float(sparsity_penalty(only_one, "overuse_v")) == pytest.approx(5.0)


@pytest.mark.parametrize("num_words", [4, 100])
def test_of_vectors_of_length_one_a_penalty_does_not_depend_on_the_activations_scale(
    num_words: int,
) -> None:
    even = torch.nn.functional.normalize(torch.full((2, num_words), 7.0))
    one_word = torch.nn.functional.normalize(torch.eye(1, num_words) * 3.0)
    assert sparsity_penalty(even, "overuse").item() == pytest.approx(num_words**-0.5)
    assert sparsity_penalty(one_word, "overuse").item() == pytest.approx(1.0)


def test_flops_sums_squared_averages() -> None:
    assert float(sparsity_penalty(WEIGHTS, "flops")) == pytest.approx(1.25)


@pytest.mark.parametrize("penalty", ["overuse", "overuse_v", "flops", "none"])
def test_penalties_of_silent_words_are_finite_with_finite_gradients(penalty: str) -> None:
    silent = torch.zeros(2, 3, requires_grad=True)
    loss = sparsity_penalty(silent, penalty) + silent.sum()  # type: ignore[arg-type]
    loss.backward()
    assert silent.grad is not None
    assert torch.isfinite(silent.grad).all()


def test_caption_words_is_the_logistic_loss_of_shifted_logits() -> None:
    logits, shares = torch.tensor([[3.0, 5.0]]), torch.tensor([[0.4, 0.0]])
    # At the margin the probability is one half, whatever the share.
    expected = math.log(2) + math.log(1 + math.exp(2.0))
    found = caption_words(logits, shares, logits > 0, margin=3.0)
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_caption_words_is_least_where_the_probability_is_the_share() -> None:
    logits = torch.tensor([[3.0 + math.log(0.4 / 0.6)]], requires_grad=True)
    caption_words(logits, torch.tensor([[0.4]]), logits > 0, 3.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad) == pytest.approx(0.0, abs=1e-6)


def test_caption_words_leaves_silent_words_alone_unless_a_caption_has_them() -> None:
    logits = torch.tensor([[-1.0, 2.0, -3.0]], requires_grad=True)
    shares = torch.tensor([[1.0, 0.0, 0.0]])
    caption_words(logits, shares, logits > 0, 3.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]
    assert logits.grad[0, 2] == 0


def test_caption_words_sums_over_words_and_averages_over_items() -> None:
    logits, shares = torch.tensor([[1.0, 2.0], [5.0, 0.5]]), torch.tensor([[0.2, 0.0], [1.0, 0.6]])
    both = caption_words(logits, shares, logits > 0, 3.0)
    rows = [
        caption_words(logits[i : i + 1], shares[i : i + 1], logits[i : i + 1] > 0, 3.0)
        for i in (0, 1)
    ]
    assert float(both) == pytest.approx(float(sum(rows)) / 2)
