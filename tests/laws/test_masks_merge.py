"""Masks of single frames become objects: the same things from two views are one each, whatever the frames are called and in any order."""

import dataclasses
import math

import pytest
import torch

from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.grid import Grid
from proxy3d.features.masks.merge import across_frames, object_numbers
from proxy3d.geometry import look_at
from proxy3d.values import Clip

GRID = Grid(24, 32)
FIELDS = ("frame", "time_s", "intrinsics_px", "world_from_camera", "depth_m")


@pytest.fixture(scope="module")
def two_boxes():
    """Two blocks before a wall, one left and one right, seen from two places: a clip, and which block each pixel shows (0 = wall)."""
    height, width, focal = 96, 128, 110.0
    intrinsics = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    poses = torch.stack([look_at(torch.tensor([x, -4.0, 1.0]), torch.tensor([0.0, 0.0, 1.0])) for x in (-0.8, 0.8)])
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ray = torch.stack([u, v, torch.ones_like(u)], -1).float() @ torch.linalg.inv(intrinsics).T
    depth, shown = [], []
    for pose in poses:
        way, eye = ray @ pose[:3, :3].T, pose[:3, 3]
        wall = (1.0 - eye[1]) / way[..., 1]
        front = (0.0 - eye[1]) / way[..., 1]
        hit = eye + way * front[..., None]
        inside = (hit[..., 2] > 0.6) & (hit[..., 2] < 1.4)
        block = torch.where(inside & ((hit[..., 0] + 0.7).abs() < 0.4), 1, torch.where(inside & ((hit[..., 0] - 0.7).abs() < 0.4), 2, 0))
        depth.append(torch.where(block > 0, front, wall))
        shown.append(block)
    clip = Clip(torch.rand(2, 3, height, width), torch.arange(2.0), ("a", "b"), intrinsics.expand(2, 3, 3), poses, torch.stack(depth))
    return clip, torch.stack(shown)


def patches(shown, grid=GRID):
    """What the middle of each patch shows, -1 for the wall."""
    h, w = shown.shape[1] // grid.h, shown.shape[2] // grid.w
    return shown[:, h // 2 :: h, w // 2 :: w] - 1


def merged(label, clip, grid=GRID, **settings):
    return across_frames(label, clip, SensorDepth()(clip, grid), **settings)


def picked(clip, order):
    return Clip(name=tuple(clip.name[i] for i in order), **{f: getattr(clip, f)[order] for f in FIELDS})


def test_two_boxes_seen_from_two_frames_get_two_numbers(two_boxes):
    clip, shown = two_boxes
    true = patches(shown)
    own_names = torch.stack([true[0], torch.where(true[1] >= 0, 1 - true[1], -1)])  # the second frame calls them the other way round
    label = merged(own_names, clip)
    assert torch.equal(label, true), "numbered by place, from the lowest x on"
    for frame in (0, 1):
        assert {int(v) for v in label[frame].unique()} == {-1, 0, 1}


def test_the_order_of_frames_and_their_names_for_things_do_not_matter(two_boxes):
    clip, shown = two_boxes
    true = patches(shown)
    other_names = torch.where(true >= 0, 5 - true, -1)
    assert torch.equal(merged(other_names.flip(0), picked(clip, [1, 0])).flip(0), merged(true, clip))


def test_what_is_nowhere_near_stays_apart(two_boxes):
    """Each frame has a mask on one of the two blocks only: two things, because what one frame masks the other leaves bare."""
    clip, shown = two_boxes
    true = patches(shown)
    single = torch.stack([torch.where(true[0] == 0, 0, -1), torch.where(true[1] == 1, 0, -1)])
    label = merged(single, clip)
    assert label[0].unique().tolist() == [-1, 0] and label[1].unique().tolist() == [-1, 1]


def test_a_mask_of_which_nothing_has_a_position_is_no_object(two_boxes):
    clip, shown = two_boxes
    true = patches(shown)
    right = (true == 1).repeat_interleave(4, 1).repeat_interleave(4, 2)
    label = merged(true, dataclasses.replace(clip, depth_m=clip.depth_m.masked_fill(right, 0.0)))
    assert torch.equal(label, torch.where(true == 0, 0, -1))


def test_two_masks_of_one_frame_never_become_one_thing():
    """A third that overlaps both joins the one that it overlaps more; the other stays by itself."""
    iou = torch.zeros(3, 3, dtype=torch.float64)
    iou[0, 2], iou[1, 2] = 0.6, 0.7
    iou = iou + iou.T
    place = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0.5, 0, 0]], dtype=torch.float64)
    number = object_numbers(iou, torch.tensor([0, 0, 1]), place, torch.ones(3, dtype=torch.bool), 0.5)
    assert number.tolist() == [0, 1, 1]
    assert object_numbers(iou, torch.tensor([0, 0, 1]), place, torch.ones(3, dtype=torch.bool), 0.65).tolist() == [0, 1, 1]
    assert object_numbers(iou, torch.tensor([0, 0, 1]), place, torch.ones(3, dtype=torch.bool), 0.8).tolist() == [0, 2, 1]


def test_true_masks_of_a_furnished_room_come_back_as_its_things():
    """Every frame numbers what it sees anew; most patches end under one number per thing, and no number holds two things."""
    clip, instance, boxes = synthetic_clip(seed=1, frames=4)
    grid = Grid(24, 32)
    true = instance[:, 1::3, 1::3]
    shuffled = torch.stack([torch.randperm(len(boxes) + 1, generator=torch.Generator().manual_seed(t))[true[t]] for t in range(4)])
    label = merged(shuffled, clip, grid)
    table = torch.zeros(int(label.max()) + 1, len(boxes) + 1).index_put_(
        (label.flatten(), true.flatten()), torch.ones(label.numel()), accumulate=True
    )
    assert math.isclose(float((table.amax(1).sum()) / table.sum()), 1.0)
    assert float(table.amax(0).sum() / table.sum()) > 0.95
