"""The only place that multiplies poses; the world is z-up, cameras are OpenCV, transforms are named target_from_source."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.values import Box

# OpenGL and Blender cameras look along -z with y up; OpenCV cameras look along +z with y down.
OPENGL_FROM_OPENCV = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))


def transform(target_from_source: Float[Tensor, "*#b 4 4"], xyz_source: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b n 3"]:
    """Points (..., n, 3) of the source frame, in the target frame. Works for similarity transforms too."""
    linear = target_from_source[..., :3, :3]
    return xyz_source @ linear.transpose(-1, -2) + target_from_source[..., None, :3, 3]


def invert(target_from_source: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """source_from_target, for any invertible affine transform."""
    return torch.linalg.inv(target_from_source.double()).to(target_from_source.dtype)


def compose(target_from_middle: Float[Tensor, "*b 4 4"], middle_from_source: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """target_from_source; computed in double precision because captures may lie kilometres from their origin."""
    return (target_from_middle.double() @ middle_from_source.double()).to(target_from_middle.dtype)


def unproject(
    depth: Float[Tensor, "*b H W"],
    intrinsics_px: Float[Tensor, "*b 3 3"],
    *,
    rows: Int[Tensor, "H"] | None = None,
    columns: Int[Tensor, "W"] | None = None,
) -> Float[Tensor, "*b H W 3"]:
    """Camera-frame points of every pixel, in the unit of `depth` (distance along the optical axis).

    Skewed, non-square and negative focal lengths are all taken care of, because the inverse matrix is used. Where `depth` holds
    only some pixels of the picture, `rows` and `columns` say which; by default it holds all.
    """
    rows = torch.arange(depth.shape[-2]) if rows is None else rows
    columns = torch.arange(depth.shape[-1]) if columns is None else columns
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    pixel = torch.stack([u, v, torch.ones_like(u)], -1).to(depth)
    ray = torch.einsum("...ij,hwj->...hwi", torch.linalg.inv(intrinsics_px.double()).to(depth), pixel)
    return ray * depth[..., None]


def project(xyz_camera: Float[Tensor, "*b n 3"], intrinsics_px: Float[Tensor, "*b 3 3"]) -> tuple[Float[Tensor, "*b n 2"], Float[Tensor, "*b n"]]:
    """Pixel coordinates (u, v) and depth of camera-frame points; points behind the camera have depth <= 0."""
    image = xyz_camera @ intrinsics_px.transpose(-1, -2)
    depth = image[..., 2]
    return image[..., :2] / depth[..., None].clamp_min(1e-9), depth


def resized_intrinsics(intrinsics_px: Float[Tensor, "*b 3 3"], size_px: tuple[int, int], new_size_px: tuple[int, int]) -> Float[Tensor, "*b 3 3"]:
    """Intrinsics of the same picture after resizing from (W, H) to a new (W, H); pixel centres lie at whole numbers."""
    sx, sy = new_size_px[0] / size_px[0], new_size_px[1] / size_px[1]
    change = torch.tensor([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    return (change @ intrinsics_px.double()).to(intrinsics_px.dtype)


def rotation_from_quaternion(xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation matrices of quaternions in (x, y, z, w) order; they are normalised first."""
    x, y, z, w = torch.nn.functional.normalize(xyzw.double(), dim=-1).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2).to(xyzw.dtype)


def rigid(rotation: Float[Tensor, "*b 3 3"], translation: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4 4"]:
    """The 4 x 4 transform of a rotation and a translation."""
    out = torch.zeros(*rotation.shape[:-2], 4, 4, dtype=rotation.dtype)
    out[..., :3, :3], out[..., :3, 3], out[..., 3, 3] = rotation, translation, 1
    return out


def is_rigid(target_from_source: Float[Tensor, "4 4"], tolerance: float = 1e-2) -> bool:
    """Whether a matrix is a proper rotation and a finite translation, up to the rounding that pose files have."""
    pose = target_from_source.double()
    if pose.shape != (4, 4) or not bool(torch.isfinite(pose).all()):
        return False
    rotation = pose[:3, :3]
    square = bool((rotation @ rotation.T - torch.eye(3, dtype=torch.float64)).abs().max() < tolerance)
    bottom = torch.tensor([0, 0, 0, 1], dtype=torch.float64)
    return square and float(torch.linalg.det(rotation)) > 0 and bool((pose[3] - bottom).abs().max() < tolerance)


def world_from_opencv(world_from_opengl: Float[Tensor, "*b 4 4"]) -> Float[Tensor, "*b 4 4"]:
    """Poses of OpenGL or Blender cameras, rewritten for OpenCV cameras."""
    return world_from_opengl @ OPENGL_FROM_OPENCV.to(world_from_opengl)


def look_at(eye: Float[Tensor, "3"], target: Float[Tensor, "3"]) -> Float[Tensor, "4 4"]:
    """world_from_camera of a level camera at `eye` that looks at `target`; the world is z-up."""
    forward = torch.nn.functional.normalize(target - eye, dim=0)
    up = torch.tensor([0.0, 0.0, 1.0]).to(eye)
    right = torch.linalg.cross(forward, up)
    if float(right.norm()) < 1e-6:  # straight up or down: any horizontal right will do
        right = torch.tensor([1.0, 0.0, 0.0]).to(eye)
    right = torch.nn.functional.normalize(right, dim=0)
    down = torch.linalg.cross(forward, right)
    return rigid(torch.stack([right, down, forward], 1), eye)


def rotation_about_z(yaw_rad: float) -> Float[Tensor, "3 3"]:
    """Counter-clockwise turn seen from above."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_to_z(up: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The smallest rotation that takes the direction `up` to +z (Rodrigues; a half turn about x when up = -z)."""
    up = torch.nn.functional.normalize(up.double(), dim=0)
    z = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    cosine = float(up @ z)
    if cosine < -1 + 1e-9:
        return torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    v = torch.linalg.cross(up, z)
    cross = torch.tensor([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]], dtype=torch.float64)
    return (torch.eye(3, dtype=torch.float64) + cross + cross @ cross / (1 + cosine)).float()


def box_corners(box: Box) -> Float[Tensor, "8 3"]:
    """The eight corners of a box, in the world."""
    sign = torch.tensor([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    local = sign * torch.tensor(box.size_m)
    return local @ rotation_about_z(box.yaw_rad).T + torch.tensor(box.centre_m)


def inside_box(xyz_world_m: Float[Tensor, "n 3"], box: Box, margin_m: float = 0.0) -> Tensor:
    """(n,) booleans: which points lie in the box grown by a margin on every side."""
    local = (xyz_world_m - torch.tensor(box.centre_m).to(xyz_world_m)) @ rotation_about_z(box.yaw_rad).to(xyz_world_m)
    return (local.abs() <= torch.tensor(box.size_m).to(xyz_world_m) / 2 + margin_m).all(-1)


def fourier(xyz: Float[Tensor, "*b 3"], octaves: int = 5) -> Float[Tensor, "*b 33"]:
    """Sines and cosines of coordinates at wavelengths of 8 m down to 0.5 m, beside the coordinates themselves.

    Fixed frequencies as in Mildenhall et al. 2020 (arXiv 2003.08934, eq. 4), in metres rather than in a unit cube,
    so that a distance means the same in every room.
    """
    frequency = 2 * math.pi / 8 * 2.0 ** torch.arange(octaves, dtype=xyz.dtype)
    angle = (xyz[..., None] * frequency).flatten(-2)
    return torch.cat([xyz, angle.sin(), angle.cos()], -1)
