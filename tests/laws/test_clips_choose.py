"""Which frames are chosen depends on what they see, never on the order in which they are given."""

import math
import random
from dataclasses import replace
from pathlib import Path

import torch

from proxy3d.clips import FrameRef, choose
from proxy3d.geometry import look_at


def walk(count: int = 60, *, posed: bool = True) -> list[FrameRef]:
    """Someone stands still for most of the time, then goes once round the room."""
    frames = []
    for k in range(count):
        turn = max(0, k - count * 2 // 3) / (count / 3) * 2 * math.pi
        eye = torch.tensor([2 * math.cos(turn), 2 * math.sin(turn), 1.5], dtype=torch.float64)
        pose = look_at(eye, torch.zeros(3, dtype=torch.float64)) if posed else None
        frames.append(FrameRef(f"{k:03d}", k / 10, Path(f"{k}.png"), world_from_camera=pose))
    return frames


def names(frames) -> list[str]:
    return [f.name for f in frames]


def coverage(frames, chosen) -> float:
    """The largest distance from a camera to the nearest chosen one."""
    every, some = (torch.stack([f.world_from_camera[:3, 3] for f in fs]) for fs in (frames, chosen))
    return float(torch.cdist(every, some).min(1).values.max())


def test_order_of_frames_does_not_matter():
    for posed in (True, False):
        frames = walk(posed=posed)
        expected = names(choose(frames, 7))
        for seed in range(5):
            assert names(choose(random.Random(seed).sample(frames, len(frames)), 7)) == expected


def test_chosen_frames_come_in_time_order_without_repetition_and_in_the_number_asked_for():
    for posed in (True, False):
        for count in (1, 2, 8, 59, 60, 99):
            chosen = names(choose(walk(posed=posed), count))
            assert chosen == sorted(set(chosen)) and len(chosen) == min(count, 60)


def test_frames_are_spread_over_the_view_and_not_over_time():
    frames = walk()
    blind = choose([replace(f, world_from_camera=None) for f in frames], 6)
    over_time = [frames[int(f.name)] for f in blind]
    assert coverage(frames, choose(frames, 6)) < coverage(frames, over_time) / 2


def test_turning_on_the_spot_counts_as_seeing_more():
    eye = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64)
    frames = []
    for k in range(40):  # 36 frames straight ahead, then four that look to the other sides
        turn = 0.0 if k < 36 else (k - 35) * math.pi / 2.5
        ahead = eye + torch.tensor([math.cos(turn), math.sin(turn), 0.0], dtype=torch.float64)
        frames.append(FrameRef(f"{k:03d}", k / 10, Path("x"), world_from_camera=look_at(eye, ahead)))
    assert {"036", "037", "038", "039"} <= set(names(choose(frames, 5)))


def test_rotating_and_moving_the_whole_world_chooses_the_same_frames():
    frames = walk()
    turn = look_at(torch.tensor([30.0, -20.0, 4.0], dtype=torch.float64), torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    moved = [replace(f, world_from_camera=turn @ f.world_from_camera) for f in frames]
    assert names(choose(moved, 8)) == names(choose(frames, 8))


def test_equal_poses_tie_by_time_then_name():
    same = torch.eye(4, dtype=torch.float64)
    frames = [FrameRef(name, 0.0, Path(name), world_from_camera=same) for name in "dbca"]
    assert names(choose(frames, 2)) == ["a", "b"]


def test_without_poses_the_middles_of_equal_spans_of_time_are_taken():
    frames = [FrameRef(f"{k:03d}", float(k), Path("x")) for k in range(101)]
    assert [f.time_s for f in choose(frames, 5)] == [10.0, 30.0, 50.0, 70.0, 90.0]
