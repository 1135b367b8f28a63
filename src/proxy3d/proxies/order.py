"""Put neighbours in space next to each other in the sequence."""

from __future__ import annotations

from collections import deque

import torch
from jaxtyping import Float, Int
from torch import Tensor


def breadth_first(xyz_m: Float[Tensor, "K 3"], *, neighbours: int = 8) -> Int[Tensor, "K"]:
    """Breadth-first walk over proxies from the one nearest the origin (method.md 3.6); a permutation of 0..K-1.

    Two proxies are joined when one is among the `neighbours` nearest of the other; of those reached together the nearest comes
    first, ties by (x, y, z). A part that cannot be reached starts again at its proxy nearest to those already placed.
    """
    xyz = xyz_m.double()
    count = len(xyz)
    if count == 0:
        return torch.zeros(0, dtype=torch.long)
    gap = torch.cdist(xyz, xyz, compute_mode="donot_use_mm_for_euclid_dist")
    near = gap.argsort(dim=1, stable=True)[:, 1 : neighbours + 1]
    joined = torch.zeros(count, count, dtype=torch.bool).scatter_(1, near, True)
    joined = joined | joined.T
    place, rows = [tuple(p) for p in xyz.tolist()], gap.tolist()
    start = min(range(count), key=lambda k: (float(xyz[k].norm()), place[k]))
    order, placed = [], [False] * count
    while len(order) < count:
        if order:
            start = min((k for k in range(count) if not placed[k]), key=lambda k: (min(rows[k][j] for j in order), place[k]))
        placed[start], queue = True, deque([start])
        while queue:
            here = queue.popleft()
            order.append(here)
            fresh = [k for k in joined[here].nonzero()[:, 0].tolist() if not placed[k]]
            for k in sorted(fresh, key=lambda k: (rows[here][k], place[k])):
                placed[k] = True
                queue.append(k)
    return torch.tensor(order)
