"""Summarise points by the cells of a grid, with cells merged until the number of proxies is exact."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.proxies.pool import fill_empty, pool_hard, prepared, sums
from proxy3d.values import Points, Proxies


@dataclass(frozen=True)
class Voxel:
    """The coarsest grid that has at least the budget of occupied cells; then the emptiest cell joins its nearest neighbour, until exact.

    The grid fills the bounds of the points, so shifting a scene does not change it, but turning it does.
    """

    halvings: int = 12  # the finest cell is the longest side of the bounds divided by 2 ** halvings
    steps: int = 8  # of the bisection between two halvings

    follows_rigid_motion = False  # a grid has axes
    covers_space = True

    def __call__(self, points: Points, budget: int, frames: int) -> Proxies:
        """Exactly `budget` proxies (all points if there are fewer).

        Raises:
            BadInput: no points, or a budget below 1.
        """
        points, count = prepared(points, budget)
        xyz = points.xyz_world_m.double()
        owner = self._merged(xyz, self._grid(xyz, count), count)
        centre = sums(owner, count, xyz) / torch.bincount(owner, minlength=count).clamp_min(1)[:, None]
        return pool_hard(points, fill_empty(owner, (xyz - centre[owner]).norm(dim=1), count), count, frames)

    def _grid(self, xyz: Float[Tensor, "L 3"], count: int) -> Int[Tensor, "L"]:
        """Cell of every point, 0.., for the coarsest of the tried grids with at least `count` occupied cells (else the finest)."""
        offset = xyz - xyz.amin(0)
        length = offset.amax(0) * (1 + 1e-9) + 1e-9
        side = float(length.max())

        def cells(size: float) -> tuple[Tensor, int]:
            number = (length / size).ceil()  # along each axis: cells are stretched to fit, else the far walls get cells of their own
            x, y, z = (offset / length * number).long().unbind(1)
            across = 2 ** (self.halvings + 1)  # more cells than there are along any axis: one integer names a cell
            name, cell = torch.unique((x * across + y) * across + z, return_inverse=True)
            return cell, len(name)

        fine = next((side / 2**n for n in range(self.halvings) if cells(side / 2**n)[1] >= count), side / 2**self.halvings)
        coarse = fine * 2
        for _ in range(self.steps):  # more cells when finer is nearly, not strictly, a rule; what counts is that `fine` has enough
            middle = (fine + coarse) / 2
            fine, coarse = (middle, coarse) if cells(middle)[1] >= count else (fine, middle)
        return cells(fine)[0]

    @staticmethod
    def _merged(xyz: Float[Tensor, "L 3"], cell: Int[Tensor, "L"], count: int) -> Int[Tensor, "L"]:
        """Cells joined until `count` are left; fewer cells than that are left alone."""
        cells = int(cell.max()) + 1
        size = torch.bincount(cell, minlength=cells)
        total = sums(cell, cells, xyz)
        alive, joined = torch.ones(cells, dtype=torch.bool), torch.arange(cells)
        for _ in range(cells - count):
            small = torch.where(alive, size, len(xyz) + 1).argmin()
            gap = (total / size[:, None] - total[small] / size[small]).norm(dim=1).masked_fill(~alive, torch.inf)
            gap[small] = torch.inf
            near = gap.argmin()
            size[near] += size[small]
            total[near] += total[small]
            alive[small] = False
            joined[joined == small] = near
        return torch.unique(joined[cell], return_inverse=True)[1]
