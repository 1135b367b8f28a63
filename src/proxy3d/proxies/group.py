"""Which points belong together: by object label, by similarity, or all in one group."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from proxy3d.proxies.pool import sums
from proxy3d.values import Points

Way = Literal["mask", "similarity", "all"]


def grouped(points: Points, way: Way | None = None, *, cosine: float = 0.8, neighbours: int = 8, least: int = 4) -> Int[Tensor, "L"]:
    """Group of every point, 0.. without gaps; needs at least one point (method.md 3.3).

    `mask` takes the labels of a mask model or of the truth (label -1, none, is a group too), `similarity` takes connected
    components of near neighbours that look alike, `all` makes one group. None means `mask` where points have labels, else
    `similarity`.
    """
    way = way or ("similarity" if points.label is None else "mask")
    if way == "all" or (way == "mask" and points.label is None):
        return torch.zeros(len(points), dtype=torch.long)
    if way == "mask":
        return torch.unique(points.label, return_inverse=True)[1]
    return by_similarity(points.xyz_world_m, points.feature, cosine=cosine, neighbours=neighbours, least=least)


def by_similarity(xyz: Float[Tensor, "L 3"], feature: Float[Tensor, "L D"], *, cosine: float, neighbours: int, least: int) -> Int[Tensor, "L"]:
    """Connected components of the graph that joins each point to those of its `neighbours` nearest whose feature cosine reaches `cosine`.

    Components of fewer than `least` points are no objects: each of their points joins the nearest point of a larger one.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    place, count = xyz.detach().double().numpy(), len(xyz)
    reach = min(neighbours, count - 1)
    if reach == 0:
        return torch.zeros(count, dtype=torch.long)
    near = torch.from_numpy(cKDTree(place).query(place, k=reach + 1)[1]).long()
    meaning = functional.normalize(feature.detach(), dim=-1)
    alike = torch.stack([(meaning * meaning[near[:, k]]).sum(1) >= cosine for k in range(reach + 1)], 1).numpy()
    rows = np.repeat(np.arange(count), reach + 1).reshape(count, -1)[alike]
    graph = coo_matrix((np.ones(len(rows), bool), (rows, near.numpy()[alike])), shape=(count, count))
    part = connected_components(graph, directed=False)[1]
    large = np.bincount(part)[part] >= least
    if large.any() and not large.all():
        part[~large] = part[large][cKDTree(place[large]).query(place[~large])[1]]
    return torch.from_numpy(np.unique(part, return_inverse=True)[1]).long() if large.any() else torch.zeros(count, dtype=torch.long)


def at_most(group: Int[Tensor, "L"], xyz: Float[Tensor, "L 3"], count: int) -> Int[Tensor, "L"]:
    """The groups merged until `count` are left: again and again the smallest joins the one whose centre is nearest to its own."""
    groups = int(group.max()) + 1
    size = torch.bincount(group, minlength=groups).double()
    total, joined = sums(group, groups, xyz.double()), torch.arange(groups)
    for _ in range(groups - count):
        small = int(torch.where(size > 0, size, torch.inf).argmin())
        gap = (total / size[:, None].clamp_min(1) - total[small] / size[small]).norm(dim=1).masked_fill(size == 0, torch.inf)
        gap[small] = torch.inf
        near = int(gap.argmin())
        size[near], total[near] = size[near] + size[small], total[near] + total[small]
        size[small] = 0
        joined[joined == small] = near
    return torch.unique(joined[group], return_inverse=True)[1]
