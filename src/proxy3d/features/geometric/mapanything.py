"""Where each patch is, by MapAnything, from pictures alone: cameras and depth of all frames in one world, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from proxy3d.extras import require
from proxy3d.features.geometric.predicted import Views, in_time_order, placed_by_views
from proxy3d.features.grid import Grid
from proxy3d.features.picture import IMAGENET, longest_side, shown
from proxy3d.features.pretrained import Wanted, load_packaged, weights_hash
from proxy3d.values import Clip, Geometry

SIDE_PX, STEP_PX = 518, 14


@dataclass(frozen=True)
class MapAnything:
    """MapAnything (Keetha et al. 2025, arXiv 2509.13414) from its own package."""

    weights: str

    name = "mapanything"
    takes_weights = True
    kinds = {}  # none of transformers
    example = "facebook/map-anything-apache"
    licence = "that of the weights; facebook/map-anything-apache: Apache-2.0"
    unit = "metre"

    @cached_property
    def model(self) -> nn.Module:
        package = require("mapanything.models", for_what="the geometric encoder mapanything")
        wanted = Wanted("--geometric mapanything", "the geometric encoder mapanything", "MapAnything", self.example, self.kinds)
        return load_packaged(wanted, self.weights, package.MapAnything)

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.model)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in metres, in the world of the network's cameras.

        Raises:
            BadInput: no package or no weights.
        """
        frame, place = in_time_order(clip)
        pictures = shown(frame, *longest_side(clip, SIDE_PX, STEP_PX), IMAGENET)
        said = self.model.infer([{"img": picture[None], "data_norm_type": ["dinov2"]} for picture in pictures], use_amp=False)
        depth, sure, intrinsics, pose = (torch.cat([view[key] for view in said]).cpu() for key in ("depth_z", "conf", "intrinsics", "camera_poses"))
        return placed_by_views(clip, Views(depth[..., 0], sure, intrinsics, pose, metric=True).take(place), grid)
