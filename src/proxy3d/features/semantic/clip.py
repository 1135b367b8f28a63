"""What a patch looks like to CLIP, the encoder that learnt from pictures and their captions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.features.picture import OPENAI, as_map, shown
from proxy3d.features.semantic.patches import PatchEncoder


class ClipVision(PatchEncoder):
    """Patch tokens of the last layer of CLIP (Radford et al. 2021, arXiv 2103.00020); the frame is stretched to the model's square."""

    name = "clip"
    what = "CLIP"
    kinds = {"clip": "CLIPVisionModel", "clip_vision_model": "CLIPVisionModel"}
    example = "openai/clip-vit-base-patch16"
    licence = "that of the weights; OpenAI's code and models: MIT"

    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D a a"]:
        """On the model's own square grid."""
        side, patch = self.net.config.image_size, self.net.config.patch_size
        said = self.net(pixel_values=shown(frame, side, side, OPENAI))
        return as_map(said.last_hidden_state, side // patch, side // patch)
