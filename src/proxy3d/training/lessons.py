"""What stages 2 and 3 learn from: proxies of a room as they will be in use, and questions with the proxies they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.answers.language_models.llama import LlamaHost
from proxy3d.answers.question import Wording, answer_ids, worded
from proxy3d.geometry import box_corners, compose, rigid, rotation_about_z, transform
from proxy3d.proxies.clusterers import Learned
from proxy3d.proxies.encoder import ProxyEncoder, salient
from proxy3d.proxies.pool import composition, pool_hard, prepared
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tokens.position import place_numbers, viewer_numbers
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.cluster import noisy
from proxy3d.training.patches import RoomPatches
from proxy3d.values import Points

MEASURED = ("metres", "square_metres")  # types of answers that are a number with a unit


@dataclass(frozen=True)
class RoomLesson:
    """One look at a room: its proxies, and which objects they are made of."""

    numbers: SceneNumbers
    made_of: Float[Tensor, "K I"]  # share of each proxy's patches per object id; column 0 = walls and floor
    owned: Float[Tensor, "K I"]  # share of each object's patches per proxy
    box: Float[Tensor, "I 6"]  # centre and size along the room's axes, metres
    category: Int[Tensor, "I"]


@dataclass(frozen=True)
class Question:
    """A record as tokens."""

    record: Record
    wording: Wording
    answer: tuple[int, ...]  # with the stop; empty for grounding
    metres: float  # the answer as a length or an area (square metres), NaN for all others


def room_boxes(room: Room, room_from_world: Float[Tensor, "4 4"]) -> Float[Tensor, "I 6"]:
    """Centre and size of the smallest box along the room's axes around each object; row 0 is unused."""
    rows = [torch.zeros(6)] * (max((o.id for o in room.objects), default=0) + 1)
    for thing in room.objects:
        corners = transform(room_from_world, box_corners(thing.box))
        low, high = corners.min(0).values, corners.max(0).values
        rows[thing.id] = torch.cat([(low + high) / 2, high - low])
    return torch.stack(rows)


@torch.no_grad()
def look(
    room: Room,
    patches: RoomPatches,
    encoder: ProxyEncoder,
    clusterer: Learned,
    categories: Sequence[str],
    proxies: int,
    *,
    worse: torch.Generator | None = None,
) -> RoomLesson:
    """Proxies of a room. With `worse`, as another sensor and another walk would have given them: noise, fewer frames, a turned world."""
    if worse is not None:
        patches = _worse(patches, worse)
    turn = float(torch.rand(1, generator=worse) - 0.5) * 1.57 if worse is not None else 0.0
    world_from_room = rigid(rotation_about_z(turn), torch.zeros(3))
    points, count = prepared(learned_points(patches, encoder, world_from_room), proxies)
    return lesson_of(room, patches, points, clusterer.owners(points, count), categories, world_from_room=world_from_room)


@torch.no_grad()
def learned_points(patches: RoomPatches, encoder: ProxyEncoder, world_from_room: Float[Tensor, "4 4"] | None = None) -> Points:
    """What a trained encoder makes of a room's patches, with their true objects as labels; in the room's own frame, or a turned one."""
    feature, salience = encoder(patches.seen())
    return Points(
        xyz_world_m=patches.xyz_room_m if world_from_room is None else transform(world_from_room, patches.xyz_room_m),
        feature=feature[0].float(),
        rgb=patches.rgb,
        frame=patches.frame,
        weight=salient(patches.weight, salience[0].float()),
        label=patches.instance,  # no clusterer of ours but grouped_kmeans looks at it
        patch=patches.patch,
        detail=patches.detail.float() if patches.detail.shape[1] else None,
    )


def lesson_of(
    room: Room,
    patches: RoomPatches,
    points: Points,
    owner: Int[Tensor, "L"],
    categories: Sequence[str],
    *,
    world_from_room: Float[Tensor, "4 4"] | None = None,
) -> RoomLesson:
    """What pooling points by their owners (0, 1, ..., each with at least one point) makes of a room; their labels are its objects."""
    count, world_from_room = int(owner.max()) + 1, torch.eye(4) if world_from_room is None else world_from_room
    pooled = pool_hard(points, owner, count, len(patches.camera_room_m))
    viewer = first_view(room, patches)
    place, xyz = place_numbers(pooled, torch.linalg.inv(world_from_room), viewer)
    category, box = things_of(room, patches, categories)
    made_of = composition(owner, points.label, count, len(category))
    total = (made_of * pooled.size[:, None]).sum(0).clamp_min(1)
    return RoomLesson(
        numbers=SceneNumbers(pooled.feature, place, xyz, viewer),
        made_of=made_of,
        owned=made_of * pooled.size[:, None] / total,
        box=box,
        category=category,
    )


def first_view(room: Room, patches: RoomPatches) -> Float[Tensor, "4"]:
    """The viewer numbers of a room (tokens.position)."""
    return viewer_numbers(compose(patches.room_from_world, torch.tensor(room.world_from_camera[0])), torch.eye(4))


def colour_words(room: Room) -> Int[Tensor, "I"]:
    """Index of each object's colour word, by its id; -1 where there is no object, or no word fits."""
    colour = torch.full((max((o.id for o in room.objects), default=0) + 1,), -1)
    for thing in room.objects:
        colour[thing.id] = COLOURS.index(thing.colour) if thing.colour in COLOURS else -1
    return colour


def things_of(room: Room, patches: RoomPatches, categories: Sequence[str]) -> tuple[Int[Tensor, "I"], Float[Tensor, "I 6"]]:
    """Category and box of each object by its id, in the room's frame; what is no object has the last category and a box of zeros."""
    size = max([o.id for o in room.objects] + [int(patches.instance.max())]) + 1
    words = {word: i for i, word in enumerate(categories)}
    category, box = torch.full((size,), len(categories)), torch.zeros(size, 6)
    for thing in room.objects:
        category[thing.id] = words.get(thing.category, len(categories))
    true = room_boxes(room, patches.room_from_world)
    box[: len(true)] = true
    return category, box


def _worse(patches: RoomPatches, generator: torch.Generator) -> RoomPatches:
    frames = len(patches.camera_room_m)
    lost = torch.randperm(frames - 1, generator=generator)[: int(torch.randint(0, 3, (1,), generator=generator))] + 1
    holes = torch.rand(len(patches.frame), generator=generator) < 0.2 * float(torch.rand(1, generator=generator))
    keep = ~torch.isin(patches.frame, lost) & ~holes
    xyz = noisy(patches, 0.03, generator)
    return replace(
        patches,
        xyz_room_m=xyz[keep],
        **{k: getattr(patches, k)[keep] for k in ("detail", "patch", "cell", "rgb", "weight", "frame", "instance")},
    )


def as_question(record: Record, host: LlamaHost) -> Question:
    """The record in the host's tokens and chat format."""
    answer = () if record.answer_type == "boxes" else answer_ids(host, record.answer)
    metres = float(record.answer.split()[0]) if record.answer_type in MEASURED else float("nan")
    return Question(record, worded(host, record.question), answer, metres)


def pointing_target(lesson: RoomLesson, targets: Sequence[int]) -> tuple[Float[Tensor, "K"], Float[Tensor, "K"], Float[Tensor, "K 6"]]:
    """Which proxies should be pointed at, how much each counts, and the box each should give.

    A proxy belongs to a target that makes up half of it; one that is a fifth to a half target is not held to either answer.
    A target that owns no proxy is represented by the proxy that holds most of it, if that is a third of the object.
    """
    count = len(lesson.made_of)
    if not targets:
        return torch.zeros(count), torch.ones(count), torch.zeros(count, 6)
    share = lesson.made_of[:, list(targets)]
    wanted = share >= 0.5
    for column, target in enumerate(targets):
        if not bool(wanted[:, column].any()):
            best = int(lesson.owned[:, target].argmax())
            wanted[best, column] = float(lesson.owned[best, target]) >= 0.33
    positive = wanted.any(1)
    counts = torch.where(positive | (share.max(1).values < 0.2), 1.0, 0.0)
    return positive.float(), counts, lesson.box[torch.tensor(list(targets))[torch.where(wanted, share, -1.0).argmax(1)]]


def object_target(lesson: RoomLesson) -> tuple[Int[Tensor, "K"], Float[Tensor, "K"], Float[Tensor, "K 6"]]:
    """Category of the object that makes up most of each proxy (walls count as none), whether it is a thing, and its box."""
    share, who = lesson.made_of.max(1)
    return lesson.category[who], ((who > 0) & (share >= 0.5)).float(), lesson.box[who]


def box_loss(box: Float[Tensor, "*b 6"], true: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b"]:
    """1 - generalised IoU (Rezatofighi et al. 2019, arXiv 1902.09630) in 3D along the room's axes, plus a little L1 where boxes are apart."""
    low, high = box[..., :3] - box[..., 3:] / 2, box[..., :3] + box[..., 3:] / 2
    true_low, true_high = true[..., :3] - true[..., 3:] / 2, true[..., :3] + true[..., 3:] / 2
    inner = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp_min(0).prod(-1)
    outer = (torch.maximum(high, true_high) - torch.minimum(low, true_low)).prod(-1).clamp_min(1e-6)
    union = (box[..., 3:].prod(-1) + true[..., 3:].prod(-1) - inner).clamp_min(1e-6)
    l1 = F.smooth_l1_loss(box[..., :3], true[..., :3], reduction="none", beta=0.1).mean(-1)
    l1 = l1 + F.smooth_l1_loss(box[..., 3:].clamp_min(0.02).log(), true[..., 3:].clamp_min(0.02).log(), reduction="none", beta=0.1).mean(-1)
    return 1 - inner / union + (outer - union) / outer + l1
