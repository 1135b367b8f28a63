"""Exact 3D overlap of boxes that are turned, about the vertical or any way, in batches.

Both volumes come from Stokes' theorem in the frame of the second box: what is inside it is what stays when each coordinate is clamped to
its half sizes. Clamping is continuous, so that boxes which share a face or an edge, or are the same, need no tolerance and no special case;
clipping one outline by the other has to decide on which side of a line a corner lies that is on it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

CHUNK = 8192  # pairs at a time: what is in work stays in a processor's cache
CORNERS = np.array([[(i >> 2 & 1), (i >> 1 & 1), (i & 1)] for i in range(8)]) - 0.5
# Outlines of a box's six faces, counter-clockwise seen from outside, as rows of CORNERS.
FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def yawed_iou(a: Float[np.ndarray, "n 7"], b: Float[np.ndarray, "n 7"], *, epsilon: float = 0.0) -> Float[np.ndarray, "n"]:
    """3D IoU of pairs of boxes that stand upright: centre, full size, yaw in radians. `epsilon` is added to the union, as some scorers do."""
    a, b = _rows(a, 7), _rows(b, 7)
    inner = np.concatenate([_yawed_inner(a[i : i + CHUNK], b[i : i + CHUNK]) for i in range(0, max(len(a), 1), CHUNK)])
    return over_union(inner, a[:, 3:6].prod(1), b[:, 3:6].prod(1), epsilon)


def oriented_iou(
    a: Float[np.ndarray, "n 6"],
    a_axes: Float[np.ndarray, "n 3 3"],
    b: Float[np.ndarray, "n 6"],
    b_axes: Float[np.ndarray, "n 3 3"],
    *,
    epsilon: float = 0.0,
) -> Float[np.ndarray, "n"]:
    """3D IoU of pairs of boxes turned any way: centre and full size, and a rotation world_from_box for each."""
    a, b = _rows(a, 6), _rows(b, 6)
    a_axes, b_axes = (np.asarray(r, float).reshape(-1, 3, 3) for r in (a_axes, b_axes))
    step = CHUNK // 8
    parts = [slice(i, i + step) for i in range(0, max(len(a), 1), step)]
    inner = np.concatenate([_oriented_inner(a[p], a_axes[p], b[p], b_axes[p]) for p in parts])
    return over_union(inner, a[:, 3:].prod(1), b[:, 3:].prod(1), epsilon)


def nine_dof_iou(a: Float[np.ndarray, "n 9"], b: Float[np.ndarray, "n 9"], *, epsilon: float = 0.0) -> Float[np.ndarray, "n"]:
    """3D IoU of pairs of EmbodiedScan's boxes: centre, size and three angles of R = Rz Rx Ry (Wang et al. 2023, arXiv 2312.16170)."""
    a, b = _rows(a, 9), _rows(b, 9)
    return oriented_iou(a[:, :6], turned_zxy(a[:, 6:]), b[:, :6], turned_zxy(b[:, 6:]), epsilon=epsilon)


def over_union(
    inner: Float[np.ndarray, "n"], volume_a: Float[np.ndarray, "n"], volume_b: Float[np.ndarray, "n"], epsilon: float = 0.0
) -> Float[np.ndarray, "n"]:
    """IoU from volumes; two boxes without any volume overlap by 0."""
    union = volume_a + volume_b - inner + epsilon
    return np.divide(inner, union, out=np.zeros_like(union), where=union > 0)


def turned_zxy(angles_rad: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """R = Rz Rx Ry of angles about z, x, y: each about an axis of the box as it is by then (EmbodiedScan)."""
    z, x, y = np.moveaxis(np.asarray(angles_rad, float).reshape(-1, 3), 1, 0)
    return _about(2, z) @ _about(0, x) @ _about(1, y)


def turned_fixed_zxy(angles_rad: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """R = Ry Rx Rz of the same three angles: each about a fixed axis. The two agree where at most one angle is not 0."""
    z, x, y = np.moveaxis(np.asarray(angles_rad, float).reshape(-1, 3), 1, 0)
    return _about(1, y) @ _about(0, x) @ _about(2, z)


def angles_fixed_zxy(rotation: Float[np.ndarray, "n 3 3"]) -> Float[np.ndarray, "n 3"]:
    """The angles that `turned_fixed_zxy` makes a rotation from; at the poles of x, y is 0."""
    x = np.arcsin(np.clip(-rotation[:, 1, 2], -1, 1))
    pole = np.abs(rotation[:, 1, 2]) > 1 - 1e-12
    z = np.where(pole, np.arctan2(-rotation[:, 0, 1], rotation[:, 0, 0]), np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1]))
    return np.stack([z, x, np.where(pole, 0.0, np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]))], 1)


def _yawed_inner(a: Float[np.ndarray, "n 7"], b: Float[np.ndarray, "n 7"]) -> Float[np.ndarray, "n"]:
    """Common volume: height in common, times the area of a's outline clamped to b's rectangle, -∮ clamp(y) d clamp(x)."""
    c, s = np.cos(b[:, 6]), np.sin(b[:, 6])
    dx, dy = a[:, 0] - b[:, 0], a[:, 1] - b[:, 1]
    x, y = c * dx + s * dy, c * dy - s * dx
    c, s = np.cos(a[:, 6] - b[:, 6]), np.sin(a[:, 6] - b[:, 6])
    ux, uy, vx, vy = c * a[:, 3] / 2, s * a[:, 3] / 2, -s * a[:, 4] / 2, c * a[:, 4] / 2
    xs = np.stack([x - ux - vx, x + ux - vx, x + ux + vx, x - ux + vx])  # counter-clockwise
    ys = np.stack([y - uy - vy, y + uy - vy, y + uy + vy, y - uy + vy])
    area = -_clamped_integral(xs, ys, np.roll(xs, -1, 0), np.roll(ys, -1, 0), b[:, 3] / 2, b[:, 4] / 2).sum(0)
    height = np.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2) - np.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
    return np.maximum(area, 0) * np.maximum(height, 0)


def _clamped_integral(
    x0: Float[np.ndarray, "4 n"],
    y0: Float[np.ndarray, "4 n"],
    x1: Float[np.ndarray, "4 n"],
    y1: Float[np.ndarray, "4 n"],
    half_x: Float[np.ndarray, "n"],
    half_y: Float[np.ndarray, "n"],
) -> Float[np.ndarray, "4 n"]:
    """∫ clamp(y) dx along each side, over the x that lie within the rectangle."""
    from_x, to_x = np.clip(x0, -half_x, half_x), np.clip(x1, -half_x, half_x)
    run = x1 - x0
    slope = np.divide(y1 - y0, run, out=np.zeros_like(run), where=run != 0)
    # Between the ends: a side almost along y has a slope of any size, and its few x must not send y anywhere else.
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    from_y, to_y = np.clip(y0 + slope * (from_x - x0), low, high), np.clip(y0 + slope * (to_x - x0), low, high)
    low, high = np.minimum(from_y, to_y), np.maximum(from_y, to_y)
    length = high - low
    inside_low, inside_high = np.clip(low, -half_y, half_y), np.clip(high, -half_y, half_y)
    below, above = np.clip(-half_y - low, 0, length), np.clip(high - half_y, 0, length)
    total = half_y * (above - below) + (length - above - below) * (inside_low + inside_high) / 2
    return (to_x - from_x) * np.divide(total, length, out=inside_low.copy(), where=length > 0)


def _oriented_inner(
    a: Float[np.ndarray, "n 6"], a_axes: Float[np.ndarray, "n 3 3"], b: Float[np.ndarray, "n 6"], b_axes: Float[np.ndarray, "n 3 3"]
) -> Float[np.ndarray, "n"]:
    """Common volume: ∮ clamp(z) over a's surface seen along z, where x and y are within b."""
    n = len(a)
    turn = np.swapaxes(b_axes, 1, 2)
    centre = np.einsum("nij,nj->ni", turn, a[:, :3] - b[:, :3])
    corners = centre[:, None] + (CORNERS * a[:, None, 3:]) @ np.swapaxes(turn @ a_axes, 1, 2)
    outline = corners[:, FACES].reshape(n * 6, 4, 3)
    half = np.repeat(b[:, 3:] / 2, 6, 0)
    for axis in (0, 1):
        outline = _cut(_cut(outline, axis, half[:, axis], 1.0), axis, half[:, axis], -1.0)
    within = _cut(outline, 2, half[:, 2], 1.0)
    middle = _cut(within, 2, half[:, 2], -1.0)
    whole, under, inside = _seen_area(outline), _seen_area(within), _seen_area(middle)
    volume = half[:, 2] * (whole.sum(1) - under.sum(1)) - half[:, 2] * (under.sum(1) - inside.sum(1))
    height = (middle[:, :1, 2] + middle[:, 1:-1, 2] + middle[:, 2:, 2]) / 3
    volume += (inside * height).sum(1)
    return np.clip(volume.reshape(n, 6).sum(1), 0, np.minimum(a[:, 3:].prod(1), b[:, 3:].prod(1)))


def _seen_area(outline: Float[np.ndarray, "m p 3"]) -> Float[np.ndarray, "m t"]:
    """Signed areas in x and y of the triangles that fan out from the first corner."""
    side = outline[:, 1:, :2] - outline[:, :1, :2]
    return (side[:, :-1, 0] * side[:, 1:, 1] - side[:, :-1, 1] * side[:, 1:, 0]) / 2


def _cut(outline: Float[np.ndarray, "m p 3"], axis: int, half: Float[np.ndarray, "m"], sign: float) -> Float[np.ndarray, "m q 3"]:
    """The part of each convex outline with sign * x[axis] <= half: Sutherland and Hodgman 1974, one corner more at most.

    Outlines are padded with their first corner, which adds no area; nothing left is one point p times.
    """
    following = np.roll(outline, -1, 1)
    here = half[:, None] - sign * outline[:, :, axis]
    there = np.roll(here, -1, 1)
    kept, crossed = here >= 0, (here >= 0) != (there >= 0)
    share = np.divide(here, here - there, out=np.zeros_like(here), where=crossed)
    meets = outline + share[..., None] * (following - outline)
    m, p = here.shape
    points = np.stack([outline, meets], 2).reshape(m, 2 * p, 3)
    used = np.stack([kept, crossed], 2).reshape(m, 2 * p)
    order = np.argsort(~used, axis=1, kind="stable")[:, : p + 1]
    first = np.take_along_axis(points, order[:, :1, None], 1)
    return np.where(np.take_along_axis(used, order, 1)[..., None], np.take_along_axis(points, order[..., None], 1), first)


def _about(axis: int, angle: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 3 3"]:
    """Rotation about x, y or z."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((len(angle), 3, 3))
    turn[:, axis, axis] = 1
    turn[:, i, i] = turn[:, j, j] = np.cos(angle)
    turn[:, i, j], turn[:, j, i] = -np.sin(angle), np.sin(angle)
    return turn


def _rows(boxes: Float[np.ndarray, "n d"], width: int) -> Float[np.ndarray, "n d"]:
    return np.asarray(boxes, float).reshape(-1, width)
