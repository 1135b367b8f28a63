"""Every layout keeps the same promises: recognised by looking, lazy, deterministic, and the same world points back."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from capture_writers import (
    POSED,
    WRITERS,
    flipped_poses,
    folders,
    poses_in_order,
    poses_with_names,
    seven_scenes,
    transforms,
    world_points,
    write_color,
    write_depth,
    write_matrix,
)
from PIL import Image

from proxy3d.clips import LAYOUTS, CaptureOptions, open_capture, read
from proxy3d.clips.reading import layout_of
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.geometry import resized_intrinsics
from proxy3d.values import Clip

FRAMES = 6
QUANTISED_M = 0.002  # half a millimetre of depth along the most slanting ray, and the text files' digits


@pytest.fixture(scope="module")
def clip() -> Clip:
    return synthetic_clip(seed=1, frames=FRAMES, size_px=(64, 48))[0]


def opened(layout, clip, folder, **settings):
    path, given = WRITERS[layout](clip, folder)
    return open_capture(path, **{**given, **settings})


def test_every_layout_has_a_writer():
    assert set(WRITERS) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_recognised_by_looking_and_only_as_itself(layout, clip, tmp_path):
    path, _ = WRITERS[layout](clip, tmp_path)
    assert layout_of(path) == layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_clip_is_deterministic_in_time_order_and_at_most_as_long_as_asked(layout, clip, tmp_path):
    capture = opened(layout, clip, tmp_path)
    for count in (1, 4):
        first, second = capture.clip(count), capture.clip(count)
        assert len(first.frame) == (1 if layout == "rgbd" else count)
        assert torch.equal(first.frame, second.frame) and first.name == second.name
        assert bool((first.time_s.diff() > 0).all())
        assert 0 <= float(first.frame.min()) and float(first.frame.max()) <= 1
    assert len(set(first.name)) == len(first.name)
    assert all(isinstance(note, str) for note in capture.notes)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("video", "cloud")])
def test_opening_decodes_nothing(layout, clip, tmp_path):
    path, given = WRITERS[layout](clip, tmp_path)
    for picture in [*tmp_path.rglob("*.png"), *tmp_path.rglob("*.pgm")]:
        picture.write_bytes(b"no picture at all")
    capture = open_capture(path, **given)
    with pytest.raises(BadInput, match="damaged"):
        capture.clip(2)


@pytest.mark.parametrize("layout", POSED)
def test_round_trip_gives_the_same_world_points(layout, clip, tmp_path):
    back = opened(layout, clip, tmp_path).clip(FRAMES)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M
    assert (back.frame - clip.frame).abs().max() < 1 / 255


@pytest.mark.parametrize("layout", POSED)
def test_chosen_frames_carry_their_own_depth_and_pose(layout, clip, tmp_path):
    back = opened(layout, clip, tmp_path).clip(3)
    index = [int((clip.frame - f).abs().flatten(1).mean(1).argmin()) for f in back.frame]
    assert index == sorted(set(index))
    assert (world_points(back) - world_points(clip)[index]).norm(dim=-1).max() < QUANTISED_M


@pytest.mark.parametrize("layout", ["seven_scenes", "pose_per_frame", "poses_in_order"])
def test_poses_the_other_way_round_give_the_same_points(layout, clip, tmp_path):
    inverse = replace(clip, world_from_camera=flipped_poses(clip))
    back = opened(layout, inverse, tmp_path, poses="camera_from_world").clip(FRAMES)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M


def test_opengl_axes_may_be_said_for_any_layout(clip, tmp_path):
    from capture_writers import OPENGL_IS_ITS_OWN_INVERSE

    inverse = replace(clip, world_from_camera=OPENGL_IS_ITS_OWN_INVERSE(clip.world_from_camera))
    back = opened("seven_scenes", inverse, tmp_path, axes="opengl").clip(FRAMES)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M


def test_pose_translations_in_another_unit(clip, tmp_path):
    pose = clip.world_from_camera.clone()
    pose[:, :3, 3] *= 100
    back = opened("poses_with_names", replace(clip, world_from_camera=pose), tmp_path, metres_per_unit=0.01).clip(FRAMES)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M


def test_bottom_up_pictures_with_negative_fy_are_flipped(clip, tmp_path):
    matrix = clip.intrinsics_px.clone()
    matrix[:, 1, 1] *= -1
    matrix[:, 1, 2] = clip.frame.shape[2] - 1 - matrix[:, 1, 2]
    stored = replace(clip, frame=clip.frame.flip(2), depth_m=clip.depth_m.flip(1), intrinsics_px=matrix)
    capture = opened("seven_scenes", stored, tmp_path)
    back = capture.clip(FRAMES)
    assert bool((back.intrinsics_px[:, 1, 1] > 0).all()) and any("bottom-up" in note for note in capture.notes)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M
    assert (back.frame - clip.frame).abs().max() < 1 / 255


def test_left_handed_world_is_mirrored_and_pictures_stay_upright(clip, tmp_path):
    mirror = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0]))
    matrix = clip.intrinsics_px.clone()
    matrix[:, 1, 1] *= -1  # y up in the camera, and so a world mirrored in y
    stored = replace(clip, world_from_camera=mirror @ clip.world_from_camera @ mirror, intrinsics_px=matrix)
    back = opened("seven_scenes", stored, tmp_path, negative_fy="left_handed").clip(FRAMES)
    assert (world_points(back) - world_points(clip)).norm(dim=-1).max() < QUANTISED_M
    assert (back.frame - clip.frame).abs().max() < 1 / 255


def test_depth_of_another_size_and_field_of_view_lands_on_the_right_pixels(clip, tmp_path):
    path, _ = WRITERS["pose_per_frame"](clip, tmp_path)
    small = (32, 24)
    for k in range(FRAMES):  # the depth camera sees the left half of the picture, in as many columns as it has
        full = np.asarray(Image.open(tmp_path / f"depth/{k}.png"))
        Image.fromarray(full[:, : small[0]]).save(tmp_path / f"depth/{k}.png")
    back = read(path, FRAMES)
    assert torch.equal(back.depth_m[..., small[0] :], torch.zeros_like(back.depth_m[..., small[0] :]))
    left = (world_points(back) - world_points(clip)).norm(dim=-1).reshape(clip.depth_m.shape)[..., : small[0]]
    assert left.max() < QUANTISED_M


def test_half_size_depth_without_own_intrinsics_is_resampled(clip, tmp_path):
    path, _ = seven_scenes(clip, tmp_path)
    for file in tmp_path.glob("*.depth.png"):
        Image.fromarray(np.asarray(Image.open(file))[::2, ::2]).save(file)
    back = read(path, FRAMES)
    assert back.depth_m.shape == clip.depth_m.shape
    assert torch.allclose(back.depth_m[:, ::2, ::2], clip.depth_m[:, ::2, ::2], atol=0.001)


def test_frames_of_the_same_aspect_are_brought_to_the_size_of_the_first(clip, tmp_path):
    path, _ = transforms(clip, tmp_path)
    file = tmp_path / "images/3.png"
    Image.open(file).resize((128, 96)).save(file)
    back = read(path, FRAMES)
    assert back.frame.shape == clip.frame.shape
    assert torch.allclose(back.intrinsics_px, clip.intrinsics_px, atol=1e-4)
    inside = (back.depth_m[3] - clip.depth_m[3]).abs() < 0.001
    assert inside.float().mean() == 1.0


def test_large_pictures_are_shrunk_with_their_intrinsics(clip, tmp_path):
    back = opened("seven_scenes", clip, tmp_path, longest_side_px=32).clip(2)
    assert back.frame.shape[2:] == (24, 32)
    assert torch.allclose(back.intrinsics_px[0], resized_intrinsics(clip.intrinsics_px[0], (64, 48), (32, 24)), atol=1e-5)


def test_shrunk_depth_is_taken_at_pixel_centres(clip, tmp_path):
    wide = synthetic_clip(seed=1, frames=2, size_px=(96, 72))[0]
    back = opened("seven_scenes", wide, tmp_path, longest_side_px=32).clip(2)
    assert torch.allclose(back.depth_m, wide.depth_m[:, 1::3, 1::3], atol=0.001)


@pytest.mark.parametrize("lost", ["depth", "pose", "nan"])
def test_incomplete_frames_are_left_out_and_counted(lost, clip, tmp_path):
    path, _ = seven_scenes(clip, tmp_path)
    if lost == "nan":
        write_matrix(np.full((4, 4), np.nan), tmp_path / "frame-000002.pose.txt")
    else:
        next(tmp_path.glob(f"frame-000002.{lost}.*")).unlink()
    capture = open_capture(path)
    assert [f.name[6:12] for f in capture.frames] == ["000000", "000001", "000003", "000004", "000005"]
    assert any("1 of 6 frames left out" in note for note in capture.notes)


def test_poses_of_frames_that_are_not_there_do_no_harm(clip, tmp_path):
    path, _ = poses_with_names(clip, tmp_path)
    (tmp_path / "images/5.png").unlink()
    assert [f.name for f in open_capture(path).frames] == ["3.png", "4.png", "6.png", "7.png", "8.png"]


def test_fewer_frames_than_asked_for_are_all_taken_and_noted(clip, tmp_path):
    capture = opened("seven_scenes", clip, tmp_path)
    assert len(capture.clip(50).frame) == FRAMES
    assert any("50 frames asked for, 6" in note for note in capture.notes_for(50))
    assert capture.notes_for(3) == capture.notes


@pytest.mark.parametrize("form", ["pgm_mm", "npy_m", "npz_m", "tiff_m", "tum", "divisor"])
def test_depth_files_of_every_kind(form, clip, tmp_path):
    suffix = {"pgm_mm": ".pgm", "npy_m": ".npy", "npz_m": ".npz", "tiff_m": ".tiff"}.get(form, ".png")
    for k in range(2):
        write_color(clip, k, tmp_path / f"color/{k}.png")
        write_matrix(clip.world_from_camera[k], tmp_path / f"pose/{k}.txt")
        file = tmp_path / f"depth/{k}{suffix}"
        file.parent.mkdir(exist_ok=True)
        if form == "npz_m":
            np.savez(file, depth=clip.depth_m[k].numpy())
        elif form == "tiff_m":
            Image.fromarray(clip.depth_m[k].numpy()).save(file)
        else:
            write_depth(clip, k, file, {"tum": 5000, "divisor": 4000}.get(form, 1000))
    write_matrix(clip.intrinsics_px[0], tmp_path / "K.txt")
    unit = {"tum": "tum", "divisor": 4000}.get(form)
    assert torch.allclose(read(tmp_path, 2, CaptureOptions(depth_unit=unit)).depth_m, clip.depth_m[:2], atol=0.001)


def test_invalid_depth_is_zero(clip, tmp_path):
    path, _ = seven_scenes(clip, tmp_path)
    raw = np.asarray(Image.open(tmp_path / "frame-000000.depth.png")).copy()
    raw[0, :2] = (0, 65535)
    Image.fromarray(raw).save(tmp_path / "frame-000000.depth.png")
    metres = clip.depth_m[1].numpy().copy()
    metres[0, :5] = (np.nan, np.inf, -np.inf, -1, 0)
    (tmp_path / "frame-000001.depth.png").unlink()
    np.save(tmp_path / "frame-000001.depth.npy", metres)
    back = read(path, FRAMES)
    assert back.depth_m[0, 0, :2].tolist() == [0, 0] and back.depth_m[1, 0, :5].tolist() == [0] * 5
    assert float(back.depth_m[1, 0, 5]) == pytest.approx(float(clip.depth_m[1, 0, 5]), abs=1e-3)


def test_posed_colour_without_depth_is_read(clip, tmp_path):
    stems = folders(clip, tmp_path, depth=None)
    for k, stem in enumerate(stems):
        write_matrix(clip.world_from_camera[k], tmp_path / f"pose/{stem}.txt")
    capture = open_capture(tmp_path)
    back = capture.clip(3)
    assert back.depth_m is None and back.world_from_camera is not None
    assert "no depth found" in capture.notes


def test_one_rgbd_frame_is_its_own_world(clip, tmp_path):
    back = opened("rgbd", clip, tmp_path).clip()
    assert torch.equal(back.world_from_camera, torch.eye(4)[None])
    assert torch.allclose(back.depth_m, clip.depth_m[:1], atol=0.001)


def test_transforms_with_a_field_of_view_instead_of_a_focal_length(clip, tmp_path):
    angle = 2 * float(torch.atan(32 / clip.intrinsics_px[0, 0, 0]))
    path, _ = transforms(clip, tmp_path, fl_x=None, fl_y=None, cx=None, cy=None, w=None, h=None, camera_angle_x=angle)
    back = read(path / "transforms.json", FRAMES)
    assert torch.allclose(back.intrinsics_px, clip.intrinsics_px, atol=1e-3)


def test_what_a_frame_of_transforms_says_wins_over_the_whole_file(clip, tmp_path):
    path, _ = transforms(clip, tmp_path)
    data = json.loads((path / "transforms.json").read_text())
    data["frames"][2]["fl_x"] = 77.0
    (path / "transforms.json").write_text(json.dumps(data))
    focal = read(path, FRAMES).intrinsics_px[:, 0, 0]
    assert float(focal[2]) == 77.0 and torch.allclose(focal[[0, 1, 3]], clip.intrinsics_px[[0, 1, 3], 0, 0])


def test_transforms_depth_unit_scale_factor(clip, tmp_path):
    for k in range(FRAMES):
        write_depth(clip, k, tmp_path / f"fine/{k}.png", 4000)
    path, _ = transforms(clip, tmp_path, depth_unit_scale_factor=1 / 4000)
    (tmp_path / "depth").rename(tmp_path / "coarse")
    (tmp_path / "fine").rename(tmp_path / "depth")
    assert torch.allclose(read(path, FRAMES).depth_m, clip.depth_m, atol=0.001)


def test_a_phone_photo_is_turned_upright_but_a_posed_one_is_not(clip, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # hold the camera a quarter turn
    write_color(clip, 0, tmp_path / "phone/shot.png")
    Image.open(tmp_path / "phone/shot.png").save(tmp_path / "phone/shot.jpg", exif=exif)
    (tmp_path / "phone/shot.png").unlink()
    assert read(tmp_path / "phone").frame.shape[2:] == (64, 48)
    (tmp_path / "posed").mkdir()
    path, _ = seven_scenes(clip, tmp_path / "posed")
    Image.open(tmp_path / "posed/frame-000000.color.png").save(tmp_path / "posed/frame-000000.color.png", exif=exif)
    assert read(path, FRAMES).frame.shape[2:] == (48, 64)


def test_options_typed_win_over_files(clip, tmp_path):
    path, _ = poses_in_order(clip, tmp_path)
    back = read(path, 1, CaptureOptions(intrinsics=(50, 51, 30, 20)))
    assert back.intrinsics_px[0].tolist() == [[50, 0, 30], [0, 51, 20], [0, 0, 1]]
