"""How far two boxes are apart, from the closest point of one to the closest point of the other, however they are turned."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from proxy3d.evaluation.metrics.oriented import CORNERS, oriented_iou

# The twelve edges of a box as pairs of rows of CORNERS: those that differ in one coordinate.
EDGES = np.array([(i, j) for i in range(8) for j in range(i + 1, 8) if np.abs(CORNERS[i] - CORNERS[j]).sum() == 1])


def box_distance(
    a: Float[np.ndarray, "n 6"], a_axes: Float[np.ndarray, "n 3 3"], b: Float[np.ndarray, "n 6"], b_axes: Float[np.ndarray, "n 3 3"]
) -> Float[np.ndarray, "n"]:
    """Distance of pairs of boxes: centre and full size, and a rotation world_from_box for each; 0 where they touch or overlap.

    Of two convex bodies that do not overlap, the closest points are a corner and a point of the other body, or lie on an edge of each.
    """
    a, b = np.asarray(a, float).reshape(-1, 6), np.asarray(b, float).reshape(-1, 6)
    a_axes, b_axes = (np.asarray(r, float).reshape(-1, 3, 3) for r in (a_axes, b_axes))
    a_corners, b_corners = _corners(a, a_axes), _corners(b, b_axes)
    nearest = np.minimum(_to_box(a_corners, b, b_axes), _to_box(b_corners, a, a_axes))
    i, j = (grid.ravel() for grid in np.meshgrid(range(12), range(12), indexing="ij"))
    first, second = a_corners[:, EDGES[i]], b_corners[:, EDGES[j]]
    edges = _between(first[:, :, 0], first[:, :, 1], second[:, :, 0], second[:, :, 1]).min(1)
    overlap = oriented_iou(a, a_axes, b, b_axes) > 1e-12
    return np.where(overlap, 0.0, np.minimum(nearest, edges))


def _corners(box: Float[np.ndarray, "n 6"], axes: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 8 3"]:
    return box[:, None, :3] + (CORNERS * box[:, None, 3:]) @ np.swapaxes(axes, 1, 2)


def _to_box(points: Float[np.ndarray, "n p 3"], box: Float[np.ndarray, "n 6"], axes: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n"]:
    """Distance of the nearest of some points to a box."""
    own = (points - box[:, None, :3]) @ axes
    return np.linalg.norm(np.maximum(np.abs(own) - box[:, None, 3:] / 2, 0), axis=-1).min(1)


def _between(
    p0: Float[np.ndarray, "n e 3"], p1: Float[np.ndarray, "n e 3"], q0: Float[np.ndarray, "n e 3"], q1: Float[np.ndarray, "n e 3"]
) -> Float[np.ndarray, "n e"]:
    """Distance of pairs of line segments, parallel ones and points among them (Ericson 2005, Real-Time Collision Detection, 5.1.9)."""
    u, v, w = p1 - p0, q1 - q0, p0 - q0
    uu, vv, uv, uw, vw = ((x * y).sum(-1) for x, y in ((u, u), (v, v), (u, v), (u, w), (v, w)))

    def share(over: np.ndarray, under: np.ndarray) -> np.ndarray:
        return np.clip(np.divide(over, under, out=np.zeros_like(over), where=under > 1e-18), 0, 1)

    s = share(uv * vw - uw * vv, uu * vv - uv * uv)
    t = share(uv * s + vw, vv)
    s = share(uv * t - uw, uu)
    return np.linalg.norm(w + s[..., None] * u - t[..., None] * v, axis=-1)
