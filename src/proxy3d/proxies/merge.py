"""Merge clusters pairwise until few are left: neighbours that differ least and matter least first."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.proxies.pool import sums

SPARE = 0.5  # clusters to merge, above those that are wanted, as a share of them


@torch.no_grad()
def merged(
    u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], owner: Int[Tensor, "L"], count: int, *, worth: float | None = None
) -> Int[Tensor, "L"]:
    """The owner of every point after clusters, numbered from 0 and none of them empty, were merged until `count` are left.

    Each merger is the one that costs least: |c_i - c_j|^2 max(h_i, h_j), where h is the mean weight of a cluster's points relative to
    the weightiest point. Ward (1963) would count points instead; here it does not matter how many there are: halves of a wall
    are joined before a cup is given to the table below it. With `worth`, mergers below that cost go on when no more than `count`
    are left. Ties go to the earlier pair.
    """
    found = int(owner.max()) + 1
    mass = (weight / weight.max().clamp_min(1e-30) + 1e-12).double()  # clusters whose points all weigh nothing still have a centre
    c = (sums(owner, found, mass[:, None] * u.double()) / sums(owner, found, mass[:, None])).numpy()
    m, n = sums(owner, found, mass[:, None])[:, 0].numpy(), torch.bincount(owner, minlength=found).double().numpy()
    h, group, left = m / n, np.arange(found), found
    square = torch.cdist(torch.from_numpy(c), torch.from_numpy(c), compute_mode="donot_use_mm_for_euclid_dist").square().numpy()
    cost = square * np.maximum(h[:, None], h[None])
    cost[np.tril_indices(found)] = np.inf  # a pair stands once, in the row of the earlier
    while left > 1:
        i, j = divmod(int(cost.argmin()), found)
        if left <= count and (worth is None or cost[i, j] >= worth):
            break
        c[i] = (m[i] * c[i] + m[j] * c[j]) / (m[i] + m[j])
        m[i], n[i] = m[i] + m[j], n[i] + n[j]
        h[i] = m[i] / n[i]
        group[group == j] = i
        fresh = np.square(c - c[i]).sum(-1) * np.maximum(h, h[i])
        fresh[group != np.arange(found)] = np.inf  # gone
        cost[:i, i], cost[i, i + 1 :] = fresh[:i], fresh[i + 1 :]
        cost[j], cost[:, j] = np.inf, np.inf
        left -= 1
    return torch.from_numpy(np.unique(group, return_inverse=True)[1])[owner]
