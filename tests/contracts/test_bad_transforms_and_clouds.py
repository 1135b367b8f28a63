"""Broken transforms.json files and point clouds give exactly one line; never a traceback of ours."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from capture_cases import CLIP, cut, edited, gives_one_useful_line, registry, written
from capture_writers import cloud, ply, transforms

CASES, case = registry()


# --- transforms.json -----------------------------------------------------------------------------------------------


def changed(folder: Path, **more) -> Path:
    path = transforms(CLIP, folder)[0]
    data = json.loads((folder / "transforms.json").read_text())
    first = more.pop("first_frame", None)
    if first is not None:
        data["frames"][0].update(first)
    data.update(more)
    (folder / "transforms.json").write_text(json.dumps(data))
    return path


@case("broken JSON")
def transforms_with_broken_json(folder):
    path = written(transforms, folder)
    cut(folder / "transforms.json")
    return path


@case("expected a JSON object")
def transforms_that_is_a_list(folder):
    (folder / "transforms.json").write_text("[]")
    return folder


@case("list called frames")
def transforms_without_frames(folder):
    return changed(folder, frames=[])


@case("transform_matrix")
def transforms_without_matrix(folder):
    return changed(folder, first_frame={"transform_matrix": None})


@case("file_path")
def transforms_without_file_path(folder):
    return changed(folder, first_frame={"file_path": 7})


@case("fl_x")
def transforms_without_intrinsics(folder):
    return changed(folder, fl_x=None, fl_y=None)


@case("OPENCV_FISHEYE")
def transforms_of_a_fisheye(folder):
    return changed(folder, camera_model="OPENCV_FISHEYE")


@case("camera_angle_x")
def transforms_with_an_impossible_angle(folder):
    return changed(folder, fl_x=None, camera_angle_x=4.0)


@case("k1 must be a finite number")
def transforms_with_a_lens_in_words(folder):
    return changed(folder, k1="none")


@case("no picture file")
def transforms_whose_pictures_are_gone(folder):
    path = written(transforms, folder)
    shutil.rmtree(folder / "images")
    return path


@case("not a rotation")
def transforms_with_a_scaled_pose(folder):
    return changed(folder, first_frame={"transform_matrix": (np.eye(4) * [3, 3, 3, 1]).tolist()})


# --- clouds --------------------------------------------------------------------------------------------------------


def small_cloud(folder: Path, form: str = "ascii") -> Path:
    xyz = CLIP.world_from_camera[:, :3, 3].repeat(40, 1).numpy() + np.linspace(0, 2, 120)[:, None]
    return ply(xyz, None, folder / "room.ply", form)


@case("cut off")
def ply_cut_off(folder):
    path = written(cloud, folder)
    cut(path, 0.9)
    return path


@case("cut off")
def ascii_ply_cut_off(folder):
    path = small_cloud(folder)
    cut(path, 0.9)
    return path


@case("unknown property type 'quaternion'")
def ply_with_unknown_property(folder):
    path = small_cloud(folder)
    edited(path, "property float x", "property quaternion x")
    return path


@case("x, y and z")
def ply_without_z(folder):
    path = small_cloud(folder)
    edited(path, "property float z", "property float height")
    return path


@case("holds no points")
def ply_without_points(folder):
    path = small_cloud(folder)
    edited(path, "element vertex 120", "element vertex 0")
    return path


@case("not a PLY file")
def text_renamed_ply(folder):
    (folder / "room.ply").write_text("hello")
    return folder / "room.ply"


@case("end_header")
def ply_with_endless_header(folder):
    (folder / "room.ply").write_text("ply\nformat ascii 1.0\n" + "comment x\n" * 50)
    return folder / "room.ply"


@case("damaged point cloud")
def ply_with_words_for_numbers(folder):
    path = small_cloud(folder)
    edited(path, "end_header\n", "end_header\na b c\n")
    return path


@case("none with finite coordinates")
def ply_of_nan(folder):
    return ply(np.full((10, 3), np.nan, np.float32), None, folder / "room.ply", "binary_big_endian")


@case("--metres-per-unit")
def ply_in_millimetres(folder):
    return ply(CLIP.world_from_camera[:, :3, 3].repeat(9, 1).numpy() * 1000 + np.linspace(0, 3000, 27)[:, None], None, folder / "room.ply")


@case("pcl_convert_pcd_ascii_binary")
def compressed_pcd(folder):
    (folder / "room.pcd").write_text("FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA binary_compressed\n")
    return folder / "room.pcd"


@case("lacks SIZE, TYPE")
def pcd_without_types(folder):
    (folder / "room.pcd").write_text("FIELDS x y z\nPOINTS 1\nDATA ascii\n1 2 3\n")
    return folder / "room.pcd"


@pytest.mark.parametrize("name", CASES)
def test_bad_transforms_or_cloud_gives_one_useful_line(name, tmp_path):
    gives_one_useful_line(CASES[name], tmp_path)
