"""What an answer rests on: whether the scene shows what the question names, and how far off a number may be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proxy3d.answers.judge import SOURCES
from proxy3d.answers.offers import spelled

if TYPE_CHECKING:
    from proxy3d.answers.fusion import Fused

ABOUT_PRESENCE = ("no", "false", "0", "none")  # answers that say themselves that something is not there
MEASURED = {"length": "metres", "area": "square_metres"}  # source of an answer -> its unit, in the order of the columns of `Judged.log_size`
EIGHT_OF_TEN = 1.2816  # standard deviations on either side of a normal distribution's mean
POWER = {"metres": 1, "square_metres": 2}  # of a length in a unit


def not_seen(seen: Mapping[str, float], least: float, text: str) -> tuple[str, ...]:
    """Named things without evidence; none where the answer itself says that something is not there."""
    return () if text.lower().rstrip(".") in ABOUT_PRESENCE else tuple(word for word, score in seen.items() if score < least)


def number_range(fused: Fused, row: int, text: str, spreads: Mapping[str, Sequence[float]], *, sigma: float = 0.0) -> tuple[float, float] | None:
    """Where the number that was said lies 8 times of 10; None where no length or area was said, or nobody knows how far off they are.

    Args:
        spreads: for each unit the factors on a number between which the true one lies, as training.calibrate finds them with a sensor's depth.
        sigma: relative standard deviation of the scene's scale, which comes on top.
    """
    for (source, unit), log in zip(MEASURED.items(), fused.judged.log_size[row].tolist(), strict=True):
        if SOURCES[int(fused.chosen[row, : len(SOURCES)].argmax())] == source and unit in spreads and text == spelled(unit, log):
            low, high = (math.log(factor) for factor in spreads[unit])
            half = math.hypot((high - low) / 2, EIGHT_OF_TEN * sigma * POWER[unit])
            return tuple(round(math.exp(log + (low + high) / 2 + side * half), 2) for side in (-1, 1))
    return None
