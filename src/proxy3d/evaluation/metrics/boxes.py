"""Overlap of boxes along common axes, and what follows from it for grounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Rounding:
    """What a public scorer adds to a union so that nothing is divided by 0, and how many bits it counts with; both decide exact ties."""

    epsilon: float
    dtype: type


EXACT = Rounding(0.0, np.float64)
SCANREFER = Rounding(1e-8, np.float64)  # daveredrum/ScanRefer, LaVi-Lab/Video-3D-LLM, ZzZZCHS/Chat-Scene
M3DREF = Rounding(float(np.finfo(np.float32).eps), np.float32)  # 3dlg-hcvc/M3DRef-CLIP
SCAN2CAP = Rounding(1e-8, np.float32)  # daveredrum/Scan2Cap


def aligned_iou(a: Float[np.ndarray, "n 6"], b: Float[np.ndarray, "m 6"]) -> Float[np.ndarray, "n m"]:
    """3D IoU of every pair of axis-aligned boxes given as centre and size."""
    a, b = np.asarray(a, float).reshape(-1, 6)[:, None], np.asarray(b, float).reshape(-1, 6)[None]
    low = np.maximum(a[..., :3] - a[..., 3:] / 2, b[..., :3] - b[..., 3:] / 2)
    high = np.minimum(a[..., :3] + a[..., 3:] / 2, b[..., :3] + b[..., 3:] / 2)
    inner = np.clip(high - low, 0, None).prod(-1)
    union = a[..., 3:].prod(-1) + b[..., 3:].prod(-1) - inner
    return inner / np.maximum(union, 1e-12)


def span_iou(a: Float[np.ndarray, "n 6"], b: Float[np.ndarray, "m 6"], rounding: Rounding = EXACT) -> Float[np.ndarray, "n m"]:
    """3D IoU of every pair of axis-aligned boxes given as least and greatest x, y, z, rounded as a public scorer does."""
    a = np.asarray(a, rounding.dtype).reshape(-1, 6)[:, None]
    b = np.asarray(b, rounding.dtype).reshape(-1, 6)[None]
    inner = np.clip(np.minimum(a[..., 3:], b[..., 3:]) - np.maximum(a[..., :3], b[..., :3]), 0, None).prod(-1)
    union = (a[..., 3:] - a[..., :3]).prod(-1) + (b[..., 3:] - b[..., :3]).prod(-1) - inner + rounding.dtype(rounding.epsilon)
    return np.divide(inner, union, out=np.zeros_like(union), where=union > 0)


def assigned(iou: Float[np.ndarray, "n m"]) -> tuple[Int[np.ndarray, "k"], Int[np.ndarray, "k"]]:
    """The one-to-one pairs with the greatest sum of IoU, which may hit a threshold less often than other pairs would."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(iou, maximize=True)


def assigned_f1(iou: Float[np.ndarray, "n m"], threshold: float) -> float:
    """F1 of one phrase with n predictions and m truths by `assigned`; 1 for none of none (Zhang et al. 2023, arXiv 2309.05251)."""
    predicted, true = iou.shape
    if not predicted or not true:
        return float(predicted == true)
    return 2 * int((iou[assigned(iou)] >= threshold).sum()) / (predicted + true)


def most_hits(iou: Float[np.ndarray, "n m"], threshold: float) -> int:
    """How many boxes can be paired one to one with an IoU of at least the threshold, which `assigned` does not promise."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-(iou >= threshold).astype(float) - 1e-3 * iou)
    return int((iou[rows, columns] >= threshold).sum())


def matched(predicted: Sequence[Sequence[float]], true: Sequence[Sequence[float]], threshold: float) -> int:
    """`most_hits` of axis-aligned boxes given as centre and size."""
    if not len(predicted) or not len(true):
        return 0
    return most_hits(aligned_iou(np.array(predicted), np.array(true)), threshold)


def f1_at(predicted: Sequence[Sequence[float]], true: Sequence[Sequence[float]], threshold: float) -> float:
    """F1 of one phrase by the rule of `spacespan-v1`, the most hits; nothing predicted where nothing is to be found scores 1."""
    if not len(true):
        return float(not len(predicted))
    hits = matched(predicted, true, threshold)
    return 2 * hits / (len(predicted) + len(true))


def average_precision(hit: Bool[np.ndarray, "n"], truths: int) -> tuple[float, float]:
    """Area under the interpolated curve of precision over recall, and the last recall, of predictions in falling order of score."""
    if not len(hit) or not truths:
        return 0.0, 0.0
    found = np.cumsum(hit)
    recall, precision = found / truths, found / np.arange(1, len(hit) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * envelope).sum()), float(recall[-1])


def greedy_hits(iou: Float[np.ndarray, "n m"], threshold: float) -> Bool[np.ndarray, "n"]:
    """Which predictions, in falling order of score, hit: each looks at its best truth only, and that must still be free."""
    taken, hit = set(), np.zeros(len(iou), bool)
    for i, row in enumerate(iou):
        best = int(row.argmax()) if len(row) else -1
        hit[i] = best >= 0 and row[best] >= threshold and best not in taken
        taken |= {best} if hit[i] else set()
    return hit
