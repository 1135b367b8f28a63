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
    if u.device.type != "cpu":
        return farthest_walk(u, weight, count)
    clips = zip(u.flatten(0, -3), weight.flatten(0, -2), strict=True) if u.ndim > 2 else [(u, weight)]
    seeds = torch.from_numpy(np.stack([_walk_of_one(*clip, count) for clip in clips]))
    return seeds.view(*u.shape[:-2], count)


def _walk_of_one(u: Tensor, weight: Tensor, count: int) -> np.ndarray:
    """The same for one clip, in a third of the time: each pass is one matrix-vector product and three sweeps over its result.

    Pulls are positive, so they may be multiplied in before minima are taken: pull x (|u|^2 - 2 u c + |c|^2) = row of `table` . (c, 1, |c|^2).
    """
    u, weight = u.detach(), usable_weight(weight)
    strength, square = pull(weight)[:, None], u.square().sum(1, keepdim=True)
    table = torch.cat([-2 * strength * u, strength * square, strength], 1).T.contiguous().numpy()
    from_mean = square[:, 0] - 2 * (u @ (weight @ u))
    seed = int(from_mean.masked_fill(weight == 0, torch.inf).argmin())
    points, lengths = u.numpy(), square[:, 0].numpy()
    aim, here = np.ones(len(table), table.dtype), np.empty(len(points), table.dtype)
    left, seeds = np.full_like(here, np.inf), np.empty(count, np.int64)
    for number in range(count):
        seeds[number] = seed
        if number == count - 1:
            break
        aim[:-2], aim[-1] = points[seed], lengths[seed]
        np.minimum(left, np.matmul(aim, table, out=here), out=left)
        left[seed] = -np.inf  # below every distance: no point is chosen twice, not even among duplicates
        seed = int(left.argmax())
    return seeds


@torch.no_grad()
def farthest_walk(u: Float[Tensor, "*b L D"], weight: Float[Tensor, "*b L"], count: int) -> Int[Tensor, "*b K"]:
    """The seeds of `farthest_seeds`, on any device."""
    weight = usable_weight(weight)
    strength = pull(weight)
    square = u.square().sum(-1)
    # Everything below works in these three buffers: at clip size, making new ones costs more than filling them.
    nearest, here, cross = torch.full_like(weight, torch.inf), torch.empty_like(weight), weight.new_empty(*weight.shape, 1)

    def distance(centre: Tensor) -> Tensor:  # squared, from every point to one place (*b 1 D), in `here`
        torch.matmul(u, centre.transpose(-1, -2), out=cross)
        torch.add(square, cross[..., 0], alpha=-2, out=here)
        return here.add_(centre.square().sum(-1)).clamp_min_(0.0)

    from_mean = distance(weight[..., None, :] @ u)
    seed = from_mean.masked_fill(weight == 0, torch.inf).argmin(-1, keepdim=True)
    chosen = [seed]
    for _ in range(count - 1):
        torch.minimum(nearest, distance(u.gather(-2, seed[..., None].expand(*seed.shape, u.shape[-1]))), out=nearest)
        nearest.scatter_(-1, seed, -1.0)  # below every distance: no point is chosen twice, not even among duplicates
        seed = torch.mul(nearest, strength, out=here).argmax(-1, keepdim=True)
        chosen.append(seed)
    return torch.cat(chosen, -1)


def canonical_order(points: Points) -> Int[Tensor, "L"]:
    """The order of the points that depends on nothing but the points: by x, y, z, then by everything else they carry.

    A clusterer that sorts first is independent of the order it was given to the last bit, ties included. One sort by x nearly
    does it; only points that share their x with another are compared by the rest.
    """
    x = points.xyz_world_m[:, 0].detach().cpu().numpy()
    order = np.argsort(x)
    ordered = x[order]
    same = ordered[1:] == ordered[:-1]
    tied = np.flatnonzero(np.concatenate([[False], same]) | np.concatenate([same, [False]]))
    if len(tied):
        rows = np.sort(order[tied])
        order[tied] = rows[np.lexsort(_tie_columns(points.take(torch.from_numpy(rows))))]
    return torch.from_numpy(order)


def _tie_columns(points: Points) -> list[np.ndarray]:
    """Everything that tells points apart, the most important column last, as lexsort wants it."""
    mix = torch.linspace(1.0, 2.0, points.feature.shape[1])  # tells apart features that are permutations of each other
    columns = [*points.xyz_world_m.unbind(1), points.frame, points.weight, *points.rgb.unbind(1), (points.feature * mix).sum(1)]
    columns += [] if points.label is None else [points.label]
    columns += [] if points.patch is None else list(points.patch.unbind(1))
    return [column.detach().cpu().numpy() for column in reversed(columns)]
