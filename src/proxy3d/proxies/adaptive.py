"""How many proxies a clip needs: few for an empty corridor, many for clutter, never more than a ceiling."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.merge import SPARE, merged
from proxy3d.proxies.seeds import farthest_seeds, usable_weight

WORTH = 0.12  # what merging two clusters has to cost (`merge.merged`) for both to be kept; chosen on the validation rooms
ROUNDS = 3  # of Lloyd, before clusters are merged


@torch.no_grad()
def proxies_needed(u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], ceiling: int, *, worth: float = WORTH) -> int:
    """How many clusters are left when every merger that costs less than `worth` is done.

    `u` is the space that the clusterer compares points in (`SoftKMeans.embed`): a meaning of length about 1 and a position
    whose spread is beta, so the threshold means the same in a cupboard and in a hall. Deterministic, rises with the clutter,
    is at least 1 and at most `ceiling` and the number of points.
    """
    ceiling = max(1, min(ceiling, len(u)))
    weight = usable_weight(weight)
    seeds = farthest_seeds(u, weight, min(math.ceil(ceiling * (1 + SPARE)), len(u)))
    owner, _ = lloyd(u, weight, u[seeds], ROUNDS)
    return int(merged(u, weight, owner, ceiling, worth=worth).max()) + 1
