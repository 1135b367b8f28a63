"""Overlap of boxes along common axes, and what follows from it for grounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def aligned_iou(a: Float[np.ndarray, "n 6"], b: Float[np.ndarray, "m 6"]) -> Float[np.ndarray, "n m"]:
    """3D IoU of every pair of axis-aligned boxes given as centre and size."""
    a, b = np.asarray(a, float).reshape(-1, 6)[:, None], np.asarray(b, float).reshape(-1, 6)[None]
    low = np.maximum(a[..., :3] - a[..., 3:] / 2, b[..., :3] - b[..., 3:] / 2)
    high = np.minimum(a[..., :3] + a[..., 3:] / 2, b[..., :3] + b[..., 3:] / 2)
    inner = np.clip(high - low, 0, None).prod(-1)
    union = a[..., 3:].prod(-1) + b[..., 3:].prod(-1) - inner
    return inner / np.maximum(union, 1e-12)


def matched(predicted: Sequence[Sequence[float]], true: Sequence[Sequence[float]], threshold: float) -> int:
    """How many boxes can be paired one to one with an IoU of at least the threshold (Hungarian, as Multi3DRefer scores)."""
    from scipy.optimize import linear_sum_assignment

    if not len(predicted) or not len(true):
        return 0
    iou = aligned_iou(np.array(predicted), np.array(true))
    rows, columns = linear_sum_assignment(-(iou >= threshold).astype(float) - 1e-3 * iou)
    return int((iou[rows, columns] >= threshold).sum())


def f1_at(predicted: Sequence[Sequence[float]], true: Sequence[Sequence[float]], threshold: float) -> float:
    """F1 of one phrase; nothing predicted where nothing is to be found scores 1 (Zhang et al. 2023, arXiv 2309.05251)."""
    if not len(true):
        return float(not len(predicted))
    hits = matched(predicted, true, threshold)
    return 2 * hits / (len(predicted) + len(true))
