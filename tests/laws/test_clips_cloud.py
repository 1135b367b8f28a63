"""A cloud read back is the cloud written, and what virtual cameras see of it lies on it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contracts"))
from capture_writers import ply, world_points

from proxy3d.clips import Cloud, look_around, open_capture, read_cloud
from proxy3d.clips.synthetic_room import ROOM_SIZE_M, synthetic_clip

GENERATOR = np.random.default_rng(0)
XYZ = GENERATOR.uniform(-3, 3, (50, 3)).astype(np.float32)
RGB = GENERATOR.integers(0, 256, (50, 3)) / 255


@pytest.fixture(scope="module")
def room() -> Cloud:
    clip, _, _ = synthetic_clip(seed=2, frames=5, size_px=(96, 72))
    return Cloud(world_points(clip).reshape(-1, 3).double(), clip.frame.permute(0, 2, 3, 1).reshape(-1, 3))


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("coloured", [True, False])
def test_ply_of_every_form_comes_back(form, coloured, tmp_path):
    back = read_cloud(ply(XYZ, RGB if coloured else None, tmp_path / "c.ply", form))
    assert np.abs(back.xyz.numpy() - XYZ).max() < 1e-5
    assert (back.rgb is not None) == coloured
    if coloured:
        assert np.abs(back.rgb.numpy() - RGB).max() < 1e-6


def test_ply_with_faces_and_other_elements_around_the_points(tmp_path):
    text = (
        "ply\nformat ascii 1.0\nelement camera 1\nproperty float f\nelement vertex 2\nproperty double x\nproperty double y\n"
        "property double z\nproperty float quality\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "500\n1 2 3 0.5\n4 5 6 0.5\n3 0 1 1\n"
    )
    (tmp_path / "c.ply").write_text(text)
    assert read_cloud(tmp_path / "c.ply").xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("form", ["ascii", "binary"])
@pytest.mark.parametrize("packed", ["F", "U"])
def test_pcd_of_every_form_comes_back_with_packed_colour_and_without_lost_points(form, packed, tmp_path):
    bits = (RGB * 255).round().astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    rows = np.zeros(51, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("_", "u1", (4,)), ("rgb", "<u4")])
    for k, n in enumerate("xyz"):
        rows[n][:50] = XYZ[:, k]
    rows["x"][50] = np.nan  # how PCL marks a point that was not measured
    rows["rgb"][:50] = bits
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ rgb\nSIZE 4 4 4 1 4\n"
        f"TYPE F F F U {packed}\nCOUNT 1 1 1 4 1\nWIDTH 51\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 51\nDATA {form}\n"
    )
    if form == "binary":
        body = rows.tobytes()
    else:
        colour = rows["rgb"].view(np.float32) if packed == "F" else rows["rgb"]
        lines = [f"{x:.7g} {y:.7g} {z:.7g} 0 0 0 0 {c!s}" for (x, y, z, _, _), c in zip(rows.tolist(), colour, strict=True)]
        body = ("\n".join(lines) + "\n").encode()
    (tmp_path / "c.pcd").write_bytes(header.encode() + body)
    back = read_cloud(tmp_path / "c.pcd")
    assert np.abs(back.xyz.numpy() - XYZ).max() < 1e-5
    assert np.abs(back.rgb.numpy() - RGB).max() < 1e-6


def test_what_is_seen_of_a_cloud_lies_on_it(room):
    from scipy.spatial import cKDTree

    clip = look_around(room, 4)
    seen = world_points(clip)[clip.depth_m.flatten(1) > 0]
    distance, nearest = cKDTree(room.xyz.numpy()).query(seen.double().numpy())
    # A point is drawn at most 3 pixels from where it is, plus half a pixel of rounding: sqrt(2) * 3.5 / 160 of its depth.
    assert distance.max() < float(clip.depth_m.max()) * 3.5 * 2**0.5 / 160 * 1.5
    assert np.median(distance) < 0.04
    colour = clip.frame.permute(0, 2, 3, 1).flatten(1, 2)[clip.depth_m.flatten(1) > 0]
    assert float((colour - room.rgb[nearest]).abs().mean()) < 0.05


def test_views_cover_the_room_from_inside_it(room):
    clip = look_around(room, 5)
    eye = clip.world_from_camera[:, :3, 3]
    assert bool((eye > 0).all()) and bool((eye < torch.tensor(ROOM_SIZE_M)).all())
    assert float((clip.depth_m > 0).float().mean()) > 0.3
    assert bool((clip.world_from_camera[:, 2, 1] < 0).all())  # the picture's down is the world's down


def test_a_near_wall_hides_the_far_one():
    y, z = torch.meshgrid(torch.linspace(-2, 2, 201), torch.linspace(0, 2, 101), indexing="ij")
    walls = [torch.stack([torch.full_like(y, x), y, z], -1).reshape(-1, 3) for x in (1.0, 1.4, -1.0, -1.4)]
    near = torch.tensor([0.0, 1.0, 0.0]).expand(len(walls[0]), 3)
    far = torch.tensor([1.0, 0.0, 0.0]).expand(len(walls[0]), 3)
    from proxy3d.clips.look_around import FOCAL_PX, HEIGHT_PX, WIDTH_PX, splat
    from proxy3d.geometry import look_at

    matrix = torch.tensor([[FOCAL_PX, 0, (WIDTH_PX - 1) / 2], [0, FOCAL_PX, (HEIGHT_PX - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    pose = look_at(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
    frame, depth = splat(torch.cat(walls).double(), torch.cat([near, far, near, far]), pose, matrix, 0.02)
    middle = frame[:, 100:140, 120:200]
    assert bool((middle[1] == 1).all()) and torch.allclose(depth[100:140, 120:200], torch.tensor(1.0))


def test_views_do_not_depend_on_the_order_of_points(room):
    shuffled = torch.randperm(len(room), generator=torch.Generator().manual_seed(0))
    small = Cloud(room.xyz[::10], room.rgb[::10])
    mixed = Cloud(small.xyz[shuffled[shuffled < len(small)]], small.rgb[shuffled[shuffled < len(small)]])
    first, second = look_around(small, 3), look_around(mixed, 3)
    assert float((first.depth_m - second.depth_m).abs().gt(1e-3).float().mean()) < 0.01


def test_a_cloud_in_millimetres_is_read_when_said_so(room, tmp_path):
    path = ply(room.xyz.numpy() * 1000, None, tmp_path / "mm.ply")
    clip = open_capture(path, metres_per_unit=0.001).clip(2)
    assert 0.3 < float(clip.depth_m[clip.depth_m > 0].median()) < 5
