"""What every patch encoder of transformers shares: frozen weights of one's own, one frame at a time, features on the grid of the clip."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.features.grid import Grid
from proxy3d.features.picture import on_grid
from proxy3d.features.pretrained import Wanted, load_pretrained, weights_hash
from proxy3d.values import Clip, Semantics


class PatchEncoder(nn.Module):
    """Abstract: a member says which classes of transformers it reads (`kinds`) and how it looks at a picture (`look`).

    `weights` is a folder that transformers can load, or a name on its hub; what is on this machine is taken first.

    Raises:
        BadInput: transformers or the weights are missing, or they are weights of something else.
    """

    takes_weights = True
    name: str
    what: str  # whose weights they are, in words
    kinds: dict[str, str]  # model_type of config.json -> class of transformers
    example: str  # a name on the hub
    licence: str
    width = "hidden_size"  # where the configuration says how wide features are
    renamed: dict[str, str] = {}  # names of tensors, where the part that looks lies in a larger model

    def __init__(self, weights: str):
        super().__init__()
        wanted = Wanted(f"--semantic {self.name}", f"the semantic encoder {self.name}", self.what, self.example, self.kinds)
        self.net = load_pretrained(wanted, weights, **({"key_mapping": self.renamed} if self.renamed else {}))

    @property
    def dim(self) -> int:
        return getattr(self.net.config, self.width)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.net)

    def train(self, mode: bool = True) -> PatchEncoder:
        """Stays in evaluation mode: the encoder is frozen."""
        return super().train(False)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Semantics:
        """Features (T, h, w, dim) in float32."""
        return Semantics(torch.cat([on_grid(self.look(frame[None], grid), grid) for frame in clip.frame]))

    @abstractmethod
    def look(self, frame: Float[Tensor, "1 3 H W"], grid: Grid) -> Float[Tensor, "1 D a b"]:
        """One frame's features where they are in the picture, on the model's own grid."""
