"""Which proxy each point went to, for any clusterer, beside the proxies themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from proxy3d.proxies.pool import pool_hard, prepared
from proxy3d.proxies.seeds import canonical_order
from proxy3d.values import Points, Proxies

Clusterer = Callable[[Points, int, int], Proxies]


@torch.no_grad()
def with_owners(clusterer: Clusterer, points: Points, budget: int, frames: int) -> tuple[Proxies, Int[Tensor, "L"]]:
    """The proxies that `clusterer(points, budget, frames)` gives, to the last bit, and the number of the one that each point went to.

    Some clusterers say it themselves (`owners`). To any other each point comes as a frame of its own, so that `seen` tells, and the
    true frames are counted afterwards. Frames are numbered in the canonical order: where they break ties, nothing changes.

    Raises:
        BadInput: no points, or a budget below 1.
    """
    order = canonical_order(points)
    ordered, count = prepared(points, budget)
    if hasattr(clusterer, "owners"):
        owner = clusterer.owners(ordered, count)
        proxies = pool_hard(ordered, owner, int(owner.max()) + 1, frames)
    else:
        proxies = clusterer(replace(ordered, frame=torch.arange(len(ordered))), budget, len(ordered))
        owner = proxies.seen.argmax(0)
        seen = torch.bincount(owner * frames + ordered.frame, minlength=len(proxies) * frames).view(-1, frames)
        proxies = replace(proxies, seen=(seen / proxies.size[:, None]).float())
    return proxies, torch.empty_like(owner).index_copy(0, order, owner)
