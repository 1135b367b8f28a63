"""The patch grid on which all encoders of one clip meet: square patches, the picture's own aspect ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

PATCH_PX = 16
STEP_PX = 32  # side lengths are multiples of this where nobody says how many patches, so that encoders with stride 32 fit too
SIDE_PX = 224  # of a square picture, where nobody says


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


def grid_for(width_px: int, height_px: int, patches: int | None = None) -> Grid:
    """The grid of about so many patches that keeps a picture's aspect ratio best; without a number, as many as SIDE_PX squared has.

    A 640 x 480 picture becomes 12 x 16 patches (256 x 192 px), a square one 14 x 14 (224 px). With 336 patches it is the 16 x 21 of the
    paper, and with 1,344 its 32 x 42 (method.md 3.1).
    """
    per_step = STEP_PX // PATCH_PX if patches is None else 1
    side = SIDE_PX / PATCH_PX if patches is None else math.sqrt(patches)
    scale = side / per_step / math.sqrt(width_px * height_px)
    h, w = (max(2, round(length * scale)) * per_step for length in (height_px, width_px))
    return Grid(h, w)
