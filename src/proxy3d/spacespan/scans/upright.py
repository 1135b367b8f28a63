"""From the box that a scan was given, which may lean, to the upright box that a room keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

# A box of a scan is fitted to its points, so that it leans where a chair's back does. Up to here its height is the object's height (cos 10
# degrees is 0.985), and a detector that finds the upright box finds the measured one.
LEANS_DEG = 10.0
LEAST_OVERLAP = 0.75
POINTS = 1000  # that are counted for the overlap of two boxes
STEP = np.array([1.22074408460575947536**-i for i in (1, 2, 3)])  # spreads any number of points evenly over a cube, in no rows


@dataclass(frozen=True)
class MeasuredBox:
    """A box as a scan has it: any three axes at right angles, in any order."""

    centre_m: Float[np.ndarray, "3"]
    lengths_m: Float[np.ndarray, "3"]  # full
    axes: Float[np.ndarray, "3 3"]  # one unit vector per row, in the order of lengths_m

    def __post_init__(self):
        if not all(np.isfinite(v).all() for v in (self.centre_m, self.lengths_m, self.axes)):
            raise ValueError("its box has NaN or infinity")
        if (self.lengths_m <= 0).any():
            raise ValueError("its box has a side that is not longer than 0")
        if np.abs(self.axes @ self.axes.T - np.eye(3)).max() > 1e-3:
            raise ValueError("the axes of its box are not three unit vectors at right angles")

    def span(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Least and greatest x, y, z of its corners."""
        half = (np.abs(self.axes) * self.lengths_m[:, None]).sum(0) / 2
        return self.centre_m - half, self.centre_m + half


@dataclass(frozen=True)
class UprightBox:
    """The same sides with the one nearest to the vertical set upright; x is the longer of the other two."""

    centre_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    yaw_rad: float  # -pi/2 to pi/2: half a turn changes no box
    lean_deg: float  # how far the side that is now upright was off
    overlap: float  # IoU with the measured box

    @property
    def stands(self) -> bool:
        return self.lean_deg <= LEANS_DEG and self.overlap >= LEAST_OVERLAP


def upright(box: MeasuredBox) -> UprightBox:
    """The measured box without its lean. No side changes its length, so the longest one is the official size of the object."""
    up = int(np.abs(box.axes[:, 2]).argmax())
    long, short = sorted((i for i in range(3) if i != up), key=lambda i: -box.lengths_m[i])
    x, y = box.axes[long, :2]
    if math.hypot(x, y) < 1e-9:  # two sides equally near the vertical
        x, y = box.axes[short, 1], -box.axes[short, 0]
    yaw = (math.atan2(y, x) + math.pi / 2) % math.pi - math.pi / 2
    size = tuple(float(box.lengths_m[i]) for i in (long, short, up))
    lean = math.degrees(math.acos(min(1.0, abs(float(box.axes[up, 2])))))
    return UprightBox(tuple(map(float, box.centre_m)), size, yaw, lean, overlap(box, size, yaw))


def overlap(box: MeasuredBox, size_m: tuple[float, float, float], yaw_rad: float) -> float:
    """IoU of a measured box and an upright one of the same centre and volume, by evenly spread points in the first."""
    spread = np.arange(1, POINTS + 1)[:, None] * STEP % 1 - 0.5
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    own = (spread * box.lengths_m) @ box.axes @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    share = float((np.abs(own) <= np.array(size_m) / 2 + 1e-9).all(1).mean())
    return share / (2 - share)
