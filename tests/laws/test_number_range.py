"""Where a number lies 8 times of 10: as wide as numbers are off with a sensor's depth, and wider the less is known of the scale."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from proxy3d.answers.evidence import MEASURED, number_range
from proxy3d.answers.judge import SOURCES
from proxy3d.answers.offers import spelled

SPREADS = {"metres": (0.8, 1.5), "square_metres": (0.9, 1.2)}


def fused(source, log):
    """A reader that is about to say e**log of what `source` measures."""
    chosen = torch.zeros(1, len(SOURCES))
    chosen[0, SOURCES.index(source)] = 1
    return SimpleNamespace(chosen=chosen, judged=SimpleNamespace(log_size=torch.full((1, len(MEASURED)), log)))


@pytest.mark.parametrize(("source", "unit"), MEASURED.items())
def test_a_range_is_as_wide_as_calibrated_and_wider_with_a_guessed_scale(source, unit):
    log = math.log(2.0)
    text, reader = spelled(unit, log), fused(source, log)
    low, high = SPREADS[unit]
    assert number_range(reader, 0, text, SPREADS) == pytest.approx((2 * low, 2 * high), abs=0.01)
    wide = [number_range(reader, 0, text, SPREADS, sigma=sigma) for sigma in (0.0, 0.15, 0.5)]
    assert wide[0][0] > wide[1][0] > wide[2][0] and wide[0][1] < wide[1][1] < wide[2][1]
    middle = [math.sqrt(a * b) for a, b in wide]
    assert middle == pytest.approx([middle[0]] * 3, rel=0.02)
    # Both errors are independent: drawn at random, 8 of 10 lie inside.
    draw, power = torch.Generator().manual_seed(0), 1 if unit == "metres" else 2
    own = (math.log(high) - math.log(low)) / 2 / 1.2816
    off = (math.log(low) + math.log(high)) / 2 + own * torch.randn(20000, generator=draw) + 0.15 * power * torch.randn(20000, generator=draw)
    inside = ((2 * off.exp() >= wide[1][0]) & (2 * off.exp() <= wide[1][1])).float().mean()
    assert float(inside) == pytest.approx(0.8, abs=0.015)


def test_what_is_not_measured_has_no_range():
    log = math.log(2.0)
    assert number_range(fused("length", log), 0, "a chair", SPREADS) is None
    assert number_range(fused("length", log), 0, spelled("metres", log), {}) is None
