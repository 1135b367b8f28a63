"""The proxy encoder sees a set of points: neither their order nor padding nor patches without a place may matter."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from proxy3d.errors import BadInput
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder, Seen
from proxy3d.values import Points

CELLS, QUARTERS = 20, 60


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return ProxyEncoder(EncoderSettings(feature_dim=8, detail_dim=3, width=24, layers=2, heads=2, out_dim=10)).eval()


@pytest.fixture(scope="module")
def points():
    g = torch.Generator().manual_seed(1)
    cell = torch.randint(CELLS, (QUARTERS,), generator=g)
    feature = torch.randn(CELLS, 8, generator=g)
    xyz, rgb, weight = torch.randn(QUARTERS, 3, generator=g), torch.rand(QUARTERS, 3, generator=g), torch.rand(QUARTERS, generator=g) * 0.9 + 0.1
    return Points(xyz, feature[cell], rgb, cell // 10, weight, torch.randn(QUARTERS, 3, generator=g), cell)


def test_the_order_of_points_and_the_numbers_of_patches_do_not_matter(encoder, points):
    order = torch.randperm(QUARTERS, generator=torch.Generator().manual_seed(2))
    other = Points(**{f.name: getattr(points, f.name)[order] for f in fields(points)})
    other = replace(other, cell=(other.cell * 7 + 3) % CELLS)  # 7 and 20 share no factor: other numbers, the same patches
    here, there = encoder.encode(points, torch.eye(4)), encoder.encode(other, torch.eye(4))
    torch.testing.assert_close(there.feature, here.feature[order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(there.weight, here.weight[order], atol=1e-5, rtol=1e-4)


def test_padding_changes_nothing(encoder, points):
    seen = Seen.of(points, points.xyz_world_m)

    def longer(name):
        value = getattr(seen, name)
        return torch.cat([value, torch.zeros(1, 5, *value.shape[2:], dtype=value.dtype)], 1)

    padded = Seen(**{f.name: longer(f.name) for f in fields(Seen)})
    with torch.no_grad():
        feature, salience = encoder(seen)
        more, longer_salience = encoder(padded)
    torch.testing.assert_close(more[:, :QUARTERS], feature, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(longer_salience[:, :QUARTERS], salience, atol=1e-5, rtol=1e-4)


def test_quarters_of_one_patch_can_belong_to_different_things(encoder, points):
    """Same patch, other colour and place: the features differ, or a cup on the edge of a patch could never be told from its table."""
    twice = torch.zeros(2, dtype=torch.long)
    pair = Points(**{f.name: getattr(points, f.name)[twice] for f in fields(points)})
    other = replace(pair, rgb=torch.stack([pair.rgb[0], 1 - pair.rgb[0]]), xyz_world_m=torch.stack([pair.xyz_world_m[0], pair.xyz_world_m[0] + 0.3]))
    same, apart = (encoder.encode(p, torch.eye(4)).feature for p in (pair, other))
    assert torch.equal(same[0], same[1]) and float((apart[0] - apart[1]).norm()) > 1e-3


def test_a_patch_has_the_mean_place_and_colour_of_its_quarters(points):
    rgb, xyz, weight = Seen.of(points, points.xyz_world_m).of_cells()
    for number, cell in enumerate(points.cell.unique()):
        mine = points.cell == cell
        share = (points.weight[mine] / points.weight[mine].sum())[:, None]
        torch.testing.assert_close(rgb[0, number], (share * points.rgb[mine]).sum(0))
        torch.testing.assert_close(xyz[0, number], (share * points.xyz_world_m[mine]).sum(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(weight[0, number], points.weight[mine].mean())


def test_points_of_another_kind_are_refused_in_one_line(encoder, points):
    with pytest.raises(BadInput, match="8 features with 3 details, not on 8 with 0") as error:
        encoder.encode(replace(points, detail=None), torch.eye(4))
    assert "\n" not in str(error.value)
