"""Bring vector, position and colour of each patch together, and drop what has no position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import transform
from proxy3d.values import Clip, Geometry, Masks, Points, Semantics


def lift(
    clip: Clip,
    semantics: Semantics,
    geometry: Geometry,
    world_from_capture: Float[Tensor, "4 4"],
    *,
    masks: Masks | None = None,
    min_confidence: float = 0.1,
) -> tuple[Points, Tensor]:
    """One point per patch of the geometry whose confidence reaches the minimum, in a z-up world in metres.

    Geometry may be on the grid of the semantics, or on the one twice as fine: then each quarter of a patch is a point with the feature of
    its patch and a detail of its own. Masks are on the grid of the geometry.

    Returns:
        The points, frame by frame and row by row, and (T, h, w) booleans on the grid of the geometry: which patches were kept.
    """
    keep = geometry.confidence >= min_confidence
    frames, h, w = keep.shape
    rows, columns = semantics.feature.shape[1:3]
    rgb = F.adaptive_avg_pool2d(clip.frame, (h, w)).permute(0, 2, 3, 1)
    frame = torch.arange(frames)[:, None, None].expand(frames, h, w)
    quartered = (h, w) == (2 * rows, 2 * columns)
    which, row, column = keep.nonzero().unbind(1)
    points = Points(
        xyz_world_m=transform(world_from_capture, geometry.xyz_world[keep]),
        feature=semantics.feature[which, row * rows // h, column * columns // w],
        rgb=rgb[keep],
        frame=frame[keep],
        weight=geometry.confidence[keep],
        label=None if masks is None else masks.label[keep],
        detail=semantics.detail[keep] if quartered and semantics.detail is not None else None,
        patch=torch.stack([row, column], 1),
    )
    return points, keep
