"""Moving depth and colour between grids moves no point in space."""

import numpy as np
import pytest
import torch

from proxy3d.clips.assemble import registered, undistorted
from proxy3d.clips.capture import Camera
from proxy3d.clips.depth import DEPTH_UNITS, read_depth
from proxy3d.clips.images import natural_key, pair, timestamps
from proxy3d.geometry import project, unproject

COLOUR_PX = torch.tensor([[80.0, 0, 47.5], [0, 82.0, 35.5], [0, 0, 1]], dtype=torch.float64)
DEPTH_PX = torch.tensor([[60.0, 0, 33.0], [0, 60.0, 22.0], [0, 0, 1]], dtype=torch.float64)


def tilted_plane(matrix, size):
    """Depth of the plane z = 2 + 0.3 x + 0.2 y (camera axes) on a grid."""
    width, height = size
    ray = unproject(torch.ones(height, width, dtype=torch.float64), matrix)
    return 2 / (1 - 0.3 * ray[..., 0] - 0.2 * ray[..., 1])


def test_registered_depth_lies_on_the_same_plane():
    depth = tilted_plane(DEPTH_PX, (64, 48)).float()
    moved = registered(depth, DEPTH_PX, COLOUR_PX, (96, 72))
    xyz = unproject(moved.double(), COLOUR_PX)[moved > 0]
    off = (xyz[:, 2] - (2 + 0.3 * xyz[:, 0] + 0.2 * xyz[:, 1])).abs()
    assert (moved > 0).float().mean() > 0.6
    assert off.max() < 0.5 * (0.3 + 0.2) * float(moved.max()) / 60 * 1.2  # half a depth pixel of slope, each way


def test_registered_depth_is_empty_exactly_outside_the_depth_picture():
    moved = registered(torch.ones(48, 64), DEPTH_PX, COLOUR_PX, (96, 72))
    uv, _ = project(unproject(torch.ones(72, 96, dtype=torch.float64), COLOUR_PX).flatten(0, 1), DEPTH_PX)
    inside = ((uv > -0.49) & (uv < torch.tensor([63.49, 47.49]))).all(1).view(72, 96)
    outside = ((uv < -0.51) | (uv > torch.tensor([63.51, 47.51]))).any(1).view(72, 96)
    assert bool((moved[inside] == 1).all()) and bool((moved[outside] == 0).all())
    assert inside.any() and outside.any()


@pytest.mark.parametrize("lens", [(0.1, 0.0, 0.0, 0.0, 0.0), (-0.2, 0.05, 0.0, 0.0, 0.01), (0.0, 0.0, 0.01, -0.02, 0.0)])
def test_undistorted_picture_is_what_a_perfect_lens_sees(lens):
    """Worked out point by point with the formulas of OpenCV's documentation, on a picture whose brightness is a known function."""
    camera = Camera(COLOUR_PX, lens)
    height, width = 72, 96
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    seen = (u * 2.0 + v * 3.0)[None]
    result = undistorted(seen, camera, "bilinear")[0]
    k1, k2, p1, p2, k3 = lens
    for row, column in ((36, 48), (20, 30), (50, 70), (15, 60)):
        x, y = (column - 47.5) / 80, (row - 35.5) / 82
        r2 = x**2 + y**2
        radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
        bent_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
        expected = 2 * (80 * bent_x + 47.5) + 3 * (82 * bent_y + 35.5)
        assert float(result[row, column]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("unit", DEPTH_UNITS)
def test_every_encoding_gives_back_the_metres_that_were_encoded(unit, tmp_path):
    metres = np.linspace(0.6, 4.0, 200).reshape(10, 20)
    encode = {
        "metres": lambda m: m.astype(np.float32),
        "millimetres": lambda m: (m * 1000).round().astype(np.uint16),
        "tum": lambda m: (m * 5000).round().astype(np.uint16),
        "sun": lambda m: (((w := (m * 1000).round().astype(np.uint32)) << 3) | (w >> 13)).astype(np.uint16),
        "kinect_raw": lambda m: (1092.5 - 351.3 / m).round().astype(np.uint16).byteswap(),
    }[unit]
    np.save(tmp_path / "d.npy", encode(metres))
    tolerance = 0.03 if unit == "kinect_raw" else 0.001  # whole disparities are 2.3 cm apart at 4 m
    assert np.abs(read_depth(tmp_path / "d.npy", unit).numpy() - metres).max() < tolerance


def test_numbers_in_names_count_as_numbers():
    assert sorted(["f10.png", "f9.png", "F1.png"], key=natural_key) == ["F1.png", "f9.png", "f10.png"]


def test_times_in_names_are_seconds(tmp_path):
    files = [tmp_path / n for n in ("1311867718.65.png", "1311867718.7.png", "1311867720.png")]
    assert timestamps(files[:2]) == pytest.approx([0, 0.05], abs=1e-6)
    assert timestamps(files) is None  # neither all with a point nor all epochs of one length
    nanoseconds = [tmp_path / f"{1700000000_000000001 + k * 33_000_000}.png" for k in range(3)]
    assert timestamps(nanoseconds) == pytest.approx([0, 0.033, 0.066], abs=1e-12)
    assert timestamps([tmp_path / f"{k:05d}.png" for k in range(3)]) is None


@pytest.mark.parametrize(
    "first, second",
    [
        (("color_1.png", "color_2.png"), ("depth_1.png", "depth_2.png")),
        (("000001.jpg", "000002.jpg"), ("1.png", "2.png")),
        (("0001-0000000.jpg", "0002-0033369.jpg"), ("0001-0000007.png", "0002-0033371.png")),
        (("rgb.1.png", "rgb.2.png"), ("d1x.png", "d2x.png")),
        (("scene0_a1.png", "scene0_a2.png"), ("d0_1.png", "d0_2.png")),
    ],
)
def test_pictures_and_depth_find_each_other_by_the_number_they_share(first, second, tmp_path):
    left, right = [tmp_path / n for n in first], [tmp_path / n for n in second]
    assert pair(left, right[::-1]) == dict(zip(left, right, strict=True))
