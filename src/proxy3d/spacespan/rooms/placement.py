"""Where things can stand: oriented footprints that must not overlap, and the surfaces on, in and under a piece of furniture.

A `Solid` is what a model occupies, measured from its triangles on a grid of 3 cm columns, so that a cup rests on the real
top of a table and a book finds the free shelf of a bookcase. Boxes alone would let things float above a sofa's seat.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from proxy3d.spacespan.rooms.model import Model

CELL_M = 0.03  # side of a column
BIN_M = 0.02  # height of a cell of a column
FLAT_M = 0.006  # how far a surface may stray from its level


@dataclass(frozen=True)
class Level:
    """A horizontal surface of a model at one height."""

    height_m: float
    flat: Bool[np.ndarray, "X Y"]  # which columns belong to it


@dataclass(frozen=True)
class Solid:
    """What a model occupies, in its own axes."""

    low_m: Float[np.ndarray, "3"]  # bounds of its triangles
    high_m: Float[np.ndarray, "3"]
    occupied: Bool[np.ndarray, "X Y Z"]  # columns of CELL_M, cells of BIN_M, from low_m
    levels: tuple[Level, ...]  # highest first
    sample_m: Float[np.ndarray, "N 3"]  # points spread over its surface

    @staticmethod
    def of(model: Model) -> Solid:
        """Measures a model; the same model always gives the same solid."""
        triangle = np.asarray(model.triangle_m, np.float64)
        low, high = triangle.reshape(-1, 3).min(0), triangle.reshape(-1, 3).max(0)
        sample, face = spread(triangle)
        cell = ((sample - low) / (CELL_M, CELL_M, BIN_M)).astype(int)
        shape = np.maximum(np.ceil((high - low) / (CELL_M, CELL_M, BIN_M)).astype(int), 1)
        cell = np.minimum(cell, shape - 1)
        occupied = np.zeros(shape, bool)
        occupied[tuple(cell.T)] = True
        normal = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
        # Some models have inward faces, so a surface that faces down counts as well; what lies above it decides.
        level_face = np.abs(normal[:, 2]) > 0.98 * np.linalg.norm(normal, axis=1)
        levels = _levels(sample[level_face[face]], cell[level_face[face], :2], occupied, low[2])
        return Solid(low.astype(np.float32), high.astype(np.float32), occupied, levels, sample[:: max(1, len(sample) // 1500)].astype(np.float32))


def spread(triangle_m: Float[np.ndarray, "F 3 3"], per_cell: float = 5.0, most: int = 60_000) -> tuple[Float[np.ndarray, "N 3"], np.ndarray]:
    """Points spread over triangles, about `per_cell` per CELL_M squared and at least one each, and the triangle of each."""
    area = np.linalg.norm(np.cross(triangle_m[:, 1] - triangle_m[:, 0], triangle_m[:, 2] - triangle_m[:, 0]), axis=1) / 2
    density = min(per_cell / CELL_M**2, most / max(area.sum(), 1e-9))
    count = np.ceil(area * density).astype(int).clip(1)
    face = np.repeat(np.arange(len(count)), count)
    order = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    # An R2 sequence (Roberts 2018) within each triangle: even, and without a random generator to seed.
    u, v = (0.5 + 0.7548776662 * (order + 1)) % 1, (0.5 + 0.5698402910 * (order + 1)) % 1
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u)[:, None], np.where(fold, 1 - v, v)[:, None]
    a, b, c = triangle_m[face, 0], triangle_m[face, 1], triangle_m[face, 2]
    return a + u * (b - a) + v * (c - a), face


def _levels(sample: np.ndarray, column: np.ndarray, occupied: np.ndarray, floor: float, least_m2: float = 0.012) -> tuple[Level, ...]:
    """Heights at which many columns have a horizontal surface with nothing just above it."""
    if not len(sample):
        return ()
    step = np.round((sample[:, 2] - floor) / FLAT_M).astype(int)
    wide, deep = occupied.shape[:2]
    key = np.unique((step * wide + column[:, 0]) * deep + column[:, 1])  # each column counts once per height
    heights, count = np.unique(key // (wide * deep), return_counts=True)
    found: list[Level] = []
    for at_step in sorted(heights[np.argsort(-count, kind="stable")[:24]], reverse=True):
        at = np.abs(sample[:, 2] - floor - at_step * FLAT_M) < FLAT_M
        height = float(np.median(sample[at, 2]) - floor)
        at = np.abs(sample[:, 2] - floor - height) <= FLAT_M
        flat = np.zeros(occupied.shape[:2], bool)
        flat[tuple(column[at].T)] = True
        above = int(height / BIN_M) + 1
        flat &= ~occupied[:, :, above + 1 : above + 3].any(2)
        # A board has two faces: where there is one a little higher, this is its underside.
        for higher in found:
            if higher.height_m - height < 0.06:
                flat &= ~higher.flat
        if flat.sum() * CELL_M**2 >= least_m2:
            found.append(Level(height, flat))
    return tuple(found[:12])


@dataclass(frozen=True)
class Footprint:
    """An oriented box that stands upright: centre and half sizes seen from above, turned by yaw, between two heights."""

    x_m: float
    y_m: float
    half_x_m: float
    half_y_m: float
    yaw_rad: float
    bottom_m: float
    top_m: float

    @staticmethod
    def of(solid: Solid, x_m: float, y_m: float, bottom_m: float, yaw_rad: float) -> Footprint:
        """Of a model whose origin is placed at (x, y, bottom), turned by yaw."""
        middle, half = (solid.low_m + solid.high_m) / 2, (solid.high_m - solid.low_m) / 2
        c, s = math.cos(yaw_rad), math.sin(yaw_rad)
        x, y = x_m + c * middle[0] - s * middle[1], y_m + s * middle[0] + c * middle[1]
        z = bottom_m + float(solid.low_m[2])
        return Footprint(float(x), float(y), float(half[0]), float(half[1]), yaw_rad, z, z + 2 * float(half[2]))

    def reach(self) -> tuple[float, float]:
        """Half sizes along the world's x and y."""
        c, s = abs(math.cos(self.yaw_rad)), abs(math.sin(self.yaw_rad))
        return c * self.half_x_m + s * self.half_y_m, s * self.half_x_m + c * self.half_y_m

    def within(self, width_m: float, depth_m: float, margin_m: float = 0.0) -> bool:
        """Whether it lies inside a room from (0, 0) to (width, depth)."""
        rx, ry = self.reach()
        m = margin_m - 1e-6
        return rx + m <= self.x_m <= width_m - rx - m and ry + m <= self.y_m <= depth_m - ry - m

    def row(self) -> tuple[float, ...]:
        return (self.x_m, self.y_m, self.half_x_m, self.half_y_m, self.yaw_rad, self.bottom_m, self.top_m)


def overlapping(footprint: Footprint, others: Iterable[Footprint], margin_m: float = 0.0) -> Bool[np.ndarray, "N"]:
    """Which of the others share space with a footprint grown by a margin sideways (separating axes, then heights)."""
    rows = np.array([o.row() for o in others], float).reshape(-1, 7)
    x, y, hx, hy, yaw, bottom, top = rows.T
    dx, dy = x - footprint.x_m, y - footprint.y_m
    mine_x, mine_y = footprint.half_x_m + margin_m, footprint.half_y_m + margin_m
    apart = np.zeros(len(rows), bool)
    c, s = np.abs(np.cos(yaw - footprint.yaw_rad)), np.abs(np.sin(yaw - footprint.yaw_rad))
    a, b = math.cos(footprint.yaw_rad), math.sin(footprint.yaw_rad)
    apart |= np.abs(dx * a + dy * b) >= mine_x + hx * c + hy * s
    apart |= np.abs(dy * a - dx * b) >= mine_y + hx * s + hy * c
    a, b = np.cos(yaw), np.sin(yaw)
    apart |= np.abs(dx * a + dy * b) >= hx + mine_x * c + mine_y * s
    apart |= np.abs(dy * a - dx * b) >= hy + mine_x * s + mine_y * c
    apart |= (footprint.bottom_m >= top - 1e-4) | (footprint.top_m <= bottom + 1e-4)
    return ~apart


def columns_under(solid: Solid, x_m: float, y_m: float, half_x_m: float, half_y_m: float, yaw_rad: float) -> Bool[np.ndarray, "X Y"] | None:
    """The columns of a support below a rectangle given in the support's own axes; None when it hangs over the edge of its box."""
    c, s = abs(math.cos(yaw_rad)), abs(math.sin(yaw_rad))
    rx, ry = c * half_x_m + s * half_y_m, s * half_x_m + c * half_y_m
    if x_m - rx < solid.low_m[0] or x_m + rx > solid.high_m[0] or y_m - ry < solid.low_m[1] or y_m + ry > solid.high_m[1]:
        return None
    nx, ny = solid.occupied.shape[:2]
    cx = solid.low_m[0] + (np.arange(nx)[:, None] + 0.5) * CELL_M - x_m
    cy = solid.low_m[1] + (np.arange(ny)[None, :] + 0.5) * CELL_M - y_m
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    grow = CELL_M / 2
    return (np.abs(c * cx + s * cy) <= half_x_m + grow) & (np.abs(c * cy - s * cx) <= half_y_m + grow)


def clear_above(solid: Solid, column: Bool[np.ndarray, "X Y"], height_m: float, tall_m: float) -> bool:
    """Whether nothing of the support is in the way of something `tall_m` high that stands at a height on the given columns."""
    first = int(height_m / BIN_M + 0.5) + 1
    last = int(math.ceil((height_m + tall_m + 0.01) / BIN_M))
    return not solid.occupied[:, :, first:last][column].any()


def covered(solid: Solid, column: Bool[np.ndarray, "X Y"], height_m: float, share: float = 0.6) -> bool:
    """Whether most of the given columns have something of the support above a height."""
    first = int(height_m / BIN_M + 0.5) + 2
    return bool(solid.occupied[:, :, first:][column].any(1).mean() >= share)


def open_in_front(solid: Solid, column: Bool[np.ndarray, "X Y"], height_m: float, tall_m: float) -> bool:
    """Whether something in a shelf can be seen from the front (-y): few cells between it and the front are taken."""
    first, last = int(height_m / BIN_M) + 2, max(int((height_m + tall_m) / BIN_M), int(height_m / BIN_M) + 3)
    xs, ys = np.nonzero(column)
    front = solid.occupied[xs.min() : xs.max() + 1, : ys.min(), first:last]
    return front.size == 0 or front.any(1).mean() < 0.3
