"""Laws of poses, projections and boxes, with golden values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from proxy3d.geometry import (
    OPENGL_FROM_OPENCV,
    box_corners,
    compose,
    fourier,
    inside_box,
    invert,
    is_rigid,
    look_at,
    project,
    resized_intrinsics,
    rigid,
    rotation_about_z,
    rotation_from_quaternion,
    rotation_to_z,
    transform,
    unproject,
    world_from_opencv,
)
from proxy3d.values import Box

HALF = math.sqrt(0.5)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def some_pose(seed, far=3.0):
    return rigid(rotation_from_quaternion(drawn(4, seed=seed)), drawn(3, seed=seed + 100) * far)


def close(one, other, tolerance=1e-5):
    torch.testing.assert_close(one, other, atol=tolerance, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_composing_is_transforming_twice_and_inverting_undoes(seed):
    a, b, xyz = some_pose(seed), some_pose(seed + 50), drawn(20, 3, seed=seed)
    close(transform(compose(a, b), xyz), transform(a, transform(b, xyz)))
    close(transform(invert(a), transform(a, xyz)), xyz)
    close(compose(a, invert(a)), torch.eye(4))
    similarity = a.clone()
    similarity[:3, :3] *= 2.5
    close(transform(invert(similarity), transform(similarity, xyz)), xyz)


def test_a_batch_of_transforms_is_its_members():
    poses, xyz = torch.stack([some_pose(0), some_pose(1)]), drawn(2, 7, 3)
    close(transform(poses, xyz), torch.stack([transform(poses[0], xyz[0]), transform(poses[1], xyz[1])]))
    close(invert(poses)[1], invert(poses[1]))


def test_rigid_motions_keep_distances_and_mirrors_are_no_rigid_motions():
    pose, xyz = some_pose(3), drawn(9, 3)
    close(torch.cdist(transform(pose, xyz), transform(pose, xyz)), torch.cdist(xyz, xyz), 1e-4)
    assert is_rigid(pose)
    mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1]))
    assert not is_rigid(mirror @ pose) and not is_rigid(pose * 1.1) and not is_rigid(torch.full((4, 4), torch.nan))


@pytest.mark.parametrize(
    "matrix", [[[50.0, 0, 31.5], [0, 60, 20], [0, 0, 1]], [[50.0, 2, 31.5], [0, -60, 20], [0, 0, 1]]], ids=["plain", "skewed, y up"]
)
def test_projecting_undoes_unprojecting(matrix):
    intrinsics, depth = torch.tensor(matrix), drawn(24, 32).abs() + 0.5
    uv, back = project(unproject(depth, intrinsics).reshape(-1, 3), intrinsics)
    v, u = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    close(back, depth.flatten())
    close(uv, torch.stack([u, v], -1).reshape(-1, 2), 1e-4)


def test_unprojecting_by_hand():
    """f = 10 px, centre (2, 1), depth 5: pixel (4, 0) lies (4 - 2) / 10 * 5 = 1 to the right and 0.5 up."""
    intrinsics = torch.tensor([[10.0, 0, 2], [0, 10, 1], [0, 0, 1]])
    xyz = unproject(torch.full((3, 5), 5.0), intrinsics)
    close(xyz[0, 4], torch.tensor([1.0, -0.5, 5.0]))
    assert torch.equal(xyz[1, 2], torch.tensor([0.0, 0, 5.0]))
    rows, columns = torch.tensor([0, 2]), torch.tensor([4, 1, 1])
    assert torch.equal(unproject(torch.full((2, 3), 5.0), intrinsics, rows=rows, columns=columns), xyz[rows[:, None], columns])


@pytest.mark.parametrize("new", [(16, 12), (128, 24), (30, 50)])
def test_resized_intrinsics_belong_to_the_resized_picture(new):
    """A slanted plane: its depth picture, really resized, unprojects onto the same plane."""
    size, intrinsics = (64, 48), torch.tensor([[60.0, 0, 31.5], [0, 55, 23.5], [0, 0, 1]])
    normal, offset = torch.tensor([0.3, -0.2, 1.0]), 4.0
    ray = unproject(torch.ones(size[1], size[0]), intrinsics)
    inverse_depth = (ray @ normal) / offset  # of a plane it is linear in the pixel, so resizing keeps it exact away from the border
    small = torch.nn.functional.interpolate(inverse_depth[None, None], new[::-1], mode="bilinear", align_corners=False)[0, 0]
    xyz = unproject(1 / small, resized_intrinsics(intrinsics, size, new))
    inner = xyz[new[1] // 8 : -(new[1] // 8), new[0] // 8 : -(new[0] // 8)]
    close(inner @ normal, torch.full(inner.shape[:2], offset), 1e-4)
    close(resized_intrinsics(resized_intrinsics(intrinsics, size, new), new, size), intrinsics, 1e-4)


def test_a_wrong_pixel_centre_would_be_noticed():
    """The corner of the picture stays the corner: pixel -0.5 maps to pixel -0.5."""
    intrinsics = torch.tensor([[60.0, 0, 31.5], [0, 55, 23.5], [0, 0, 1]])
    corner = torch.linalg.inv(intrinsics) @ torch.tensor([-0.5, -0.5, 1.0])
    close((resized_intrinsics(intrinsics, (64, 48), (16, 24)) @ corner)[:2], torch.tensor([-0.5, -0.5]))


GOLDEN_QUATERNIONS = {
    (0, 0, 0, 1): [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    (0, 0, HALF, HALF): [[0, -1, 0], [1, 0, 0], [0, 0, 1]],  # a quarter turn about z takes x to y
    (HALF, 0, 0, HALF): [[1, 0, 0], [0, 0, -1], [0, 1, 0]],  # about x takes y to z
    (0, HALF, 0, HALF): [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],  # about y takes z to x
    (0.5, 0.5, 0.5, 0.5): [[0, 0, 1], [1, 0, 0], [0, 1, 0]],  # a third of a turn about the diagonal takes x to y to z
    (0, 0, 3, 3): [[0, -1, 0], [1, 0, 0], [0, 0, 1]],  # not of unit length
}


@pytest.mark.parametrize("xyzw", GOLDEN_QUATERNIONS)
def test_quaternions_by_hand(xyzw):
    close(rotation_from_quaternion(torch.tensor(xyzw, dtype=torch.float32)), torch.tensor(GOLDEN_QUATERNIONS[xyzw], dtype=torch.float32))


def test_a_quaternion_and_its_opposite_turn_alike_and_properly():
    q = drawn(50, 4)
    rotation = rotation_from_quaternion(q)
    close(rotation, rotation_from_quaternion(-q))
    close(rotation @ rotation.transpose(-1, -2), torch.eye(3).expand(50, 3, 3))
    close(torch.linalg.det(rotation), torch.ones(50))


def test_a_camera_that_looks_at_something_has_it_in_the_middle_and_is_level():
    eye, target = torch.tensor([1.0, 2, 1.5]), torch.tensor([4.0, 3, 0.5])
    world_from_camera = look_at(eye, target)
    seen = transform(invert(world_from_camera), target[None])[0]
    close(seen, torch.tensor([0.0, 0, float((target - eye).norm())]))
    assert is_rigid(world_from_camera)
    assert abs(float(world_from_camera[2, 0])) < 1e-6 and float(world_from_camera[2, 1]) < 0  # x level, y down
    assert is_rigid(look_at(eye, eye - torch.tensor([0.0, 0, 1]))) and is_rigid(look_at(eye, eye + torch.tensor([0.0, 0, 1])))


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.3, -0.4, 2), (1e-5, 0, -1), (0, 3, -1)])
def test_rotation_to_z_takes_up_to_z_by_the_smallest_turn(up):
    direction = torch.nn.functional.normalize(torch.tensor(up, dtype=torch.float32), dim=0)
    rotation = rotation_to_z(torch.tensor(up, dtype=torch.float32))
    close(rotation @ direction, torch.tensor([0.0, 0, 1]))
    close(rotation @ rotation.T, torch.eye(3))
    assert abs(float(torch.linalg.det(rotation)) - 1) < 1e-5
    # A turn by angle a has trace 1 + 2 cos a, and no turn that takes one direction to another is smaller than the angle between them.
    close(rotation.trace(), 1 + 2 * direction[2], 1e-5)


def test_opengl_cameras_see_the_same_with_other_axes():
    """A point 2 ahead, 1 to the right and 3 up is (1, 3, -2) to an OpenGL camera and (1, -3, 2) to an OpenCV one."""
    world_from_opengl = some_pose(7)
    in_world = transform(world_from_opengl, torch.tensor([[1.0, 3, -2]]))
    close(transform(world_from_opencv(world_from_opengl), torch.tensor([[1.0, -3, 2]])), in_world)
    close(world_from_opencv(world_from_opencv(world_from_opengl)), world_from_opengl)
    assert is_rigid(OPENGL_FROM_OPENCV)


def test_yaw_is_counter_clockwise_seen_from_above():
    close(rotation_about_z(math.pi / 2) @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]))
    close(rotation_about_z(0.4) @ rotation_about_z(0.5), rotation_about_z(0.9))


def test_corners_by_hand():
    """A 2 x 4 x 6 box turned by a quarter about (10, 20, 30) reaches 2 along x, 1 along y, 3 along z from its centre."""
    corners = box_corners(Box((10, 20, 30), (2, 4, 6), math.pi / 2))
    close(corners.min(0).values, torch.tensor([8.0, 19, 27]))
    close(corners.max(0).values, torch.tensor([12.0, 21, 33]))
    assert len({tuple(c) for c in corners.round(decimals=3).tolist()}) == 8


@pytest.mark.parametrize("yaw", [0.0, 0.6, -2.0])
def test_a_box_holds_its_corners_and_little_else(yaw):
    box = Box((1, 2, 3), (0.5, 1.5, 1), yaw)
    corners, centre = box_corners(box), torch.tensor(box.centre_m)
    assert inside_box(centre + (corners - centre) * 0.999, box).all() and not inside_box(centre + (corners - centre) * 1.001, box).any()
    assert inside_box(centre + (corners - centre) * 1.01, box, margin_m=0.01).all()
    # Half way between two corners of a face lies inside; the same place pushed out through any face does not.
    middle = (corners[:, None] + corners[None]).flatten(0, 1) / 2
    assert inside_box(centre + (middle - centre) * 0.999, box).all()
    points = drawn(3000, 3) * 1.5 + centre
    share = float(inside_box(points, Box((1, 2, 3), (40, 40, 40), yaw)).float().mean())
    assert share == 1.0 and 0 < float(inside_box(points, box).float().mean()) < 0.2


def test_coordinate_waves_repeat_after_eight_metres_except_for_the_coordinates():
    xyz = drawn(5, 3)
    waves = fourier(xyz)
    assert waves.shape == (5, 33) and torch.equal(waves[:, :3], xyz)
    close(fourier(xyz + 8)[:, 3:], waves[:, 3:], 1e-4)
    assert float((fourier(xyz + 0.25)[:, 3:] - waves[:, 3:]).abs().max()) > 0.5
    close(fourier(torch.tensor([[2.0, 0, 0]]))[0, 3], torch.tensor(1.0))  # a quarter of 8 m: sine 1
