"""Layers: attention looks only where it may."""

from __future__ import annotations

import torch

from lexret.rebuild.layers import Attention, Down, MapAttention, Up, attended


def opened(layer: MapAttention) -> MapAttention:
    """A layer whose last maps are not zero, as they are at the beginning."""
    for part in (layer.own, layer.cross):
        torch.nn.init.normal_(part.out.weight)
    return layer.eval()


def test_attention_is_the_softmax_of_products() -> None:
    query = torch.tensor([[[[1.0, 0.0]]]])
    key = torch.tensor([[[[2.0, 0.0], [0.0, 3.0]]]])
    value = torch.tensor([[[[1.0], [5.0]]]])
    shares = torch.softmax(torch.tensor([2.0, 0.0]) / 2**0.5, 0)
    expected = shares[0] * 1 + shares[1] * 5
    torch.testing.assert_close(attended(query, key, value), expected.view(1, 1, 1, 1))


def test_attention_agrees_with_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, 4, generator=generator) for n in (5, 6, 6))
    mask = torch.rand(2, 6, generator=generator) < 0.6
    mask[:, 0] = True
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask[:, None, None, :]
    )
    torch.testing.assert_close(attended(query, key, value, mask), expected)


def test_cross_attention_ignores_padding() -> None:
    torch.manual_seed(0)
    layer = opened(MapAttention(8, 2))
    map_BCSS, tokens = torch.randn(2, 8, 3, 3), torch.randn(2, 4, 8)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    padded = tokens.clone()
    padded[0, 2:] = 1e6
    found = layer(map_BCSS, padded, mask)
    torch.testing.assert_close(found, layer(map_BCSS, tokens, mask))
    alone = layer(map_BCSS[:1], tokens[:1, :2], torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(found[:1], alone)
    assert not torch.allclose(found[1:], layer(map_BCSS, tokens, mask & ~mask.roll(1, 1))[1:])


def test_a_fresh_attention_changes_nothing() -> None:
    rows = torch.randn(2, 5, 8)
    torch.testing.assert_close(Attention(8, 2)(rows), rows)


def test_the_side_is_halved_and_doubled() -> None:
    halved = Down(3, 5)(torch.randn(2, 3, 8, 8))
    assert halved.shape == (2, 5, 4, 4)
    assert Up(5, 3)(halved).shape == (2, 3, 8, 8)


def test_a_fresh_doubling_has_no_chequers() -> None:
    found = Up(5, 3)(torch.randn(1, 5, 2, 2))
    squares = found.reshape(1, 3, 2, 2, 2, 2)
    torch.testing.assert_close(squares, squares[..., :1, :, :1].expand_as(squares))
