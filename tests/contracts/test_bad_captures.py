"""Broken captures give exactly one line that names what is wrong and what to type; never a traceback of ours."""

import shutil

import numpy as np
import pytest
import torch
from capture_cases import CLIP, cut, edited, gives_one_useful_line, registry, written
from capture_writers import (
    folders,
    images,
    pose_per_frame,
    poses_in_order,
    poses_with_names,
    redwood,
    rgbd,
    seven_scenes,
    tum,
    video,
    write_depth,
    write_matrix,
)
from PIL import Image

from proxy3d.clips import open_capture
from proxy3d.errors import BadInput

CASES, case = registry()


# --- nothing there, or nothing known -------------------------------------------------------------------------------


@case("no such file or folder")
def path_that_is_not_there(folder):
    return folder / "nowhere"


@case("the folder is empty")
def empty_folder(folder):
    return folder


@case("known are")
def folder_of_text(folder):
    (folder / "notes.md").write_text("hello")
    return folder


@case("known are")
def file_of_unknown_kind(folder):
    (folder / "scan.xyz").write_text("1 2 3")
    return folder / "scan.xyz"


@case("the file is empty")
def empty_file(folder):
    (folder / "scan.las").write_bytes(b"")
    return folder / "scan.las"


@case("transforms.json")
def record3d_file(folder):
    (folder / "walk.r3d").write_bytes(b"PK\x03\x04")
    return folder / "walk.r3d"


@case("proxy3d ask")
def scene_file_given_as_capture(folder):
    (folder / "room.p3d").write_bytes(b"12345678{}")
    return folder / "room.p3d"


@case("holds 2 sequences; name one: seq-01, seq-02")
def folder_of_sequences(folder):
    for name in ("seq-01", "seq-02"):
        (folder / name).mkdir()
        written(seven_scenes, folder / name)
    return folder


# --- videos and images ---------------------------------------------------------------------------------------------


@case("not a video")
def text_renamed_mp4(folder):
    (folder / "walk.mp4").write_text("not a video at all\n" * 50)
    return folder / "walk.mp4"


@case("not a video")
def mp4_cut_off(folder):
    path = written(video, folder)
    cut(path)
    return path


@case("no video stream")
def sound_without_pictures(folder):
    import av

    with av.open(str(folder / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return folder / "song.mp4"


@case("damaged or not a picture")
def truncated_png(folder):
    path = written(images, folder)
    cut(folder / "shot9.png")
    return path


@case("aspect ratio")
def pictures_of_differing_shape(folder):
    path = written(images, folder)
    Image.new("RGB", (32, 32)).save(folder / "shot10.png")
    return path


# --- intrinsics ----------------------------------------------------------------------------------------------------


@case("--intrinsics fx,fy,cx,cy")
def no_intrinsics(folder):
    path = written(poses_in_order, folder)
    (folder / "intrinsics.txt").unlink()
    return path


@case("585,585,320,240")
def seven_scenes_without_intrinsics(folder):
    path = written(seven_scenes, folder)
    (folder / "camera-intrinsics.txt").unlink()
    return path


@case("expected a 3x3")
def matrix_of_two_rows(folder):
    path = written(poses_with_names, folder)
    (folder / "K.txt").write_text("500 0 320\n0 500 240\n")
    return path


@case("expected numbers, got 'fx = 500'")
def intrinsics_with_words(folder):
    path = written(poses_with_names, folder)
    (folder / "K.txt").write_text("fx = 500\n")
    return path


@case("expected an intrinsic matrix")
def transposed_intrinsics(folder):
    path = written(poses_with_names, folder)
    write_matrix(CLIP.intrinsics_px[0].T, folder / "K.txt")
    return path


@case("fx > 0")
def negative_fx(folder):
    path = written(poses_with_names, folder)
    (folder / "K.txt").write_text("-20 20 15.5 11.5\n")
    return path


@case("not in pixels")
def normalised_intrinsics(folder):
    path = written(poses_with_names, folder)
    (folder / "K.txt").write_text("0.8 1.1 0.5 0.5\n")
    return path


@case("fx > 0", intrinsics=(float("1e300"), 500, 16, 12))
def focal_length_that_no_float_holds(folder):
    return written(rgbd, folder)


@case("principal point")
def intrinsics_of_another_size(folder):
    path = written(poses_with_names, folder)
    (folder / "K.txt").write_text("500 500 320 240\n")
    return path


@case("principal point", intrinsics=(500, 500, 320, 240))
def typed_intrinsics_of_another_size(folder):
    return written(seven_scenes, folder)


@case("four numbers", intrinsics=(500, 500, 320))
def three_intrinsics_typed(folder):
    return written(seven_scenes, folder)


@case("intrinsic_matrix")
def open3d_intrinsics_without_matrix(folder):
    path = written(redwood, folder)
    (folder / "camera_intrinsic.json").write_text('{"width": 32, "height": 24}')
    return path


# --- poses ---------------------------------------------------------------------------------------------------------


@case("expected poses.txt or pose/*.txt beside images/")
def depth_without_poses(folder):
    folders(CLIP, folder, color="images")
    write_matrix(CLIP.intrinsics_px[0], folder / "K.txt")
    return folder


@case("--color")
def several_single_frames_side_by_side(folder):
    written(rgbd, folder)
    shutil.copy(folder / "desk_color.png", folder / "sofa_color.png")
    shutil.copy(folder / "desk_depth.png", folder / "sofa_depth.png")
    return folder


@case("tracking lost")
def every_pose_is_nan(folder):
    path = written(seven_scenes, folder)
    for file in folder.glob("*.pose.txt"):
        write_matrix(np.full((4, 4), np.nan), file)
    return path


@case("expected one 4x4 pose matrix")
def pose_matrix_of_three_by_three(folder):
    path = written(seven_scenes, folder)
    write_matrix(np.eye(3), folder / "frame-000001.pose.txt")
    return path


@case("column-major")
def transposed_pose(folder):
    path = written(pose_per_frame, folder)
    write_matrix(CLIP.world_from_camera[1].T, folder / "pose/1.txt")
    return path


@case("not a rotation")
def scaled_pose(folder):
    path = written(pose_per_frame, folder)
    write_matrix(torch.diag(torch.tensor([2.0, 2.0, 2.0, 1.0])), folder / "pose/1.txt")
    return path


@case("not a rotation")
def mirrored_pose(folder):
    path = written(pose_per_frame, folder)
    write_matrix(torch.diag(torch.tensor([1.0, 1.0, -1.0, 1.0])), folder / "pose/1.txt")
    return path


@case("from the origin")
def pose_beyond_all_maps(folder):
    path = written(pose_per_frame, folder)
    far = np.eye(4)
    far[0, 3] = 1e300
    write_matrix(far, folder / "pose/1.txt")
    return path


@case("counts must agree")
def more_poses_than_pictures_and_no_names(folder):
    path = written(poses_in_order, folder)
    with (folder / "pose.txt").open("a") as file:
        file.write("0 0 0 0 0 0 1\n")
    return path


@case("row k must belong to line k")
def fewer_names_than_poses(folder):
    path = written(poses_with_names, folder)
    edited(folder / "all_names.txt", "99.png\n", "")
    return path


@case("more than once")
def name_listed_twice(folder):
    path = written(poses_with_names, folder)
    edited(folder / "all_names.txt", "99.png", "3.png")
    return path


@case("differing length")
def uneven_rows_of_poses(folder):
    path = written(poses_in_order, folder)
    lines = (folder / "pose.txt").read_text().splitlines()
    (folder / "pose.txt").write_text("\n".join([lines[0], lines[1] + " 1", lines[2]]))
    return path


@case("got 8")
def poses_with_a_timestamp_in_front(folder):
    path = written(poses_in_order, folder)
    lines = (folder / "pose.txt").read_text().splitlines()
    (folder / "pose.txt").write_text("\n".join("1.5 " + line for line in lines))
    return path


@case("quaternion")
def quaternion_of_wrong_length(folder):
    path = written(poses_in_order, folder)
    (folder / "pose.txt").write_text("0 0 0 1 1 1 1\n" * 3)
    return path


@case("groups of five lines")
def log_trajectory_cut_off(folder):
    path = written(redwood, folder)
    lines = (folder / "scene/trajectory.log").read_text().splitlines()
    (folder / "scene/trajectory.log").write_text("\n".join(lines[:-1]))
    return path


@case("no pose file")
def pose_files_of_other_frames(folder):
    path = written(pose_per_frame, folder)
    for k, file in enumerate(sorted((folder / "pose").iterdir())):
        file.rename(file.with_name(f"{900 + k}.txt"))
    return path


@case("camera_from_world", poses="world2cam")
def unknown_pose_convention(folder):
    return written(seven_scenes, folder)


# --- depth ---------------------------------------------------------------------------------------------------------


@case("2 depth files")
def depth_names_and_counts_differ(folder):
    path = written(poses_in_order, folder)
    shutil.rmtree(folder / "depth")
    for k, name in enumerate("ab"):
        write_depth(CLIP, k, folder / f"depth/{name}.png")
    for k, file in enumerate(sorted((folder / "color").iterdir())):
        file.rename(file.with_name("xyz"[k] + ".png"))
    (folder / "names.txt").write_text("x.png\ny.png\nz.png\n")
    return path


@case("2 depth pictures")
def one_depth_file_missing_and_no_names(folder):
    path = written(poses_in_order, folder)
    (folder / "depth/6.pgm").unlink()
    return path


@case("damaged")
def truncated_depth_png(folder):
    path = written(seven_scenes, folder)
    cut(folder / "frame-000001.depth.png")
    return path


@case("damaged")
def truncated_depth_pgm(folder):
    path = written(poses_in_order, folder)
    cut(folder / "depth/6.pgm")
    return path


@case("a picture of depth")
def eight_bit_depth(folder):
    path = written(seven_scenes, folder)
    Image.new("L", (32, 24), 90).save(folder / "frame-000001.depth.png")
    return path


@case("coloured picture")
def coloured_depth(folder):
    path = written(seven_scenes, folder)
    Image.new("RGB", (32, 24), (9, 90, 200)).save(folder / "frame-000001.depth.png")
    return path


@case("--depth-unit")
def depth_in_millimetres_as_floating_point(folder):
    path = written(seven_scenes, folder)
    for k in range(3):
        np.save(folder / f"frame-00000{k}.depth.npy", CLIP.depth_m[k].numpy() * 1000)
        (folder / f"frame-00000{k}.depth.png").unlink()
    return path


@case("--depth-unit", depth_unit=100000)
def depth_far_too_small(folder):
    return written(seven_scenes, folder)


@case("not one valid depth")
def depth_of_zeros(folder):
    path = written(seven_scenes, folder)
    for k in range(3):
        Image.fromarray(np.zeros((24, 32), np.uint16)).save(folder / f"frame-00000{k}.depth.png")
    return path


@case("millimetres, tum", depth_unit="inches")
def unknown_depth_unit(folder):
    return written(seven_scenes, folder)


@case("pickled")
def depth_as_pickle(folder):
    path = written(seven_scenes, folder)
    np.save(folder / "frame-000001.depth.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    (folder / "frame-000001.depth.png").unlink()
    return path


@case("array of shape")
def depth_with_three_axes(folder):
    path = written(seven_scenes, folder)
    np.save(folder / "frame-000001.depth.npy", np.ones((2, 24, 32), np.float32))
    (folder / "frame-000001.depth.png").unlink()
    return path


@case(".exr depth is not read")
def depth_as_exr(folder):
    path = written(seven_scenes, folder)
    for k in range(3):
        (folder / f"frame-00000{k}.depth.png").rename(folder / f"frame-00000{k}.depth.exr")
    return path


@case("intrinsics of both")
def depth_of_another_aspect_ratio(folder):
    path = written(seven_scenes, folder)
    Image.fromarray(np.full((24, 24), 2000, np.uint16)).save(folder / "frame-000001.depth.png")
    return path


@case("needs both of its files", color="desk_color.png")
def colour_named_without_depth(folder):
    return written(rgbd, folder)


@case("no such file", color="desk_color.png", depth="table_depth.png")
def depth_file_named_that_is_not_there(folder):
    return written(rgbd, folder)


# --- TUM -----------------------------------------------------------------------------------------------------------


@case("within 0.02 s")
def clocks_that_never_meet(folder):
    path = written(tum, folder)
    edited(folder / "groundtruth.txt", "1305031", "1405031")
    return path


@case("8 numbers")
def trajectory_of_seven_columns(folder):
    path = written(tum, folder)
    (folder / "groundtruth.txt").write_text("1305031102.0 1 2 3 0 0 1\n")
    return path


@case("groundtruth.txt")
def tum_without_poses(folder):
    path = written(tum, folder)
    (folder / "groundtruth.txt").unlink()
    return path


@case("timestamp filename")
def list_without_file_names(folder):
    path = written(tum, folder)
    (folder / "rgb.txt").write_text("1305031102.0\n")
    return path


@case("intrinsics are for 640x480")
def default_intrinsics_for_another_shape(folder):
    path = written(tum, folder)
    for file in (folder / "rgb").iterdir():
        Image.new("RGB", (32, 32)).save(file)
    return path


@pytest.mark.parametrize("name", CASES)
def test_bad_capture_gives_one_useful_line(name, tmp_path):
    gives_one_useful_line(CASES[name], tmp_path)


@pytest.mark.parametrize("frames", [0, -3])
def test_a_clip_needs_a_frame(frames, tmp_path):
    with pytest.raises(BadInput, match="at least 1"):
        open_capture(written(images, tmp_path)).clip(frames)


def test_there_are_enough_cases():
    assert len(CASES) >= 40
