"""The room around the furniture: floor, ceiling, walls with holes, skirting, and what lies outside the holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from proxy3d.spacespan.rooms.layout import Hole, Layout, walls

OUTSIDE_M = 1.2  # how far behind a window its backdrop stands
SKIRTING_M = (0.08, 0.012)  # height and thickness


@dataclass(frozen=True)
class Quad:
    """A flat rectangle: a corner and its two sides in metres, where it faces, and how its texture runs."""

    corner_m: tuple[float, float, float]
    side_u_m: tuple[float, float, float]
    side_v_m: tuple[float, float, float]
    normal: tuple[float, float, float]
    surface: str  # "floor", "ceiling", "wall", "skirting", "reveal", "outside" or "behind"
    uv_m: tuple[float, float] = (0.0, 0.0)  # of the corner, in metres, so that neighbours continue each other's texture


def shell(layout: Layout) -> list[Quad]:
    """Every surface of the empty room. Nothing can be looked through: each hole ends at a backdrop or a panel."""
    width, depth, height = layout.size_m
    quads = [
        Quad((0, 0, 0), (width, 0, 0), (0, depth, 0), (0, 0, 1), "floor"),
        Quad((0, 0, height), (width, 0, 0), (0, depth, 0), (0, 0, -1), "ceiling"),
    ]
    for index in range(4):
        quads += _wall(layout, index, [h for h in layout.holes if h.wall == index])
    for hole in layout.holes:
        quads += _recess(layout, hole)
    return quads


def _wall(layout: Layout, index: int, holes: list[Hole]) -> list[Quad]:
    width, depth, height = layout.size_m
    wall = walls(width, depth)[index]
    along, inward = (*wall.along, 0.0), (*wall.inward, 0.0)
    # One grid of lines for the whole wall: rectangles that meet share their corners, so no crack can show between them.
    us = sorted({0.0, wall.length_m, *(h.along_m + s * h.width_m / 2 for h in holes for s in (-1, 1))})
    vs = sorted({0.0, height, *(h.bottom_m for h in holes), *(h.bottom_m + h.height_m for h in holes)})
    quads = []
    for u0, u1 in zip(us[:-1], us[1:], strict=True):
        for v0, v1 in zip(vs[:-1], vs[1:], strict=True):
            u, v = (u0 + u1) / 2, (v0 + v1) / 2
            if any(abs(u - h.along_m) < h.width_m / 2 and h.bottom_m < v < h.bottom_m + h.height_m for h in holes):
                continue
            x, y = wall.point(u0, 0.0)
            quads.append(Quad((x, y, v0), _times(along, u1 - u0), (0, 0, v1 - v0), inward, "wall", (u0, v0)))
    tall, thick = SKIRTING_M
    doors = sorted((h.along_m - h.width_m / 2, h.along_m + h.width_m / 2) for h in holes if h.bottom_m < tall)
    start = 0.0
    for left, right in [*doors, (wall.length_m, wall.length_m)]:
        if left - start > 0.02:
            x, y = wall.point(start, thick)
            quads.append(Quad((x, y, 0), _times(along, left - start), (0, 0, tall), inward, "skirting"))
            quads.append(Quad((x, y, tall), _times(along, left - start), _times(inward, -thick), (0, 0, 1), "skirting"))
        start = right
    return quads


def _recess(layout: Layout, hole: Hole) -> list[Quad]:
    """The four sides of a hole and what closes it."""
    wall = walls(*layout.size_m[:2])[hole.wall]
    along, inward, up = (*wall.along, 0.0), (*wall.inward, 0.0), (0.0, 0.0, 1.0)
    outward, low = _times(inward, -hole.depth_m), hole.bottom_m
    left, right = (wall.point(hole.along_m + s * hole.width_m / 2, 0.0) for s in (-1, 1))
    quads = [
        Quad((*left, low), outward, (0, 0, hole.height_m), along, "reveal"),
        Quad((*right, low), outward, (0, 0, hole.height_m), _times(along, -1), "reveal"),
        Quad((*left, low), outward, _times(along, hole.width_m), up, "reveal"),
        Quad((*left, low + hole.height_m), outward, _times(along, hole.width_m), (0, 0, -1), "reveal"),
    ]
    if hole.window:  # wide enough that even a grazing look through the hole ends on it
        half = 4.0 + OUTSIDE_M * (hole.width_m + hole.height_m) / hole.depth_m
        x, y = wall.point(hole.along_m - half, -OUTSIDE_M - hole.depth_m)
        quads.append(Quad((x, y, 1.3 - half), _times(along, 2 * half), (0, 0, 2 * half), inward, "outside"))
    else:
        x, y = wall.point(hole.along_m - hole.width_m / 2 - 0.02, -hole.depth_m)
        quads.append(Quad((x, y, low - 0.02), _times(along, hole.width_m + 0.04), (0, 0, hole.height_m + 0.04), inward, "behind"))
    return quads


def _times(vector: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return tuple(factor * v for v in vector)


def triangles(quad: Quad) -> tuple[Float[np.ndarray, "2 3 3"], Float[np.ndarray, "2 3 2"]]:
    """The two triangles of a quad and their texture coordinates in metres."""
    corner, u, v = (np.array(a, float) for a in (quad.corner_m, quad.side_u_m, quad.side_v_m))
    points = np.array([corner, corner + u, corner + u + v, corner + v])
    lengths = np.linalg.norm(u), np.linalg.norm(v)
    uv = np.array(quad.uv_m) + np.array([[0, 0], [lengths[0], 0], lengths, [0, lengths[1]]])
    order = [[0, 1, 2], [0, 2, 3]]
    return points[order], uv[order]
