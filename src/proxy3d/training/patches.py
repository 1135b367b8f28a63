"""Patches of rendered rooms with their true objects: computed once by the frozen encoders, then read many times."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from proxy3d.features.geometric.sensor_depth import SensorDepth, nearer_surface, per_patch, sampled_pixels
from proxy3d.features.grid import Grid, grid_for
from proxy3d.geometry import transform
from proxy3d.part_file import part_of
from proxy3d.points.lift import lift
from proxy3d.points.upright import patch_normals, room_from_world, wall_yaw
from proxy3d.proxies.encoder import Seen
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.values import Clip, Semantics


@dataclass(frozen=True)
class RoomPatches:
    """All quarters of patches of one clip that have a position, on the way into the proxy encoder, beside what they truly show."""

    feature: Float[Tensor, "C F"]  # float16, of whole patches
    detail: Float[Tensor, "L d"]  # float16; no columns where the semantic encoder has no detail
    patch: Int[Tensor, "L 2"]  # row and column on its frame's grid of quarters
    cell: Int[Tensor, "L"]  # which of the C patches
    rgb: Float[Tensor, "L 3"]
    xyz_room_m: Float[Tensor, "L 3"]  # in the room's own frame (points.upright)
    weight: Float[Tensor, "L"]  # confidence
    frame: Int[Tensor, "L"]
    instance: Int[Tensor, "L"]  # 0 = walls, floor, ceiling
    camera_room_m: Float[Tensor, "T 3"]
    room_from_world: Float[Tensor, "4 4"]

    def seen(self) -> Seen:
        """All of it, for a ProxyEncoder. A patch of which no quarter is left stays out of sight: its weight is 0."""
        return Seen(*(column[None] for column in (self.feature.float(), self.detail.float(), self.cell, self.rgb, self.xyz_room_m, self.weight)))


def patch_instances(instance: Int[Tensor, "T H W"], depth_m: Float[Tensor, "T H W"], grid: Grid, encoder: SensorDepth) -> Int[Tensor, "T h w"]:
    """The object that owns most samples of each patch's nearer surface, the surface its position comes from."""
    rows, columns = sampled_pixels(depth_m.shape[1:], grid, encoder.per_side(grid))
    depth, label = (value[:, rows[:, None], columns, None] for value in (depth_m, instance))
    near = nearer_surface(per_patch(depth, grid)[..., 0], encoder.spread)
    votes = F.one_hot(per_patch(label, grid)[..., 0].long(), int(instance.max()) + 1) * near[..., None]
    return votes.sum(-2).argmax(-1)


def patches_of_room(folder: Path, semantic: Callable[[Clip, Grid], Semantics], patches: int | None = None) -> RoomPatches:
    """Look at one rendered room with the frozen encoders, in the very steps that `pipeline.encode` takes."""
    _, clip, instance = load_clip(folder)
    return patches_of_clip(clip, instance, semantic, patches)


def patches_of_clip(
    clip: Clip, instance: Int[Tensor, "T H W"], semantic: Callable[[Clip, Grid], Semantics], patches: int | None = None
) -> RoomPatches:
    """The same for a clip with depth and cameras in a world that is metric and upright already; `patches` as in `grid_for`."""
    grid = grid_for(clip.frame.shape[3], clip.frame.shape[2], patches)
    semantics, encoder = semantic(clip, grid), SensorDepth()
    grid = grid if semantics.detail is None else grid.finer
    geometry = encoder(clip, grid)
    points, keep = lift(clip, semantics, geometry, torch.eye(4))
    seen = Seen.of(points, points.xyz_world_m)
    camera = clip.world_from_camera[:, :3, 3]
    frame = room_from_world(points.xyz_world_m, points.weight, wall_yaw(*patch_normals(geometry, camera)), clip.world_from_camera[0])
    return RoomPatches(
        feature=seen.feature[0].half(),
        detail=seen.detail[0].half(),
        patch=points.patch,
        cell=seen.cell[0],
        rgb=points.rgb,
        xyz_room_m=transform(frame, points.xyz_world_m),
        weight=points.weight,
        frame=points.frame,
        instance=patch_instances(instance, clip.depth_m, grid, encoder)[keep],
        camera_room_m=transform(frame, camera),
        room_from_world=frame,
    )


def unseeing(clip: Clip, grid: Grid) -> Semantics:
    """Stands in for an image encoder with quarters where only places and true objects matter: all features are 0."""
    frames = len(clip.frame)
    return Semantics(torch.zeros(frames, grid.h, grid.w, 1), torch.zeros(frames, 2 * grid.h, 2 * grid.w, 1))


def cached_patches(folder: Path, cache: Path, semantic: Callable[[Clip, Grid], Semantics], patches: int | None = None) -> RoomPatches:
    """`patches_of_room`, remembered in `cache` as one safetensors file per room (about 2 MB) until one of the room's files changes."""
    file, seen = Path(cache) / f"{Path(folder).name}.safetensors", {"seen": seen_files(Path(folder), patches)}
    if file.exists():
        with safe_open(file, "pt") as kept:
            if kept.metadata() == seen:
                return RoomPatches(**{name: kept.get_tensor(name) for name in kept.keys()})
    looked_at = patches_of_room(folder, semantic, patches)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(file)
    save_file({f.name: getattr(looked_at, f.name).contiguous() for f in fields(looked_at)}, part, seen)
    part.replace(file)
    return looked_at


def seen_files(folder: Path, patches: int | None) -> str:
    """SHA-256 of all that patches of a room depend on beside the image encoder: names and bytes of its files, and how many patches."""
    found = hashlib.sha256(repr(patches).encode())
    for file in sorted(f for f in folder.rglob("*") if f.is_file()):
        content = file.read_bytes()
        found.update(f"{file.relative_to(folder).as_posix()} {len(content)}".encode() + content)
    return found.hexdigest()
