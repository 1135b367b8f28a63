"""Recall, purity, boxes and steadiness of a grouping, against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from proxy3d.evaluation.metrics.objects import adjusted_rand, large_enough, owned_objects, purity, reachable_iou
from proxy3d.values import Box

BOXES = {1: Box((0.0, 0, 0), (1.0, 1, 1)), 2: Box((5.0, 0, 0), (1.0, 1, 1))}


@pytest.mark.parametrize(
    "x, share, owned",
    [
        (0.0, 0.5, True),  # half of it is enough
        (0.0, 0.49, False),
        (0.54, 1.0, True),  # 4 cm outside: within the margin
        (0.56, 1.0, False),
    ],
)
def test_an_object_owns_a_proxy_that_lies_in_its_box_and_is_half_made_of_it(x, share, owned):
    shares = torch.tensor([[1 - share, share, 0.0], [0.0, 0.0, 1.0]])
    found = owned_objects(torch.tensor([[x, 0, 0], [5.0, 0.0, 0.0]]), shares, BOXES)
    assert found == {1: owned, 2: True}


def test_purity_weighs_proxies_by_their_points():
    assert purity(torch.tensor([[0.5, 0.5], [0.0, 1.0]]), torch.tensor([30, 10])) == pytest.approx(0.625)


def test_the_reachable_box_is_the_bounds_of_the_proxies_of_an_object():
    xyz, extent = torch.tensor([[-0.25, 0, 0], [0.25, 0, 0], [9.0, 9, 9]]), torch.tensor([[0.25, 0.5, 0.5]] * 3)
    shares = torch.tensor([[0.0, 1.0, 0.0], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0]])
    true = {1: torch.tensor([0.0, 0, 0, 1, 1, 1]), 2: torch.tensor([5.0, 0, 0, 1, 1, 1])}
    assert reachable_iou(xyz, extent, shares, true) == {1: pytest.approx(1.0), 2: 0.0}


def test_adjusted_rand_is_1_for_the_same_groups_under_other_names_and_near_0_for_chance():
    a = np.repeat(np.arange(8), 50)
    assert adjusted_rand(a, (a * 3 + 1) % 8) == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    assert abs(np.mean([adjusted_rand(a, rng.permutation(a)) for _ in range(50)])) < 0.01
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])) == pytest.approx(4 / 7)  # 1 pair of 6 shared; expected 1/3, most 3/2


def test_large_means_in_some_frame():
    assert large_enough(np.array([[9, 0], [0, 10], [5, 5]]), 1000, 0.01).tolist() == [False, True, False]
