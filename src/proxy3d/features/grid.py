"""The patch grid on which all encoders of one clip meet: square patches, the picture's own aspect ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

PATCH_PX = 16
STEP_PX = 32  # side lengths are multiples of this, so that encoders with stride 32 fit too


@dataclass(frozen=True)
class Grid:
    """h x w patches of 16 px: pictures are resized to `width_px` x `height_px` before they are encoded."""

    h: int
    w: int

    @property
    def width_px(self) -> int:
        return self.w * PATCH_PX

    @property
    def height_px(self) -> int:
        return self.h * PATCH_PX


def grid_for(width_px: int, height_px: int, *, side_px: int = 224) -> Grid:
    """The grid whose area is nearest to side_px squared among those that keep the aspect ratio best.

    A 640 x 480 picture becomes 12 x 16 patches (256 x 192 px), a square one 14 x 14 (224 px).
    """
    scale = side_px / math.sqrt(width_px * height_px)
    steps = [max(2, round(length * scale / STEP_PX)) for length in (height_px, width_px)]
    per_step = STEP_PX // PATCH_PX
    return Grid(steps[0] * per_step, steps[1] * per_step)
