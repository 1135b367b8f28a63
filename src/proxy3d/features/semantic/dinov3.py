"""What a patch looks like to DINOv3, in its transformer form."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.features.picture import IMAGENET, as_map, shown
from proxy3d.features.semantic.patches import PatchEncoder


class DinoV3(PatchEncoder):
    """Patch tokens of DINOv3 (Simeoni et al. 2025, arXiv 2508.10104), one for each patch of the grid."""

    name = "dinov3"
    what = "DINOv3"
    kinds = {"dinov3_vit": "DINOv3ViTModel"}
    example = "facebook/dinov3-vitb16-pretrain-lvd1689m"
    licence = "that of the weights; Meta's: DINOv3 License"

    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D h w"]:
        """On the clip's grid: places are rotary, so any size will do."""
        p = self.net.config.patch_size
        said = self.net(pixel_values=shown(frame, grid.h * p, grid.w * p, IMAGENET))
        return as_map(said.last_hidden_state, grid.h, grid.w)
