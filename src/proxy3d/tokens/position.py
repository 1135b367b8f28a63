"""Tell the model where a proxy is and where the first camera stood, in the room's own frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import fourier, transform
from proxy3d.values import Proxies

PLACE_DIM = 33 + 3 + 1
VIEWER_DIM = 4


def place_numbers(proxies: Proxies, room_from_world: Float[Tensor, "4 4"]) -> tuple[Float[Tensor, "K 37"], Float[Tensor, "K 3"]]:
    """What a model is told about the place of each proxy, and the place itself in metres in the room's frame.

    Extents are turned with the room as if nothing leant: variances along the new axes, no covariance.
    """
    xyz = transform(room_from_world, proxies.xyz_world_m)
    extent = (proxies.extent_m.square() @ room_from_world[:3, :3].square().T).sqrt()
    mass = (proxies.weight * len(proxies)).clamp(1e-3, 1e3).log()
    return torch.cat([fourier(xyz), extent.clamp_min(0.01).log(), mass[:, None]], -1), xyz


def viewer_numbers(first_camera: Float[Tensor, "4 4"], room_from_world: Float[Tensor, "4 4"]) -> Float[Tensor, "4"]:
    """Where the first camera looks in the room's frame (unit vector) and how high it is (metres)."""
    forward = room_from_world[:3, :3] @ first_camera[:3, 2]
    height = transform(room_from_world, first_camera[None, :3, 3])[0, 2]
    return torch.cat([forward / forward.norm().clamp_min(1e-6), height[None]])
