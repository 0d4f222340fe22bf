"""The linear map with an MLP beside it."""

from __future__ import annotations

import torch

from lexret.encoders.residual import ResidualMap


def test_a_fresh_map_is_its_linear_part() -> None:
    torch.manual_seed(0)
    fresh, x = ResidualMap(5, 3, 7, 0.5).eval(), torch.randn(4, 5)
    assert torch.equal(fresh(x), fresh.direct(x))


def test_the_mlp_adds_to_the_linear_part() -> None:
    torch.manual_seed(0)
    residual, x = ResidualMap(5, 3, 7, 0.0), torch.randn(4, 5)
    assert residual.up is not None and residual.down is not None
    torch.nn.init.normal_(residual.down.weight)
    expected = residual.direct(x) + residual.down(residual.up(x).clamp_min(0))
    torch.testing.assert_close(residual(x), expected)


def test_without_width_there_is_no_mlp() -> None:
    assert [name for name, _ in ResidualMap(5, 3, 0, 0.0).named_parameters()] == [
        "direct.weight",
        "direct.bias",
    ]


def test_the_rows_of_a_picture_share_their_dropout_mask() -> None:
    torch.manual_seed(0)
    residual = ResidualMap(64, 8, 0, 0.5)
    row_11F = torch.randn(1, 1, 64)
    same_rows = residual(row_11F.expand(2, 3, -1))
    assert torch.equal(same_rows[:, 0], same_rows[:, 2])
    assert not torch.equal(same_rows[0], same_rows[1])
