"""A hand-held walk through a furnished room: eight poses that people could have had, chosen to see many objects."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from proxy3d.spacespan.rooms.layout import Layout
from proxy3d.spacespan.rooms.placement import Footprint

IMAGE_SIZES_PX = ((256, 256), (256, 192), (288, 216))
BODY_M = 0.2  # nothing comes closer to the camera than this, sideways
CANDIDATES = 10


@dataclass(frozen=True)
class Cameras:
    """One pinhole camera and where it was in each frame."""

    image_size_px: tuple[int, int]  # width, height
    intrinsics_px: Float[np.ndarray, "3 3"]  # the centre of pixel (0, 0) is at (0, 0)
    world_from_camera: Float[np.ndarray, "T 4 4"]  # OpenCV axes, metres, z up


def intrinsics(size_px: tuple[int, int], fov_rad: float) -> Float[np.ndarray, "3 3"]:
    """Of a centred camera with square pixels and a horizontal field of view."""
    width, height = size_px
    focal = width / 2 / math.tan(fov_rad / 2)
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


def poses(eye_m: Float[np.ndarray, "T 3"], yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> Float[np.ndarray, "T 4 4"]:
    """world_from_camera of cameras that look along yaw (counter-clockwise from +x) and pitch (up), rolled about that; (T,) radians."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    forward = np.stack([cy * cp, sy * cp, sp], -1)
    right = np.stack([sy, -cy, np.zeros_like(sy)], -1)
    down = np.cross(forward, right)
    cr, sr = np.cos(roll)[:, None], np.sin(roll)[:, None]
    out = np.tile(np.eye(4), (len(eye_m), 1, 1))
    out[:, :3, 0], out[:, :3, 1], out[:, :3, 2] = cr * right + sr * down, cr * down - sr * right, forward
    out[:, :3, 3] = eye_m
    return out


def choose_cameras(rng: np.random.Generator, layout: Layout, frames: int = 8) -> Cameras | None:
    """The best of some candidate walks by the number of objects in view; None when the room has no place to stand."""
    size = IMAGE_SIZES_PX[rng.integers(len(IMAGE_SIZES_PX))]
    matrix = intrinsics(size, math.radians(rng.uniform(55, 80)))
    footprints = [p.footprint for p in layout.objects]
    arc = rng.random() < 0.3
    best, best_score = None, -1.0
    made = 0
    for attempt in range(6 * CANDIDATES):
        walk = (_arc if arc and attempt < 4 * CANDIDATES else _walk)(rng, layout.size_m, frames)
        if not _free(walk[0], layout.size_m, footprints, attempt < 3 * CANDIDATES):
            continue
        made += 1
        candidate = poses(*_shaken(rng, *walk))
        score = seen(layout, Cameras(size, matrix, candidate)) + rng.random()
        if score > best_score:
            best, best_score = candidate, score
        if made == CANDIDATES:
            break
    return None if best is None else Cameras(size, matrix, best)


def _walk(rng: np.random.Generator, size_m: tuple[float, float, float], frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A straight stroll with a steady pan; eyes, yaw and pitch."""
    start = np.array([rng.uniform(0.25, side - 0.25) for side in size_m[:2]])
    heading, length = rng.uniform(-math.pi, math.pi), rng.uniform(0.2, 1.6)
    t = np.linspace(0, 1, frames)
    t = t + rng.uniform(-0.06, 0.06) * np.sin(2 * math.pi * t)
    eye = np.column_stack([start + t[:, None] * length * np.array([math.cos(heading), math.sin(heading)]), np.full(frames, rng.uniform(1.1, 1.8))])
    # Looking at the far side of the room from where one stands shows more than looking at a random wall.
    centre = math.atan2(*(np.array(size_m[1::-1]) / 2 - eye.mean(0)[1::-1]))
    pan = math.radians(rng.uniform(20, 120)) * rng.choice([-1, 1])
    yaw = centre + rng.normal(0, 0.6) + (t - 0.5) * pan
    return eye, yaw, np.full(frames, math.radians(rng.uniform(-30, -5)))


def _arc(rng: np.random.Generator, size_m: tuple[float, float, float], frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part of a round along the walls, looking inwards."""
    centre, radius = np.array(size_m[:2]) / 2, np.array(size_m[:2]) * rng.uniform(0.28, 0.42)
    turn = math.radians(rng.uniform(25, 120)) * rng.choice([-1, 1])
    angle = rng.uniform(-math.pi, math.pi) + np.linspace(0, 1, frames) * turn
    place = centre + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    target = centre + rng.normal(0, 0.25, 2)
    yaw = np.unwrap(np.arctan2(target[1] - place[:, 1], target[0] - place[:, 0]))
    eye = np.column_stack([place, np.full(frames, rng.uniform(1.1, 1.8))])
    return eye, yaw, np.full(frames, math.radians(rng.uniform(-35, -10)))


def _shaken(rng: np.random.Generator, eye: np.ndarray, yaw: np.ndarray, pitch: np.ndarray) -> tuple[np.ndarray, ...]:
    """A hand's drift: slow random walks in position and angles, and a little tremble."""
    frames = len(yaw)

    def drift(spread: float, *shape: int) -> np.ndarray:
        return np.cumsum(rng.normal(0, spread, (frames, *shape)), 0) + rng.normal(0, spread / 2, (frames, *shape))

    eye = eye + drift(0.008, 3)
    return eye, yaw + drift(0.012), pitch + drift(0.015), rng.normal(0, 0.025) + drift(0.008)


def _free(eye: Float[np.ndarray, "T 3"], size_m: tuple[float, float, float], footprints: list[Footprint], strict: bool) -> bool:
    """Whether a body can be in all these places: nothing of its height there (strict), or at least nothing near the camera."""
    margin = BODY_M + 0.05
    if (eye[:, :2] < margin).any() or (eye[:, :2] > np.array(size_m[:2]) - margin).any():
        return False
    for box in footprints:
        if box.top_m < 0.3 or box.bottom_m > eye[0, 2] + 0.35 or (not strict and box.top_m < eye[0, 2] - 0.35):
            continue
        c, s = math.cos(box.yaw_rad), math.sin(box.yaw_rad)
        dx, dy = eye[:, 0] - box.x_m, eye[:, 1] - box.y_m
        if ((np.abs(c * dx + s * dy) < box.half_x_m + BODY_M) & (np.abs(c * dy - s * dx) < box.half_y_m + BODY_M)).any():
            return False
    return True


def seen(layout: Layout, cameras: Cameras) -> float:
    """About how many objects are in view: their centres lie in some frame, not too small and not right before the lens."""
    centre = np.array([(f.x_m, f.y_m, (f.bottom_m + f.top_m) / 2) for f in (p.footprint for p in layout.objects)])
    size = np.array([max(p.model.size_m) for p in layout.objects])
    inside = in_view(centre, cameras)
    pose = cameras.world_from_camera
    depth = ((centre[None] - pose[:, None, :3, 3]) * pose[:, None, :3, 2]).sum(-1)
    large = cameras.intrinsics_px[0, 0] * size / np.maximum(depth, 0.1) > 8
    near = cameras.intrinsics_px[0, 0] * size / np.maximum(depth, 0.1) > 2.5 * cameras.image_size_px[0]
    return float((inside & large & ~near).any(0).sum())


def in_view(xyz_world_m: Float[np.ndarray, "N 3"], cameras: Cameras) -> Bool[np.ndarray, "T N"]:
    """Which points fall into the picture of each frame, whatever may stand before them."""
    pose = cameras.world_from_camera
    camera = np.einsum("tni,tij->tnj", xyz_world_m[None] - pose[:, None, :3, 3], pose[:, :3, :3])
    pixel = camera @ cameras.intrinsics_px.T
    depth = np.maximum(camera[..., 2], 1e-6)
    u, v = pixel[..., 0] / depth, pixel[..., 1] / depth
    width, height = cameras.image_size_px
    return (camera[..., 2] > 0.1) & (u > -0.5) & (u < width - 0.5) & (v > -0.5) & (v < height - 0.5)
