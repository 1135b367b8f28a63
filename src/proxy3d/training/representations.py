"""Ways to show a room to a reader: the same points and features, grouped into few tokens, many, or none."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from proxy3d.presets import AUTO, AUTO_CEILING
from proxy3d.proxies.adaptive import proxies_needed
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.proxies.encoder import ProxyEncoder, cells_of
from proxy3d.proxies.order import breadth_first
from proxy3d.proxies.owners import with_owners
from proxy3d.proxies.pool import prepared
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.tokens.position import place_numbers
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.lessons import RoomLesson, first_view, learned_points, lesson_of, things_of
from proxy3d.training.patches import RoomPatches
from proxy3d.values import Points, Proxies
from proxy3d.weights import Weights

DRAWN = ("4", "8", "16", "32", "64")  # numbers of proxies that one model learns to serve
OURS, PATCHES, FRAMES, OBJECTS = "ours", "patches", "frames", "objects"


@dataclass(frozen=True)
class Grouping:
    """What one token stands for. The points, their places and their features are the same for all."""

    by: str = OURS  # the trained clusterer; a key of CLUSTERERS; each whole patch; each frame; each true object
    proxies: str = "32"  # a number, or "auto"; where `by` leaves it open
    frozen: bool = False  # features of the frozen image encoder instead of the learned ones
    ordered: bool = True  # breadth-first in space; else as the points lie (patches and frames keep the order of the clip)

    @property
    def name(self) -> str:
        """A name for files."""
        open_number = self.by not in (PATCHES, FRAMES, OBJECTS)
        parts = [self.by, *([self.proxies] if open_number else []), *(["frozen"] if self.frozen else []), *([] if self.ordered else ["unordered"])]
        return "-".join(parts)

    @property
    def in_space(self) -> bool:
        """Whether tokens are put in an order of space."""
        return self.ordered and self.by not in (PATCHES, FRAMES, OBJECTS)

    def dim(self, weights: Weights, categories: Sequence[str]) -> int:
        """Length of a token's feature."""
        if self.by == OBJECTS:
            return len(categories) + 1 + len(COLOURS) + 1
        s = weights.encoder.settings
        return s.feature_dim + s.detail_dim + 3 if self.frozen else s.out_dim


@dataclass(frozen=True)
class Representation:
    """What a reader is shown: one grouping, or one drawn anew for each look; with parts of it hidden for an ablation."""

    groupings: tuple[Grouping, ...]
    hides: tuple[str, ...] = ()  # of "feature", "place" (and where to measure boxes from) and "viewer"

    def hidden(self, numbers: SceneNumbers) -> SceneNumbers:
        """The same scene without what is hidden."""
        zero = {name: torch.zeros_like(getattr(numbers, name)) for name in self.hides}
        if "place" in zero:
            zero["xyz_room_m"] = torch.zeros_like(numbers.xyz_room_m)
        return replace(numbers, **zero)


def frozen_points(patches: RoomPatches, encoder: ProxyEncoder) -> Points:
    """What the frozen encoders alone say: features of the patch, details and colour of the quarter, each with mean 0 and variance 1."""
    parts = [(patches.feature.float()[patches.cell] - encoder.feature_mean) / encoder.feature_std]
    if patches.detail.shape[1]:
        parts.append((patches.detail.float() - encoder.detail_mean) / encoder.detail_std)
    return Points(
        xyz_world_m=patches.xyz_room_m,
        feature=torch.cat([*parts, patches.rgb * 2 - 1], 1),
        rgb=patches.rgb,
        frame=patches.frame,
        weight=patches.weight,
        label=patches.instance,
        patch=patches.patch,
        detail=patches.detail.float() if patches.detail.shape[1] else None,
    )


@torch.no_grad()
def owners(points: Points, grouping: Grouping, weights: Weights) -> Int[Tensor, "L"]:
    """Which token each point goes to: 0, 1, ..., none of them empty. Points come in their canonical order."""
    if grouping.by == PATCHES:
        return cells_of(points)[0]
    if grouping.by == FRAMES:
        return torch.unique(points.frame, return_inverse=True)[1]
    blind = replace(points, label=None, detail=None)  # no mask and no truth for any of them
    clusterer = weights.clusterer if grouping.by == OURS else CLUSTERERS[grouping.by]()
    if grouping.frozen and grouping.by == OURS:
        clusterer = CLUSTERERS["soft_kmeans"]()  # what was learnt compares learned features
    if grouping.proxies == AUTO:
        count = proxies_needed(clusterer.embed(blind.feature, blind.xyz_world_m, blind.weight), blind.weight, AUTO_CEILING)
    else:
        count = int(grouping.proxies)
    count = min(count, len(points))
    return with_owners(clusterer, blind, count, int(blind.frame.max()) + 1)[1]


@torch.no_grad()
def lessons(
    room: Room, patches: RoomPatches, weights: Weights, categories: Sequence[str], groupings: Iterable[Grouping]
) -> dict[Grouping, RoomLesson]:
    """One look at a room through each grouping; what the encoder sees is computed once."""
    points: dict[bool, Points] = {}
    found = {}
    for grouping in groupings:
        if grouping.by == OBJECTS:
            found[grouping] = objects_of(room, patches, categories)
            continue
        if grouping.frozen not in points:
            made = frozen_points(patches, weights.encoder) if grouping.frozen else learned_points(patches, weights.encoder)
            points[grouping.frozen] = prepared(made, 1)[0]
        lesson = lesson_of(room, patches, points[grouping.frozen], owners(points[grouping.frozen], grouping, weights), categories)
        found[grouping] = taken(lesson, breadth_first(lesson.numbers.xyz_room_m)) if grouping.in_space else lesson
    return found


def taken(lesson: RoomLesson, order: Int[Tensor, "K"]) -> RoomLesson:
    """Its tokens in another order."""
    n = lesson.numbers
    numbers = SceneNumbers(n.feature[order], n.place[order], n.xyz_room_m[order], n.viewer)
    return replace(lesson, numbers=numbers, made_of=lesson.made_of[order], owned=lesson.owned[order])


def objects_of(room: Room, patches: RoomPatches, categories: Sequence[str]) -> RoomLesson:
    """The true objects that the clip shows as tokens of their own: category and colour as one 1 each, box as place. An oracle's eyes."""
    category, box = things_of(room, patches, categories)
    kept = [thing for thing in room.objects if max(thing.pixels) > 0]
    ids = torch.tensor([thing.id for thing in kept])
    colour = torch.tensor([COLOURS.index(t.colour) if t.colour in COLOURS else len(COLOURS) for t in kept])
    feature = torch.cat([F.one_hot(category[ids], len(categories) + 1), F.one_hot(colour, len(COLOURS) + 1)], 1).float()
    even = torch.full((len(ids),), 1 / len(ids))
    size = torch.ones(len(ids), dtype=torch.long)
    proxies = Proxies(box[ids, :3], box[ids, 3:] / 2, feature, even, size, even[:, None])
    viewer = first_view(room, patches)
    place, xyz = place_numbers(proxies, torch.eye(4), viewer)
    made_of = F.one_hot(ids, len(category)).float()
    return RoomLesson(SceneNumbers(feature, place, xyz, viewer), made_of, made_of, box, category)


class Looks:
    """One look at each room of a split through each grouping, kept as a file per room and grouping, so that nothing is computed twice.

    Files lie in `folder/<grouping>/<room>.safetensors`, in float16 except boxes; they belong to one set of weights, which `folder` names.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def file(self, room_id: str, grouping: Grouping) -> Path:
        return self.folder / grouping.name / f"{room_id}.safetensors"

    def make(self, room: Room, patches: RoomPatches, weights: Weights, categories: Sequence[str], groupings: Iterable[Grouping]) -> None:
        """What is not there yet."""
        wanted = [g for g in dict.fromkeys(groupings) if not self.file(room.room_id, g).exists()]
        for grouping, lesson in lessons(room, patches, weights, categories, wanted).items():
            save_tensors(self.file(room.room_id, grouping), packed_lesson(lesson), {"grouping": grouping.name})

    def load(self, room_id: str, grouping: Grouping) -> RoomLesson:
        """Raises BadInput when it was never made."""
        return unpacked_lesson(load_tensors(self.file(room_id, grouping))[0])


WHOLE = ("box", "category", "viewer")  # few numbers, kept as they are


def packed_lesson(lesson: RoomLesson) -> dict[str, Tensor]:
    """A lesson as tensors of half the size."""
    flat = {**lesson.numbers.__dict__, **{k: v for k, v in lesson.__dict__.items() if k != "numbers"}}
    return {name: (value if name in WHOLE else value.half()).contiguous().clone() for name, value in flat.items()}


def unpacked_lesson(tensors: dict[str, Tensor]) -> RoomLesson:
    """The reverse of `packed_lesson`."""
    value = {name: tensor if name in WHOLE else tensor.float() for name, tensor in tensors.items()}
    numbers = SceneNumbers(**{f.name: value.pop(f.name) for f in fields(SceneNumbers)})
    return RoomLesson(numbers, **value)


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)
