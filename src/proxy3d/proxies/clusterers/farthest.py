"""Summarise points by the seeds that lie farthest apart, each averaging the points nearest to it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class Farthest:
    """Farthest-point seeds on position alone, then one mean per seed (Gonzalez 1985)."""

    follows_rigid_motion = True
    covers_space = True

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz = points.xyz_world_m.double()
        seeds = farthest_seeds(xyz, torch.ones(len(xyz), dtype=torch.float64), count)
        distance, owner = torch.cdist(xyz, xyz[seeds], compute_mode="donot_use_mm_for_euclid_dist").min(1)
        return pool_hard(points, fill_empty(owner, distance, count), count, frames)
