"""Make a room with known boxes, so that every answer has a true value."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.geometry import compose, invert, look_at, rigid, rotation_about_z, transform, unproject
from proxy3d.values import Box, Clip

ROOM_SIZE_M = (5.0, 4.0, 2.6)  # x, y from 0, floor at z = 0
FIELD_OF_VIEW_RAD = math.radians(75)
PALETTE = {
    "red": (0.80, 0.15, 0.12),
    "green": (0.15, 0.62, 0.22),
    "blue": (0.15, 0.28, 0.78),
    "yellow": (0.90, 0.78, 0.15),
    "purple": (0.52, 0.20, 0.62),
    "orange": (0.93, 0.50, 0.12),
    "white": (0.92, 0.92, 0.90),
}
WALLS = ((0.72, 0.70, 0.64), (0.62, 0.68, 0.72), (0.50, 0.42, 0.34))  # walls along y, walls along x, floor and ceiling
LIGHT = (0.45, 0.30, 0.84)  # where the light comes from; opposite faces are lit alike


def synthetic_clip(
    seed: int = 0, frames: int = 4, size_px: tuple[int, int] = (96, 72)
) -> tuple[Clip, Int[Tensor, "T H W"], tuple[Box, ...]]:
    """A furnished room seen by a camera that walks along one wall, ray-cast exactly.

    The clip has depth in metres (every pixel hits something), OpenCV poses and a z-up world with the floor at z = 0. The second
    value says what each pixel shows: 0 the room itself, i + 1 the i-th box. Boxes are named by their colour ("red box"); the
    last one stands on the first. The same seed gives the same room for any number of frames and any picture size (W, H).
    """
    boxes = _boxes(torch.Generator().manual_seed(seed))
    world_from_camera = torch.stack([_camera(i / max(frames - 1, 1), seed) for i in range(frames)])
    width, height = size_px
    focal = width / 2 / math.tan(FIELD_OF_VIEW_RAD / 2)
    intrinsics = torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]]).expand(frames, 3, 3).contiguous()
    ray = unproject(torch.ones(frames, height, width), intrinsics).flatten(1, 2)  # z = 1, so lengths along a ray are depths

    room = Box(tuple(s / 2 for s in ROOM_SIZE_M), ROOM_SIZE_M)
    _, depth, axis = _hit(room, world_from_camera, ray, leaving=True)
    instance = torch.zeros(depth.shape, dtype=torch.long)
    hit_m = transform(world_from_camera, ray * depth[..., None])
    rgb = torch.tensor(WALLS)[axis] * _floor_tiles(hit_m, axis)[..., None] * _shade(room, axis)[..., None]
    for number, box in enumerate(boxes, start=1):
        struck, near, axis = _hit(box, world_from_camera, ray, leaving=False)
        front = struck & (near < depth)
        depth, instance = torch.where(front, near, depth), instance.masked_fill(front, number)
        colour = torch.tensor(PALETTE[box.label.split()[0]]) * _shade(box, axis)[..., None]
        rgb = torch.where(front[..., None], colour, rgb)

    shape = (frames, height, width)
    clip = Clip(
        frame=rgb.clamp(0, 1).view(*shape, 3).permute(0, 3, 1, 2).contiguous(),
        time_s=torch.arange(frames, dtype=torch.float32) * 0.5,
        name=tuple(f"frame-{i:06d}" for i in range(frames)),
        intrinsics_px=intrinsics,
        world_from_camera=world_from_camera,
        depth_m=depth.view(shape),
    )
    return clip, instance.view(shape), boxes


def _boxes(generator: torch.Generator) -> tuple[Box, ...]:
    """Five boxes on the floor, each in a cell of its own so that none overlap, and a small one on top of the first."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    names = list(PALETTE)
    colours = [names[i] for i in torch.randperm(len(names), generator=generator)]
    cells = [(x, y) for y in (1.75, 3.1) for x in (0.9, 2.5, 4.1)]
    boxes = []
    for i in torch.randperm(len(cells), generator=generator)[:5].tolist():
        x, y = cells[i]
        size = (draw(0.45, 0.8), draw(0.45, 0.7), draw(0.35, 0.6) + (0.35 if y > 2 else 0.0))  # tall ones behind, so all are seen
        centre = (x + draw(-0.12, 0.12), y + draw(-0.12, 0.12), size[2] / 2)
        boxes.append(Box(centre, size, draw(-0.6, 0.6), label=f"{colours[len(boxes)]} box"))
    below = boxes[0]
    size = (draw(0.2, 0.3), draw(0.2, 0.3), draw(0.2, 0.35))
    centre = (below.centre_m[0], below.centre_m[1], below.size_m[2] + size[2] / 2)
    return (*boxes, Box(centre, size, draw(-0.6, 0.6), label=f"{colours[len(boxes)]} box"))


def _camera(way: float, seed: int) -> Float[Tensor, "4 4"]:
    """world_from_camera after a share `way` (0..1) of the walk; the seed only changes how the hand sways."""
    sway = 0.06 * math.sin(9 * way + seed)
    eye = torch.tensor([0.6 + way * (ROOM_SIZE_M[0] - 1.2), 0.3 + abs(sway), 1.7 + sway])
    return look_at(eye, torch.tensor([2.5 + 0.4 * (way - 0.5), 2.6, 0.5]))


def _hit(box: Box, world_from_camera: Tensor, ray: Tensor, *, leaving: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Where rays (T, n, 3) from the cameras meet a box: whether, at which depth (T, n), and across which of its axes.

    The slab method (Kay and Kajiya 1986): a ray is inside the box while it is inside all three pairs of planes.
    """
    box_from_world = invert(rigid(rotation_about_z(box.yaw_rad), torch.tensor(box.centre_m)))
    box_from_camera = compose(box_from_world, world_from_camera)
    origin = box_from_camera[:, None, :3, 3]
    direction = transform(box_from_camera, ray) - origin
    direction = torch.where(direction.abs() < 1e-9, 1e-9, direction)  # parallel to a slab: meets its planes at infinity
    half = torch.tensor(box.size_m) / 2
    one, other = (-half - origin) / direction, (half - origin) / direction
    enter, enter_axis = torch.minimum(one, other).max(-1)
    leave, leave_axis = torch.maximum(one, other).min(-1)
    struck = (enter < leave) & (enter > 0)
    return (leave > 0, leave, leave_axis) if leaving else (struck, enter, enter_axis)


def _shade(box: Box, axis: Int[Tensor, "T n"]) -> Float[Tensor, "T n"]:
    """Brightness 0..1 of the faces across each of the box's axes."""
    facing = (torch.tensor(LIGHT) @ rotation_about_z(box.yaw_rad)).abs()
    return (0.55 + 0.45 * facing)[axis]


def _floor_tiles(hit_m: Float[Tensor, "T n 3"], axis: Int[Tensor, "T n"]) -> Float[Tensor, "T n"]:
    """Brightness of half-metre tiles on floor and ceiling; 1 on the walls."""
    odd = (hit_m[..., :2] / 0.5).floor().sum(-1) % 2
    return torch.where(axis == 2, 1 - 0.18 * odd, 1.0)
