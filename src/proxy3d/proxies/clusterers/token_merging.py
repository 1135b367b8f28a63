"""Summarise points by merging the tokens that look most alike, half of them at a time, until the number is exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared, sums
from proxy3d.proxies.seeds import usable_weight
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class TokenMerging:
    """Bipartite soft matching of ToMe (Bolya et al. 2022, arXiv 2210.09461, section 3), repeated until exactly N tokens are left.

    Every other token looks for its most similar partner (cosine) among the rest; the most similar pairs merge into their
    weighted mean. ToMe merges a little in every layer of a network; here there is one clip and no network, so in each round the
    better half of the pairs merges, or as many as are needed. Partners are sought within blocks of tokens, so cost is linear in points.
    """

    block: int = 4096  # tokens among which partners are sought

    follows_rigid_motion = False  # which tokens look for partners depends on their order
    covers_space = False

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        mass = usable_weight(points.weight) + 1e-9
        owner, token = torch.arange(len(points)), points.feature.detach()
        while len(token) > count:
            joined = self._matched(functional.normalize(token, dim=-1), len(token) - count)
            left, total = int(joined.max()) + 1, mass
            mass = sums(joined, left, total[:, None])[:, 0]
            token = sums(joined, left, total[:, None] * token) / mass[:, None]
            owner = joined[owner]
        return pool_hard(points, fill_empty(owner, torch.zeros(len(owner)), count), count, frames)

    def _matched(self, unit: Float[Tensor, "n D"], spare: int) -> Int[Tensor, "n"]:
        """New number of every token, 0.. without gaps, after at most `spare` mergers, of the more similar half of the pairs."""
        number = torch.arange(len(unit))
        likeness, partner = torch.full((len(unit),), -torch.inf), number.clone()
        for at in range(0, len(unit), self.block):
            some = unit[at : at + self.block]
            if len(some) > 1:
                best = (some[1::2] @ some[::2].T).max(1)
                likeness[at + 1 : at + len(some) : 2] = best.values
                partner[at + 1 : at + len(some) : 2] = at + 2 * best.indices
        seekers = int(torch.isfinite(likeness).sum())
        merging = likeness.argsort(descending=True, stable=True)[: min(spare, (seekers + 1) // 2)]
        target = number.clone()
        target[merging] = partner[merging]
        return torch.unique(target, return_inverse=True)[1]
