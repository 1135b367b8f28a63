"""Teach the view network on rendered rooms: depth, gravity, matches, and the poses and points that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.features.geometric.view_network import UNIT_PX, Looks, Said, ViewNetwork
from proxy3d.features.geometric.view_poses import matched_pairs, rays, turned, world_points
from proxy3d.features.grid import Grid, grid_for
from proxy3d.geometry import invert, transform
from proxy3d.spacespan.room import Room
from proxy3d.training.patches import RoomPatches
from proxy3d.training.precision import bf16_is_faster

SEEN, HIDDEN = 0.06, 0.15  # relative gap in depth up to which a point is the one that is seen, and from which on another hides it


@dataclass(frozen=True)
class ViewTruth:
    """What is true of the frames of a batch, in the rooms' own world: metres, z up, floor at z = 0."""

    depth_m: Float[Tensor, "B T 2h 2w"]  # 0 = none
    world_from_camera: Float[Tensor, "B T 4 4"]
    focal: Float[Tensor, "B"]  # in UNIT_PX

    @property
    def up(self) -> Float[Tensor, "B T 3"]:
        """The direction of up in each camera's frame."""
        return self.world_from_camera[..., 2, :3]

    @property
    def place_m(self) -> Float[Tensor, "B T 3"]:
        return self.world_from_camera[..., :3, 3]

    @property
    def yaw(self) -> Float[Tensor, "B T"]:
        """How far each camera's level frame, whose y is where the camera looks, is turned about z."""
        forward = self.world_from_camera[..., :3, 2]
        return torch.atan2(-forward[..., 0], forward[..., 1])

    def patch_depth_m(self) -> Float[Tensor, "B T N"]:
        """Of whole patches that are one surface; 0 = none."""
        valid = F.avg_pool2d((self.depth_m > 0).float(), 2)
        log = self.depth_m.clamp_min(1e-3).log()
        mean = F.avg_pool2d(log, 2)
        flat = F.max_pool2d(log, 2) + F.max_pool2d(-log, 2) < 0.25
        return torch.where(flat & (valid == 1), mean.exp(), 0.0).flatten(2)

    def world_xyz_m(self, depth_m: Float[Tensor, "B T N"], grid: Grid) -> Float[Tensor, "B T N 3"]:
        """World points of patches at some depth."""
        ray = rays(grid.h, grid.w, self.focal, grid.patch_px)[:, None]
        return transform(self.world_from_camera, ray * depth_m[..., None])


@dataclass(frozen=True)
class RoomViews:
    """All frames of one room as the network sees them, and what is true of them; batches of one."""

    looks: Looks
    truth: ViewTruth

    @property
    def grid(self) -> Grid:
        return Grid(*self.looks.feature.shape[2:4])

    def take(self, index: Int[Tensor, "n"]) -> RoomViews:
        """Some of the frames, in the order of the index."""
        looks = Looks(*(getattr(self.looks, f.name)[:, index] for f in fields(Looks)))
        truth = self.truth
        return RoomViews(looks, ViewTruth(truth.depth_m[:, index], truth.world_from_camera[:, index], truth.focal))


def views_of(patches: RoomPatches, room: Room) -> RoomViews:
    """Put patches that were kept for the proxy encoder back on their grids; what had no position is zeros and has no depth."""
    grid, pose = grid_for(*room.image_size_px), torch.tensor(room.world_from_camera)
    frames, quartered = len(pose), patches.detail.shape[1] > 0
    h, w = (grid.finer.h, grid.finer.w) if quartered else (grid.h, grid.w)
    row, column = patches.patch.unbind(1)

    def dense(value: Tensor) -> Tensor:
        out = torch.zeros(frames, h, w, *value.shape[1:])
        out[patches.frame, row, column] = value.float()
        return out

    world = transform(invert(patches.room_from_world), patches.xyz_room_m)
    depth = transform(invert(pose)[patches.frame], world[:, None])[:, 0, 2]
    feature = torch.zeros(frames, grid.h, grid.w, patches.feature.shape[1])
    step = 2 if quartered else 1
    feature[patches.frame, row // step, column // step] = patches.feature[patches.cell].float()
    detail, rgb, depth = dense(patches.detail), dense(patches.rgb), dense(depth)
    if not quartered:  # an encoder without detail: all quarters of a patch are alike
        detail, rgb, depth = (value.repeat_interleave(2, 1).repeat_interleave(2, 2) for value in (detail, rgb, depth))
    width, height = room.image_size_px
    focal = room.intrinsics_px[0][0] * (grid.width_px * grid.height_px / (width * height)) ** 0.5 / UNIT_PX
    return RoomViews(Looks(feature[None], detail[None], rgb[None]), ViewTruth(depth[None], pose[None], torch.tensor([focal])))


@dataclass(frozen=True)
class ViewsSettings:
    """How the network looks at rooms, and what its errors weigh."""

    frames: tuple[int, int] = (1, 8)  # fewest and most of a room; a number between them is drawn for each step
    pictures: int = 12  # per step, of as many rooms as that takes
    feature_noise: float = 0.3  # largest, in standard deviations
    dropped: float = 0.1  # largest share of patches of which nothing is seen
    weight_depth: float = 0.3  # its gradient is as large as the network is sure, ten times that of all others together without this
    weight_gravity: float = 3.0
    weight_height: float = 1.0
    weight_focal: float = 2.0
    weight_match: float = 1.5
    weight_yaw: float = 3.0
    weight_way: float = 1.0
    weight_guess: float = 0.5
    weight_points: float = 1.0
    bf16: bool = field(default_factory=bf16_is_faster)  # the network's matrix products while training


class ViewsObjective:
    """All losses of the view network; rooms of one step have one grid."""

    def __init__(self, network: ViewNetwork, rooms: Sequence[Room], read: Callable[[int], RoomViews], settings: ViewsSettings, seed: int):
        self.network, self.read, self.settings, self.seed = network, read, settings, seed
        self.alike = defaultdict(list)  # rooms by grid
        for index, room in enumerate(rooms):
            self.alike[grid_for(*room.image_size_px)].append(index)
        self.rooms = len(rooms)

    def named_parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.network.named_parameters())

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        torch.manual_seed(self.seed * 1_000_003 + step)  # dropout
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        looks, truth = self._batch(generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            said = self.network(looks)
        parts = view_losses(said, truth, Grid(*looks.feature.shape[2:4]), self.settings)
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def _batch(self, generator: torch.Generator) -> tuple[Looks, ViewTruth]:
        """Rooms of one grid, and some frames of each in any order."""
        s = self.settings
        drawn = int(torch.randint(self.rooms, (1,), generator=generator))
        mine = next(rooms for rooms in self.alike.values() if drawn in rooms)
        frames = int(torch.randint(s.frames[0], s.frames[1] + 1, (1,), generator=generator))
        count = max(1, round(s.pictures / frames))
        views = [self.read(mine[i]) for i in torch.randint(len(mine), (count,), generator=generator).tolist()]
        views = [v.take(torch.randperm(v.looks.feature.shape[1], generator=generator)[:frames]) for v in views]
        looks = Looks(*(torch.cat([getattr(v.looks, f.name) for v in views]) for f in fields(Looks)))
        truth = ViewTruth(*(torch.cat([getattr(v.truth, f.name) for v in views]) for f in fields(ViewTruth)))
        return self._worse(looks, generator), truth

    def _worse(self, looks: Looks, generator: torch.Generator) -> Looks:
        """Features as worse pictures would give them: noise, holes, and another exposure of each picture."""
        b, t = looks.feature.shape[:2]
        noise, drop = torch.rand(2, generator=generator).tolist()
        std, level = self.network.feature_std, noise * self.settings.feature_noise
        feature = looks.feature + torch.randn(looks.feature.shape, generator=generator) * std * level
        kept = torch.rand(looks.feature.shape[:4], generator=generator)[..., None] >= drop * self.settings.dropped
        feature = torch.where(kept, feature, self.network.feature_mean)
        gain = 1 + 0.15 * torch.randn(b, t, 1, 1, 3, generator=generator)
        return replace(looks, feature=feature, rgb=(looks.rgb * gain).clamp(0, 1))


def view_losses(said: Said, truth: ViewTruth, grid: Grid, settings: ViewsSettings) -> dict[str, Tensor]:
    """Each part with its weight."""
    s, valid = settings, truth.depth_m > 0
    off = (said.log_depth - truth.depth_m.clamp_min(1e-3).log()).abs()
    parts = {
        "depth": ((off * (-said.log_spread).exp() + said.log_spread) * valid).sum() / valid.sum().clamp_min(1) * s.weight_depth,
        "gravity": (said.up - truth.up).norm(dim=-1).mean() * s.weight_gravity,
        "height": (said.log_height - truth.place_m[..., 2].clamp_min(0.1).log()).abs().mean() * s.weight_height,
        "focal": (said.log_focal - truth.focal.log()).abs().mean() * s.weight_focal,
    }
    if said.up.shape[1] == 1:
        return parts
    pairs = matched_pairs(said)
    yaw, way = true_pairs(truth)
    others = ~torch.eye(yaw.shape[1], dtype=torch.bool).expand_as(yaw)
    depth = truth.patch_depth_m()
    true_points = turned(-truth.yaw[:, :1], truth.world_xyz_m(depth, grid) - truth.place_m[:, :1, None])
    gap = (world_points(said, pairs) - true_points).norm(dim=-1) / depth.clamp_min(0.1)
    return parts | {
        "match": match_surprise(said, truth, grid) * s.weight_match,
        "yaw": _angle(pairs.yaw - yaw)[others].clamp_max(0.5).mean() * s.weight_yaw,
        "way": (pairs.way - way).norm(dim=-1)[others].clamp_max(1.0).mean() * s.weight_way,
        "guess": (said.guess - torch.cat([torch.stack([yaw.cos(), yaw.sin()], -1), way], -1)).norm(dim=-1)[others].mean() * s.weight_guess,
        "points": gap[depth > 0].clamp_max(1.0).mean() * s.weight_points,
    }


def _angle(difference: Tensor) -> Tensor:
    """Between 0 and pi."""
    return torch.atan2(difference.sin(), difference.cos()).abs()


def true_pairs(truth: ViewTruth) -> tuple[Float[Tensor, "B T T"], Float[Tensor, "B T T 3"]]:
    """Turn and way from the level frame of camera t to that of camera s."""
    yaw = truth.yaw
    way = truth.place_m[:, None] - truth.place_m[:, :, None]  # [s, t]
    return yaw[:, None] - yaw[:, :, None], turned(-yaw, way)


def match_surprise(said: Said, truth: ViewTruth, grid: Grid) -> Tensor:
    """Mean surprise of finding each patch where it truly is in another frame, shared among the four patches around, or of finding it nowhere."""
    target, known = true_matches(truth, grid)
    b, t = known.shape[:2]
    known = known & ~torch.eye(t, dtype=torch.bool)[None, :, :, None]
    surprise = -(target * said.match.log_softmax(-1)).sum(-1)
    return (surprise * known).sum() / known.sum().clamp_min(1)


@torch.no_grad()
def true_matches(truth: ViewTruth, grid: Grid) -> tuple[Float[Tensor, "B T T N N+1"], Tensor]:
    """Shares of the patches of frame t in each patch of frame s, the last = not shown, and where they are known."""
    depth, n = truth.patch_depth_m(), grid.h * grid.w
    world = truth.world_xyz_m(depth, grid)
    there = transform(invert(truth.world_from_camera)[:, None], world[:, :, None])  # (B, s, t, N, 3)
    z = there[..., 2]
    place = there[..., :2] / z.clamp_min(0.05)[..., None] * truth.focal[:, None, None, None, None] * (UNIT_PX / grid.patch_px)
    column, row = place[..., 0] + (grid.w - 1) / 2, place[..., 1] + (grid.h - 1) / 2
    inside = (z > 0.05) & (column > -0.5) & (column < grid.w - 0.5) & (row > -0.5) & (row < grid.h - 0.5)
    fine_row = ((row + 0.5) * 2).long().clamp(0, 2 * grid.h - 1)
    fine_column = ((column + 0.5) * 2).long().clamp(0, 2 * grid.w - 1)
    b, t = depth.shape[:2]
    seen = truth.depth_m.flatten(2)[:, None].expand(b, t, t, -1).gather(-1, fine_row * 2 * grid.w + fine_column)
    gap = z / seen.clamp_min(1e-3) - 1
    shown = inside & (seen > 0) & (gap.abs() < SEEN)
    absent = ~inside | ((seen > 0) & (gap > HIDDEN))
    target = torch.zeros(*z.shape, n + 1)
    column, row = column.clamp(0, grid.w - 1), row.clamp(0, grid.h - 1)
    for down in (0, 1):
        for right in (0, 1):
            at_row, at_column = row.floor() + down, column.floor() + right
            share = (1 - (row - at_row).abs()).clamp_min(0) * (1 - (column - at_column).abs()).clamp_min(0)
            index = at_row.clamp(0, grid.h - 1) * grid.w + at_column.clamp(0, grid.w - 1)
            target.scatter_add_(-1, index.long()[..., None], (share * shown)[..., None])
    target[..., n] = absent.float()
    return target, (shown | absent) & (depth > 0)[:, :, None]


@torch.no_grad()
def statistics(network: ViewNetwork, views: Sequence[RoomViews]) -> None:
    """Set what the network subtracts from features and divides them by."""
    for name in ("feature", "detail"):
        sample = torch.cat([getattr(v.looks, name).flatten(0, 3)[::7] for v in views])
        sample = sample[sample.abs().sum(1) > 0]  # without what has no position and hence no feature in the cache
        if not len(sample):
            continue
        getattr(network, f"{name}_mean").copy_(sample.mean(0))
        getattr(network, f"{name}_std").copy_(sample.std(0).clamp_min(1e-3))
