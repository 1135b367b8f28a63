"""Overlap of upright boxes given by their corners, in the arithmetic of the captioning scorers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def corner_iou(
    a: Float[np.ndarray, "n 2 3"], b: Float[np.ndarray, "m 2 3"], *, dtype: type = np.float64, epsilon: float = 0.0
) -> Float[np.ndarray, "n m"]:
    """IoU of every pair; `epsilon` is what a code base adds to the union, which with `dtype` decides exact ties."""
    inner, union, _ = _volumes(a, b, dtype)
    return inner / np.maximum(union + dtype(epsilon), np.finfo(dtype).tiny)


def generalised_iou(a: Float[np.ndarray, "n 2 3"], b: Float[np.ndarray, "m 2 3"]) -> Float[np.ndarray, "n m"]:
    """IoU less the share of the box around both that neither fills: -1..1 (Rezatofighi et al. 2019, arXiv 1902.09630)."""
    inner, union, around = _volumes(a, b, np.float64)
    tiny = np.finfo(np.float64).tiny
    return inner / np.maximum(union, tiny) - (around - union) / np.maximum(around, tiny)


def _volumes(a: np.ndarray, b: np.ndarray, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = np.asarray(a, dtype).reshape(-1, 1, 2, 3), np.asarray(b, dtype).reshape(1, -1, 2, 3)
    inner = np.clip(np.minimum(a[..., 1, :], b[..., 1, :]) - np.maximum(a[..., 0, :], b[..., 0, :]), 0, None).prod(-1)
    union = (a[..., 1, :] - a[..., 0, :]).prod(-1) + (b[..., 1, :] - b[..., 0, :]).prod(-1) - inner
    return inner, union, (np.maximum(a[..., 1, :], b[..., 1, :]) - np.minimum(a[..., 0, :], b[..., 0, :])).prod(-1)
