"""Mergers with kept costs equal mergers that are worked out anew each time, point by point."""

import itertools

import pytest
import torch

from proxy3d.proxies.merge import merged


def slow(u, weight, owner, count, worth=None):
    """Sets of points; every cost from the points themselves."""
    groups = [[j for j in range(len(u)) if owner[j] == k] for k in range(int(owner.max()) + 1)]
    share = weight / weight.max() + 1e-12

    def mean(group):
        return sum(share[j] * u[j] for j in group) / sum(share[j] for j in group)

    def cost(one, other):
        return float(((mean(one) - mean(other)) ** 2).sum() * max(sum(share[j] for j in g) / len(g) for g in (one, other)))

    while len(groups) > 1:
        price, i, j = min((cost(groups[i], groups[j]), i, j) for i, j in itertools.combinations(range(len(groups)), 2))
        if len(groups) <= count and (worth is None or price >= worth):
            break
        groups[i] = groups[i] + groups[j]
        del groups[j]
    out = torch.empty_like(owner)
    for number, group in enumerate(groups):
        out[group] = number
    return out


def clusters(seed, points=60, found=12):
    generator = torch.Generator().manual_seed(seed)
    owner = torch.cat([torch.arange(found), torch.randint(found, (points - found,), generator=generator)])
    return torch.randn(points, 3, generator=generator).double(), torch.rand(points, generator=generator).double(), owner


@pytest.mark.parametrize("seed", range(4))
def test_fast_equals_slow(seed):
    u, weight, owner = clusters(seed)
    for count in (12, 7, 1):
        assert torch.equal(merged(u, weight, owner, count), slow(u, weight, owner, count))
    worth = 0.6
    assert torch.equal(merged(u, weight, owner, 8, worth=worth), slow(u, weight, owner, 8, worth))
    assert 1 < int(merged(u, weight, owner, 8, worth=worth).max()) + 1 < 8, "the threshold decides here, or this shows nothing"


def test_what_matters_least_goes_first():
    """Three pairs, equally far apart; those of little weight give way although they have the most points."""
    u = torch.tensor([0.0, 1.0, 10.0, 11.0, 20.0, 21.0]).repeat_interleave(torch.tensor([1, 1, 3, 3, 90, 90]))[:, None]
    owner = torch.arange(6).repeat_interleave(torch.tensor([1, 1, 3, 3, 90, 90]))
    weight = torch.tensor([1.0, 1.0, 0.5, 0.5, 0.05, 0.05])[owner]
    assert merged(u, weight, owner, 5)[-1] == merged(u, weight, owner, 5)[20] and int(merged(u, weight, owner, 5).max()) == 4
    assert torch.bincount(merged(u, weight, owner, 4)).tolist() == [1, 1, 6, 180]


def test_points_without_weight_have_places_too():
    u, weight, owner = clusters(5)
    assert torch.equal(merged(u, torch.zeros(60).double(), owner, 4), merged(u, torch.ones(60).double(), owner, 4))
    weight[owner == 3] = 0
    assert torch.bincount(merged(u, weight, owner, 11), minlength=11).min() > 0
