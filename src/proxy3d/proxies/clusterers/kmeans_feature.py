"""Summarise points by k-means on features alone: what proxies are worth when place has no say in the grouping."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional

from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.pool import pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, usable_weight
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class KMeansFeature:
    """Weighted k-means of unit-length features, from farthest seeds. Two chairs that look alike become one proxy between them."""

    rounds: int = 10

    follows_rigid_motion = False  # among points that look exactly alike, place decides
    covers_space = False

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        meaning, weight = functional.normalize(points.feature.detach(), dim=-1), usable_weight(points.weight)
        owner, _ = lloyd(meaning, weight, meaning[farthest_seeds(meaning, weight, count)], self.rounds)
        return pool_hard(points, owner, count, frames)
