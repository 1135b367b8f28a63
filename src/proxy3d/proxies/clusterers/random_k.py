"""Summarise points by random ones: the yardstick that every other clusterer has to beat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class RandomK:
    """Points drawn without replacement, each averaging the points nearest to it.

    The generator is seeded with the positions themselves: the same points give the same draw, in whatever order they come.
    """

    seed: int = 0

    follows_rigid_motion = False  # moved points are other points, so the draw is another draw
    covers_space = False  # it is what the others are measured against

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz = points.xyz_world_m
        digest = hashlib.sha256(xyz.detach().numpy().astype("<f4").tobytes() + str(self.seed).encode()).digest()
        drawn = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little"))).choice(len(xyz), count, replace=False)
        distance, owner = torch.cdist(xyz, xyz[torch.from_numpy(drawn)], compute_mode="donot_use_mm_for_euclid_dist").min(1)
        return pool_hard(points, fill_empty(owner, distance, count), count, frames)
