"""Pick starting points for a clusterer: far apart, weighty, and never dependent on the order of the points."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.values import Points

WEIGHT_POWER = 0.5  # how much weight counts against distance when the next seed is chosen
LEAST_PULL = 1e-6  # points without weight are chosen too, but after all others


def usable_weight(weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L"]:
    """Weights that add up to 1 along the last axis; all zero counts as all equal."""
    nothing = (weight.sum(-1, keepdim=True) <= 0).to(weight)
    weight = weight + nothing
    return weight / weight.sum(-1, keepdim=True)


def pull(weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L"]:
    """What a squared distance is multiplied with before points compete: 1 for the weightiest point, nearly 0 without weight."""
    return (weight / weight.amax(-1, keepdim=True)).pow(WEIGHT_POWER).clamp_min(LEAST_PULL)


@torch.no_grad()
def farthest_seeds(u: Float[Tensor, "*b L D"], weight: Float[Tensor, "*b L"], count: int) -> Int[Tensor, "*b K"]:
    """Indices of `count` different points: the one nearest to the weighted mean, then again and again the one farthest from all chosen.

    Gonzalez (1985), with squared distance times `pull(weight)` in place of distance. Exact ties go to the lower index,
    so sort the points with `canonical_order` first where their order must not matter. Costs `count` passes over the points.
    """
    weight = usable_weight(weight)
    strength = pull(weight)
    square = u.square().sum(-1)

    def distance(centre: Tensor) -> Tensor:  # squared, from every point to one place (*b 1 D); one pass over u instead of three
        cross = (u @ centre.transpose(-1, -2))[..., 0]
        return (square - 2 * cross + centre.square().sum(-1)).clamp_min(0.0)

    from_mean = distance((weight[..., None] * u).sum(-2, keepdim=True))
    seed = from_mean.masked_fill(weight == 0, torch.inf).argmin(-1, keepdim=True)
    chosen, nearest = [seed], torch.full_like(weight, torch.inf)
    for _ in range(count - 1):
        here = u.gather(-2, seed[..., None].expand(*seed.shape, u.shape[-1]))
        nearest = torch.minimum(nearest, distance(here))
        nearest = nearest.scatter(-1, seed, -1.0)  # below every distance: no point is chosen twice, not even among duplicates
        seed = (nearest * strength).argmax(-1, keepdim=True)
        chosen.append(seed)
    return torch.cat(chosen, -1)


def canonical_order(points: Points) -> Int[Tensor, "L"]:
    """The order of the points that depends on nothing but the points: by x, y, z, then by everything else they carry.

    A clusterer that sorts first is independent of the order it was given to the last bit, ties included.
    """
    mix = torch.linspace(1.0, 2.0, points.feature.shape[1])  # tells apart features that are permutations of each other
    columns = [*points.xyz_world_m.unbind(1), points.frame, points.weight, *points.rgb.unbind(1), (points.feature * mix).sum(1)]
    order = np.lexsort([column.detach().cpu().numpy() for column in reversed(columns)])
    return torch.from_numpy(order)
