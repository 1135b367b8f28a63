"""What a patch looks like to DINOv2, which learnt from pictures alone; with or without register tokens."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.features.picture import IMAGENET, as_map, shown
from proxy3d.features.semantic.patches import PatchEncoder


class DinoV2(PatchEncoder):
    """Patch tokens of DINOv2 (Oquab et al. 2023, arXiv 2304.07193), one for each patch of the grid."""

    name = "dinov2"
    what = "DINOv2"
    kinds = {"dinov2": "Dinov2Model", "dinov2_with_registers": "Dinov2WithRegistersModel"}
    example = "facebook/dinov2-with-registers-base"
    licence = "that of the weights; Meta's: Apache-2.0"

    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D h w"]:
        """On the clip's grid: the model takes pictures of any size."""
        p = self.net.config.patch_size
        said = self.net(pixel_values=shown(frame, grid.h * p, grid.w * p, IMAGENET))
        return as_map(said.last_hidden_state, grid.h, grid.w)
