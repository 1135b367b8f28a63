"""Where each patch is, by VGGT, from pictures alone: cameras and depth of all frames in one world, whose unit nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from proxy3d.device import computing_device
from proxy3d.extras import require
from proxy3d.features.geometric.predicted import Views, in_time_order, placed_by_views
from proxy3d.features.grid import Grid
from proxy3d.features.picture import PLAIN, longest_side, shown
from proxy3d.features.pretrained import Wanted, load_packaged, weights_hash
from proxy3d.geometry import invert, rigid
from proxy3d.values import Clip, Geometry

SIDE_PX, STEP_PX = 518, 14


@dataclass(frozen=True)
class Vggt:
    """VGGT (Wang et al. 2025, arXiv 2503.11651) from its own package; depth and cameras, which it says are better than its point maps."""

    weights: str

    name = "vggt"
    takes_weights = True
    kinds = {}  # none of transformers
    example = "facebook/VGGT-1B"
    licence = "that of the package and the weights"
    unit = "unknown"

    @cached_property
    def model(self) -> nn.Module:
        package = require("vggt.models.vggt", for_what="the geometric encoder vggt")
        return load_packaged(Wanted("--geometric vggt", "the geometric encoder vggt", "VGGT", self.example, self.kinds), self.weights, package.VGGT)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in the world of the earliest frame's camera.

        Raises:
            BadInput: no package or no weights.
        """
        frame, place = in_time_order(clip)
        size = longest_side(clip, SIDE_PX, STEP_PX)
        said = self.model(shown(frame, *size, PLAIN)[None].to(computing_device()))
        said = {key: said[key].cpu() for key in ("pose_enc", "depth", "depth_conf")}
        cameras = require("vggt.utils.pose_enc", for_what="the geometric encoder vggt")
        camera_from_world, intrinsics = cameras.pose_encoding_to_extri_intri(said["pose_enc"], size)
        pose = invert(rigid(camera_from_world[0, :, :, :3], camera_from_world[0, :, :, 3]))
        seen = Views(said["depth"][0, ..., 0], said["depth_conf"][0], intrinsics[0], pose, metric=False)
        return placed_by_views(clip, seen.take(place), grid)
