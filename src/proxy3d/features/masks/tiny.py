"""Patches of one shade are one object: the real contract, in a millisecond, for tests and for trying things out."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F

from proxy3d.features.grid import Grid
from proxy3d.values import Clip, Masks


@dataclass(frozen=True)
class TinyMasks:
    """The mean colour of a patch in so many levels a channel; black, level 0 of all three, is no object."""

    levels: int = 3

    licence = "Apache-2.0"
    hash = "none"
    takes_weights = False

    def __call__(self, clip: Clip, grid: Grid) -> Masks:
        """Labels (T, h, w), at most levels ** 3 different ones."""
        shade = (F.adaptive_avg_pool2d(clip.frame, (grid.h, grid.w)) * self.levels).long().clamp_max(self.levels - 1)
        red, green, blue = shade.unbind(1)
        return Masks((red * self.levels + green) * self.levels + blue - 1)
