"""Mean relative accuracy of a number: the share of ever stricter tolerances that it meets, to the bit as the public scorers count."""

from __future__ import annotations

import math

import numpy as np

# 1 - theta for ten theta from .50 to .95, in float64: an error that is the double nearest to .45 or .20 misses its own tolerance.
TOLERANCES = tuple(1 - (0.5 + i * ((0.95 - 0.5) / 9)) for i in range(9)) + (1 - 0.95,)
WITH_ZERO = (*TOLERANCES, 0.0)  # eleven, as a wrong reading of the public code has it
# diankun-wu/Spatial-MLLM, in float32; another float32 range function gives other last bits, hence the list.
SINGLE = tuple(
    np.float32(v)
    for v in (
        0.5,
        0.44999998807907104,
        0.3999999761581421,
        0.3500000238418579,
        0.30000001192092896,
        0.25,
        0.19999998807907104,
        0.1499999761581421,
        0.10000002384185791,
        0.050000011920928955,
    )
)


def mean_relative_accuracy(predicted: float | None, true: float, tolerances: tuple[float, ...] = TOLERANCES, *, zero_true: bool = False) -> float:
    """Share of tolerances with |p - t| / |t| at most as large; no number, NaN and infinity meet none (Yang et al. 2024, arXiv 2412.14171).

    A truth of 0 has no relative error: it scores 0, or by its absolute error with `zero_true`.
    """
    if predicted is None or not math.isfinite(predicted) or not math.isfinite(true) or (true == 0 and not zero_true):
        return 0.0
    error = abs(predicted - true) if true == 0 else abs((predicted - true) / true)
    return sum(error <= t for t in tolerances) / len(tolerances)


def mean_relative_accuracy_single(predicted: float | None, true: float) -> float:
    """The same in float32 and strictly below, with 1e-8 added to the truth: `spatial-mllm`."""
    if predicted is None or not math.isfinite(predicted) or abs(predicted) > 1e30:
        return 0.0
    p, t = np.float32(predicted), np.float32(true)
    error = np.abs(p - t) / (np.abs(t) + np.float32(1e-8))
    return sum(bool(error < v) for v in SINGLE) / len(SINGLE)
