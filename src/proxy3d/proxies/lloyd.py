"""Lloyd's k-means: the plain rounds that several clusterers share, weighted, in few passes over the points."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.proxies.pool import CHUNK, fill_empty
from proxy3d.proxies.seeds import pull


@torch.no_grad()
def lloyd(
    u: Float[Tensor, "L U"], weight: Float[Tensor, "L"], centre: Float[Tensor, "K U"], rounds: int
) -> tuple[Int[Tensor, "L"], Float[Tensor, "K U"]]:
    """Owner of every point and the centres, after `rounds` rounds of Lloyd (1982) or when nothing moves.

    `weight` (>= 0) counts in the means. Every centre ends with at least one point where there are as many points as centres:
    one that lost all of its own takes the worst-fitting point that can be spared. Distances are |c|^2 - 2 u c, one matrix
    product for each chunk of points, so `u` should lie around the origin, or be in double precision.
    """
    count = len(centre)
    share = weight + 1e-12 * weight.amax().clamp_min(1e-12)  # a proxy whose points all weigh nothing still has a centre
    total, owner = u.new_zeros(count, u.shape[1] + 1), None
    for _ in range(rounds):
        before, owner = owner, nearest(u, centre)
        if int(torch.bincount(owner, minlength=count).min()) == 0:
            owner = fill_empty(owner, (u - centre[owner]).square().sum(1) * pull(share), count)
        if before is None:
            for at in range(0, len(u), CHUNK):
                part = slice(at, at + CHUNK)
                total.index_add_(0, owner[part], counted(u[part], share[part]))
        else:  # after the first round few points change hands, so sums are corrected, not made anew
            changed = (owner != before).nonzero()[:, 0]
            if len(changed) == 0:
                break
            some = counted(u[changed], share[changed])
            total.index_add_(0, owner[changed], some).index_add_(0, before[changed], some, alpha=-1)
        centre = total[:, :-1] / total[:, -1:]
    return owner, centre


def nearest(u: Float[Tensor, "L U"], centre: Float[Tensor, "K U"]) -> Int[Tensor, "L"]:
    """The nearest centre of every point; ties go to the first."""
    bias, aim = -centre.square().sum(1), 2 * centre.T
    parts = [torch.addmm(bias, some, aim).argmax(1) for some in u.split(CHUNK)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def counted(u: Float[Tensor, "n U"], share: Float[Tensor, "n"]) -> Float[Tensor, "n U+1"]:
    """What points add to the sums of their centre: share times [u, 1]."""
    return torch.cat([share[:, None] * u, share[:, None]], 1)
