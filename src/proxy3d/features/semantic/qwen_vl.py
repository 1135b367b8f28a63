"""What a patch looks like to a language model that sees: the vision part of Qwen2.5-VL or Qwen3-VL, as wide as its words."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.features.picture import HALF, OPENAI, as_map, shown
from proxy3d.features.semantic.patches import PatchEncoder

COLOURS = {"qwen2_5_vl_vision": OPENAI, "qwen3_vl_vision": HALF}


class QwenVision(PatchEncoder):
    """Vision tokens of Qwen2.5-VL (Bai et al. 2025, arXiv 2502.13923) or Qwen3-VL after the patch merger, one for each patch of the grid.

    This is the encoder of method.md 2, "the VLM's own". Only the vision part of the weights is read into memory; the levels that
    Qwen3-VL hands to its language model besides (deepstack) are left out.
    """

    name = "qwen_vl"
    what = "Qwen-VL"
    kinds = {
        "qwen2_5_vl": "Qwen2_5_VisionTransformerPretrainedModel",
        "qwen2_5_vl_vision": "Qwen2_5_VisionTransformerPretrainedModel",
        "qwen3_vl": "Qwen3VLVisionModel",
        "qwen3_vl_vision": "Qwen3VLVisionModel",
    }
    example = "Qwen/Qwen2.5-VL-7B-Instruct"
    licence = "that of the weights, which differs by size"
    width = "out_hidden_size"
    renamed = {r"^(model\.)?visual\.": ""}

    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D h w"]:
        """On the clip's grid: each of its patches is a square of small ones that the model merges."""
        config = self.net.config
        m, p = config.spatial_merge_size, config.patch_size
        picture = shown(frame, grid.h * m * p, grid.w * m * p, COLOURS[config.model_type])[0]
        small = picture.unflatten(2, (grid.w, m, p)).unflatten(1, (grid.h, m, p))  # (3, h, m, p, w, m, p)
        small = small.permute(1, 4, 2, 5, 0, 3, 6)  # those that merge lie side by side
        still = small[..., None, :, :].expand(*small.shape[:5], config.temporal_patch_size, p, p)  # a picture is a film that stands still
        said = self.net(still.flatten(4).flatten(0, 3), grid_thw=torch.tensor([[1, grid.h * m, grid.w * m]]))
        return as_map(said.pooler_output[None], grid.h, grid.w)
