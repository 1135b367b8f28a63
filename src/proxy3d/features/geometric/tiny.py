"""A flat wall two units ahead of every camera: no depth is needed, and nothing about it is metric. For tests."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from proxy3d.features.grid import Grid
from proxy3d.geometry import resized_intrinsics, transform, unproject
from proxy3d.values import Clip, Geometry


@dataclass(frozen=True)
class TinyGeometry:
    """Every patch at depth 2 in an unknown unit; cameras default to one standing still with a 60 degree view."""

    takes_weights = False
    licence = "Apache-2.0"
    unit = "unknown"
    hash = "none"

    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3); the scale is None because nobody measured anything."""
        frames, _, height, width = clip.frame.shape
        focal = width / 2 / 0.577
        default = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]]).expand(frames, 3, 3)
        intrinsics = clip.intrinsics_px if clip.intrinsics_px is not None else default
        world_from_camera = clip.world_from_camera if clip.world_from_camera is not None else torch.eye(4).expand(frames, 4, 4)
        small = resized_intrinsics(intrinsics, (width, height), (grid.w, grid.h))
        xyz = unproject(torch.full((frames, grid.h, grid.w), 2.0), small)
        return Geometry(transform(world_from_camera, xyz.reshape(frames, -1, 3)).reshape(xyz.shape), torch.ones(frames, grid.h, grid.w), None)
