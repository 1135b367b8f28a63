"""Where each patch is, by Depth Anything 3, from pictures alone: cameras and depth of all frames in one world."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from proxy3d.errors import BadInput
from proxy3d.extras import require
from proxy3d.features.geometric.predicted import Views, in_time_order, placed_by_views
from proxy3d.features.grid import Grid
from proxy3d.features.pretrained import Wanted, load_packaged, weights_hash
from proxy3d.geometry import invert, rigid
from proxy3d.values import Clip, Geometry


@dataclass(frozen=True)
class DepthAnything3:
    """Depth Anything 3 (Lin et al. 2025, arXiv 2511.10647) from its own package: the any-view models, and the nested one, which gives metres."""

    weights: str

    name = "depth_anything_3"
    takes_weights = True
    kinds = {}  # none of transformers
    example = "depth-anything/DA3-BASE"
    licence = "that of the weights; Small and Base: Apache-2.0, Large, Giant and nested: CC-BY-NC-4.0"
    unit = "that of the weights"

    @cached_property
    def model(self) -> nn.Module:
        package = require("depth_anything_3.api", for_what="the geometric encoder depth_anything_3")
        wanted = Wanted("--geometric depth_anything_3", "the geometric encoder depth_anything_3", "Depth Anything 3", self.example, self.kinds)
        return load_packaged(wanted, self.weights, package.DepthAnything3)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in the world of the network's cameras.

        Raises:
            BadInput: no package, no weights, or weights that estimate no cameras.
        """
        frame, place = in_time_order(clip)
        with redirect_stdout(sys.stderr):  # it prints how long it took
            said = self.model.inference(list((frame * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()))
        parts = (said.depth, said.conf, said.intrinsics, said.extrinsics)
        if any(part is None for part in parts):
            raise BadInput(f"--geometric depth_anything_3:{self.weights}: these weights estimate no cameras; take others, like {self.example}")
        depth, sure, intrinsics, pose = (torch.as_tensor(part).float() for part in parts)
        seen = Views(depth, sure, intrinsics, invert(rigid(pose[:, :3, :3], pose[:, :3, 3])), bool(said.is_metric))
        return placed_by_views(clip, seen.take(place), grid)
