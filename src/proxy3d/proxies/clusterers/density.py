"""Summarise points by where they crowd together in meaning and place (HDBSCAN), with the number of proxies made exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.extras import require
from proxy3d.proxies.budget import shared
from proxy3d.proxies.lloyd import lloyd, nearest
from proxy3d.proxies.pool import pool_hard, prepared, sums
from proxy3d.proxies.seeds import farthest_seeds, usable_weight
from proxy3d.proxies.space import joint_space, projection
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class Density:
    """HDBSCAN (Campello et al. 2013, doi 10.1007/978-3-642-37456-2_14) on [unit-length meaning, beta x position].

    It finds as many clusters as there are, of any shape, and calls sparse points noise; a budget wants neither. So noise joins the
    cluster of its nearest point that has one; of too many clusters those merge that add least to the squared error (Ward); of too
    few the largest are split by k-means, in proportion to their sizes. Meanings wider than `width` are projected first: the tree
    of nearest points costs the square of their number times the width, on 6,144 points of 432 features some fifteen times as much.

    Raises:
        BadInput: scikit-learn is missing; the message is the command to type.
    """

    least: int = 8  # points that make a crowd
    width: int = 32
    beta: float = 1.0
    rounds: int = 10

    follows_rigid_motion = False  # among equal distances the order of the points decides, and that depends on the axes
    covers_space = True

    def __post_init__(self):
        require("sklearn", for_what="the clusterer density")

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        wide = points.feature.shape[1]
        narrow = projection(self.width, wide) if wide > self.width else None
        u = joint_space(points.feature.detach(), points.xyz_world_m.detach(), points.weight, beta=self.beta, meaning_map=narrow)
        crowd = torch.arange(count) if len(points) == count else self._crowds(u)
        if int(crowd.max()) >= count:
            crowd = merged_by_ward(u.double(), crowd, count)
        return pool_hard(points, self._split(u, usable_weight(points.weight), crowd, count), count, frames)

    def _crowds(self, u: Float[Tensor, "L U"]) -> Int[Tensor, "L"]:
        """Crowd of every point, 0.. without gaps; a point of none joins its nearest point that is in one."""
        from sklearn.cluster import HDBSCAN

        least = max(2, min(self.least, len(u)))
        search = HDBSCAN(min_cluster_size=least, min_samples=least, algorithm="kd_tree", copy=True)
        label = torch.from_numpy(search.fit_predict(u.double().numpy())).long()
        inside = (label >= 0).nonzero()[:, 0]
        if len(inside) == 0:
            return torch.zeros(len(u), dtype=torch.long)
        noise = (label < 0).nonzero()[:, 0]
        label[noise] = label[inside[nearest(u[noise], u[inside])]]
        return torch.unique(label, return_inverse=True)[1]

    def _split(self, u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], crowd: Int[Tensor, "L"], count: int) -> Int[Tensor, "L"]:
        """Owners 0..count-1 of at most `count` crowds: each keeps one proxy, the rest go where most points are."""
        owner, first = torch.zeros(len(u), dtype=torch.long), 0
        for number, own in enumerate(shared(torch.bincount(crowd).tolist(), count, floor=1)):
            mine = (crowd == number).nonzero()[:, 0]
            if own > 1:
                here = (u[mine] - u[mine].mean(0)).double()
                strength = usable_weight(weight[mine].double())
                owner[mine] = lloyd(here, strength, here[farthest_seeds(here, strength, own)], self.rounds)[0]
            owner[mine] += first
            first += own
        return owner


def merged_by_ward(u: Float[Tensor, "L U"], cluster: Int[Tensor, "L"], count: int) -> Int[Tensor, "L"]:
    """The clusters merged until `count` are left: each merger is the one that adds least to the squared error (Ward 1963)."""
    number = int(cluster.max()) + 1
    size = torch.bincount(cluster, minlength=number).to(u)
    centre, joined = sums(cluster, number, u) / size[:, None], torch.arange(number)

    def cost(one: Tensor, other: Tensor) -> Tensor:  # what merging adds: n m / (n + m) |c - d|^2
        apart = torch.cdist(centre[one], centre[other], compute_mode="donot_use_mm_for_euclid_dist").square()
        return apart * size[one][:, None] * size[other][None] / (size[one][:, None] + size[other][None])

    everybody = torch.arange(number)
    price = cost(everybody, everybody).fill_diagonal_(torch.inf)
    for _ in range(number - count):
        keep, gone = sorted(divmod(int(price.argmin()), number))
        centre[keep] = (size[keep] * centre[keep] + size[gone] * centre[gone]) / (size[keep] + size[gone])
        size[keep] += size[gone]
        joined[joined == gone] = keep
        fresh = cost(torch.tensor([keep]), everybody)[0]
        fresh[(price[keep] == torch.inf) & (everybody != gone)] = torch.inf  # itself, and those that are gone already
        price[gone], price[:, gone] = torch.inf, torch.inf
        fresh[gone] = torch.inf
        price[keep], price[:, keep] = fresh, fresh
    return torch.unique(joined[cluster], return_inverse=True)[1]
