"""Where each patch is, in metres, by ZoeDepth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.features.geometric.predicted import placed, with_intrinsics, with_poses
from proxy3d.features.grid import Grid
from proxy3d.features.picture import HALF, shown
from proxy3d.features.pretrained import Wanted, load_pretrained, weights_hash
from proxy3d.values import Clip, Geometry

SIZE_PX = (384, 512)  # height and width that the published weights were trained at; the aspect ratio of the frame is kept
STEP_PX = 32


@dataclass(frozen=True)
class ZoeDepth:
    """ZoeDepth (Bhat et al. 2023, arXiv 2302.12288). Frames get a mirrored margin, because the model is bad at the edge of pictures."""

    weights: str
    size_px: tuple[int, int] = SIZE_PX

    name = "zoedepth"
    takes_weights = True
    kinds = {"zoedepth": "ZoeDepthForDepthEstimation"}
    example = "Intel/zoedepth-nyu-kitti"
    licence = "that of the weights; Intel's: MIT"
    unit = "metre"

    @cached_property
    def model(self) -> nn.Module:
        wanted = Wanted(f"--geometric {self.name}", f"the geometric encoder {self.name}", "ZoeDepth", self.example, self.kinds)
        return load_pretrained(wanted, self.weights)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in metres; without intrinsics the camera is taken to see 60 degrees.

        Raises:
            BadInput: no weights, or several frames without poses.
        """
        clip = with_intrinsics(with_poses(clip))
        return placed(clip, torch.cat([self.depth_of(frame[None]) for frame in clip.frame]), grid, metric=True)

    def depth_of(self, frame: Float[Tensor, "1 3 H W"]) -> Float[Tensor, "1 H W"]:
        """Depth of each pixel, without the margin."""
        height, width = frame.shape[-2:]
        down, right = (min(int(math.sqrt(length / 2) * 3), length - 1) for length in (height, width))
        wide = F.pad(frame, (right, right, down, down), mode="reflect")
        factor = min((side / length for side, length in zip(self.size_px, wide.shape[-2:], strict=True)), key=lambda f: abs(1 - f))
        a, b = (max(1, round(length * factor / STEP_PX)) * STEP_PX for length in wide.shape[-2:])
        depth = self.model(pixel_values=shown(wide, a, b, HALF)).predicted_depth
        full = F.interpolate(depth[:, None], wide.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
        return full[:, down : down + height, right : right + width]
