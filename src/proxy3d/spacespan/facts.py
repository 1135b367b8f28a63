"""What the boxes of a room say, measured without the code that asks the questions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Pose
from proxy3d.spacespan.room import Room


@dataclass(frozen=True)
class Solved:
    """The answer in the words of a Record, and the ids of the boxes that a grounding phrase asks for."""

    answer: str
    targets: tuple[int, ...] = ()


class Facts:
    """Seen objects as arrays, in the world and as the first camera has them."""

    def __init__(self, room: Room, agent: Pose | None = None):
        self.agent = None if agent is None else np.array(agent)  # world from somebody who looks along x, where a record says so
        scale = room.image_size_px[0] * room.image_size_px[1] / 65536
        pixels = [np.array(o.pixels) / scale for o in room.objects]
        clear = [not room.filmed or (p.sum() >= 120 and p.max() >= 60) for p in pixels]  # a scan is known by its boxes alone
        self.objects = [o for o, seen in zip(room.objects, clear, strict=True) if seen]
        self.pixels = [p for p, seen in zip(pixels, clear, strict=True) if seen]
        self.floor_m2 = room.floor_m2
        self.centre_m = np.array([o.centre_m for o in self.objects]).reshape(-1, 3)
        self.size_m = np.array([o.size_m for o in self.objects]).reshape(-1, 3)
        # A level camera at the floor below the first one: its x axis stays, its z axis loses what is vertical.
        pose = np.array(room.world_from_camera[0]) if room.filmed else np.eye(4)
        ahead = pose[:2, 2] / max(np.linalg.norm(pose[:2, 2]), 1e-9)
        self.level = np.stack([[ahead[1], -ahead[0]], ahead])
        self.start_m = pose[:2, 3]
        self.right_ahead_m = (self.centre_m[:, :2] - self.start_m) @ self.level.T
        self.bearing_rad = np.arctan2(self.right_ahead_m[:, 0], self.right_ahead_m[:, 1])

    def of(self, category: str) -> list[int]:
        return [i for i, o in enumerate(self.objects) if o.category == category]

    def only(self, category: str) -> int:
        """The one object of a category. Raises BadInput when there are none or several."""
        found = self.of(category)
        if len(found) != 1:
            raise BadInput(f"'the {category}' means one thing, but the clip shows {len(found)}; ask about a category that is there once")
        return found[0]

    def called(self, colour: str, category: str) -> int:
        """The one object of a category, and of a colour where one is named. Raises BadInput when there are none or several."""
        found = [i for i in self.of(category) if not colour or self.objects[i].colour == colour]
        if len(found) != 1:
            raise BadInput(f"'the {colour} {category}' means one thing, but the clip shows {len(found)}")
        return found[0]

    def nearest(self, category: str) -> int:
        """What is nearest to the one object of a category, on the floor."""
        x = self.only(category)
        return min((i for i in range(len(self.objects)) if i != x), key=lambda i: self.apart(i, x))

    def holds(self, relation: str, i: int, j: int) -> bool:
        """Whether object i is on / in / under object j by their boxes: inside its footprint, under it if on the floor and else on or in it."""
        host = self.objects[j]
        turn = np.array([[math.cos(host.yaw_rad), math.sin(host.yaw_rad)], [-math.sin(host.yaw_rad), math.cos(host.yaw_rad)]])
        offset = np.abs(turn @ (self.centre_m[i, :2] - self.centre_m[j, :2]))
        if (offset > self.size_m[j, :2] / 2 + 0.06).any():
            return False
        on_floor = self.centre_m[i, 2] - self.size_m[i, 2] / 2 < 0.05
        return bool(on_floor == (relation == "under"))

    def apart(self, i: int, j: int) -> float:
        return float(np.linalg.norm(self.centre_m[i, :2] - self.centre_m[j, :2]))


SUPERLATIVES: dict[str, Callable[[Facts, int], float]] = {
    "biggest": lambda f, i: f.size_m[i].prod(),
    "smallest": lambda f, i: -f.size_m[i].prod(),
    "tallest": lambda f, i: f.size_m[i, 2],
    "shortest": lambda f, i: -f.size_m[i, 2],
    "leftmost": lambda f, i: -f.bearing_rad[i],
    "rightmost": lambda f, i: f.bearing_rad[i],
    "nearest": lambda f, i: -np.linalg.norm(f.right_ahead_m[i]),
    "farthest": lambda f, i: np.linalg.norm(f.right_ahead_m[i]),
}
