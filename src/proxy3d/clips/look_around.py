"""Look around in a point cloud with virtual RGB-D cameras, so that everything after the capture is the same as for frames."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.clips.capture import Capture, Layout
from proxy3d.clips.cloud import CLOUD_SUFFIXES, Cloud, begins_as_cloud, read_cloud
from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput
from proxy3d.geometry import invert, look_at, project, transform
from proxy3d.values import Clip

WIDTH_PX, HEIGHT_PX, FOCAL_PX = 320, 240, 160.0  # 90 degrees wide: a room has to fit from inside
MAX_POINTS = 2_000_000
MAX_SPLAT_PX = 3
SMALLEST_M, LARGEST_M = 0.1, 500.0  # sizes outside are a wrong unit


def look_around(cloud: Cloud, frames: int = 8) -> Clip:
    """`frames` views from inside the bounds of the cloud, with exact poses and intrinsics.

    The cameras stand on a ring at equal angles, each at that radius (0.2 to 0.8 of the half size) where the nearest point is
    furthest away, at 60 % of the height, and look across the centre slightly down. Points are drawn as squares as large as the
    spacing between points, at most 7 pixels, nearest first (z-buffer).

    Limits: z must point up and the unit must be metres. Surfaces thinner than the spacing let the back shine through; rooms
    behind walls stay unseen (about one room fits); ceilings hide nothing because the cameras are below them; without colour all is grey.

    Raises:
        BadInput: too few points, or a size that is no place in metres.
    """
    low, high = _bounds(cloud.xyz)
    size = high - low
    largest = float(size.max())
    if not SMALLEST_M <= largest <= LARGEST_M:
        raise BadInput(f"the point cloud is {largest:.3g} m across, which is no room: type --metres-per-unit (0.001 for millimetres)")
    step = math.ceil(len(cloud) / MAX_POINTS)
    xyz = cloud.xyz[::step]
    rgb = cloud.rgb[::step] if cloud.rgb is not None else torch.full((len(xyz), 3), 0.5)
    spacing = _spacing(xyz)
    intrinsics = torch.tensor([[FOCAL_PX, 0, (WIDTH_PX - 1) / 2], [0, FOCAL_PX, (HEIGHT_PX - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    pictures, depths, poses = [], [], []
    for k in range(frames):
        pose = _camera(xyz, low, high, 2 * math.pi * k / frames)
        frame, depth = splat(xyz, rgb, pose, intrinsics, spacing)
        pictures.append(frame), depths.append(depth), poses.append(pose)
    if not any(bool((d > 0).any()) for d in depths):
        raise BadInput(f"no point of the cloud is seen by any of {frames} views; expected a room or an object with z up")
    return Clip(
        frame=torch.stack(pictures),
        time_s=torch.arange(frames) / 1.0,
        name=tuple(f"view {k}" for k in range(frames)),
        intrinsics_px=intrinsics.float().expand(frames, 3, 3).clone(),
        world_from_camera=torch.stack(poses).float(),
        depth_m=torch.stack(depths),
    )


def splat(
    xyz_world: Float[Tensor, "N 3"],
    rgb: Float[Tensor, "N 3"],
    world_from_camera: Float[Tensor, "4 4"],
    intrinsics_px: Float[Tensor, "3 3"],
    spacing_m: float,
) -> tuple[Float[Tensor, "3 H W"], Float[Tensor, "H W"]]:
    """Colour and depth of the nearest point at each pixel; 0 where there is none. Points nearer than 5 cm are not drawn."""
    uv, depth = project(transform(invert(world_from_camera), xyz_world), intrinsics_px)
    radius = (spacing_m * FOCAL_PX / depth.clamp_min(0.05) / 2).round().clamp(0, MAX_SPLAT_PX).long()
    pixel = uv.round()
    reach = torch.tensor([WIDTH_PX, HEIGHT_PX]) + MAX_SPLAT_PX
    inside = (depth > 0.05) & ((pixel >= -MAX_SPLAT_PX) & (pixel < reach)).all(1)
    index = inside.nonzero()[:, 0]
    # Nearest wins: 0.1 mm of depth in the high bits, the index in the low ones, so that ties do not depend on threads.
    key = ((depth[index] * 1e4).long() << 32) | index
    empty = torch.iinfo(torch.int64).max
    # A margin around the picture, so that a square that sticks out needs no test and is cut off afterwards.
    margin = 2 * MAX_SPLAT_PX
    row = WIDTH_PX + 2 * margin
    buffer = torch.full(((HEIGHT_PX + 2 * margin) * row,), empty, dtype=torch.int64)
    at, radius = (pixel[index, 1].long() + margin) * row + pixel[index, 0].long() + margin, radius[index]
    for ring in range(MAX_SPLAT_PX + 1):
        large = radius >= ring
        at, radius, key = at[large], radius[large], key[large]
        for dy in range(-ring, ring + 1):
            for dx in range(-ring, ring + 1):
                if max(abs(dx), abs(dy)) == ring:
                    buffer.scatter_reduce_(0, at + dy * row + dx, key, "amin")
    buffer = buffer.view(-1, row)[margin:-margin, margin:-margin].flatten()
    hit = buffer != empty
    winner = buffer[hit] & 0xFFFFFFFF
    colour, distance = torch.zeros(HEIGHT_PX * WIDTH_PX, 3), torch.zeros(HEIGHT_PX * WIDTH_PX)
    colour[hit], distance[hit] = rgb[winner].float(), depth[winner].float()
    return colour.T.reshape(3, HEIGHT_PX, WIDTH_PX), distance.reshape(HEIGHT_PX, WIDTH_PX)


def _bounds(xyz: Tensor) -> tuple[Tensor, Tensor]:
    """The box that holds all but the outermost percent on each side: scans have stray points."""
    ordered = xyz.sort(0).values
    cut = len(xyz) // 100
    return ordered[cut], ordered[len(xyz) - 1 - cut]


def _spacing(xyz: Tensor) -> float:
    """Median distance to the nearest neighbour, of up to 500 points; scipy because 2 million points need a tree."""
    from scipy.spatial import cKDTree

    if len(xyz) < 2:
        return 0.01
    sample = xyz[:: max(1, len(xyz) // 500)]
    distance, _ = cKDTree(xyz.numpy()).query(sample.numpy(), k=2)
    return float(torch.from_numpy(distance[:, 1]).median())


def _camera(xyz: Tensor, low: Tensor, high: Tensor, angle_rad: float) -> Tensor:
    centre, half = (low + high) / 2, (high - low) / 2
    thin = xyz[:: max(1, len(xyz) // 5000)]
    direction = torch.tensor([math.cos(angle_rad), math.sin(angle_rad), 0.0], dtype=torch.float64)
    eyes = [centre + direction * half * r + torch.tensor([0, 0, 0.2], dtype=torch.float64) * half for r in (0.2, 0.35, 0.5, 0.65, 0.8)]
    free = [float((thin - eye).norm(dim=1).min()) for eye in eyes]
    target = centre - direction * half * 0.2 - torch.tensor([0, 0, 0.3], dtype=torch.float64) * half
    return look_at(eyes[max(range(len(eyes)), key=lambda k: (free[k], -k))], target)


def _recognises(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() in CLOUD_SUFFIXES or begins_as_cloud(path))


def _open(path: Path, options: CaptureOptions) -> Capture:
    unit = options.metres_per_unit
    said = "no unit is stated, so no answer is in metres (type --metres-per-unit or --known)" if unit is None else f"a unit is {unit:g} m"
    return Capture(path, "cloud", (), options, _take, (f"a point cloud: taken to be z-up, seen by virtual cameras; {said}",))


def _take(capture: Capture, count: int) -> Clip:
    cloud = read_cloud(capture.path)
    try:
        return look_around(Cloud(cloud.xyz * (capture.options.metres_per_unit or 1.0), cloud.rgb), count)
    except BadInput as error:
        raise BadInput(f"{capture.path}: {error}") from error


CLOUD = Layout("a point cloud (.ply, .pcd)", _recognises, _open)
