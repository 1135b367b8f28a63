"""Learnable k-means on [meaning, position]: soft and differentiable in training, hard and exact in use."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, pull, usable_weight
from proxy3d.values import Points, Proxies


class SoftKMeans(nn.Module):
    """Soft k-means (method.md 3.5): u_j = [W f_j / |f_j| ; beta (p_j - mean) / s], A = softmax(-|u - c|^2 / tau), a few rounds.

    W, beta and tau are learned: W says which differences of meaning matter, beta how much position weighs against meaning,
    tau how soft the assignment is. Seeds are farthest points, so only distances enter and nothing is drawn at random:
    moving the scene rigidly moves the proxies with it. With tau -> 0 this is Lloyd's k-means.
    Without `feature_dim` W is the identity, features of any width are taken, and `width` is not used.

    >>> clusterer = SoftKMeans(feature_dim=1280)
    >>> share, _ = clusterer.assign(feature, xyz, weight, 32)       # training, (L, 32)
    >>> proxies = clusterer(points, budget=32, frames=8)            # use
    """

    follows_rigid_motion = True

    def __init__(self, feature_dim: int | None = None, width: int = 32, rounds: int = 3, *, beta: float = 1.0, tau: float = 0.05):
        super().__init__()
        self.rounds = rounds
        self.sizes = {"feature_dim": feature_dim, "width": width, "rounds": rounds}  # what rebuilds it around saved weights
        self.log_beta = nn.Parameter(torch.tensor(math.log(beta)))
        self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
        self.meaning_map = None
        if feature_dim is not None:
            start = torch.empty(width, feature_dim)
            nn.init.orthogonal_(start, generator=torch.Generator().manual_seed(0))
            # Scaled so that a projected difference is as long as the difference itself, on average.
            self.meaning_map = nn.Parameter(start * math.sqrt(max(feature_dim / width, 1.0)))

    def embed(self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L U"]:
        """The space in which points are compared: unit-length meaning beside position in units of the clip's own spread."""
        share = usable_weight(weight)[..., None]
        offset = xyz - (share * xyz).sum(-2, keepdim=True)
        spread = (share * offset.square()).sum((-1, -2), keepdim=True).sqrt().clamp_min(1e-6)
        meaning = functional.normalize(feature, dim=-1)
        if self.meaning_map is not None:
            meaning = functional.linear(meaning, self.meaning_map)
        return torch.cat([meaning, self.log_beta.exp() * offset / spread], -1)

    def assign(
        self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"], budget: int
    ) -> tuple[Float[Tensor, "*b L K"], Int[Tensor, "*b K"]]:
        """Share of every point that each proxy gets (rows sum to 1), and the points the centres started from.

        Differentiable in feature, xyz, weight and all parameters, except through the choice of the seeds. Takes one clip or a
        batch of them; fill shorter clips up with points of weight 0, which count for nothing.
        """
        share, _, _, seeds = self._rounds(feature, xyz, weight, budget)
        return share, seeds

    @torch.no_grad()
    def forward(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer): the same rounds, then every point goes to its largest share.

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        return pool_hard(points, self.owners(points, count), count, frames)

    @torch.no_grad()
    def owners(self, points: Points, count: int) -> Int[Tensor, "L"]:
        """Which proxy each point ends up in; nobody is left without a point. `count` is at most the number of points."""
        share, u, centre, _ = self._rounds(points.feature, points.xyz_world_m, points.weight, count)
        owner = share.argmax(1)
        misfit = (u - centre[owner]).square().sum(1) * pull(usable_weight(points.weight))
        return fill_empty(owner, misfit, count)

    def _rounds(self, feature: Tensor, xyz: Tensor, weight: Tensor, budget: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Shares of the last round, u, the centres those shares were measured against, and the seeds."""
        u = self.embed(feature, xyz, weight)
        weight = usable_weight(weight)
        seeds = farthest_seeds(u.detach(), weight, budget)
        centre = u.gather(-2, seeds[..., None].expand(*seeds.shape, u.shape[-1]))
        share = self._share(u, centre)
        for _ in range(self.rounds - 1):
            mass = share * weight[..., None]
            # A centre that has lost all its points stays where it is instead of dividing by zero.
            centre = (mass.transpose(-1, -2) @ u + 1e-9 * centre) / (mass.sum(-2)[..., None] + 1e-9)
            share = self._share(u, centre)
        return share, u, centre, seeds

    def _share(self, u: Tensor, centre: Tensor) -> Tensor:
        # |u - c|^2 without |u|^2, which is the same for all k and drops out of the softmax.
        closeness = 2 * u @ centre.transpose(-1, -2) - centre.square().sum(-1)[..., None, :]
        return torch.softmax(closeness / self.log_tau.exp(), -1)
