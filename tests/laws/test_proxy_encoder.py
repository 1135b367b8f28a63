"""The proxy encoder sees a set of points: neither their order nor padding nor patches without a place may matter."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from proxy3d.errors import BadInput
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder, Seen
from proxy3d.values import Points

CELLS, QUARTERS = 20, 60  # patches: 2 frames of 2 x 5


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
    patch = torch.stack([cell % 10 // 5, cell % 5], 1) * 2 + torch.randint(2, (QUARTERS, 2), generator=g)
    return Points(xyz, feature[cell], rgb, cell // 10, weight, patch=patch, detail=torch.randn(QUARTERS, 3, generator=g))


def test_the_order_of_points_and_frames_does_not_matter(encoder, points):
    order = torch.randperm(QUARTERS, generator=torch.Generator().manual_seed(2))
    other = replace(points.take(order), frame=1 - points.frame[order])
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
    pair = points.take(torch.zeros(2, dtype=torch.long))
    other = replace(pair, rgb=torch.stack([pair.rgb[0], 1 - pair.rgb[0]]), xyz_world_m=torch.stack([pair.xyz_world_m[0], pair.xyz_world_m[0] + 0.3]))
    same, apart = (encoder.encode(p, torch.eye(4)).feature for p in (pair, other))
    assert float((same[0] - same[1]).norm()) < 1e-5 < 1e-3 < float((apart[0] - apart[1]).norm())


def test_a_patch_has_the_mean_place_and_colour_of_its_quarters(points):
    rgb, xyz, weight = Seen.of(points, points.xyz_world_m).of_cells()
    places = torch.cat([points.frame[:, None], points.patch // 2], 1)
    for number, place in enumerate(places.unique(dim=0)):
        mine = (places == place).all(1)
        share = (points.weight[mine] / points.weight[mine].sum())[:, None]
        torch.testing.assert_close(rgb[0, number], (share * points.rgb[mine]).sum(0))
        torch.testing.assert_close(xyz[0, number], (share * points.xyz_world_m[mine]).sum(0), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(weight[0, number], points.weight[mine].mean())


def test_points_of_another_kind_are_refused_in_one_line(encoder, points):
    with pytest.raises(BadInput, match="8 features with 3 details, not on 8 with 0") as error:
        encoder.encode(replace(points, detail=None), torch.eye(4))
    assert "\n" not in str(error.value)
