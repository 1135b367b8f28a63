"""Positions from depth that a network guessed: what such networks do not know is asked for or said."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.grid import Grid
from proxy3d.geometry import resized_intrinsics
from proxy3d.points.scale import NOMINAL_DISTANCE_M, predicted_scale
from proxy3d.values import Clip, Geometry, check_finite, check_shape

VIEW_DEG = 60.0  # along the longer side, where neither the capture nor the network says how wide the camera sees
FURTHEST = 20.0  # times the median distance of a frame; what relative depth puts beyond has no position


@dataclass(frozen=True)
class Views:
    """What a network that sees all frames at once says of them: depth and cameras in one world, on pictures of its own size a x b."""

    depth: Float[Tensor, "T a b"]  # along the optical axis; 0 = none
    confidence: Float[Tensor, "T a b"]  # positive, more is surer
    intrinsics_px: Float[Tensor, "T 3 3"]  # of the a x b pictures
    world_from_camera: Float[Tensor, "T 4 4"]
    metric: bool

    def __post_init__(self):
        t, a, b = self.depth.shape
        check_shape(self, confidence=(t, a, b), intrinsics_px=(t, 3, 3), world_from_camera=(t, 4, 4))
        check_finite(self, "depth", "confidence", "intrinsics_px", "world_from_camera")

    def take(self, index: Int[Tensor, "n"]) -> Views:
        """Some of the frames, in the order of the index."""
        return Views(self.depth[index], self.confidence[index], self.intrinsics_px[index], self.world_from_camera[index], self.metric)


def with_poses(clip: Clip) -> Clip:
    """The clip, with the camera at the origin where it is one picture without a pose.

    Raises:
        BadInput: several frames and no poses, which depth of single pictures cannot replace.
    """
    if clip.world_from_camera is not None:
        return clip
    if len(clip.frame) > 1:
        raise BadInput(
            f"this capture has no camera poses: depth of single pictures does not say how {len(clip.frame)} frames lie to each other; "
            "give a capture with poses, or type --frames 1"
        )
    return replace(clip, world_from_camera=torch.eye(4)[None])


def with_intrinsics(clip: Clip, view_deg: Float[Tensor, "T"] | None = None) -> Clip:
    """The clip, with intrinsics where it has none: from the horizontal field of view, or from VIEW_DEG along the longer side."""
    if clip.intrinsics_px is not None:
        return clip
    frames, _, height, width = clip.frame.shape
    if view_deg is None:
        focal = torch.full((frames,), max(width, height) / 2 / math.tan(math.radians(VIEW_DEG / 2)))
    else:
        focal = width / 2 / torch.tan(torch.deg2rad(view_deg.clamp(1, 170)) / 2)
    intrinsics = torch.zeros(frames, 3, 3)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, 0, 2], intrinsics[:, 1, 2], intrinsics[:, 2, 2] = (width - 1) / 2, (height - 1) / 2, 1
    return replace(clip, intrinsics_px=intrinsics)


def placed(clip: Clip, depth: Float[Tensor, "T a b"], grid: Grid, *, metric: bool) -> Geometry:
    """Positions of a clip that has poses and intrinsics, by the same edge rule as measured depth; 0 = none.

    The networks state no confidence, so it is only how much of a patch is one surface.
    """
    pair = torch.stack([depth, (depth > 0).to(depth)], 1)
    full, valid = F.interpolate(pair, clip.frame.shape[-2:], mode="bilinear", align_corners=False).unbind(1)
    full = torch.where(valid > 0.999, full, 0.0)  # half of a hole and half of a wall is a place where nothing is
    measured = SensorDepth()(replace(clip, depth_m=full), grid)
    cameras = {"intrinsics_px": clip.intrinsics_px, "world_from_camera": clip.world_from_camera}
    return replace(measured, scale=predicted_scale() if metric else None, **cameras)


def placed_by_views(clip: Clip, seen: Views, grid: Grid) -> Geometry:
    """Positions in the world of the cameras that the network estimated; what the capture itself says of cameras is not used.

    Such networks state confidences without a unit, comparable only inside a clip: the median becomes one half.
    """
    height, width = clip.frame.shape[-2:]
    intrinsics = resized_intrinsics(seen.intrinsics_px, seen.depth.shape[:0:-1], (width, height))
    geometry = placed(replace(clip, intrinsics_px=intrinsics, world_from_camera=seen.world_from_camera), seen.depth, grid, metric=seen.metric)
    sure = F.adaptive_avg_pool2d((seen.confidence / (seen.confidence + seen.confidence.median()).clamp_min(1e-9))[:, None], (grid.h, grid.w))
    return replace(geometry, confidence=geometry.confidence * sure[:, 0])


def in_time_order(clip: Clip) -> tuple[Float[Tensor, "T 3 H W"], Int[Tensor, "T"]]:
    """The frames as they were taken, and where each one of the clip went: networks whose world is the first frame's must not see another first."""
    order = clip.time_s.argsort(stable=True)
    return clip.frame[order], order.argsort()


def depth_of_nearness(nearness: Float[Tensor, "T a b"]) -> Float[Tensor, "T a b"]:
    """Depth in no particular unit from relative inverse depth; 0 = none.

    What a relative network says is known up to a factor and a shift of each frame. The shift is taken as 0, and the factor puts the
    median of every frame where `points.scale` puts an unknown scene, so that poses in metres at least roughly fit.
    """
    median = nearness.flatten(1).median(1).values[:, None, None]
    seen = (nearness * FURTHEST > median) & (nearness > 0)
    return torch.where(seen, NOMINAL_DISTANCE_M * median / nearness.clamp_min(1e-9), 0.0)
