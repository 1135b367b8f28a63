"""Tell the model where a proxy is: in the room's own frame, as the first camera sees it, and as the other proxies lie to it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import fourier, transform
from proxy3d.values import Proxies

PLACE_DIM = 33 + 3 + 1 + 5
EXTENT = slice(33, 36)  # where the logarithms of a proxy's extent stand among its place numbers
VIEWER_DIM = 4
PAIR_DIM = 10
POSE_DIM = 4
FLAT_HEADING = 0.2  # horizontal part of a view direction below which there is no "left": the room's own y stands in


def place_numbers(
    proxies: Proxies, room_from_world: Float[Tensor, "4 4"], viewer: Float[Tensor, "4"]
) -> tuple[Float[Tensor, "K 42"], Float[Tensor, "K 3"]]:
    """What a model is told about the place of each proxy, and the place itself in metres in the room's frame.

    Coordinates, size, share of the scene; then metres to the right of and ahead of the first camera, the sine and cosine of the
    bearing, and the logarithm of the distance on the floor, because "left of" and "nearest" are said from there.
    Extents are turned with the room as if nothing leant: variances along the new axes, no covariance.
    """
    xyz = transform(room_from_world, proxies.xyz_world_m)
    extent = (proxies.extent_m.square() @ room_from_world[:3, :3].square().T).sqrt()
    mass = (proxies.weight * len(proxies)).clamp(1e-3, 1e3).log()
    aside = seen_from_start(xyz, viewer)
    away = aside.norm(dim=-1, keepdim=True).clamp_min(0.05)
    return torch.cat([fourier(xyz), extent.clamp_min(0.01).log(), mass[:, None], aside, aside / away, away.log()], -1), xyz


def viewer_numbers(first_camera: Float[Tensor, "4 4"], room_from_world: Float[Tensor, "4 4"]) -> Float[Tensor, "4"]:
    """Where the first camera looks in the room's frame (unit vector) and how high it is (metres)."""
    forward = room_from_world[:3, :3] @ first_camera[:3, 2]
    height = transform(room_from_world, first_camera[None, :3, 3])[0, 2]
    return torch.cat([forward / forward.norm().clamp_min(1e-6), height[None]])


def seen_from_start(xyz_room_m: Float[Tensor, "*b K 3"], viewer: Float[Tensor, "4"]) -> Float[Tensor, "*b K 2"]:
    """Metres to the right of the first camera and ahead of it; the room's origin lies below that camera."""
    heading = viewer[:2]
    if float(heading.norm()) < FLAT_HEADING:
        heading = torch.tensor([0.0, 1.0])
    ahead = heading / heading.norm()
    right = torch.stack([ahead[1], -ahead[0]])
    return xyz_room_m[..., :2] @ torch.stack([right, ahead], 1)


def pair_numbers(centre_room_m: Float[Tensor, "*b n 3"], size_m: Float[Tensor, "*b n 3"], viewer: Float[Tensor, "4"]) -> Float[Tensor, "*b n n 10"]:
    """How thing j lies to thing i, for all things of a set: see `between`."""
    return between(centre_room_m, size_m, centre_room_m, size_m, viewer)


def between(
    centre_room_m: Float[Tensor, "*b m 3"],
    size_m: Float[Tensor, "*b m 3"],
    other_room_m: Float[Tensor, "*b n 3"],
    other_size_m: Float[Tensor, "*b n 3"],
    viewer: Float[Tensor, "4"],
) -> Float[Tensor, "*b m n 10"]:
    """How each of n others lies to each of m things, as the first camera sees both, in metres.

    To the right, further ahead and above; the sine of the angle from the thing to the other, positive to the right; further from the camera
    on the floor; how far apart in space, on the floor, and as a logarithm; taller and larger (logarithms).
    """
    (place, away, size), (other, other_away, other_size) = (_seen(*of, viewer) for of in ((centre_room_m, size_m), (other_room_m, other_size_m)))
    offset = other[..., None, :, :] - place[..., :, None, :]
    turn = other[..., None, :, 0] * place[..., :, None, 1] - other[..., None, :, 1] * place[..., :, None, 0]
    turn = turn / (other_away[..., None, :] * away[..., :, None])
    far, flat = ((offset[..., :d].square().sum(-1) + 1e-4).sqrt() for d in (3, 2))
    scalars = (turn, other_away[..., None, :] - away[..., :, None], far, flat, (far + 0.1).log())
    larger = (b[..., None, :] - a[..., :, None] for a, b in ((size[..., 2], other_size[..., 2]), (size.sum(-1), other_size.sum(-1))))
    return torch.cat([offset, torch.stack([*scalars, *larger], -1)], -1)


def _seen(centre_room_m: Tensor, size_m: Tensor, viewer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Place from the start (right, ahead, up), distance from there on the floor, and logarithms of the size."""
    place = torch.cat([seen_from_start(centre_room_m, viewer), centre_room_m[..., 2:]], -1)
    return place, (place[..., :2].square().sum(-1) + 1e-4).sqrt(), size_m.clamp_min(0.02).log()


def pose_numbers(at: Float[Tensor, "*b 3"], towards: Float[Tensor, "*b 3"], centre: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b n 4"]:
    """How things lie to one who stands `at` a place and looks `towards` another: metres to the right and ahead on the floor, and the sine
    and cosine of the bearing, positive to the right. Where both places are one there is no heading, and all four are near 0."""
    heading = towards[..., :2] - at[..., :2]
    heading = heading / (heading.square().sum(-1, keepdim=True) + 1e-4).sqrt()
    right = torch.stack([heading[..., 1], -heading[..., 0]], -1)
    flat = centre[..., :2] - at[..., None, :2]
    aside = torch.stack([(flat * right[..., None, :]).sum(-1), (flat * heading[..., None, :]).sum(-1)], -1)
    return torch.cat([aside, aside / (flat.square().sum(-1, keepdim=True) + 1e-4).sqrt()], -1)
