"""Summarise points by k-means on position alone: what proxies are worth when meaning has no say in the grouping."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared, sums
from proxy3d.proxies.seeds import farthest_seeds, pull, usable_weight
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class KMeansPosition:
    """Lloyd's k-means (1982) in metres, weighted, from farthest-point seeds; stops when nothing moves or after `rounds`."""

    rounds: int = 10

    follows_rigid_motion = True

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz, weight = points.xyz_world_m.double(), usable_weight(points.weight.double())
        centre = xyz[farthest_seeds(xyz, weight, count)]
        owner = torch.full((len(xyz),), -1)
        for _ in range(self.rounds):
            distance, nearest = torch.cdist(xyz, centre, compute_mode="donot_use_mm_for_euclid_dist").min(1)
            nearest = fill_empty(nearest, distance.square() * pull(weight), count)
            if torch.equal(nearest, owner):
                break
            owner = nearest
            share = (weight + 1e-12)[:, None]  # so that a proxy whose points all weigh nothing still has a centre
            centre = sums(owner, count, share * xyz) / sums(owner, count, share)
        return pool_hard(points, owner, count, frames)
