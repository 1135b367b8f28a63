"""A transformer set encoder: seeds that compete for the points, talk to each other, and look again."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from proxy3d.proxies.clusterers.soft_kmeans import closeness, moved, weighted
from proxy3d.proxies.pool import fill_empty, pool_hard, prepared
from proxy3d.proxies.seeds import farthest_seeds, pull, usable_weight
from proxy3d.proxies.space import joint_space, projection
from proxy3d.values import Points, Proxies

SMALL = 0.1  # gain of the last layer of each branch: an untrained encoder is nearly soft k-means, yet gradients reach every layer


class Branch(nn.Module):
    """Two layers whose output is added to their input."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        with torch.no_grad():
            self.down.weight.mul_(SMALL)
            self.down.bias.zero_()

    def forward(self, x: Float[Tensor, "*b n W"]) -> Float[Tensor, "*b n W"]:
        return x + self.down(functional.gelu(self.up(self.norm(x))))


class Among(nn.Module):
    """Seeds attend to each other, with one head; the result is added."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        with torch.no_grad():
            self.out.weight.mul_(SMALL)
            self.out.bias.zero_()

    def forward(self, x: Float[Tensor, "*b K W"]) -> Float[Tensor, "*b K W"]:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        return x + self.out(torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v)


class SetEncoder(nn.Module):
    """Slot attention (Locatello et al. 2020, arXiv 2006.15055) on [meaning, position] (method.md 3.5).

    Points become keys, seeds start at farthest points, so any number of them can be asked for. In each block the seeds compete
    for every point (softmax over seeds, by distance), take the weighted mean of what they won, then attend to each other. The
    shares of the last competition pool positions, so proxies stay inside the scene. It plugs in where SoftKMeans does.
    Without `feature_dim` features of any width are brought to `width` by a fixed map.

    >>> share, _ = SetEncoder(feature_dim=96).assign(feature, xyz, weight, 32)  # training, (L, 32)
    """

    name = "set_encoder"  # in CLUSTERERS, and in saved weights
    follows_rigid_motion = False  # its layers see coordinates
    covers_space = True

    def __init__(self, feature_dim: int | None = None, width: int = 32, blocks: int = 2, *, beta: float = 1.0, tau: float = 0.05):
        super().__init__()
        self.sizes = {"feature_dim": feature_dim, "width": width, "blocks": blocks}  # what rebuilds it around saved weights
        self.width = width
        with torch.random.fork_rng(devices=[]):  # two encoders start alike, and making one draws nothing from anybody's random state
            torch.manual_seed(0)
            self.log_beta = nn.Parameter(torch.tensor(math.log(beta)))
            self.log_tau = nn.Parameter(torch.tensor(math.log(tau)))
            self.meaning_map = nn.Parameter(projection(width, feature_dim)) if feature_dim is not None else None
            self.key = Branch(width + 3)
            self.among = nn.ModuleList(Among(width + 3) for _ in range(blocks))
            self.think = nn.ModuleList(Branch(width + 3) for _ in range(blocks))

    def embed(self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L U"]:
        """The space that points start in, before any layer; U = width + 3."""
        meaning_map = self.meaning_map
        if meaning_map is None:
            meaning_map = projection(self.width, feature.shape[-1]).to(feature)
        return joint_space(feature, xyz, weight, beta=self.log_beta.exp(), meaning_map=meaning_map)

    def assign(
        self, feature: Float[Tensor, "*b L D"], xyz: Float[Tensor, "*b L 3"], weight: Float[Tensor, "*b L"], budget: int
    ) -> tuple[Float[Tensor, "*b L K"], Int[Tensor, "*b K"]]:
        """Share of every point that each proxy gets (rows sum to 1), and the points the seeds started from; see `SoftKMeans.assign`."""
        share, _, _, seeds = self._look(feature, xyz, weight, budget)
        return share, seeds

    @torch.no_grad()
    def forward(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer): every point goes to its largest share.

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        return pool_hard(points, self.owners(points, count), count, frames)

    @torch.no_grad()
    def owners(self, points: Points, count: int) -> Int[Tensor, "L"]:
        """Which proxy each point ends up in; nobody is left without a point. `count` is at most the number of points."""
        share, key, slot, _ = self._look(points.feature, points.xyz_world_m, points.weight, count)
        owner = share.argmax(1)
        return fill_empty(owner, (key - slot[owner]).square().sum(1) * pull(usable_weight(points.weight)), count)

    def _look(self, feature: Tensor, xyz: Tensor, weight: Tensor, budget: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Shares of the last competition, keys, the seeds those shares were measured against, and where the seeds started."""
        u = self.embed(feature, xyz, weight)
        weight, tau = usable_weight(weight), self.log_tau.exp()
        seeds = farthest_seeds(u.detach(), weight, budget)
        key = self.key(u)
        slot = key.gather(-2, seeds[..., None].expand(*seeds.shape, key.shape[-1]))
        share, rows = torch.softmax(closeness(key, slot, tau), -1), weighted(key, weight)
        for among, think in zip(self.among, self.think, strict=True):
            slot = think(among(moved(slot, share.transpose(-1, -2) @ rows)))
            share = torch.softmax(closeness(key, slot, tau), -1)
        return share, key, slot, seeds
