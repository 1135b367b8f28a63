"""Intervals over rooms and seeds: what moves them, what does not, and parity with a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from proxy3d.evaluation.intervals import RESAMPLES, difference, interval


def rooms(values, counts=None):
    return [{"right": v, "right_objects": c} for v, c in zip(values, counts or [1.0] * len(values), strict=True)]


def width(found):
    return found["high"] - found["low"]


def test_a_figure_counts_objects_and_not_rooms_and_an_empty_room_counts_for_nothing():
    found = interval([rooms([1.0, 0.5, float("nan")], [1.0, 3.0, 0.0])])["right"]
    assert found["mean"] == pytest.approx(2.5 / 4) and found["low"] <= found["mean"] <= found["high"]


def test_nothing_varies_so_nothing_is_unsure():
    assert width(interval([rooms([0.5] * 9)] * 3)["right"]) == 0


def test_seeds_that_differ_widen_an_interval_as_rooms_do():
    alike, apart = interval([rooms([0.5] * 50)] * 2)["right"], interval([rooms([0.4] * 50), rooms([0.6] * 50)])["right"]
    assert width(alike) == 0 and apart == pytest.approx({"mean": 0.5, "low": 0.4, "high": 0.6}), "two of two seeds are the same one half of the time"


def test_one_seed_gives_the_known_width_of_a_mean_of_rooms():
    rng = np.random.default_rng(0)
    values = rng.random(400).round().tolist()
    assert width(interval([rooms(values)])["right"]) == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)  # of a share of one half: sqrt(1 / 4 / 400)


def test_a_difference_is_taken_in_the_same_rooms():
    rng = np.random.default_rng(1)
    values = rng.random(60)
    better = rooms((values + 0.1).tolist())
    gain = difference([better], [rooms(values.tolist())], "right")
    assert gain == pytest.approx({"mean": 0.1, "low": 0.1, "high": 0.1}) and width(interval([better])["right"]) > 0.1
    assert difference([better] * 3, [rooms(values.tolist())], "right")["mean"] == pytest.approx(0.1), "numbers of seeds may differ"


def test_a_difference_is_as_unsure_as_the_seeds_of_either():
    level = [rooms([0.5] * 20)]
    assert width(difference(level * 2, level, "right")) == 0
    assert width(difference([rooms([0.4] * 20), rooms([0.6] * 20)], level, "right")) == pytest.approx(0.2)


def test_parity_with_a_loop_that_draws_one_seed_and_one_room_at_a_time():
    rng = np.random.default_rng(2)
    seeds = [rooms(rng.random(7).tolist(), rng.integers(0, 4, 7).astype(float).tolist()) for _ in range(3)]
    # The same draws: seeds by generator 0, rooms by generator 1.
    drawn, placed = (np.random.default_rng(g).integers(n, size=(RESAMPLES, n)) for g, n in ((0, 3), (1, 7)))
    many = []
    for mine, there in zip(drawn, placed, strict=True):
        chosen = [seeds[s][r] for s in mine for r in there]
        many.append(sum(c["right"] * c["right_objects"] for c in chosen) / max(sum(c["right_objects"] for c in chosen), 1e-9))
    found = interval(seeds)["right"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.percentile(many, [2.5, 97.5])))
