"""Read Wavefront OBJ and MTL text into triangles with a material each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

# Colours that OBJ files written for Java 3D name without defining (its built-in material list); values estimated by eye from catalogue icons.
NAMED_RGB: dict[str, tuple[float, float, float]] = {
    "white": (0.88, 0.88, 0.88), "flwhite": (0.93, 0.93, 0.93), "flwhite1": (0.93, 0.93, 0.93), "archwhite": (0.9, 0.9, 0.88),
    "archwhite2": (0.85, 0.85, 0.82), "offwhite": (0.9, 0.88, 0.82), "teeth": (0.9, 0.88, 0.8), "bone": (0.85, 0.8, 0.68),
    "bone2": (0.82, 0.76, 0.62), "ltgrey": (0.75, 0.75, 0.75), "flltgrey": (0.75, 0.75, 0.75), "silver": (0.68, 0.68, 0.7),
    "grey": (0.5, 0.5, 0.5), "flgrey": (0.5, 0.5, 0.5), "bluegrey": (0.45, 0.5, 0.58), "dkgrey": (0.28, 0.28, 0.28),
    "fldkgrey": (0.25, 0.25, 0.25), "dkdkgrey": (0.14, 0.14, 0.14), "fldkdkgrey": (0.12, 0.12, 0.12), "black": (0.05, 0.05, 0.05),
    "flblack": (0.05, 0.05, 0.05), "flblonde": (0.78, 0.62, 0.38), "flyellow": (0.86, 0.72, 0.32), "yellow": (0.9, 0.82, 0.15),
    "yellowbrt": (0.95, 0.88, 0.3), "yellow_green": (0.5, 0.65, 0.2), "amber": (0.6, 0.36, 0.12), "iris": (0.36, 0.3, 0.6),
    "flbrown": (0.42, 0.27, 0.15), "flltbrown": (0.58, 0.42, 0.26), "brown": (0.4, 0.24, 0.12), "redwood": (0.45, 0.2, 0.12),
    "tan": (0.78, 0.64, 0.46), "fltan": (0.8, 0.67, 0.5), "lighttan": (0.84, 0.74, 0.58), "lighttannew": (0.84, 0.74, 0.58),
    "lighttan2": (0.84, 0.74, 0.58), "sand_stone": (0.78, 0.7, 0.55), "flesh": (0.85, 0.65, 0.52), "brzskin": (0.6, 0.42, 0.3),
    "brownlips": (0.5, 0.28, 0.24), "red": (0.8, 0.1, 0.08), "dkred": (0.45, 0.06, 0.06), "ruby": (0.6, 0.05, 0.12), "florange": (0.9, 0.45, 0.1),
    "jetflame": (0.95, 0.5, 0.15), "dkblue": (0.1, 0.14, 0.42), "sky_blue": (0.5, 0.7, 0.9), "bluteal": (0.1, 0.42, 0.5),
    "lavendar": (0.65, 0.58, 0.8), "ship2": (0.55, 0.55, 0.5),
}  # fmt: skip
UNKNOWN_RGB = (0.75, 0.75, 0.75)
PANE_OPACITY = 0.3  # Sweet Home 3D makes glass of every group it calls a window pane


@dataclass(frozen=True)
class Material:
    """Albedo 0..1, opacity 0..1 and the texture file as it was written (None = none)."""

    rgb: tuple[float, float, float] = UNKNOWN_RGB
    opacity: float = 1.0
    texture: str | None = None


@dataclass(frozen=True)
class RawMesh:
    """Triangles as indices; uv index -1 where a corner has none. `material[i]` names the material of group i."""

    xyz: Float[np.ndarray, "V 3"]
    uv: Float[np.ndarray, "U 2"]
    corner: Int[np.ndarray, "F 3"]
    corner_uv: Int[np.ndarray, "F 3"]
    group: Int[np.ndarray, "F"]
    material: tuple[str, ...]
    pane: tuple[bool, ...]
    libraries: tuple[str, ...]  # MTL files it asks for


def parse_mtl(text: str) -> dict[str, Material]:
    """Materials by name. Unreadable lines are skipped: exporters write all sorts of extensions."""
    found: dict[str, dict] = {}
    current: dict = {}
    for line in text.splitlines():
        key, _, rest = line.strip().partition(" ")
        key, rest = key.lower(), rest.strip()
        try:
            if key == "newmtl":
                current = found.setdefault(rest, {})
            elif key == "kd":
                values = [min(max(float(v), 0.0), 1.0) for v in rest.split()[:3]]
                current["rgb"] = (values[0], values[-1], values[-1]) if len(values) < 3 else tuple(values)
            elif key == "d":
                current["opacity"] = min(max(float(rest.split()[-1]), 0.0), 1.0)
            elif key == "map_kd" and rest:
                current["texture"] = rest
        except (ValueError, IndexError):
            continue
    return {name: Material(**fields) for name, fields in found.items()}


def named_material(name: str) -> Material:
    """The material of a name that no MTL file defines: Java 3D's built-in list, else light gray."""
    stem = name.lower().split(".")[0]
    return Material(rgb=NAMED_RGB.get(stem, UNKNOWN_RGB))


def parse_obj(text: str) -> RawMesh:
    """Triangles of an OBJ file: polygons are triangulated (concave ones by ear clipping), lines and normals are ignored.

    Raises:
        ValueError: a face names a vertex that does not exist, or a number cannot be read.
    """
    xyz: list[list[str]] = []
    uv: list[list[str]] = []
    faces: list[tuple[list[int], list[int], int]] = []
    groups: dict[tuple[str, bool], int] = {}
    libraries: list[str] = []
    material, pane, group = "", False, -1
    for line in text.replace("\\\n", " ").splitlines():
        word = line.split()
        if not word:
            continue
        key = word[0]
        if key == "v":
            xyz.append(word[1:4])
        elif key == "vt":
            uv.append(word[1:3])
        elif key == "f" and len(word) > 3:
            if group < 0:
                group = groups.setdefault((material, pane), len(groups))
            corner, corner_uv = [], []
            for token in word[1:]:
                part = token.split("/")
                i = int(part[0])
                j = int(part[1]) if len(part) > 1 and part[1] else 0
                corner.append(i - 1 if i > 0 else len(xyz) + i)
                corner_uv.append(j - 1 if j >= 0 else len(uv) + j)
            faces.append((corner, corner_uv, group))
        elif key == "usemtl":
            material, group = line.split(None, 1)[1].strip() if len(word) > 1 else "", -1
        elif key in ("g", "o"):
            pane, group = any(w.lower().startswith("sweethome3d_window_pane") for w in word[1:]), -1
        elif key == "mtllib":
            libraries.append(line.split(None, 1)[1].strip())
    vertices = np.array(xyz, dtype=np.float64).reshape(-1, 3)
    texture = np.array(uv, dtype=np.float64).reshape(-1, 2)
    corner, corner_uv, group_of = _triangles(faces, vertices)
    if len(corner) and (corner.min() < 0 or corner.max() >= len(vertices)):
        raise ValueError("a face names a vertex that does not exist")
    corner_uv[(corner_uv >= len(texture)) | (corner_uv < 0)] = -1
    names = tuple(m for m, _ in groups)
    return RawMesh(vertices, texture, corner, corner_uv, group_of, names, tuple(p for _, p in groups), tuple(libraries))


def _triangles(faces: list[tuple[list[int], list[int], int]], xyz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    corner, corner_uv, group = [], [], []
    for index, texture, g in faces:
        count = len(index)
        if count == 3:
            order = ((0, 1, 2),)
        elif count == 4:
            order = ((0, 1, 2), (0, 2, 3))
        else:
            order = ear_clip(xyz[index])
        for a, b, c in order:
            corner.append((index[a], index[b], index[c]))
            corner_uv.append((texture[a], texture[b], texture[c]))
            group.append(g)
    shape = (-1, 3)
    return np.array(corner, np.int64).reshape(shape), np.array(corner_uv, np.int64).reshape(shape), np.array(group, np.int64)


def ear_clip(polygon: Float[np.ndarray, "n 3"]) -> list[tuple[int, int, int]]:
    """Triangles (as positions in the polygon) that cover a flat simple polygon, convex or not; O(n^2)."""
    following = np.roll(polygon, -1, 0)
    normal = np.cross(polygon, following).sum(0)  # Newell: twice the area vector
    drop = int(np.abs(normal).argmax())
    flat = np.delete(polygon, drop, 1)
    area2 = flat[:, 0] * np.roll(flat[:, 1], -1) - np.roll(flat[:, 0], -1) * flat[:, 1]
    if area2.sum() < 0:
        flat = flat * np.array([1.0, -1.0])  # now counter-clockwise
    remaining, out = list(range(len(flat))), []
    while len(remaining) > 3:
        for k in range(len(remaining)):
            a, b, c = remaining[k - 1], remaining[k], remaining[(k + 1) % len(remaining)]
            if _cross(flat[a], flat[b], flat[c]) <= 0:
                continue
            others = flat[[i for i in remaining if i not in (a, b, c)]]
            # Corners that coincide with the ear's own (bridges to holes) must not block it, hence the strict test.
            inside = (_cross(flat[a], flat[b], others) > 0) & (_cross(flat[b], flat[c], others) > 0) & (_cross(flat[c], flat[a], others) > 0)
            if not inside.any():
                break
        else:
            k = 0  # degenerate or crossing itself: clip anything, rather than loop
            a, b, c = remaining[-1], remaining[0], remaining[1]
        out.append((a, b, c))
        remaining.pop(k)
    return [*out, (remaining[0], remaining[1], remaining[2])]


def _cross(a: np.ndarray, b: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (b[0] - a[0]) * (points[..., 1] - a[1]) - (b[1] - a[1]) * (points[..., 0] - a[0])
