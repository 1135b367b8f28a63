"""The patch grid on which all encoders of one clip meet: square patches, the picture's own aspect ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

PATCH_PX = 16
STEP_PX = 32  # side lengths are multiples of this, so that encoders with stride 32 fit too


@dataclass(frozen=True)
class Grid:
    """h x w patches: pictures are resized to `width_px` x `height_px` before they are encoded."""

    h: int
    w: int
    patch_px: int = PATCH_PX

    @property
    def width_px(self) -> int:
        return self.w * self.patch_px

    @property
    def height_px(self) -> int:
        return self.h * self.patch_px

    @property
    def finer(self) -> Grid:
        """Every patch in four quarters: where things end is seen more finely than what they are."""
        return Grid(self.h * 2, self.w * 2, self.patch_px // 2)


def grid_for(width_px: int, height_px: int, *, side_px: int = 224) -> Grid:
    """The grid whose area is nearest to side_px squared among those that keep the aspect ratio best.

    A 640 x 480 picture becomes 12 x 16 patches (256 x 192 px), a square one 14 x 14 (224 px).
    """
    scale = side_px / math.sqrt(width_px * height_px)
    steps = [max(2, round(length * scale / STEP_PX)) for length in (height_px, width_px)]
    per_step = STEP_PX // PATCH_PX
    return Grid(steps[0] * per_step, steps[1] * per_step)
