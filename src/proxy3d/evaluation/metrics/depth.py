"""How far guessed depth is off, as depth estimators are scored (Eigen et al. 2014, arXiv 1406.2283, section 4)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def absolute_relative(guessed: Float[Tensor, "n"], true: Float[Tensor, "n"]) -> float:
    """Mean of |guessed - true| / true: AbsRel."""
    return float(((guessed - true).abs() / true).mean())


def within_ratio(guessed: Float[Tensor, "n"], true: Float[Tensor, "n"], most: float = 1.25) -> float:
    """Share whose ratio to the truth, or of the truth to it, is below `most`: delta < 1.25."""
    ratio = guessed / true
    return float((ratio.maximum(1 / ratio) < most).float().mean())


def median_aligned(guessed: Float[Tensor, "n"], true: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """The guess, with the median of the truth: what is left is an error of shape, not of scale."""
    return guessed * (true.median() / guessed.median())
