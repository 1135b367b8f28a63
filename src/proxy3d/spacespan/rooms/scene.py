"""A furnished room as flat arrays a renderer can draw: one vertex list, one stack of textures, and the light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from proxy3d.spacespan.rooms.layout import PANE, Layout, Placed, walls
from proxy3d.spacespan.rooms.shell import shell, triangles
from proxy3d.spacespan.rooms.surfaces import FLOORS, REPEAT_M, SIZE_PX, WALLS, choose_texture, outside, texture

VERTEX = np.dtype([("position", "3f4"), ("normal", "3f4"), ("uv", "2f4"), ("colour", "4u1"), ("slot", "4u1")])
NO_LAYER = 255
CROWDING_CELL_M = 0.08

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """Where the light of a room comes from; colours are linear."""

    lamp_position_m: Vector
    lamp: Vector
    sky: Vector
    outside: Vector  # how bright the view through a window is
    sun: Vector  # 0 = overcast
    to_sun: Vector
    windows: tuple[tuple[Vector, Vector], ...]  # centre, and inward normal times area
    ambient_up: Vector
    ambient_down: Vector
    exposure: float


@dataclass(frozen=True)
class Span:
    """Some vertices that are drawn together, and the ball they lie in."""

    first: int
    count: int
    centre_m: Vector
    radius_m: float


@dataclass(frozen=True)
class SceneArrays:
    """What the renderer needs, and nothing else."""

    room_m: Vector
    vertex: np.ndarray  # (V,) of VERTEX; every three are a triangle
    solid: tuple[Span, ...]  # furniture
    hanging: tuple[Span, ...]  # from the ceiling: drawn, but casts no shadow of the lamp it holds
    shell: Span
    outside: Span
    see_through: Span
    layers: UInt8[np.ndarray, "L S S 3"]
    crowding: UInt8[np.ndarray, "Z Y X"]  # 255 = open space, less = much stands around
    light: Light


def build_scene(rng: np.random.Generator, layout: Layout, split: str) -> tuple[SceneArrays, tuple[str, ...]]:
    """The arrays of a layout and the names of the room textures they use, drawn from a split."""
    stack = _Stack()
    names = (choose_texture(rng, FLOORS, split), choose_texture(rng, WALLS, split))
    light = choose_light(rng, layout)
    parts: list[np.ndarray] = []
    glass: list[np.ndarray] = []
    spans: dict[str, list[Span]] = {"solid": [], "hanging": []}
    at = 0
    for number, placed in enumerate(layout.objects, 1):
        vertex, opacity = _object(placed, number, stack)
        if len(vertex) and (opacity < 0.98).any():
            glass.append(vertex[np.repeat(opacity < 0.98, 3)])
            vertex = vertex[np.repeat(opacity >= 0.98, 3)]
        if len(vertex):
            spans["hanging" if placed.relation == "ceiling" else "solid"].append(_span(vertex, at))
            parts.append(vertex)
            at += len(vertex)
    loose = {}
    for name, vertex in {**_shell(rng, layout, names, stack), "see_through": np.concatenate(glass) if glass else np.zeros(0, VERTEX)}.items():
        loose[name] = _span(vertex, at)
        parts.append(vertex)
        at += len(vertex)
    arrays = SceneArrays(
        layout.size_m,
        np.concatenate(parts),
        tuple(spans["solid"]),
        tuple(spans["hanging"]),
        loose["shell"],
        loose["outside"],
        loose["see_through"],
        stack.pixels(),
        crowding(layout),
        light,
    )
    return arrays, names


class _Stack:
    """The texture layers of one scene; each picture is stored once."""

    def __init__(self):
        self._layers: list[np.ndarray] = []
        self._index: dict[int, int] = {}

    def add(self, pixels: np.ndarray) -> int:
        """Its layer, or NO_LAYER when the stack is full."""
        if id(pixels) in self._index:
            return self._index[id(pixels)]
        if len(self._layers) >= NO_LAYER:
            return NO_LAYER
        scaled = pixels
        if pixels.shape != (SIZE_PX, SIZE_PX, 3):
            scaled = np.asarray(Image.fromarray(np.ascontiguousarray(pixels[..., :3])).resize((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR))
        self._index[id(pixels)] = len(self._layers)
        self._layers.append(scaled)
        return len(self._layers) - 1

    def pixels(self) -> np.ndarray:
        return np.stack(self._layers) if self._layers else np.full((1, SIZE_PX, SIZE_PX, 3), 255, np.uint8)


def _span(vertex: np.ndarray, first: int) -> Span:
    if not len(vertex):
        return Span(first, 0, (0.0, 0.0, 0.0), 0.0)
    low, high = vertex["position"].min(0), vertex["position"].max(0)
    return Span(first, len(vertex), tuple(float(v) for v in (low + high) / 2), float(np.linalg.norm(high - low) / 2))


def _object(placed: Placed, number: int, stack: _Stack) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of one object in the room, and the opacity of each of its faces."""
    model = placed.model
    keep = model.opacity > (PANE if model.mount == "opening" else 0.02)
    faces = int(keep.sum())
    c, s = math.cos(placed.yaw_rad), math.sin(placed.yaw_rad)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)  # row vectors times this = turned by yaw
    vertex = np.zeros(3 * faces, VERTEX)
    vertex["position"] = model.triangle_m[keep].reshape(-1, 3) @ turn + np.array([placed.x_m, placed.y_m, placed.z_m], np.float32)
    vertex["normal"] = model.normal[keep].reshape(-1, 3) @ turn
    vertex["uv"] = model.uv[keep].reshape(-1, 2)
    colour = np.column_stack([placed.rgb[keep], np.ones(faces) if model.mount == "opening" else model.opacity[keep]])
    vertex["colour"] = np.repeat((colour.clip(0, 1) * 255 + 0.5).astype(np.uint8), 3, 0)
    layer = np.array([stack.add(pixels) for pixels in model.textures] + [NO_LAYER], np.uint8)
    emission = 60 if placed.relation == "ceiling" else 0
    slot = np.column_stack([layer[model.texture_layer[keep]], np.full((faces, 2), (number, emission)), np.zeros(faces)])
    vertex["slot"] = np.repeat(slot.astype(np.uint8), 3, 0)
    return vertex, colour[:, 3]


def _shell(rng: np.random.Generator, layout: Layout, names: tuple[str, str], stack: _Stack) -> dict[str, np.ndarray]:
    """The vertices of the empty room, and of what lies outside its windows."""
    pale = rng.uniform(0.85, 1.0, 3) * rng.uniform(0.85, 1.0)
    view = outside(int(rng.integers(12)))
    trim = np.full(3, rng.uniform(0.75, 0.97)) if rng.random() < 0.7 else np.array([0.5, 0.34, 0.2]) * rng.uniform(0.6, 1.3)
    looks = {
        "floor": (stack.add(texture(names[0])), rng.uniform(0.9, 1.0, 3), REPEAT_M[names[0].split("-")[0]]),
        "wall": (stack.add(texture(names[1])), pale, REPEAT_M[names[1].split("-")[0]]),
        "ceiling": (NO_LAYER, np.full(3, rng.uniform(0.85, 0.97)), 1.0),
        "skirting": (NO_LAYER, trim, 1.0),
        "reveal": (NO_LAYER, np.full(3, 0.9), 1.0),
        "behind": (NO_LAYER, np.full(3, 0.35), 1.0),
        "outside": (stack.add(view), np.ones(3), 0.0),
    }
    found: dict[str, list[np.ndarray]] = {"shell": [], "outside": []}
    for quad in shell(layout):
        layer, rgb, repeat = looks[quad.surface]
        points, uv = triangles(quad)
        vertex = np.zeros(6, VERTEX)
        vertex["position"], vertex["normal"] = points.reshape(-1, 3), quad.normal
        # The backdrop has its middle, the horizon, at eye height; row 0 of its picture is the sky.
        vertex["uv"] = (uv.reshape(-1, 2) / repeat if repeat else 0.5 + (uv.reshape(-1, 2) - uv.max() / 2) * (0.12, -0.12))
        vertex["colour"] = (*(rgb.clip(0, 1) * 255).astype(np.uint8), 255)
        vertex["slot"] = (layer, 0, 255 if quad.surface == "outside" else 0, 0)
        found["outside" if quad.surface == "outside" else "shell"].append(vertex)
    return {name: np.concatenate(parts) if parts else np.zeros(0, VERTEX) for name, parts in found.items()}


def choose_light(rng: np.random.Generator, layout: Layout) -> Light:
    """A lamp below the ceiling, daylight through the windows, sometimes the sun; together about equally bright everywhere."""
    width, depth, height = layout.size_m
    hanging = [p for p in layout.objects if p.relation == "ceiling"]
    x, y = (hanging[0].x_m, hanging[0].y_m) if hanging else (width * rng.uniform(0.35, 0.65), depth * rng.uniform(0.35, 0.65))
    z = min(hanging[0].z_m - 0.05, height - 0.15) if hanging else height - 0.15
    windows = [h for h in layout.holes if h.window][:2]
    warm = np.array([1.0, rng.uniform(0.78, 0.97), rng.uniform(0.55, 0.92)])
    day = np.array([rng.uniform(0.85, 1.0), 0.95, 1.0])
    # Irradiance one would measure in the middle of the room, shared between lamp, daylight and what walls throw back.
    share = rng.dirichlet((4, 3, 4) if windows else (5, 0.01, 4))
    reach = 0.6 + 0.8 * height**2 + (width * depth) / 10
    exposure = rng.uniform(1.1, 2.0)
    panes = []
    for hole in windows:
        wall = walls(width, depth)[hole.wall]
        area = hole.width_m * hole.height_m
        panes.append(((*wall.point(hole.along_m, 0.0), hole.bottom_m + hole.height_m / 2), (wall.inward[0] * area, wall.inward[1] * area, 0.0)))
    area = sum(h.width_m * h.height_m for h in windows)
    sky = day * share[1] * (0.35 * width * depth + 1.0) / max(area, 0.3)
    sunny, to_sun = bool(windows) and rng.random() < 0.5, np.array([0.0, 0.0, 1.0])
    if sunny:
        wall = walls(width, depth)[windows[0].wall]
        bearing = math.atan2(-wall.inward[1], -wall.inward[0]) + rng.uniform(-0.9, 0.9)
        up = rng.uniform(0.35, 0.9)
        to_sun = np.array([math.cos(bearing) * math.cos(up), math.sin(bearing) * math.cos(up), math.sin(up)])
    bounce = (warm * share[0] + day * share[1]) / max(share[0] + share[1], 1e-3) * share[2]
    return Light(
        lamp_position_m=(float(x), float(y), float(z)),
        lamp=_vector(warm * share[0] * reach),
        sky=_vector(sky.clip(0, 2.5) if windows else day * 0),
        outside=_vector(day * rng.uniform(0.8, 2.2) / exposure),
        sun=_vector(np.array([1.0, 0.93, 0.8]) * rng.uniform(0.6, 2.0) * sunny),
        to_sun=_vector(to_sun),
        windows=tuple(panes),
        ambient_up=_vector(bounce * rng.uniform(1.1, 1.4)),
        ambient_down=_vector(bounce * rng.uniform(0.6, 0.9)),
        exposure=float(exposure),
    )


def _vector(values: np.ndarray) -> Vector:
    return tuple(float(v) for v in values)


def crowding(layout: Layout) -> UInt8[np.ndarray, "Z Y X"]:
    """How open the surroundings of each place in the room are: furniture and walls, blurred, stand in for ambient occlusion."""
    from scipy.ndimage import uniform_filter

    margin = 2
    shape = np.ceil(np.array(layout.size_m) / CROWDING_CELL_M).astype(int) + 2 * margin
    taken = np.ones(shape, np.float32)
    taken[margin:-margin, margin:-margin, margin:-margin] = 0
    scale = (shape - 2 * margin) / np.array(layout.size_m)
    for placed in layout.objects:
        c, s = math.cos(placed.yaw_rad), math.sin(placed.yaw_rad)
        point = placed.solid.sample_m @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + (placed.x_m, placed.y_m, placed.z_m)
        cell = np.floor(point * scale).astype(int) + margin
        cell = cell[((cell >= 0) & (cell < shape)).all(1)]
        taken[tuple(cell.T)] = 1
    near = uniform_filter(taken, 3, mode="nearest")
    far = uniform_filter(near, 7, mode="nearest")
    open_share = 1.12 - 0.65 * near - 0.75 * far
    return np.ascontiguousarray((open_share.clip(0.25, 1.0) * 255).astype(np.uint8).transpose(2, 1, 0))
