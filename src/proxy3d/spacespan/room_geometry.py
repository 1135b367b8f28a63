"""Measure a rendered room by its own pictures: do two frames agree about depth, and do boxes hold what is seen of their objects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.geometry import inside_box, invert, project, transform, unproject
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.values import Clip

MARGIN_M = 0.01  # stored depth is in steps of 1 mm and poses are exact; what lies on a face may lie beyond it by no more than that
SURE_PX = 20  # an object of fewer pixels in the whole clip is too small a sample for a share in per cent


@dataclass(frozen=True)
class Measured:
    """What the pictures of one room say about its truth."""

    room: Room
    depth_gap_m: float  # median distance of a frame's depth, carried into the next frame, to the depth there; NaN where frames share nothing
    within_5_cm: float  # share of these distances that is at most 5 cm: a turned camera shows here even where most of what it sees is flat floor
    inside: dict[int, float]  # object id -> share of its pixels whose points lie in its box
    pixels: dict[int, int]  # object id -> pixels in all frames
    pixels_as_told: bool  # whether room.json counts the pixels that the instance images have


def measured(folder: Path) -> Measured:
    """Read a room's pictures and measure it.

    Raises:
        BadInput: no room there, or its pictures cannot be read.
    """
    try:
        room, clip, instance = load_clip(folder)
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder}: a picture cannot be read ({error}); remove the folder and type the line that made it again") from None
    xyz = seen_points(clip)
    valid = clip.depth_m > 0
    inside, pixels = {}, {}
    for thing in room.objects:
        mine = instance == thing.id
        count = int(mine.sum())
        if count:
            inside[thing.id] = float(inside_box(xyz[mine & valid], thing.box, MARGIN_M).double().mean()) if (mine & valid).any() else 0.0
            pixels[thing.id] = count
    told = all(thing.pixels == tuple(int((frame == thing.id).sum()) for frame in instance) for thing in room.objects)
    gaps = [depth_gaps(clip, xyz, instance, t) for t in range(len(xyz) - 1)]
    gap = torch.cat(gaps) if gaps else torch.zeros(0)
    median, near = (float(gap.median()), float((gap <= 0.05).double().mean())) if len(gap) else (math.nan, math.nan)
    return Measured(room, median, near, inside, pixels, told)


def seen_points(clip: Clip) -> Float[Tensor, "T H W 3"]:
    """The world point of every pixel; meaningless where depth is 0."""
    camera = unproject(clip.depth_m.double(), clip.intrinsics_px.double())
    return transform(clip.world_from_camera.double(), camera.flatten(1, 2)).reshape(camera.shape)


def depth_gaps(clip: Clip, xyz_world: Float[Tensor, "T H W 3"], instance: Tensor, t: int) -> Float[Tensor, "N"]:
    """Metres between the depth of frame t carried into frame t + 1 and the depth there, where both see the same object.

    Between four pixels of one object inverse depth is interpolated, which is exact on planes: what is left is an error of the data, not of sampling.
    """
    pixel, depth = project(transform(invert(clip.world_from_camera[t + 1].double()), xyz_world[t].reshape(-1, 3)), clip.intrinsics_px[t + 1].double())
    height, width = clip.depth_m.shape[1:]
    left, top = pixel.floor().long().T
    ok = (clip.depth_m[t].reshape(-1) > 0) & (depth > 0.1) & (left >= 0) & (left < width - 1) & (top >= 0) & (top < height - 1)
    left, top, depth, mine = left[ok], top[ok], depth[ok], instance[t].reshape(-1)[ok]
    right, down = pixel[ok, 0] - left, pixel[ok, 1] - top
    inverse, same = torch.zeros_like(depth), torch.ones_like(depth, dtype=torch.bool)
    for dv, du, share in ((0, 0, (1 - right) * (1 - down)), (0, 1, right * (1 - down)), (1, 0, (1 - right) * down), (1, 1, right * down)):
        there = clip.depth_m[t + 1][top + dv, left + du].double()
        inverse += share / there.clamp_min(1e-3)
        same &= (there > 0) & (instance[t + 1][top + dv, left + du] == mine)
    return (1 / inverse - depth).abs()[same]
