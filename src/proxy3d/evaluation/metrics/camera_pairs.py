"""How far guessed cameras are off: by how frames lie to each other, so that the choice of a world does not matter."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import compose, invert

STILL_M = 0.05  # a camera that moved less has no direction worth the name


def turns_apart_deg(a: Float[Tensor, "n 3 3"], b: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n"]:
    """Angle of the rotation between two rotations, 0..180 degrees."""
    between = a.double().transpose(-1, -2) @ b.double()
    # By sine and cosine: the arc cosine of a trace knows small angles only to the root of the rounding.
    axis = torch.stack([between[:, 2, 1] - between[:, 1, 2], between[:, 0, 2] - between[:, 2, 0], between[:, 1, 0] - between[:, 0, 1]], -1)
    trace = between.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.rad2deg(torch.atan2(axis.norm(dim=-1), trace - 1))


def directions_apart_deg(a: Float[Tensor, "n 3"], b: Float[Tensor, "n 3"]) -> Float[Tensor, "n"]:
    """Angle between two directions, 0..180 degrees; lengths do not matter."""
    a, b = a.double(), b.double()
    return torch.rad2deg(torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1)))


def relative_poses(world_from_camera: Float[Tensor, "T 4 4"]) -> Float[Tensor, "P 4 4"]:
    """Of every pair of frames s < t, camera_s_from_camera_t."""
    s, t = torch.triu_indices(len(world_from_camera), len(world_from_camera), 1)
    return compose(invert(world_from_camera)[s], world_from_camera[t])


def pair_errors_deg(guessed: Float[Tensor, "T 4 4"], true: Float[Tensor, "T 4 4"]) -> tuple[Float[Tensor, "P"], Float[Tensor, "Q"]]:
    """Errors of rotation over all pairs of frames, and of the direction of translation over those that are at least STILL_M apart."""
    said, told = relative_poses(guessed), relative_poses(true)
    moved = told[:, :3, 3].norm(dim=-1) >= STILL_M
    return turns_apart_deg(said[:, :3, :3], told[:, :3, :3]), directions_apart_deg(said[moved, :3, 3], told[moved, :3, 3])
