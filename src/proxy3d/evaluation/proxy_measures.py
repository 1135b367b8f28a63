"""Group one room's patches as a clusterer would, perhaps with a worse sensor, and measure how far its proxies are objects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.evaluation.metrics.objects import adjusted_rand, large_enough, owned_objects, purity, reachable_iou
from proxy3d.geometry import invert, transform
from proxy3d.proxies.encoder import ProxyEncoder
from proxy3d.proxies.owners import Clusterer, with_owners
from proxy3d.proxies.pool import composition
from proxy3d.spacespan.room import Room
from proxy3d.training.lessons import room_boxes
from proxy3d.training.patches import RoomPatches
from proxy3d.values import Points

LARGE, SMALL = 0.01, 0.003  # share of some frame that an object fills


@dataclass(frozen=True)
class Sensor:
    """What is wrong with the depth: nothing, by default."""

    noise: float = 0.0  # standard deviation of each patch's distance, relative to it; each frame has a bias of a third of that beside it
    missing: float = 0.0  # share of whole patches without depth


@dataclass(frozen=True)
class Sight:
    """The points of one room as a clusterer gets them, and what each truly belongs to."""

    room: Room
    points: Points
    instance: Int[Tensor, "L"]
    room_from_world: Float[Tensor, "4 4"]


@torch.no_grad()
def sight(room: Room, patches: RoomPatches, encoder: ProxyEncoder | None, sensor: Sensor = Sensor(), *, seed: int = 0) -> Sight:
    """Patches in the room's true world; features are the encoder's, or the frozen ones without it. Deterministic by room and seed."""
    worse = torch.Generator().manual_seed(seed * 1_000_003 + room.seed % 1_000_003)
    patches = _through(patches, sensor, worse)
    points = Points(
        xyz_world_m=transform(invert(patches.room_from_world), patches.xyz_room_m),
        feature=patches.feature.float()[patches.cell],
        rgb=patches.rgb,
        frame=patches.frame,
        weight=patches.weight,
        detail=patches.detail.float() if patches.detail.shape[1] else None,
        patch=patches.patch,
    )
    if encoder is not None:
        points = encoder.encode(points, patches.room_from_world)
    return Sight(room, points, patches.instance, patches.room_from_world)


def labelled(view: Sight) -> Sight:
    """The same points with their true objects as masks: what a perfect mask model would say."""
    return replace(view, points=replace(view.points, label=view.instance))


def _through(patches: RoomPatches, sensor: Sensor, worse: torch.Generator) -> RoomPatches:
    origin = patches.camera_room_m[patches.frame]
    bias = torch.randn(len(patches.camera_room_m), generator=worse)[patches.frame] * sensor.noise / 3
    error = torch.randn(len(patches.frame), generator=worse) * sensor.noise
    xyz = origin + (patches.xyz_room_m - origin) * (1 + bias + error)[:, None]
    hole = (torch.rand(len(patches.feature), generator=worse) < sensor.missing)[patches.cell]
    rest = {name: getattr(patches, name)[~hole] for name in ("detail", "patch", "cell", "rgb", "weight", "frame", "instance")}
    return replace(patches, xyz_room_m=xyz[~hole], **rest)


def measure(view: Sight, clusterer: Clusterer, budget: int, *, steadiness: bool = False) -> dict[str, float]:
    """Figures of one room: recall of large and small objects, purity, mean reachable IoU of large ones, proxies used; NaN where there is nothing.

    `steadiness` adds the adjusted Rand index between the groups of all frames and those that each half of the frames gives alone.
    """
    room, points = view.room, view.points
    proxies, owner = with_owners(clusterer, points, budget, int(points.frame.max()) + 1)
    size = max([o.id for o in room.objects] + [int(view.instance.max())]) + 1
    shares = composition(owner, view.instance, len(proxies), size)
    pixels = np.array([o.pixels for o in room.objects]).reshape(len(room.objects), -1)
    frame_px = room.image_size_px[0] * room.image_size_px[1]
    owned = owned_objects(proxies.xyz_world_m, shares, {o.id: o.box for o in room.objects})
    figures = {"proxies": float(len(proxies)), "purity": purity(shares, proxies.size)}
    for name, share in (("recall", LARGE), ("small_recall", SMALL)):
        chosen = [o.id for o, large in zip(room.objects, large_enough(pixels, frame_px, share), strict=True) if large]
        figures[name] = float(np.mean([owned[i] for i in chosen])) if chosen else float("nan")
        figures[f"{name}_objects"] = float(len(chosen))
    large = [o.id for o, big in zip(room.objects, large_enough(pixels, frame_px, LARGE), strict=True) if big]
    boxes = room_boxes(room, view.room_from_world)
    iou = reachable_iou(transform(view.room_from_world, proxies.xyz_world_m), proxies.extent_m, shares, {i: boxes[i] for i in large})
    figures["box_iou"] = float(np.mean(list(iou.values()))) if iou else float("nan")
    if steadiness:
        figures["steadiness"] = float(np.mean([_half(clusterer, points, owner, budget, parity) for parity in (0, 1)]))
    return figures


def _half(clusterer: Clusterer, points: Points, owner: Tensor, budget: int, parity: int) -> float:
    mine = points.frame % 2 == parity
    part = points.take(mine.nonzero()[:, 0])
    _, alone = with_owners(clusterer, part, budget, int(part.frame.max()) + 1)
    return adjusted_rand(owner[mine].numpy(), alone.numpy())
