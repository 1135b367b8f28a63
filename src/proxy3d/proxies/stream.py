"""Proxies of a stream: frames come one after another, memory stays bounded, and proxies are there whenever they are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.proxies.clusterers import Learned
from proxy3d.proxies.lloyd import nearest
from proxy3d.proxies.pool import LEAST_EXTENT_M, position_sigma, prepared, sums
from proxy3d.proxies.seeds import farthest_seeds
from proxy3d.values import Points, Proxies

FORGOTTEN = 1e-3  # a cluster whose mass is this small a part of the heaviest one's is dropped


@dataclass(frozen=True)
class Summary:
    """Sums over the points of micro-clusters: all that is kept of them. Sums of sums are exact, so merging loses no moment."""

    mass: Float[Tensor, "M"]  # sum of weights
    xyz_m: Float[Tensor, "M 3"]  # sum of weight x position
    square_m2: Float[Tensor, "M 3"]  # sum of weight x squared offset from the cluster's own mean
    feature: Float[Tensor, "M D"]  # sum of weight x feature
    rgb: Float[Tensor, "M 3"]  # sum of weight x colour
    size: Float[Tensor, "M"]  # points; a forgetting stream holds parts of points
    seen: Float[Tensor, "M T"]  # points from each frame

    def __len__(self) -> int:
        return len(self.mass)


@dataclass
class ProxyStream:
    """At most `most` micro-clusters stand for everything seen so far, in any number of frames.

    New points join them; when there are too many, each goes to the nearest of `most` farthest-point seeds, in the space that
    the clusterer compares points in. Proxies are the clusterer's own on those micro-clusters. With `half_life`, what was seen
    that many batches ago counts half, and what counts for nothing is dropped.

    >>> stream = ProxyStream(clusterer, frames=64)
    >>> for points in batches: stream.add(points)
    >>> stream.proxies(32)
    """

    clusterer: Learned
    frames: int  # columns of `seen`; points carry a frame below that
    most: int = 512
    half_life: float | None = None  # batches
    summary: Summary | None = None

    @torch.no_grad()
    def add(self, points: Points) -> None:
        """Take in the points of one or more frames; what is held afterwards does not depend on how many came before.

        Raises:
            BadInput: a frame that has no column, or features of another width than before.
        """
        if len(points) == 0:
            return
        if int(points.frame.max()) >= self.frames:
            raise BadInput(f"a point of frame {int(points.frame.max())} in a stream of {self.frames} frames; expected frames from 0")
        if self.summary is not None and self.summary.feature.shape[1] != points.feature.shape[1]:
            raise BadInput(f"features of {points.feature.shape[1]} numbers in a stream of {self.summary.feature.shape[1]}")
        fresh = singles(prepared(points, 1)[0], self.frames)
        held = fresh if self.summary is None else joined(faded(self.summary, self.half_life), fresh)
        self.summary = self._fewer(held)

    def _fewer(self, held: Summary) -> Summary:
        """The same in at most `most` clusters."""
        if len(held) <= self.most:
            return held
        points = as_points(held)
        u = self.clusterer.embed(points.feature, points.xyz_world_m, held.mass.to(points.feature))
        seeds = farthest_seeds(u, torch.ones(len(u)).to(u), self.most)  # all alike: a light cluster far from others must not be lost
        return merged(held, nearest(u, u[seeds]), self.most)

    @torch.no_grad()
    def proxies(self, budget: int) -> Proxies:
        """Exactly `budget` proxies of everything seen so far (as many as there are micro-clusters if those are fewer).

        Raises:
            BadInput: nothing was seen yet, or a budget below 1.
        """
        if budget < 1 or self.summary is None:
            raise BadInput(f"{budget} proxies of {'nothing' if self.summary is None else 'a stream'}: add points first and ask for at least 1")
        count = min(budget, len(self.summary))
        return finished(merged(self.summary, self.clusterer.owners(as_points(self.summary), count), count))


def singles(points: Points, frames: int) -> Summary:
    """Every point as a cluster of its own. One of weight 0 keeps a trace of weight, so that it still has a place."""
    mass = points.weight.detach().double().clamp_min(1e-9)
    seen = torch.zeros(len(points), frames, dtype=torch.float64).scatter_(1, points.frame[:, None], 1.0)
    weighted = [mass[:, None] * value.detach().double() for value in (points.xyz_world_m, points.feature, points.rgb)]
    return Summary(mass, weighted[0], torch.zeros_like(weighted[0]), weighted[1], weighted[2], torch.ones(len(points)).double(), seen)


def joined(one: Summary, other: Summary) -> Summary:
    """Both, side by side."""
    return Summary(**{f.name: torch.cat([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Summary)})


def faded(held: Summary, half_life: float | None) -> Summary:
    """A batch later: everything counts a little less, and what counts for nothing is gone."""
    if half_life is None:
        return held
    less = 0.5 ** (1 / half_life)
    kept = held.mass * less > FORGOTTEN * held.mass.max()
    return Summary(**{f.name: getattr(held, f.name)[kept] * less for f in fields(Summary)})


def merged(held: Summary, owner: Int[Tensor, "M"], count: int) -> Summary:
    """Clusters summed by owner; empty owners vanish. Second moments move to the new means (the parallel axis rule)."""
    total = {f.name: sums(owner, count, getattr(held, f.name).reshape(len(held), -1)) for f in fields(Summary)}
    mean = total["xyz_m"] / total["mass"].clamp_min(1e-300)
    offset = held.xyz_m / held.mass[:, None] - mean[owner]
    total["square_m2"] += sums(owner, count, held.mass[:, None] * offset.square())
    full = torch.bincount(owner, minlength=count) > 0
    shaped = {f.name: total[f.name].reshape(count, *getattr(held, f.name).shape[1:])[full] for f in fields(Summary)}
    return Summary(**shaped)


def as_points(held: Summary) -> Points:
    """Micro-clusters as weighted points; weights are scaled to at most 1."""
    mass = held.mass[:, None]
    weight = (held.mass / held.mass.max()).float()
    none = torch.zeros(len(held), dtype=torch.long)
    return Points((held.xyz_m / mass).float(), (held.feature / mass).float(), (held.rgb / mass).float(), none, weight)


def finished(held: Summary) -> Proxies:
    """Proxies of micro-clusters that were merged into as many as are wanted; the fields mean what `pool_hard` says."""
    mass = held.mass[:, None]
    variance = held.square_m2.clamp_min(0.0) / mass
    size = held.size.round().long().clamp_min(1)
    return Proxies(
        xyz_world_m=(held.xyz_m / mass).float(),
        extent_m=(math.sqrt(3) * variance.sqrt()).clamp_min(LEAST_EXTENT_M).float(),
        feature=(held.feature / mass).float(),
        weight=(held.mass / held.mass.sum()).float(),
        size=size,
        seen=(held.seen / held.seen.sum(1, keepdim=True)).float(),
        sigma_m=position_sigma(variance, held.mass).float(),
    )
