"""Scores of guessed depth and cameras, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from proxy3d.evaluation.metrics.camera_pairs import directions_apart_deg, pair_errors_deg, relative_poses, turns_apart_deg
from proxy3d.evaluation.metrics.depth import absolute_relative, median_aligned, within_ratio
from proxy3d.evaluation.video_alone import floor_depth
from proxy3d.features.grid import Grid
from proxy3d.geometry import rigid, rotation_about_z


def turn(degrees):
    return rotation_about_z(math.radians(degrees))


def test_depth_by_hand():
    guessed, true = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 4.0])
    assert absolute_relative(guessed, true) == pytest.approx((1 / 2 + 0 + 1 / 4) / 3)
    assert within_ratio(guessed, true) == pytest.approx(1 / 3)  # 2, 1 and 4/3
    assert within_ratio(guessed, true, 1.5) == pytest.approx(2 / 3)
    assert within_ratio(torch.tensor([1.25]), torch.tensor([1.0])) == 0  # below, not at


def test_aligning_by_the_median_leaves_the_shape():
    true = torch.tensor([1.0, 2.0, 5.0])
    assert median_aligned(true * 0.4, true).tolist() == pytest.approx([1, 2, 5])
    assert median_aligned(torch.tensor([1.0, 4.0, 4.0]), true).tolist() == pytest.approx([0.5, 2, 2])


@pytest.mark.parametrize("degrees", [0, 1e-3, 30, 90, 179])
def test_turns_apart_by_hand(degrees):
    assert float(turns_apart_deg(turn(10)[None], turn(10 + degrees)[None])) == pytest.approx(degrees, abs=1e-4)


def test_directions_apart_by_hand():
    a, b = torch.tensor([[1.0, 0, 0]] * 3), torch.tensor([[5.0, 0, 0], [0, 2, 0], [-1, 0, 0]])
    assert directions_apart_deg(a, b).tolist() == pytest.approx([0, 90, 180])


def test_pairs_of_cameras_by_hand():
    """Three cameras in a row, 1 m apart; the guess turns the last one by 20 degrees and does not move the second."""
    place = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    true = rigid(torch.eye(3).expand(3, 3, 3), place)
    guessed = rigid(torch.stack([torch.eye(3), torch.eye(3), turn(20)]), torch.tensor([[0.0, 0, 0], [0, 1, 0], [2, 1, 0]]))
    assert relative_poses(true)[:, 0, 3].tolist() == [1, 2, 1]  # pairs 01, 02, 12
    rotation, direction = pair_errors_deg(guessed, true)
    assert rotation.tolist() == pytest.approx([0, 20, 20], abs=1e-4)
    assert direction.tolist() == pytest.approx([90, math.degrees(math.atan2(1, 2)), 0], abs=1e-4)


def test_the_world_may_be_another_one():
    true = rigid(torch.stack([turn(0), turn(15)]), torch.tensor([[0.0, 0, 1], [1, 2, 1]]))
    elsewhere = rigid(turn(70), torch.tensor([4.0, -3.0, 2.0])) @ true
    rotation, direction = pair_errors_deg(elsewhere, true)
    assert float(rotation) == pytest.approx(0, abs=1e-3) and float(direction) == pytest.approx(0, abs=1e-3)


def test_a_pair_that_hardly_moves_has_no_direction():
    true = rigid(torch.eye(3).expand(2, 3, 3), torch.tensor([[0.0, 0, 0], [0.04, 0, 0]]))
    assert [len(errors) for errors in pair_errors_deg(true, true)] == [1, 0]


def test_the_floor_by_hand():
    """A camera 1.5 m up that looks straight ahead: a floor 45 degrees below lies at depth 1.5, the horizon at the median."""
    depth = floor_depth(Grid(2, 1, 224), depth_m=2.0, height_m=1.5, pitch_rad=0.0, focal=0.5)
    assert depth.flatten().tolist() == pytest.approx([2.0, 1.5])  # half a patch of 224 px is 45 degrees at this focal length
    down = floor_depth(Grid(1, 1, 224), depth_m=2.0, height_m=1.0, pitch_rad=math.pi / 2, focal=1.0)
    assert float(down) == pytest.approx(1.0)  # straight down
    assert float(floor_depth(Grid(1, 1, 224), depth_m=2.0, height_m=1.0, pitch_rad=-0.5, focal=1.0)) == 2.0  # up: no floor
