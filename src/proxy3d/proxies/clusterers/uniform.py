"""Summarise points by where they lie in the pictures: the plain pooling of a patch grid, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared, sums
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class Uniform:
    """Cells of (nearly) equal size on the grids of the frames, as many as there are proxies.

    Frames share the budget evenly; with more frames than proxies, neighbouring frames share a cell. A frame's cells lie in rows
    of equal height, and each row is cut into columns, so that any number comes out exactly. Points without `patch` are cut
    into runs of equal length in their canonical order instead. Cells in which no patch has a position take points of others.
    """

    follows_rigid_motion = True  # only pictures enter, and they move with the scene
    covers_space = False  # near surfaces fill many patches and far ones few

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        return pool_hard(points, self.owners(points, count), count, frames)

    def owners(self, points: Points, count: int) -> Int[Tensor, "L"]:
        """Which proxy each point ends up in; nobody is left without a point. `count` is at most the number of points."""
        owner = self._cells(points, count)
        xyz = points.xyz_world_m.double()
        centre = sums(owner, count, xyz) / torch.bincount(owner, minlength=count).clamp_min(1)[:, None]
        return fill_empty(owner, (xyz - centre[owner]).norm(dim=1), count)

    @staticmethod
    def _cells(points: Points, count: int) -> Int[Tensor, "L"]:
        """Cell of every point, 0..count-1; some cells may be empty."""
        shown, frame = torch.unique(points.frame, return_inverse=True)
        t = len(shown)
        if points.patch is None:
            order = torch.argsort(frame, stable=True)
            owner = torch.empty_like(order)
            owner[order] = torch.arange(len(order)) * count // len(order)
            return owner
        height, width = (points.patch.amax(0) + 1).tolist()
        if t > count:
            return frame * count // t
        owner, first = torch.zeros(len(points), dtype=torch.long), 0
        for number in range(t):
            cells = count * (number + 1) // t - first
            rows = min(cells, max(1, round((cells * height / width) ** 0.5)))
            mine = frame == number
            row, column = points.patch[mine].unbind(1)
            row = row * rows // height
            before = row * cells // rows  # cells in the rows above
            across = (row + 1) * cells // rows - before
            owner[mine] = first + before + column * across // width
            first += cells
        return owner
