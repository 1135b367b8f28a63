"""Where each patch is, by Depth Pro: metres and, where the capture has no intrinsics, the field of view from the picture alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.features.geometric.predicted import placed, with_intrinsics, with_poses
from proxy3d.features.grid import Grid
from proxy3d.features.picture import HALF, shown
from proxy3d.features.pretrained import Wanted, load_pretrained, weights_hash
from proxy3d.values import Clip, Geometry

NEAREST, FARTHEST = 1e-4, 1e4  # metres, between which inverse depth is kept


@dataclass(frozen=True)
class DepthPro:
    """Depth Pro (Bochkovskii et al. 2024, arXiv 2410.02073)."""

    weights: str

    name = "depth_pro"
    takes_weights = True
    kinds = {"depth_pro": "DepthProForDepthEstimation"}
    example = "apple/DepthPro-hf"
    licence = "that of the weights; Apple's have a licence of their own"
    unit = "metre"

    @cached_property
    def model(self) -> nn.Module:
        wanted = Wanted(f"--geometric {self.name}", f"the geometric encoder {self.name}", "Depth Pro", self.example, self.kinds)
        return load_pretrained(wanted, self.weights)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in metres.

        Raises:
            BadInput: no weights, or several frames without poses.
        """
        clip = with_poses(clip)
        inverse, view_deg = zip(*[self.said_of(frame[None]) for frame in clip.frame], strict=True)
        clip = with_intrinsics(clip, None if view_deg[0] is None else torch.cat(view_deg))
        # What the model says belongs to a camera whose focal length is the width of the picture.
        per_focal = clip.frame.shape[-1] / clip.intrinsics_px[:, 0, 0].abs()
        depth = 1 / (torch.cat(inverse) * per_focal[:, None, None]).clamp(1 / FARTHEST, 1 / NEAREST)
        return placed(clip, depth, grid, metric=True)

    def said_of(self, frame: Float[Tensor, "1 3 H W"]) -> tuple[Float[Tensor, "1 a a"], Float[Tensor, "1"] | None]:
        """Inverse depth of a frame, stretched to the model's square, and the horizontal field of view in degrees, if it has that part."""
        config = self.model.config
        side = round(config.patch_size / min(config.scaled_images_ratios))
        said = self.model(pixel_values=shown(frame, side, side, HALF))
        return said.predicted_depth, said.field_of_view
