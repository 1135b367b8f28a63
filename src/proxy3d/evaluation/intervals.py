"""How sure a mean over rooms and seeds is: percentile bootstrap over both (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 1000
COUNT = "_objects"  # beside a figure of a room: of how many things it is the mean
Seeds = Sequence[Sequence[Mapping[str, float]]]  # seeds x rooms -> figures, the same rooms in each


def interval(seeds: Seeds) -> dict[str, dict[str, float]]:
    """Each figure's mean over all things in all rooms, and the middle 95 % of what seeds and rooms drawn anew would have given.

    A room weighs as many things as it has (`<figure>_objects`, 1 where that is not said); NaN counts as none. One seed alone says nothing of
    seeds: then only rooms are drawn.
    """
    drawn, rooms = _draws(len(seeds)), _draws(len(seeds[0]), seed=1)
    out = {}
    for key in (k for k in seeds[0][0] if not k.endswith(COUNT)):
        top, bottom = _sums(seeds, key)
        mean, low, high = _spread(top.sum() / max(bottom.sum(), 1e-9), _many(top, bottom, drawn, rooms))
        out[key] = {"mean": mean, "low": low, "high": high}
    return out


def difference(ours: Seeds, other: Seeds, key: str) -> dict[str, float]:
    """How much higher a figure is for one than for the other in the same rooms: rooms are drawn for both at once, seeds for each."""
    rooms, many, means = _draws(len(ours[0]), seed=1), [], []
    for number, seeds in enumerate((ours, other)):
        top, bottom = _sums(seeds, key)
        many.append(_many(top, bottom, _draws(len(seeds), seed=2 + number), rooms))
        means.append(top.sum() / max(bottom.sum(), 1e-9))
    mean, low, high = _spread(means[0] - means[1], many[0] - many[1])
    return {"mean": mean, "low": low, "high": high}


def _draws(n: int, seed: int = 0) -> np.ndarray:
    """RESAMPLES x n: how often each of n is drawn when n are drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    return (drawn[:, :, None] == np.arange(n)).sum(1)


def _sums(seeds: Seeds, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of things, seeds x rooms."""
    value = np.array([[room[key] for room in rooms] for rooms in seeds], dtype=float)
    weight = np.array([[room.get(f"{key}{COUNT}", 1.0) for room in rooms] for rooms in seeds]) * np.isfinite(value)
    return np.nan_to_num(value) * weight, weight


def _many(top: np.ndarray, bottom: np.ndarray, seeds: np.ndarray, rooms: np.ndarray) -> np.ndarray:
    """The mean of each resample."""
    return ((seeds @ top) * rooms).sum(1) / np.maximum(((seeds @ bottom) * rooms).sum(1), 1e-9)


def _spread(mean: float, many: np.ndarray) -> tuple[float, float, float]:
    low, high = np.percentile(many, [2.5, 97.5])
    return float(mean), float(low), float(high)
