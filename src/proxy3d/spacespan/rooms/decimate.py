"""Turn a parsed mesh into few triangles with good normals: cut out what is transparent, weld, simplify, smooth up to a crease."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from proxy3d.extras import require

CREASE_DEG = 40.0
FACES_BY_SIZE_M = ((1.2, 6000), (0.4, 3500), (0.0, 1500))  # largest dimension from, faces at most (roughly)
DEVIATIONS = (0.003, 0.008, 0.02)  # of the model's largest dimension: the next is tried while there are still too many faces
LARGEST_LOSS = 0.15  # of a material's area: a step that loses more has torn or flattened something and is not taken
FOLIAGE_LOSS = 0.85  # the same for what has more than four times the faces it may have: leaves and crystal drops
FEWEST_FACES = 120  # of one material: a lamp's rod must not vanish because its shade has all the faces


def face_budget(size_m: tuple[float, float, float]) -> int:
    """How many triangles a model of this size is worth."""
    return next(faces for at_least, faces in FACES_BY_SIZE_M if max(size_m) >= at_least)


def split_faces(corners: Float[np.ndarray, "F 3 C"]) -> Float[np.ndarray, "4*F 3 C"]:
    """Each triangle as four, cut at the middles of its edges; any per-corner values are interpolated along."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    parts = [np.stack(p, 1) for p in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.stack(parts, 1).reshape(-1, 3, corners.shape[2])


def cut_out(corners: Float[np.ndarray, "F 3 5"], alpha: Float[np.ndarray, "S S"], most_faces: int = 20000) -> Float[np.ndarray, "G 3 5"]:
    """Faces (x, y, z, u, v per corner; v downwards) without the parts where their texture is transparent.

    Leaves and cane work are drawn as pictures with holes. Depth and masks want real holes, so faces are split up to three times and the
    parts whose middle is transparent go.
    """
    for _ in range(3):
        if len(corners) * 4 > most_faces:
            break
        corners = split_faces(corners)
    side = len(alpha)
    middle = np.floor(corners[:, :, 3:].mean(1) % 1.0 * side).astype(int).clip(0, side - 1)
    return corners[alpha[middle[:, 1], middle[:, 0]] >= 0.5]


def weld(values: Float[np.ndarray, "n C"], steps: Float[np.ndarray, "C"]) -> tuple[Float[np.ndarray, "m C"], Int[np.ndarray, "n"]]:
    """Distinct rows up to `steps` per column, in order of first appearance, and the row each one became."""
    key = np.round(values / steps).astype(np.int64)
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return values[first[order]], rank[inverse.reshape(-1)]


def simplify(corners: Float[np.ndarray, "F 3 5"], textured: bool, budget: int, size_m: float) -> Float[np.ndarray, "G 3 5"]:
    """About `budget` of the triangles, moved by no more than the last of DEVIATIONS times `size_m` (quadric estimate of meshoptimizer).

    Corners are x, y, z, u, v. Thin parts are what suffers first, so a larger deviation is allowed only where a smaller one leaves far too many
    faces, and loose parts (leaves) are dropped only at the last.
    """
    steps = np.array([size_m * 1e-4] * 3 + ([1e-3] * 2 if textured else [np.inf] * 2))
    vertex, index = weld(corners.reshape(-1, 5), steps)
    index = index.reshape(-1, 3)
    index = index[(index[:, 0] != index[:, 1]) & (index[:, 1] != index[:, 2]) & (index[:, 2] != index[:, 0])]
    # A lampshade modelled as two coincident skins tears when simplified, and is drawn two-sided anyway: keep one of them.
    index = index[np.sort(np.unique(np.sort(index, 1), axis=0, return_index=True)[1])]
    area = face_normals(vertex[index][:, :, :3])[1].sum()
    position = np.ascontiguousarray(vertex[:, :3], dtype=np.float32)
    for deviation in DEVIATIONS:
        if len(index) <= (budget if deviation == DEVIATIONS[0] else 1.5 * budget):
            break
        meshoptimizer = require("meshoptimizer", for_what="building the furniture bank")
        options = meshoptimizer.SIMPLIFY_ERROR_ABSOLUTE | (meshoptimizer.SIMPLIFY_PRUNE if deviation == DEVIATIONS[-1] else 0)
        flat = np.ascontiguousarray(index.reshape(-1), dtype=np.uint32)
        out = np.zeros_like(flat)
        count = meshoptimizer.simplify(out, flat, position, target_index_count=budget * 3, target_error=deviation * size_m, options=options)
        fewer = out[:count].reshape(-1, 3).astype(np.int64)
        loss = LARGEST_LOSS if len(index) <= 4 * budget else FOLIAGE_LOSS
        if face_normals(vertex[fewer][:, :, :3])[1].sum() < (1 - loss) * area:
            break
        index = fewer
    return vertex[index]


def face_normals(triangle: Float[np.ndarray, "F 3 3"]) -> tuple[Float[np.ndarray, "F 3"], Float[np.ndarray, "F"]]:
    """Unit normals (zero for degenerate faces) and areas."""
    cross = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-20)[:, None], length / 2


def crease_normals(triangle: Float[np.ndarray, "F 3 3"], crease_deg: float = CREASE_DEG) -> Float[np.ndarray, "F 3 3"]:
    """Unit normals per corner: the area-weighted mean over the faces that meet there at less than the crease angle.

    Faces wound the other way round count as if turned over, because catalogue models mix windings; draw them two-sided.
    """
    normal, area = face_normals(triangle)
    step = max(float(np.ptp(triangle.reshape(-1, 3), axis=0).max()), 1e-6) * 1e-4
    _, vertex = weld(triangle.reshape(-1, 3), np.full(3, step))
    face = np.repeat(np.arange(len(triangle)), 3)
    order = np.argsort(vertex, kind="stable")
    start = np.searchsorted(vertex[order], np.arange(vertex.max() + 2))
    total = normal[face] * area[face][:, None]
    cosine = np.cos(np.radians(crease_deg))
    degree = np.diff(start)
    for k in range(1, int(min(degree.max(), 64))):  # corner i meets the k-th next corner of its vertex
        i = np.arange(len(order))
        first, count = start[vertex[order]], degree[vertex[order]]
        has = count > k
        mine, other = order[has], order[first[has] + (i[has] - first[has] + k) % count[has]]
        dot = (normal[face[mine]] * normal[face[other]]).sum(1)
        add = normal[face[other]] * (area[face[other]] * np.sign(dot) * (np.abs(dot) >= cosine))[:, None]
        total[mine] += add
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 1e-20, total / np.maximum(length, 1e-20), [0.0, 0.0, 1.0])
    return unit.reshape(-1, 3, 3)


def level_area(triangle: Float[np.ndarray, "F 3 3"], height_m: float, tolerance_m: float = 0.02) -> float:
    """Square metres of near-horizontal surface whose middle lies within `tolerance_m` of a height."""
    normal, area = face_normals(triangle)
    middle = triangle[:, :, 2].mean(1)
    flat = np.abs(normal[:, 2]) > 0.95
    return float((area * np.abs(normal[:, 2]))[flat & (np.abs(middle - height_m) <= tolerance_m)].sum())
