"""Real captures come out with the figures their collectors measured: depth, units, and frames that agree on where things are."""

from pathlib import Path

import pytest
import torch

from proxy3d.clips import open_capture
from proxy3d.errors import BadInput
from proxy3d.geometry import invert, project, transform, unproject

pytestmark = pytest.mark.data
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
PRIMESENSE = (525, 525, 319.5, 239.5)


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no real captures beside this checkout: {path}")
    return path


def disagreement(clip, first: int, second: int) -> torch.Tensor:
    """Relative depth error where frame `first`, moved into frame `second`, meets what that one measured."""
    xyz_camera = unproject(clip.depth_m[first], clip.intrinsics_px[first])[clip.depth_m[first] > 0]
    second_from_world = invert(clip.world_from_camera[second])
    uv, depth = project(transform(second_from_world, transform(clip.world_from_camera[first], xyz_camera)), clip.intrinsics_px[second])
    pixel = uv.round().long()
    height, width = clip.depth_m.shape[1:]
    inside = (depth > 0.1) & (pixel >= 0).all(1) & (pixel[:, 0] < width) & (pixel[:, 1] < height)
    measured = clip.depth_m[second][pixel[inside, 1], pixel[inside, 0]]
    return ((depth[inside] - measured).abs() / measured.clamp_min(1e-6))[measured > 0]


def test_hololens_neighbouring_frames_agree_to_a_third_of_a_percent():
    capture = open_capture(real("hololens_dvmvs") / "000")
    assert capture.layout == "poses_with_names" and len(capture.frames) == 38
    clip = capture.clip(38)
    assert [clip.name[0], clip.name[1]] == ["00003.png", "00013.png"]
    assert clip.frame.shape[1:] == (3, 360, 540)
    valid = clip.depth_m > 0
    assert float(valid.float().mean()) > 0.5 and 0.3 < float(clip.depth_m[valid].min()) and float(clip.depth_m.max()) < 9
    pairs = [disagreement(clip, k, k + 1) for k in range(37)]
    # Every tenth frame of a walk: most neighbours share a few percent. The median is 0.31 % from 0.05 % overlap up to 10 %.
    pairs = [p for p in pairs if len(p) > 0.01 * 360 * 540]
    assert len(pairs) >= 30
    medians = torch.stack([p.median() for p in pairs])
    assert float(medians.median()) < 0.005  # the collectors: 0.31 %
    within = torch.stack([(p < 0.05).float().mean() for p in pairs])
    assert float(within.median()) > 0.97  # the collectors: 99.6 %


def test_hololens_poses_read_the_other_way_round_disagree():
    capture = open_capture(real("hololens_dvmvs") / "000", poses="camera_from_world")
    clip = capture.clip(38)
    errors = [p.median() for k in range(37) if len(p := disagreement(clip, k, k + 1)) > 0.01 * 360 * 540]
    assert len(errors) >= 10 and float(torch.stack(errors).median()) > 0.1


def test_hololens_parent_folder_names_the_sequence():
    with pytest.raises(BadInput, match="name one: 000"):
        open_capture(real("hololens_dvmvs"))


def test_dining_room_agrees_across_its_five_frames():
    path = real("nyu_rgbd5_slambook2")
    capture = open_capture(path, intrinsics=(518, 519, 325.5, 253.5))
    assert capture.layout == "poses_in_order"
    clip = capture.clip(8)
    assert clip.name == ("1.png", "2.png", "3.png", "4.png", "5.png")
    for k in range(4):
        error = disagreement(clip, k, k + 1)
        assert float(error.median()) < 0.035 and float((error < 0.05).float().mean()) > 0.6  # the collectors: 1.0-2.8 %, 68-97 %


def test_dining_room_without_intrinsics_says_what_to_type():
    with pytest.raises(BadInput, match="--intrinsics fx,fy,cx,cy"):
        open_capture(real("nyu_rgbd5_slambook2"))


@pytest.mark.parametrize(
    "color, depth, unit, median_m, deepest_m",
    [
        ("TUM_color.png", "TUM_depth.png", "tum", 2.42, 9.33),
        ("SUN_color.jpg", "SUN_depth.png", "sun", 2.72, 9.87),
        ("NYU_color.ppm", "NYU_depth.pgm", "kinect_raw", 3.27, None),
    ],
)
def test_single_frames_in_three_encodings(color, depth, unit, median_m, deepest_m):
    clip = open_capture(real("rgbd_singles_open3d"), color=color, depth=depth, depth_unit=unit, intrinsics=PRIMESENSE).clip()
    measured = clip.depth_m[clip.depth_m > 0]
    assert clip.frame.shape == (1, 3, 480, 640)
    assert float(measured.median()) == pytest.approx(median_m, abs=0.01)
    if deepest_m is not None:
        assert float(measured.max()) == pytest.approx(deepest_m, abs=0.01)
    else:
        assert len(measured) / clip.depth_m.numel() == pytest.approx(0.93, abs=0.01)


def test_single_frames_side_by_side_ask_for_one():
    with pytest.raises(BadInput, match="--color NYU_color.ppm --depth NYU_depth.pgm"):
        open_capture(real("rgbd_singles_open3d"))


@pytest.mark.parametrize("name, count", [("static_video_sam2/04_coffee.mp4", 287), ("openeqa/assets/open-eqa-hm3d-demo.mp4", 168)])
def test_videos_have_the_frames_that_were_counted(name, count):
    from proxy3d.clips.video import scan, seek

    capture = open_capture(real(name))
    assert len(capture.frames) == count
    clip = capture.clip(4)
    assert clip.frame.shape == (4, 3, 720, 1280) and clip.depth_m is None
    wanted = [capture.frames[k].index for k in (count // 3, count - 2)]
    scanned, sought = scan(capture.path, wanted, 1296), seek(capture.path, wanted, 1296)
    assert all(torch.equal(scanned[pts], sought[pts]) for pts in wanted)
