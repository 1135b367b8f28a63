"""Where each patch is, by Depth Anything: in metres from metric weights, in an unknown unit from relative ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.features.geometric.predicted import depth_of_nearness, placed, with_intrinsics, with_poses
from proxy3d.features.grid import Grid
from proxy3d.features.picture import IMAGENET, shown
from proxy3d.features.pretrained import Wanted, load_pretrained, weights_hash
from proxy3d.values import Clip, Geometry


@dataclass(frozen=True)
class DepthAnything:
    """Depth Anything V2 (Yang et al. 2024, arXiv 2406.09414); weights of the first version have the same form and serve too."""

    weights: str

    name = "depth_anything"
    takes_weights = True
    kinds = {"depth_anything": "DepthAnythingForDepthEstimation"}
    example = "depth-anything/Depth-Anything-V2-Small-hf"
    licence = "that of the weights; Small: Apache-2.0, larger ones: CC-BY-NC-4.0"

    @cached_property
    def model(self) -> nn.Module:
        wanted = Wanted(f"--geometric {self.name}", f"the geometric encoder {self.name}", "Depth Anything", self.example, self.kinds)
        return load_pretrained(wanted, self.weights)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @property
    def unit(self) -> str:
        return "metre" if self.model.config.depth_estimation_type == "metric" else "unknown"

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3); without intrinsics the camera is taken to see 60 degrees.

        Raises:
            BadInput: no weights, or several frames without poses.
        """
        clip = with_intrinsics(with_poses(clip))
        said = torch.cat([self.said_of(frame[None]) for frame in clip.frame])
        metric = self.unit == "metre"
        return placed(clip, said if metric else depth_of_nearness(said), grid, metric=metric)

    def said_of(self, frame: Float[Tensor, "1 3 H W"]) -> Float[Tensor, "1 a b"]:
        """What the model says of a frame whose shorter side is brought to the size it was trained at: depth, or nearness."""
        config, (height, width) = self.model.config, frame.shape[-2:]
        side, p = config.backbone_config.image_size, config.patch_size
        a, b = (max(1, round(length * side / min(height, width) / p)) * p for length in (height, width))
        return self.model(pixel_values=shown(frame, a, b, IMAGENET)).predicted_depth
