"""Summarise the points given to each proxy by one position, extent, feature and weight, hard or soft."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.proxies.seeds import canonical_order, usable_weight
from proxy3d.values import Points, Proxies

LEAST_EXTENT_M = 0.01  # a proxy of one point is still something one can see and hit


def prepared(points: Points, budget: int) -> tuple[Points, int]:
    """The points in their canonical order, and how many proxies they can give: the budget, or all points if there are fewer.

    Raises:
        BadInput: there are no points, or the budget is below 1.
    """
    if budget < 1:
        raise BadInput(f"{budget} proxies asked for; expected at least 1, for example --proxies 32")
    if len(points) == 0:
        raise BadInput("no point has a position, so there is nothing to summarise; check that the depth is in metres and not all zero")
    order = canonical_order(points)
    fields = {name: getattr(points, name)[order] for name in ("xyz_world_m", "feature", "rgb", "frame", "weight")}
    return Points(**fields), min(budget, len(points))


def pool_soft(share: Float[Tensor, "*b L K"], value: Float[Tensor, "*b L D"], weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b K D"]:
    """Weighted mean of `value` (L, D) for each proxy, differentiable in everything: sum_j a_jk value_j (method.md 3.5).

    `share` (L, K) is how much of each point every proxy gets, a_jk = A_jk w_j / sum_j A_jk w_j.
    """
    mass = share * usable_weight(weight)[..., None]
    total = mass.sum(-2)[..., None].clamp_min(torch.finfo(mass.dtype).tiny)
    return mass.transpose(-1, -2) @ value / total


def pool_hard(points: Points, owner: Int[Tensor, "L"], count: int, frames: int) -> Proxies:
    """Proxies of a clustering that gives each point one owner in 0..count-1; every owner has at least one point.

    Positions (in double precision: a room may lie far from its origin) and features are weighted means, plain means where all
    points of a proxy have weight 0; extent = sqrt(3) x weighted standard deviation, half the side of a uniformly filled box.
    """
    weight = usable_weight(points.weight.double())
    size = torch.bincount(owner, minlength=count)
    share = sums(owner, count, weight[:, None])[:, 0]
    within = torch.where(share[owner] > 0, weight / share[owner].clamp_min(1e-300), 1.0 / size[owner])[:, None]

    xyz = points.xyz_world_m.double()
    centre = sums(owner, count, within * xyz)
    variance = sums(owner, count, within * (xyz - centre[owner]).square())
    rows = owner[:, None].expand(-1, 3)
    low = torch.full_like(centre, torch.inf).scatter_reduce(0, rows, xyz, "amin")
    high = torch.full_like(centre, -torch.inf).scatter_reduce(0, rows, xyz, "amax")
    seen = torch.bincount(owner * frames + points.frame, minlength=count * frames).view(count, frames) / size[:, None]
    return Proxies(
        xyz_world_m=centre.clamp(low, high).float(),
        extent_m=(math.sqrt(3) * variance.sqrt()).clamp_min(LEAST_EXTENT_M).float(),
        feature=sums(owner, count, within.float() * points.feature),
        weight=share.float(),
        size=size,
        seen=seen.float(),
    )


def sums(owner: Int[Tensor, "L"], count: int, value: Float[Tensor, "L D"]) -> Float[Tensor, "K D"]:
    """Sum of the rows of `value` for each owner."""
    return value.new_zeros(count, value.shape[1]).index_add(0, owner, value)


def fill_empty(owner: Int[Tensor, "L"], distance: Float[Tensor, "L"], count: int) -> Int[Tensor, "L"]:
    """Give every proxy without a point the point that is farthest from its own centre, as long as that leaves nobody empty.

    `distance` (L) says how badly a point fits where it is. Possible whenever there are at least `count` points.
    """
    owner, distance = owner.clone(), distance.clone()
    for empty in (torch.bincount(owner, minlength=count) == 0).nonzero()[:, 0].tolist():
        alone = torch.bincount(owner, minlength=count)[owner] == 1
        worst = distance.masked_fill(alone, -torch.inf).argmax()
        owner[worst] = empty
        distance[worst] = -torch.inf  # it now sits on its own centre
    return owner


def composition(owner: Int[Tensor, "L"], instance: Int[Tensor, "L"], proxies: int, instances: int) -> Float[Tensor, "K I"]:
    """Share of each proxy's points that belongs to each true instance; rows sum to 1."""
    counts = torch.zeros(proxies, instances).index_put_((owner, instance), torch.ones(len(owner)), accumulate=True)
    return counts / counts.sum(1, keepdim=True).clamp_min(1)
