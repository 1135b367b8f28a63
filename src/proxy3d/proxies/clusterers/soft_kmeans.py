"""Learnable k-means on [meaning, position]: soft and differentiable in training, hard and exact in use."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.proxies.merge import SPARE, merged
from proxy3d.proxies.pool import CHUNK, fill_empty, pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, pull, usable_weight
from proxy3d.proxies.space import joint_space, projection
from proxy3d.values import Points, Proxies


class SoftKMeans(nn.Module):
    """Soft k-means (method.md 3.5): u_j = [W f_j / |f_j| ; beta (p_j - mean) / s], A = softmax(-|u - c|^2 / tau), a few rounds.

    W, beta and tau are learned: W says which differences of meaning matter, beta how much position weighs against meaning,
    tau how soft the assignment is. Seeds are farthest points, so only distances enter and nothing is drawn at random:
    moving the scene rigidly moves the proxies with it. With tau -> 0 this is Lloyd's k-means. In use there are `spare` more clusters
    than proxies at first, and those that differ and matter least are merged (`proxies.merge`): farthest points are outliers, and a
    wall that got three of them gives two back.
    Without `feature_dim` W is the identity, features of any width are taken, and `width` is not used.

    >>> clusterer = SoftKMeans(feature_dim=1280)
    >>> share, _ = clusterer.assign(feature, xyz, weight, 32)       # training, (L, 32)
    >>> proxies = clusterer(points, budget=32, frames=8)            # use
    """

    name = "soft_kmeans"  # in CLUSTERERS, and in saved weights
    follows_rigid_motion = True
    covers_space = True  # proxies lie closer to the points than random ones do

    def __init__(
        self, feature_dim: int | None = None, width: int = 32, rounds: int = 3, *, spare: float = SPARE, beta: float = 1.0, tau: float = 0.05
    ):
        super().__init__()
        self.rounds, self.spare = rounds, spare
        self.sizes = {"feature_dim": feature_dim, "width": width, "rounds": rounds, "spare": spare}  # what rebuilds it around saved weights
        self.log_beta = nn.Parameter(torch.tensor(math.log(beta)))
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
        self.meaning_map = None
        if feature_dim is not None:
            self.meaning_map = nn.Parameter(projection(width, feature_dim))

    def embed(self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L U"]:
        """The space in which points are compared: unit-length meaning beside position in units of the clip's own spread."""
        return joint_space(feature, xyz, weight, beta=self.log_beta.exp(), meaning_map=self.meaning_map)

    def assign(
        self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"], budget: int
    ) -> tuple[Float[Tensor, "*b L K"], Int[Tensor, "*b K"]]:
        """Share of every point that each proxy gets (rows sum to 1), and the points the centres started from.

        Differentiable in feature, xyz, weight and all parameters, except through the choice of the seeds. Takes one clip or a
        batch of them; fill shorter clips up with points of weight 0, which count for nothing.
        """
        return self._rounds(feature, xyz, weight, budget)

    @torch.no_grad()
    def forward(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer): the same rounds, every point goes to its largest share, spare clusters merge.

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        return pool_hard(points, self.owners(points, count), count, frames)

    @torch.no_grad()
    def owners(self, points: Points, count: int) -> Int[Tensor, "L"]:
        """Which proxy each point ends up in; nobody is left without a point. `count` is at most the number of points."""
        u, weight = self.embed(points.feature, points.xyz_world_m, points.weight), usable_weight(points.weight)
        owner = self._hard(u, weight, min(math.ceil(count * (1 + self.spare)), len(points)))
        return owner if self.spare == 0 else merged(u, weight, owner, count)

    def _hard(self, u: Tensor, weight: Tensor, count: int) -> Tensor:
        """Owner of every point after the rounds, all clusters with at least one point."""
        tau, centre = self.log_tau.exp(), u[farthest_seeds(u, weight, count)]
        parts = list(zip(u.split(CHUNK), weighted(u, weight).split(CHUNK), strict=True))
        for _ in range(self.rounds - 1):
            total = sum(torch.softmax(closeness(some, centre, tau), -1).T @ rows for some, rows in parts)
            centre = moved(centre, total)
        # The largest share is the largest closeness: the last softmax is not needed.
        owner = torch.cat([closeness(some, centre, tau).argmax(1) for some, _ in parts])
        if int(torch.bincount(owner, minlength=count).min()) > 0:
            return owner
        return fill_empty(owner, (u - centre[owner]).square().sum(1) * pull(weight), count)

    def _rounds(self, feature: Tensor, xyz: Tensor, weight: Tensor, budget: int) -> tuple[Tensor, Tensor]:
        """Shares of the last round, and the seeds."""
        u = self.embed(feature, xyz, weight)
        weight, tau = usable_weight(weight), self.log_tau.exp()
        seeds = farthest_seeds(u.detach(), weight, budget)
        centre = u.gather(-2, seeds[..., None].expand(*seeds.shape, u.shape[-1]))
        share, rows = torch.softmax(closeness(u, centre, tau), -1), weighted(u, weight)
        for _ in range(self.rounds - 1):
            centre = moved(centre, share.transpose(-1, -2) @ rows)
            share = torch.softmax(closeness(u, centre, tau), -1)
        return share, seeds


def closeness(u: Float[Tensor, "*b L U"], centre: Float[Tensor, "*b K U"], tau: Float[Tensor, ""]) -> Float[Tensor, "*b L K"]:
    """-|u - c|^2 / tau without |u|^2, which is the same for all centres and drops out of softmax and maximum; one matrix product."""
    aim = centre.transpose(-1, -2) * (2 / tau)
    bias = -centre.square().sum(-1)[..., None, :] / tau
    return torch.baddbmm(bias, u, aim) if u.ndim == 3 else torch.addmm(bias, u, aim) if u.ndim == 2 else u @ aim + bias


def weighted(u: Float[Tensor, "*b L U"], weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L U+1"]:
    """w_j [u_j, 1], made once: shares times these rows are sums of points and of weights in one matrix product.

    Those of parts of the points simply add up, so a million points are worked through piece by piece.
    """
    return torch.cat([weight[..., None] * u, weight[..., None]], -1)


def moved(centre: Float[Tensor, "*b K U"], total: Float[Tensor, "*b K U+1"]) -> Float[Tensor, "*b K U"]:
    """The centres of such sums. One that has lost all its points stays where it is instead of dividing by zero."""
    return (total[..., :-1] + 1e-9 * centre) / (total[..., -1:] + 1e-9)
