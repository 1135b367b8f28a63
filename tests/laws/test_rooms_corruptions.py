"""Laws of what goes wrong in a hurry: off changes no byte, on changes pictures or depth and never the truth, and the same seed does it again."""

import math

import numpy as np
import pytest

from proxy3d.errors import BadInput
from proxy3d.spacespan.rooms import make
from proxy3d.spacespan.rooms.camera import Cameras, intrinsics, poses
from proxy3d.spacespan.rooms.layout import Catalogue
from proxy3d.spacespan.rooms.parametric import parametric_models
from proxy3d.spacespan.rooms.photo import CLEAN, Corruption, badly_measured, motion_blurred, pixel_motion
from proxy3d.spacespan.rooms.render import _renderer

SIZE = (64, 48)
ALL = Corruption(motion_blur=1, exposure=1, depth_noise=1)


def a_clip(turn_deg=0.0, frames=3):
    """Random pictures of a wall 3 m away, by a camera that turns in place."""
    rng = np.random.default_rng(0)
    yaw = np.radians(turn_deg) * np.arange(frames)
    camera = Cameras(SIZE, intrinsics(SIZE, 1.1), poses(np.zeros((frames, 3)), yaw, np.zeros(frames), np.zeros(frames)))
    return rng.integers(0, 256, (frames, *SIZE[::-1], 3), dtype=np.uint8), np.full((frames, *SIZE[::-1]), 3.0, np.float32), camera


def test_off_means_untouched():
    rgb, depth, camera = a_clip()
    assert CLEAN(7, rgb, depth, camera)[0] is rgb and CLEAN(7, rgb, depth, camera)[1] is depth


def test_the_same_seed_corrupts_alike_and_another_one_does_not():
    clip = a_clip(5)
    one, again, other = ALL(7, *clip), ALL(7, *clip), ALL(8, *clip)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert all(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_each_corruption_is_switched_alone():
    clip = a_clip(5)
    rgb, depth, _ = clip
    for worse, changes_rgb, changes_depth in (
        (Corruption(motion_blur=1), True, False),
        (Corruption(exposure=1), True, False),
        (Corruption(depth_noise=1), False, True),
    ):
        got = worse(7, *clip)
        assert np.array_equal(got[0], rgb) != changes_rgb and np.array_equal(got[1], depth) != changes_depth
        assert np.array_equal(got[changes_depth], ALL(7, *clip)[changes_depth]) or changes_rgb


@pytest.mark.parametrize("value", [-0.1, 4.1, math.nan, math.inf])
def test_a_strength_that_is_none_is_refused(value):
    with pytest.raises(BadInput, match=r"--depth-noise .*: expected a strength from 0 \(off\) to 4"):
        Corruption(depth_noise=value)


def test_blur_smears_along_the_motion_and_a_still_camera_does_not_blur():
    still, turning = a_clip(0), a_clip(20)
    assert np.array_equal(motion_blurred(*still, 1 / 15), still[0])
    blurred = motion_blurred(*turning, 1 / 15).astype(float)
    sideways, upwards = (np.abs(np.diff(blurred, axis=axis)).mean() for axis in (2, 1))
    assert sideways < 0.7 * upwards, "a turn to the side smears rows, not columns"


def test_motion_of_pixels_is_what_poses_and_depth_say():
    """In the middle of the picture a turn by one degree moves things by focal length times one degree; turning left moves them right."""
    _, depth, camera = a_clip(1)
    motion = pixel_motion(depth[0], camera, 0)
    focal = camera.intrinsics_px[0, 0]
    assert motion[24, 32] == pytest.approx((focal * math.radians(1), 0), abs=0.02)
    assert pixel_motion(depth[0], camera, 2) == pytest.approx(motion, abs=1e-6), "the last frame goes on as the one before it"


def test_a_sensor_measures_in_steps_that_grow_with_distance_and_leaves_holes():
    rng = np.random.default_rng(0)
    near, far = (badly_measured(rng, np.full((2, 60, 80), z, np.float32), 1.0) for z in (1.0, 4.0))
    for z, got in ((1.0, near), (4.0, far)):
        seen = got[got > 0]
        assert 0.01 < (got == 0).mean() < 0.05 and abs(np.median(seen) - z) < 0.02
        assert len(np.unique(seen)) < 60
    spread = [got[got > 0].std() for got in (near, far)]
    assert 0.001 < spread[0] < 0.01 < spread[1] < 0.08
    edge = np.concatenate([np.full((1, 60, 40), 1.0, np.float32), np.full((1, 60, 40), 3.0, np.float32)], 2)
    got = badly_measured(rng, edge, 1.0)
    assert (got[0, :, 38:42] == 0).mean() > 3 * (got[0, :, :30] == 0).mean(), "holes gather at outlines"
    assert (got[0, :, 37:40] > 2).any() and (got[0, :, 40:43][got[0, :, 40:43] > 0] < 2).any(), "outlines are frayed"
    assert not (badly_measured(rng, np.full((1, 9, 9), 12.0, np.float32), 1.0)).any(), "nothing is measured beyond the sensor's reach"


def test_the_truth_of_a_room_does_not_change():
    try:
        _renderer()
    except BadInput as reason:
        pytest.skip(str(reason))
    catalogue, seed = Catalogue(parametric_models(1)), make.room_seed("test", 1)
    clean, worse = (make.make_room(seed, "test", catalogue, frames=2, corruption=c) for c in (CLEAN, ALL))
    assert clean.room == worse.room and np.array_equal(clean.instance, worse.instance)
    assert not np.array_equal(clean.rgb, worse.rgb) and not np.array_equal(clean.depth_m, worse.depth_m)
    assert 0.005 < (worse.depth_m == 0).mean() < 0.3
