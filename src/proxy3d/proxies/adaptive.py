"""How many proxies a clip needs: few for an empty corridor, many for clutter, never more than a ceiling."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.proxies.seeds import farthest_walk

LEAST_GAIN = 0.004  # squared error, in units of the joint space, that one more proxy has to save; lower = more proxies
WINDOW = 8  # proxies over which the gain is averaged: the error of farthest-point seeds falls in steps


def errors_by_count(u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], most: int) -> Float[Tensor, "K"]:
    """Mean squared distance to the nearest of the first k farthest-point seeds, for k = 1..most; never rises.

    One walk over the seeds gives all of them, because the seeds of k proxies begin those of k + 1.
    """
    return farthest_walk(u, weight, most, errors=True)[1]


def proxies_needed(u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], ceiling: int, *, least_gain: float = LEAST_GAIN) -> int:
    """The number of proxies from which on, over the next `WINDOW`, one more saves less than `least_gain` of squared error.

    `u` is the space that the clusterer compares points in (`SoftKMeans.embed`): a meaning of length about 1 and a position
    whose spread is beta, so the threshold means the same in a cupboard and in a hall. Deterministic, rises with the clutter,
    is at least 1 and at most `ceiling` and the number of points.
    """
    ceiling = max(1, min(ceiling, len(u)))
    error = errors_by_count(u, weight, min(ceiling + WINDOW, len(u)))
    ahead = error[(torch.arange(len(error)) + WINDOW).clamp_max(len(error) - 1)]
    enough = (error - ahead) / WINDOW < least_gain
    return min(int(enough.nonzero()[0, 0]) + 1, ceiling)  # the last always is: nothing comes after it
