"""Patches land on true surfaces, the world is turned upright, and nobody makes metres out of nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from proxy3d.clips.synthetic_room import ROOM_SIZE_M, synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.features.geometric import SensorDepth, TinyGeometry
from proxy3d.features.grid import grid_for
from proxy3d.features.semantic import TinySemantics
from proxy3d.geometry import compose, look_at, rigid, rotation_about_z, rotation_from_quaternion, rotation_to_z, transform
from proxy3d.points.lift import lift
from proxy3d.points.scale import NOMINAL_DISTANCE_M, settle_scale
from proxy3d.points.upright import patch_normals, room_from_world, up_direction, wall_yaw, world_from_capture
from proxy3d.values import Box, Geometry, Scale

SIZE = (96, 72)
GRID = grid_for(*SIZE)


@pytest.fixture(scope="module")
def room():
    clip, _, boxes = synthetic_clip(seed=1, frames=4, size_px=SIZE)
    return clip, boxes, SensorDepth()(clip, GRID)


def to_surface(xyz, boxes):
    """Distance (m) of points to the nearest face of the room or of a box."""
    nearest = torch.full(xyz.shape[:-1], torch.inf)
    for box in (Box(tuple(s / 2 for s in ROOM_SIZE_M), ROOM_SIZE_M), *boxes):
        beyond = ((xyz - torch.tensor(box.centre_m)) @ rotation_about_z(box.yaw_rad)).abs() - torch.tensor(box.size_m) / 2
        outside = beyond.clamp_min(0).norm(dim=-1)
        nearest = torch.minimum(nearest, torch.where(outside > 0, outside, -beyond.amax(-1)))
    return nearest


def angle_deg(one, other):
    return math.degrees(math.acos(max(-1.0, min(1.0, float(one @ other)))))


@pytest.mark.parametrize("size", [(96, 72), (256, 192), (150, 100)])
def test_patches_lie_on_true_surfaces_and_not_in_the_air_behind_edges(size):
    clip, _, boxes = synthetic_clip(seed=2, frames=2, size_px=size)
    grid = grid_for(*size)
    off = to_surface(SensorDepth()(clip, grid).xyz_world, boxes).flatten()
    plain = to_surface(SensorDepth(spread=1e9)(clip, grid).xyz_world, boxes).flatten()
    assert float(off.median()) < 1e-5, "on a flat face the mean of measured pixels lies exactly on the face"
    assert float(off.quantile(0.95)) < 0.04 and float(off.max()) < 0.15, "corners and steps may round off by centimetres"
    assert float(plain.quantile(0.95)) > 0.1, "the plain mean floats, so this room can tell the difference"


def test_a_patch_over_an_edge_takes_the_nearer_surface():
    """Left half of the picture at 1 m, right half at 3 m; in a grid of 3 columns the middle one sees both."""
    clip, _, _ = synthetic_clip(frames=1, size_px=(96, 64))
    depth = torch.ones(1, 64, 96)
    depth[..., 48:] = 3.0
    geometry = SensorDepth()(replace(clip, depth_m=depth, world_from_camera=torch.eye(4)[None]), replace(GRID, h=2, w=3))
    assert geometry.xyz_world[0, :, 0, 2].tolist() == [1.0, 1.0] and geometry.xyz_world[0, :, 2, 2].tolist() == [3.0, 3.0]
    assert geometry.xyz_world[0, :, 1, 2].tolist() == [1.0, 1.0]
    torch.testing.assert_close(geometry.confidence[0], torch.tensor([[1.0, 0.5, 1.0]] * 2))


def test_holes_lower_confidence_and_whole_holes_have_none(room):
    clip, _, geometry = room
    depth = clip.depth_m.clone()
    depth[0, :6, :6] = 0  # the whole first patch
    depth[0, :6, 6:9] = 0  # half of the second
    holed = SensorDepth()(replace(clip, depth_m=depth), GRID)
    assert float(holed.confidence[0, 0, 0]) == 0.0
    assert float(holed.confidence[0, 0, 1]) <= 0.5 < float(geometry.confidence[0, 0, 1])
    assert torch.equal(holed.confidence[1:], geometry.confidence[1:])
    points, keep = lift(clip, TinySemantics()(clip, GRID), holed, torch.eye(4))
    assert not keep[0, 0, 0] and keep[0, 0, 1]
    assert len(points) == int(keep.sum()) and float(points.weight.min()) >= 0.1


def test_a_capture_without_any_depth_reading_gives_no_points(room):
    clip = replace(room[0], depth_m=torch.zeros_like(room[0].depth_m))
    geometry = SensorDepth()(clip, GRID)
    assert float(geometry.confidence.max()) == 0 and len(lift(clip, TinySemantics()(clip, GRID), geometry, torch.eye(4))[0]) == 0
    assert bool(torch.isfinite(up_direction(geometry, clip.world_from_camera)).all())


@pytest.mark.parametrize(
    "lacking, words",
    [
        ({"depth_m": None}, "no depth:"),
        ({"world_from_camera": None}, "no camera poses:"),
        ({"intrinsics_px": None}, "no intrinsics:"),
        ({"depth_m": None, "world_from_camera": None}, "no depth and no camera poses:"),
    ],
)
def test_what_is_missing_is_named_in_one_line(room, lacking, words):
    with pytest.raises(BadInput, match=words) as error:
        SensorDepth()(replace(room[0], **lacking), GRID)
    assert "\n" not in str(error.value) and "RGB-D" in str(error.value)


def test_points_carry_what_their_patch_carries(room):
    clip, _, geometry = room
    semantics = TinySemantics()(clip, GRID)
    points, keep = lift(clip, semantics, geometry, torch.eye(4))
    assert len(points) == int(keep.sum()) and points.frame.tolist() == keep.nonzero()[:, 0].tolist()
    assert torch.equal(points.feature, semantics.feature[keep]) and torch.equal(points.weight, geometry.confidence[keep])
    t, row, column = keep.nonzero()[len(points) // 2].tolist()
    patch = clip.frame[t, :, row * 6 : row * 6 + 6, column * 6 : column * 6 + 6].mean((1, 2))
    torch.testing.assert_close(points.rgb[len(points) // 2], patch)
    assert torch.equal(points.xyz_world_m, geometry.xyz_world[keep])


def test_quarters_of_a_patch_share_its_feature_and_keep_their_own_place_colour_and_detail(room):
    clip, _, _ = room
    semantics = TinySemantics()(clip, GRID)
    detail = torch.arange(len(clip.frame) * 2 * GRID.h * 2 * GRID.w, dtype=torch.float32).reshape(len(clip.frame), 2 * GRID.h, 2 * GRID.w, 1)
    fine = SensorDepth()(clip, GRID.finer)
    points, keep = lift(clip, replace(semantics, detail=detail), fine, torch.eye(4))
    where = keep.nonzero()
    parent = where // torch.tensor([1, 2, 2])
    assert torch.equal(points.feature, semantics.feature[parent[:, 0], parent[:, 1], parent[:, 2]])
    assert torch.equal(points.detail, detail[keep]) and torch.equal(points.xyz_world_m, fine.xyz_world[keep])
    assert torch.equal(points.patch, where[:, 1:])
    t, row, column = where[len(where) // 2].tolist()
    torch.testing.assert_close(points.rgb[len(where) // 2], clip.frame[t, :, row * 3 : row * 3 + 3, column * 3 : column * 3 + 3].mean((1, 2)))
    whole = lift(clip, semantics, SensorDepth()(clip, GRID), torch.eye(4))[0]
    assert whole.detail is None and int(whole.patch[:, 0].max()) < GRID.h


def turned(clip, rotation, shift=(0.0, 0.0, 0.0)):
    """The same capture told in another world."""
    other_from_world = rigid(rotation, torch.tensor(shift))
    return replace(clip, world_from_camera=compose(other_from_world, clip.world_from_camera)), other_from_world


@pytest.mark.parametrize("seed", range(6))
def test_up_is_found_in_a_world_that_is_turned_at_random(room, seed):
    rotation = rotation_from_quaternion(torch.randn(4, generator=torch.Generator().manual_seed(seed)))
    clip, _ = turned(room[0], rotation, (4.0, -2.0, 9.0))
    up = up_direction(SensorDepth()(clip, GRID), clip.world_from_camera)
    assert float(rotation[:, 2].abs().max()) < math.cos(math.radians(8)), "drawn so that no axis of the new world is nearly vertical"
    assert angle_deg(up, rotation[:, 2]) < 3


def test_an_axis_that_is_nearly_vertical_is_taken_for_the_vertical(room):
    for axis in ((1.0, 0, 0), (-1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0)):
        rotation = rotation_to_z(torch.tensor(axis)).T
        tipped = rotation @ rotation_from_quaternion(torch.tensor([math.sin(math.radians(2)), 0, 0, math.cos(math.radians(2))]))  # by 4 degrees
        for turn in (rotation, tipped):
            clip, _ = turned(room[0], turn)
            assert up_direction(SensorDepth()(clip, GRID), clip.world_from_camera).tolist() == list(axis)


def seen_from(eye, forward_and_up, monkeypatch, frames=2):
    import proxy3d.clips.synthetic_room as synthetic

    monkeypatch.setattr(synthetic, "_camera", lambda way, seed: forward_and_up(way, torch.tensor(eye)))
    return synthetic_clip(seed=3, frames=frames, size_px=SIZE)[0]


@pytest.mark.parametrize("pitch_deg", [-20, 0, 30, 45, 60])
def test_up_is_found_from_cameras_that_look_up_or_steeply_down(pitch_deg, monkeypatch):
    pitch = math.radians(pitch_deg)
    clip = seen_from((2.4, 0.4, 2.2), lambda way, eye: look_at(eye, eye + torch.tensor([way - 0.5, math.cos(pitch), -math.sin(pitch)])), monkeypatch)
    clip, _ = turned(clip, rotation_from_quaternion(torch.tensor([0.3, 0.5, -0.2, 0.6])))
    up = rotation_from_quaternion(torch.tensor([0.3, 0.5, -0.2, 0.6]))[:, 2]
    assert angle_deg(up_direction(SensorDepth()(clip, GRID), clip.world_from_camera), up) < 3


def test_up_is_found_from_cameras_that_look_straight_down_and_turn_round(monkeypatch):
    down = torch.diag(torch.tensor([1.0, -1, -1]))
    clip = seen_from((2.5, 2.0, 2.2), lambda way, eye: rigid(rotation_about_z(way * 1.5 * math.pi) @ down, eye), monkeypatch, frames=4)
    assert up_direction(SensorDepth()(clip, GRID), clip.world_from_camera).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("yaw_deg", [-44, -20, 0, 15, 44, 70, 200])
def test_walls_are_found_in_a_turned_room(room, yaw_deg):
    clip, _ = turned(room[0], rotation_about_z(math.radians(yaw_deg)))
    yaw = wall_yaw(*patch_normals(SensorDepth()(clip, GRID), clip.world_from_camera[:, :3, 3]))
    assert abs(yaw) <= math.pi / 4 + 1e-6
    assert abs((math.degrees(yaw) - yaw_deg + 45) % 90 - 45) < 5, "the boxes stand askew, so the walls must win"


def test_walls_by_hand():
    """Normals at 10 and 100 degrees are the same walls; what points up does not count."""
    walls = [[math.cos(a), math.sin(a), 0.0] for a in (math.radians(10), math.radians(100), math.radians(190))]
    normal = torch.tensor(walls + [[0.0, 0.1, 0.99]] * 50)
    assert math.degrees(wall_yaw(normal, torch.ones(53))) == pytest.approx(10, abs=1e-4)
    assert wall_yaw(torch.tensor([[0.0, 0, 1]]), torch.ones(1)) == 0.0


@pytest.mark.parametrize("yaw_deg", [0, 30, 100, -170])
def test_the_room_frame_has_its_floor_at_zero_below_the_first_camera_and_y_ahead(room, yaw_deg):
    clip, _ = turned(room[0], rotation_about_z(math.radians(yaw_deg)), (100.0, -50.0, 7.0))
    geometry = SensorDepth()(clip, GRID)
    yaw = wall_yaw(*patch_normals(geometry, clip.world_from_camera[:, :3, 3]))
    points, _ = lift(clip, TinySemantics()(clip, GRID), geometry, torch.eye(4))
    first = clip.world_from_camera[0]
    room_from = room_from_world(points.xyz_world_m, points.weight, yaw, first)
    camera = transform(room_from, first[None, :3, 3])[0]
    assert camera[:2].abs().max() < 1e-4 and abs(float(camera[2]) - 1.7) < 0.12, "the camera is carried 1.7 m above the floor"
    xyz = transform(room_from, points.xyz_world_m)
    assert abs(float(xyz[:, 2].quantile(0.02))) < 1e-3 and float(xyz[:, 2].min()) > -0.05
    forward = room_from[:3, :3] @ first[:3, 2]
    assert float(forward[1]) > abs(float(forward[0])), "of the four wall directions y is the one the camera looks along"
    inside = xyz[:, 2] > 0.3
    side = xyz[inside, 0].max() - xyz[inside, 0].min(), xyz[inside, 1].max() - xyz[inside, 1].min()
    assert max(float(s) for s in side) < 5.3, "along the walls the room is at most 5 m long; across it would seem longer"


def test_world_from_capture_turns_and_scales_about_the_origin():
    upright = world_from_capture(torch.tensor([0.0, -1.0, 0.0]), 0.001)
    torch.testing.assert_close(transform(upright, torch.tensor([[0.0, -2000.0, 0.0], [0, 0, 0]])), torch.tensor([[0.0, 0, 2], [0, 0, 0]]))


def test_a_scale_is_passed_on_and_a_missing_one_must_be_asked_for(room):
    clip, _, geometry = room
    cameras = clip.world_from_camera[:, :3, 3]
    assert settle_scale(geometry, cameras, allow_unknown=False) == Scale(1.0, "sensor", 0.01)
    flat = TinyGeometry()(clip, GRID)
    assert flat.scale is None
    with pytest.raises(BadInput, match="unit is unknown"):
        settle_scale(flat, cameras, allow_unknown=False)
    assert not settle_scale(flat, cameras, allow_unknown=True).is_metric


@pytest.mark.parametrize("unit", [0.01, 1.0, 300.0])
def test_an_unknown_unit_is_made_nominal_whatever_it_was(room, unit):
    clip, _, geometry = room
    bare = Geometry(geometry.xyz_world * unit, geometry.confidence, None)
    cameras = clip.world_from_camera[:, :3, 3] * unit
    scale = settle_scale(bare, cameras, allow_unknown=True)
    distance = (bare.xyz_world - cameras[:, None, None]).norm(dim=-1)[bare.confidence > 0].median()
    assert float(distance) * scale.metres_per_unit == pytest.approx(NOMINAL_DISTANCE_M, rel=1e-4)
    empty = Geometry(bare.xyz_world, torch.zeros_like(bare.confidence), None)
    assert settle_scale(empty, cameras, allow_unknown=True).metres_per_unit > 0
