"""Laws of a rendered room: what is stored about it and what its pictures show are one and the same."""

import numpy as np
import pytest
import torch

from proxy3d.errors import BadInput
from proxy3d.geometry import inside_box, invert, project, transform, unproject
from proxy3d.spacespan.rooms import make
from proxy3d.spacespan.rooms.camera import Cameras, intrinsics
from proxy3d.spacespan.rooms.layout import Catalogue
from proxy3d.spacespan.rooms.parametric import parametric_models
from proxy3d.spacespan.rooms.photo import Photo
from proxy3d.spacespan.rooms.render import _renderer, projection

SEEDS = (make.room_seed("test", 1), make.room_seed("test", 2))


@pytest.fixture(scope="module")
def catalogue():
    try:
        _renderer()
    except BadInput as reason:
        pytest.skip(str(reason))
    return Catalogue(parametric_models(1))


@pytest.fixture(scope="module")
def rooms(catalogue):
    return [make.make_room(seed, "test", catalogue, frames=3) for seed in SEEDS]


def seen_points(rendered):
    """(T, H, W, 3) world points of every pixel, and the cameras."""
    matrix = torch.tensor(rendered.room.intrinsics_px).double()
    pose = torch.tensor(rendered.room.world_from_camera).double()
    depth = torch.tensor(rendered.depth_m).double()
    camera = unproject(depth, matrix.expand(len(depth), 3, 3))
    return transform(pose, camera.flatten(1, 2)).reshape(camera.shape), matrix, pose


def test_what_is_seen_of_an_object_lies_in_its_box(rooms):
    checked = 0
    for rendered in rooms:
        xyz, _, _ = seen_points(rendered)
        for thing in rendered.room.objects:
            points = xyz[torch.tensor(rendered.instance) == thing.id]
            checked += len(points) > 0
            assert inside_box(points, thing.box, 0.02).all(), thing.model
    assert checked > 8


def test_two_frames_agree_about_every_place_both_see(rooms):
    """The depth of one frame, carried into another, is the depth there: poses, intrinsics and depth belong together."""
    for rendered in rooms:
        xyz, matrix, pose = seen_points(rendered)
        pixel, depth = project(transform(invert(pose[1]), xyz[0].reshape(-1, 3)), matrix)
        u, v = pixel.round().long().T
        height, width = rendered.depth_m.shape[1:]
        ok = (depth > 0.1) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        there = torch.tensor(rendered.depth_m[1]).double()[v[ok], u[ok]]
        same = torch.tensor(rendered.instance[1])[v[ok], u[ok]] == torch.tensor(rendered.instance[0]).reshape(-1)[ok]
        apart = (there - depth[ok]).abs()[same]
        assert len(apart) > 1000 and float(apart.median()) < 0.01 and float((apart < 0.05).double().mean()) > 0.95


def test_pixel_counts_are_those_of_the_instance_images(rooms):
    for rendered in rooms:
        for thing in rendered.room.objects:
            assert thing.pixels == tuple(int((frame == thing.id).sum()) for frame in rendered.instance)
        assert sum(max(thing.pixels) >= make.VISIBLE_PX for thing in rendered.room.objects) >= make.LEAST_SEEN
        assert rendered.instance.max() <= len(rendered.room.objects)


def test_rooms_have_no_holes_and_pictures_show_something(rooms):
    for rendered in rooms:
        assert (rendered.depth_m == 0).mean() < 1e-3 and rendered.rgb.dtype == np.uint8
        assert all(15 < frame.mean() < 240 and frame.std() > 8 for frame in rendered.rgb)


def test_the_same_seed_gives_the_same_bytes(catalogue, rooms):
    again = make.make_room(SEEDS[0], "test", catalogue, frames=3)
    assert again.room == rooms[0].room != rooms[1].room
    for name in ("rgb", "depth_m", "instance"):
        assert np.array_equal(getattr(again, name), getattr(rooms[0], name))


def test_the_first_pixel_has_its_centre_at_zero():
    """OpenGL samples pixel (u, v) at (u + 1/2, v + 1/2) of its window; the projection must put our (u, v) there."""
    cameras = Cameras((256, 192), intrinsics((256, 192), 1.1), np.eye(4)[None])
    for u, v, depth in ((0.0, 0.0, 2.0), (255.0, 191.0, 1.0), (17.0, 80.0, 5.0)):
        ray = np.linalg.inv(cameras.intrinsics_px) @ (u, v, 1.0) * depth
        clip = projection(cameras) @ (*ray, 1.0)
        window = (clip[:2] / clip[3] + 1) / 2 * cameras.image_size_px
        assert clip[3] == pytest.approx(depth) and window == pytest.approx((u + 0.5, v + 0.5))


def test_a_camera_photographs_moderately_and_repeatably():
    frames = np.full((2, 40, 50, 3), 128, np.uint8)
    assert Photo(0.0)(np.random.default_rng(0), frames) is frames
    once, again = (Photo()(np.random.default_rng(4), frames) for _ in range(2))
    assert np.array_equal(once, again) and 0.5 < once.std() and abs(once.mean() - 128) < 60


def test_no_two_rooms_share_a_seed():
    seeds = [make.room_seed(split, i, s) for split in make.SPLITS for i in (0, 1, 2, 999_999) for s in (0, 1)]
    assert len(set(seeds)) == len(seeds)
    with pytest.raises(BadInput, match="no split is called 'trian'; known: train, val, test"):
        make.room_seed("trian", 0)
    with pytest.raises(BadInput, match="expected an index from 0 to 999999"):
        make.room_seed("train", 1_000_000)
