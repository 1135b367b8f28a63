"""Summarise points by merging the two nearest clusters again and again (Ward's linkage), in meaning and place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.proxies.lloyd import nearest
from proxy3d.proxies.pool import fill_empty, pool_hard, prepared
from proxy3d.proxies.space import joint_space
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class Agglomerative:
    """Ward (1963) on [unit-length meaning, beta x position]: each merger is the one that adds least to the squared error.

    Linkage costs the square of the points, so at most `sample` of them, evenly spread over the canonical order, build the tree;
    every other point goes where its nearest one of them went.
    """

    sample: int = 1500
    beta: float = 1.0
    linkage: str = "ward"  # any of scipy's

    follows_rigid_motion = False  # which points are sampled depends on the axes
    covers_space = True

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        u = joint_space(points.feature, points.xyz_world_m, points.weight, beta=self.beta).detach()
        n = min(len(u), max(self.sample, count))
        picked = torch.arange(n) * len(u) // n
        branch = self._cut(u[picked], count)
        at = nearest(u, u[picked])
        at[picked] = torch.arange(n)  # of points in one place each stands for itself
        owner = branch[at]
        return pool_hard(points, fill_empty(owner, (u - u[picked][at]).square().sum(1), count), count, frames)

    def _cut(self, u: Float[Tensor, "n U"], count: int) -> Int[Tensor, "n"]:
        """The tree after all but the last count - 1 mergers: exactly `count` clusters, also where mergers are ties."""
        from scipy.cluster.hierarchy import linkage

        n = len(u)
        if n == count:
            return torch.arange(n)
        tree = linkage(u.double().numpy(), self.linkage)[: n - count, :2].astype(int)
        cluster = {i: [i] for i in range(n)}
        for number, (one, other) in enumerate(tree.tolist()):
            cluster[n + number] = cluster.pop(one) + cluster.pop(other)
        branch = np.empty(n, dtype=np.int64)
        for number, members in enumerate(sorted(cluster.values(), key=min)):
            branch[members] = number
        return torch.from_numpy(branch)
