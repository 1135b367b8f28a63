"""Bring vector, position and colour of each patch together, and drop what has no position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import transform
from proxy3d.values import Clip, Geometry, Points, Semantics


def lift(
    clip: Clip,
    semantics: Semantics,
    geometry: Geometry,
    world_from_capture: Float[Tensor, "4 4"],
    *,
    min_confidence: float = 0.1,
) -> tuple[Points, Tensor]:
    """One point per patch whose confidence reaches the minimum, in a z-up world in metres.

    Returns:
        The points, frame by frame and row by row, and (T, h, w) booleans: which patches were kept.
    """
    keep = geometry.confidence >= min_confidence
    frames, h, w = keep.shape
    rgb = F.adaptive_avg_pool2d(clip.frame, (h, w)).permute(0, 2, 3, 1)
    frame = torch.arange(frames)[:, None, None].expand(frames, h, w)
    points = Points(
        xyz_world_m=transform(world_from_capture, geometry.xyz_world[keep]),
        feature=semantics.feature[keep],
        rgb=rgb[keep],
        frame=frame[keep],
        weight=geometry.confidence[keep],
        patch=keep.nonzero()[:, 1:],
    )
    return points, keep
