"""Summarise points by k-means on position alone: what proxies are worth when meaning has no say in the grouping."""

from __future__ import annotations

from dataclasses import dataclass

from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.pool import pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, usable_weight
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class KMeansPosition:
    """Lloyd's k-means (1982) in metres, weighted, from farthest-point seeds; stops when nothing moves or after `rounds`."""

    rounds: int = 10

    follows_rigid_motion = True
    covers_space = True

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz, weight = points.xyz_world_m.detach().double(), usable_weight(points.weight.double())
        xyz = xyz - xyz.mean(0)
        owner, _ = lloyd(xyz, weight, xyz[farthest_seeds(xyz, weight, count)], self.rounds)
        return pool_hard(points, owner, count, frames)
