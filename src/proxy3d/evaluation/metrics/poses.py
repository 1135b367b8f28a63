"""How far a guessed place and heading are off, as SQA3D scores localisation."""

from __future__ import annotations

import math
from collections.abc import Sequence


def level_distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Distance in x and y; height does not count."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def turn_z(quaternion: Sequence[float]) -> float:
    """The z component of the rotation vector of a quaternion (x, y, z, w), in radians; the quaternion need not have length 1."""
    x, y, z, w = quaternion
    if w < 0:  # the same rotation, the short way round
        x, y, z, w = -x, -y, -z, -w
    sine = math.hypot(x, y, z)
    return 2 * math.atan2(sine, w) * z / sine if sine > 0 else 0.0


def turn_apart(a: Sequence[float], b: Sequence[float]) -> float:
    """Difference of two headings in degrees, 0..180."""
    apart = abs(math.degrees(turn_z(a) - turn_z(b))) % 360
    return min(apart, 360 - apart)
