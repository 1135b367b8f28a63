"""Turn what proxies point at into boxes: proxies that vote for the same box are one object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.geometry import invert, transform
from proxy3d.values import Box, Scene


@dataclass(frozen=True)
class Vote:
    """One object in the room's frame: centre and size along its axes, the best score, and who voted."""

    box: Float[Tensor, "6"]
    score: float
    proxies: tuple[int, ...]


def overlap(box: Float[Tensor, "6"], others: Float[Tensor, "n 6"]) -> Float[Tensor, "n"]:
    """3D IoU of boxes along the same axes (centre, size)."""
    low, high = box[:3] - box[3:] / 2, box[:3] + box[3:] / 2
    other_low, other_high = others[:, :3] - others[:, 3:] / 2, others[:, :3] + others[:, 3:] / 2
    inner = (torch.minimum(high, other_high) - torch.maximum(low, other_low)).clamp_min(0).prod(1)
    return inner / (box[3:].prod() + others[:, 3:].prod(1) - inner).clamp_min(1e-9)


def merge_votes(score: Float[Tensor, "K"], box: Float[Tensor, "K 6"], *, least: float = 0.5, same: float = 0.2) -> list[Vote]:
    """Objects from per-proxy votes, surest first.

    The surest proxy takes all whose box overlaps its own (IoU at least `same`); the object's box is their mean, weighted by
    score squared, so that several glimpses of a large thing agree on its middle. Proxies below `least` do not vote.
    """
    left = [int(i) for i in torch.argsort(score, descending=True, stable=True) if float(score[i]) >= least]
    found = []
    while left:
        overlaps = overlap(box[left[0]], box[left])
        together = [i for i, o in zip(left, overlaps.tolist(), strict=True) if i == left[0] or o >= same]
        weight = score[together].square()[:, None]
        mean = (box[together] * weight).sum(0) / weight.sum()
        found.append(Vote(mean, float(score[left[0]]), tuple(sorted(together))))
        left = [i for i in left if i not in together]
    return found


def world_box(vote: Vote, scene: Scene, *, label: str | None = None) -> Box:
    """The box in the scene's world; its yaw is that of the walls, within +-45 degrees."""
    world_from_room = invert(scene.room_from_world)
    centre = transform(world_from_room, vote.box[None, :3])[0]
    yaw = math.atan2(float(world_from_room[1, 0]), float(world_from_room[0, 0]))
    x, y, z = (float(v) for v in vote.box[3:])
    quarter = round(yaw / (math.pi / 2))
    if quarter % 2:
        x, y = y, x
    seen = scene.proxies.seen[list(vote.proxies)].max(0).values
    return Box(
        centre_m=tuple(float(v) for v in centre),
        size_m=(x, y, z),
        yaw_rad=yaw - quarter * math.pi / 2,
        score=vote.score,
        label=label,
        proxies=vote.proxies,
        frames=tuple(int(t) for t in (seen >= 0.1).nonzero()[:, 0]),
    )
