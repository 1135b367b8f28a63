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
POINT_SIGMA_M = 0.02  # how far a point of full weight may be off: a depth camera's error at some three metres
LEAST_EVIDENCE = 1e-4  # points of full weight; keeps the uncertainty of a proxy without any weight finite
CHUNK = 4096  # rows worked on at a time: what they need fits a core's cache


def prepared(points: Points, budget: int) -> tuple[Points, int]:
    """The points in their canonical order, and how many proxies they can give: the budget, or all points if there are fewer.

    Raises:
        BadInput: there are no points, or the budget is below 1.
    """
    if budget < 1:
        raise BadInput(f"{budget} proxies asked for; expected at least 1, for example --proxies 32")
    if len(points) == 0:
        raise BadInput("no point has a position, so there is nothing to summarise; check that the depth is in metres and not all zero")
    return points.take(canonical_order(points)), min(budget, len(points))


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
    evidence = sums(owner, count, points.weight.double()[:, None])[:, 0]
    return Proxies(
        xyz_world_m=centre.clamp(low, high).float(),
        extent_m=(math.sqrt(3) * variance.sqrt()).clamp_min(LEAST_EXTENT_M).float(),
        feature=weighted_sums(owner, count, within[:, 0].float(), points.feature),
        weight=share.float(),
        size=size,
        seen=seen.float(),
        sigma_m=position_sigma(variance, evidence).float(),
    )


def position_sigma(variance: Float[Tensor, "K 3"], evidence: Float[Tensor, "K"]) -> Float[Tensor, "K"]:
    """Metres by which the position of a proxy may be off along an axis (one standard deviation).

    The standard error of a mean: spread and sensor error of its points over the root of how many points of full weight they
    are worth (`evidence`, the sum of their weights). So few points, doubtful points and widely spread points all make it larger.
    """
    return ((variance.mean(1) + POINT_SIGMA_M**2) / evidence.clamp_min(LEAST_EVIDENCE)).sqrt()


def weighted_sums(owner: Int[Tensor, "L"], count: int, weight: Float[Tensor, "L"], value: Float[Tensor, "L D"]) -> Float[Tensor, "K D"]:
    """Sum of weight times value for each owner, chunk by chunk, so that no second copy of the features is made."""
    total = value.new_zeros(count, value.shape[1])
    for rows in torch.arange(len(owner)).split(CHUNK):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        total.index_add_(0, owner[part], weight[part, None] * value[part])
    return total


def sums(owner: Int[Tensor, "L"], count: int, value: Float[Tensor, "L D"]) -> Float[Tensor, "K D"]:
    """Sum of the rows of `value` for each owner."""
    return value.new_zeros(count, value.shape[1]).index_add(0, owner, value)


def fill_empty(owner: Int[Tensor, "L"], distance: Float[Tensor, "L"], count: int) -> Int[Tensor, "L"]:
    """Give every proxy without a point the point that is farthest from its own centre, as long as that leaves nobody empty.

    `distance` (L) says how badly a point fits where it is. Possible whenever there are at least `count` points.
    """
    gaps = (torch.bincount(owner, minlength=count) == 0).nonzero()[:, 0].tolist()
    if not gaps:
        return owner
    owner, distance = owner.clone(), distance.clone()
    for empty in gaps:
        alone = torch.bincount(owner, minlength=count)[owner] == 1
        worst = distance.masked_fill(alone, -torch.inf).argmax()
        owner[worst] = empty
        distance[worst] = -torch.inf  # it now sits on its own centre
    return owner


def composition(owner: Int[Tensor, "L"], instance: Int[Tensor, "L"], proxies: int, instances: int) -> Float[Tensor, "K I"]:
    """Share of each proxy's points that belongs to each true instance; rows sum to 1."""
    counts = torch.zeros(proxies, instances).index_put_((owner, instance), torch.ones(len(owner)), accumulate=True)
    return counts / counts.sum(1, keepdim=True).clamp_min(1)
