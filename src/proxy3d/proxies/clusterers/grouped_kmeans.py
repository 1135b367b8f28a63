"""Summarise each object on its own: groups, a budget for each by its size, k-means on position inside, neighbours side by side."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from proxy3d.proxies.budget import shared
from proxy3d.proxies.group import Way, at_most, grouped
from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.order import breadth_first
from proxy3d.proxies.pool import pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, usable_weight
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class GroupedKMeans:
    """The published method (method.md 3.3 to 3.6): semantic groups first, then clusters by position within each group.

    Groups are the labels of the points where they have any (of masks, or of the truth as an upper bound), else neighbours that
    look alike; `way` forces one. Every group starts with `floor` proxies, so that a cup is not lost beside a wall. Proxies
    come in breadth-first order from the one nearest the origin.
    """

    way: Way | None = None
    floor: int = 2
    rounds: int = 10
    cosine: float = 0.8  # features of neighbours at least this much alike belong together, where there are no labels

    follows_rigid_motion = True
    covers_space = False  # a cup gets two proxies that the wall behind it would need

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz = points.xyz_world_m.detach().double()
        group = at_most(grouped(points, self.way, cosine=self.cosine), xyz, count)
        owner, first = torch.zeros(len(points), dtype=torch.long), 0
        for number, own in enumerate(shared(torch.bincount(group).tolist(), count, floor=self.floor)):
            mine = (group == number).nonzero()[:, 0]
            weight = usable_weight(points.weight[mine].double())
            here = xyz[mine] - xyz[mine].mean(0)
            owner[mine] = first + lloyd(here, weight, here[farthest_seeds(here, weight, own)], self.rounds)[0]
            first += own
        proxies = pool_hard(points, owner, count, frames)
        order = breadth_first(proxies.xyz_world_m)
        return Proxies(**{f.name: getattr(proxies, f.name)[order] for f in fields(proxies)})
