"""The cells' quantizer: nearest entries, both loss terms, straight-through gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lexret.config.rebuild import CellsConfig
from lexret.rebuild.quantizer import Quantizer, nearest_entries


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("places", "entries", "dim"), [(1, 1, 1), (70, 300, 4), (33, 256, 8)])
def test_the_nearest_entry_is_that_of_brute_force(places: int, entries: int, dim: int) -> None:
    places_ND, entries_ED = numbers(places, dim), numbers(entries, dim, seed=1)
    expected = torch.cdist(places_ND, entries_ED).argmin(1)
    assert nearest_entries(places_ND, entries_ED).tolist() == expected.tolist()


def test_no_place_has_no_entry() -> None:
    assert nearest_entries(numbers(0, 3), numbers(5, 3)).tolist() == []


def test_an_entry_at_the_place_itself_is_chosen() -> None:
    entries_ED = numbers(400, 6)
    assert nearest_entries(entries_ED, entries_ED).tolist() == list(range(400))


def test_gradients_pass_as_if_codes_were_encodings() -> None:
    quantizer = Quantizer(CellsConfig(dim=4, unit=False), numbers(50, 8))
    encoded = numbers(2, 4, 3, 3).requires_grad_()
    slope = numbers(2, 4, 3, 3, seed=3)
    (quantizer(encoded).codes_BDGG * slope).sum().backward()
    assert encoded.grad is not None
    torch.testing.assert_close(encoded.grad, slope)


def test_both_losses_by_hand_move_one_side_each() -> None:
    quantizer = Quantizer(
        CellsConfig(dim=2, unit=False, codebook="learnt", entries=2), numbers(9, 3)
    )
    with torch.no_grad():
        quantizer.learnt_ED.copy_(torch.tensor([[0.0, 0.0], [4.0, 0.0]]))
    encoded = torch.tensor([[[[3.0]], [[2.0]]]], requires_grad=True)
    found = quantizer(encoded)
    assert found.entries_BGG.tolist() == [[[1]]]
    assert found.codebook_loss.item() == found.commitment_loss.item() == 5.0  # 1^2 + 2^2
    found.codebook_loss.backward(retain_graph=True)
    assert encoded.grad is None
    assert quantizer.learnt_ED.grad is not None
    assert quantizer.learnt_ED.grad.tolist() == [[0, 0], [2.0, -4.0]]
    quantizer.learnt_ED.grad = None
    found.commitment_loss.backward()
    assert quantizer.learnt_ED.grad is None
    assert encoded.grad is not None
    assert encoded.grad.flatten().tolist() == [-2.0, 4.0]


def test_a_step_moves_the_projector_and_never_the_vocabulary() -> None:
    vectors_EH = numbers(60, 8)
    quantizer = Quantizer(CellsConfig(dim=4), vectors_EH.clone())
    before = quantizer.vectors_of().detach().clone()
    optimizer = torch.optim.SGD(quantizer.parameters(), lr=0.5)
    quantizer(numbers(2, 4, 3, 3)).codebook_loss.backward()
    optimizer.step()
    assert torch.equal(quantizer.vectors_EH, vectors_EH)
    assert not torch.equal(quantizer.vectors_of(), before)
    assert [name for name, _ in quantizer.named_parameters()] == [
        "projector.weight",
        "projector.bias",
    ]
    assert "vectors_EH" not in quantizer.state_dict()


def test_raw_entries_are_not_trained() -> None:
    quantizer = Quantizer(CellsConfig(dim=4, codebook="raw"), numbers(60, 8))
    assert not list(quantizer.parameters())
    assert quantizer.vectors_of().shape == (60, 4)


def test_unit_vectors_are_compared_by_their_angle() -> None:
    quantizer = Quantizer(CellsConfig(dim=4), numbers(60, 8))
    encoded = numbers(1, 4, 2, 2)
    found = quantizer(encoded)
    assert torch.equal(found.entries_BGG, quantizer(7 * encoded).entries_BGG)
    torch.testing.assert_close(found.codes_BDGG.norm(dim=1), torch.ones(1, 2, 2))


def test_codes_of_known_cells_are_those_that_were_quantized() -> None:
    quantizer = Quantizer(CellsConfig(dim=4), numbers(60, 8))
    found = quantizer(numbers(2, 4, 3, 3))
    torch.testing.assert_close(quantizer.codes_of(found.entries_BGG), found.codes_BDGG)


def test_early_encodings_pass_as_they_are_then_move_to_their_entries() -> None:
    config = CellsConfig(dim=4, unit=False, free_steps=10, ramp_steps=4)
    assert [config.share(step) for step in (0, 9, 10, 12, 13, 99)] == [0, 0, 0.25, 0.75, 1, 1]
    quantizer = Quantizer(config, numbers(60, 8))
    encoded = numbers(1, 4, 2, 2)
    free, half, whole = (quantizer(encoded, share) for share in (0.0, 0.5, 1.0))
    torch.testing.assert_close(free.codes_BDGG, encoded)
    torch.testing.assert_close(half.codes_BDGG, (free.codes_BDGG + whole.codes_BDGG) / 2)
    assert free.codebook_loss.item() == free.commitment_loss.item() == 0.0
