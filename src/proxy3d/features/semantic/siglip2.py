"""What a patch looks like to SigLIP 2, in both forms its weights have: squares of one size, and any size (NaFlex)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.features.picture import HALF, as_map, shown
from proxy3d.features.semantic.patches import PatchEncoder


class Siglip2Vision(PatchEncoder):
    """Patch tokens of SigLIP 2 (Tschannen et al. 2025, arXiv 2502.14786); weights of the first SigLIP have the same form and serve too.

    Models of one size see the frame stretched to their square; NaFlex sees one of its patches for each patch of the grid.
    """

    name = "siglip2"
    what = "SigLIP"
    kinds = {
        "siglip": "SiglipVisionModel",
        "siglip_vision_model": "SiglipVisionModel",
        "siglip2": "Siglip2VisionModel",
        "siglip2_vision_model": "Siglip2VisionModel",
    }
    example = "google/siglip2-base-patch16-224"
    licence = "that of the weights; Google's: Apache-2.0"

    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D a b"]:
        """On the model's own square grid, or on the clip's."""
        config = self.net.config
        p = config.patch_size
        if config.model_type == "siglip_vision_model":
            side = config.image_size
            said = self.net(pixel_values=shown(frame, side, side, HALF))
            return as_map(said.last_hidden_state, side // p, side // p)
        picture = shown(frame, grid.h * p, grid.w * p, HALF)
        patch = picture.unflatten(2, (grid.h, p)).unflatten(4, (grid.w, p)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        every = torch.ones(patch.shape[:2], dtype=torch.long)
        said = self.net(pixel_values=patch, pixel_attention_mask=every, spatial_shapes=torch.tensor([[grid.h, grid.w]]))
        return as_map(said.last_hidden_state, grid.h, grid.w)
