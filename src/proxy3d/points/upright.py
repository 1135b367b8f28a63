"""Find which way is up and how the walls run, so that any capture lands in a z-up world and a room-aligned frame."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import rigid, rotation_about_z, rotation_to_z
from proxy3d.values import Geometry

SNAP_COSINE = math.cos(math.radians(6))  # an axis of the capture this close to the measured vertical is the vertical
CONES_DEG = (40, 30, 20, 15, 10, 10, 7, 7, 5, 5)
WIDE_CONES_DEG = (65, 50, *CONES_DEG)  # no wider: the wall before a camera that looks 20 degrees up is at 70


def patch_normals(geometry: Geometry, camera_xyz: Float[Tensor, "T 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n"]]:
    """Unit normals towards the camera of all patches whose right and lower neighbours have positions, with weights.

    Neighbours across a depth edge give normals that point sideways; a patch counts less the further apart they lie.
    """
    xyz, sure = geometry.xyz_world, geometry.confidence
    here, right, below = xyz[:, :-1, :-1], xyz[:, :-1, 1:], xyz[:, 1:, :-1]
    normal = torch.linalg.cross(right - here, below - here)
    to_camera = camera_xyz[:, None, None] - here
    normal = F.normalize(normal, dim=-1) * torch.sign((normal * to_camera).sum(-1, keepdim=True))
    known = torch.minimum(torch.minimum(sure[:, :-1, :-1], sure[:, :-1, 1:]), sure[:, 1:, :-1])
    distance = to_camera.norm(dim=-1).clamp_min(1e-6)
    steep = ((right - here).norm(dim=-1) + (below - here).norm(dim=-1)) / distance
    weight = known * (steep < 0.5)
    keep = weight > 0
    return normal[keep], weight[keep]


def up_direction(geometry: Geometry, world_from_camera: Float[Tensor, "T 4 4"]) -> Float[Tensor, "3"]:
    """The unit vector that points up in the capture's world.

    People hold cameras roughly level, so the mean camera "up" is within some 30 degrees; floors and table tops then
    pull it to the true vertical (mean shift over a shrinking cone of normals). Cameras that look steeply down see no such
    surface near their own "up" and get a wider cone; cameras that look up see ceilings. If an axis of the capture's world
    lies within 6 degrees of the result, that axis was surely meant.
    """
    held = -world_from_camera[:, :3, 1].mean(0)
    if float(held.norm()) < 0.5:  # cameras that cancel out: looking down and turning round, so up is where they look away from
        held = -world_from_camera[:, :3, 2].mean(0)
    held = F.normalize(held, dim=0)
    normal, weight = patch_normals(geometry, world_from_camera[:, :3, 3])
    tries = (_pulled(held, n, weight, cones) for n, cones in ((normal, CONES_DEG), (normal, WIDE_CONES_DEG), (-normal, CONES_DEG)))
    up = next((found for found in tries if found is not None), held)
    axis = int(up.abs().argmax())
    return torch.eye(3)[axis] * torch.sign(up[axis]) if float(up.abs()[axis]) > SNAP_COSINE else up


def _pulled(up: Tensor, normal: Tensor, weight: Tensor, cones_deg: tuple[int, ...]) -> Tensor | None:
    """`up` after moving to the mean of the normals around it, cone by cone; None when the first cone is as good as empty."""
    for step, degrees in enumerate(cones_deg):
        near = (normal @ up > math.cos(math.radians(degrees))) * weight
        if float(near.sum()) < 0.02 * float(weight.sum()) + 1:
            return up if step else None
        up = F.normalize((normal * near[:, None]).sum(0), dim=0)
    return up


def wall_yaw(normal_world: Float[Tensor, "n 3"], weight: Float[Tensor, "n"]) -> float:
    """The direction of the walls in a z-up world, in radians within +-45 degrees (walls repeat every 90 degrees)."""
    level = (normal_world[:, 2].abs() < 0.25) * weight
    angle = torch.atan2(normal_world[:, 1], normal_world[:, 0])
    return float(torch.atan2((level * torch.sin(4 * angle)).sum(), (level * torch.cos(4 * angle)).sum()) / 4)


def room_from_world(
    xyz_world_m: Float[Tensor, "L 3"],
    weight: Float[Tensor, "L"],
    yaw_rad: float,
    first_camera: Float[Tensor, "4 4"],
) -> Float[Tensor, "4 4"]:
    """The frame that models think in: origin on the floor below the first camera, y along the walls.

    Of the four wall directions, y is the one nearest to where the first camera looks, so that "left" is roughly -x.
    The floor is the 2nd percentile of the heights seen (a captured table top alone gives a wrong floor, but a stable one).
    """
    heights = xyz_world_m[weight > 0, 2] if bool((weight > 0).any()) else xyz_world_m[:, 2]
    floor = float(torch.quantile(heights, 0.02)) if len(heights) else 0.0
    forward = first_camera[:3, 2]
    heading = math.atan2(float(forward[1]), float(forward[0]))
    along = yaw_rad + math.pi / 2 * round((heading - yaw_rad) / (math.pi / 2))
    rotation = rotation_about_z(math.pi / 2 - along)
    origin = torch.tensor([float(first_camera[0, 3]), float(first_camera[1, 3]), floor])
    return rigid(rotation, -rotation @ origin)


def world_from_capture(up: Float[Tensor, "3"], metres_per_unit: float) -> Float[Tensor, "4 4"]:
    """The transform that turns `up` to +z by the smallest rotation and makes the unit a metre; the origin stays."""
    out = rigid(rotation_to_z(up), torch.zeros(3))
    out[:3, :3] *= metres_per_unit
    return out
