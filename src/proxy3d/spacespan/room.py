"""The truth about one synthetic room: its objects with exact boxes and supports, and the cameras that looked at it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from proxy3d.errors import BadInput
from proxy3d.values import Box

Relation = Literal["floor", "on", "in", "under", "wall", "ceiling"]


@dataclass(frozen=True)
class RoomObject:
    """One object: its oriented box stands on the ground plane (yaw about z only)."""

    id: int  # 1, 2, ...: the value in the instance images; 0 is walls, floor, ceiling and outside
    category: str  # "chair"
    model: str  # which model of the bank, for leak checks
    colour: str  # one word of the colour vocabulary
    centre_m: tuple[float, float, float]
    size_m: tuple[float, float, float]  # full, along the box's own axes
    yaw_rad: float
    relation: Relation  # how it is held up: on the floor, on / in / under object `support`, on a wall, from the ceiling
    support: int  # id of the object it stands on, in or under; 0 when relation is floor, wall or ceiling
    pixels: tuple[int, ...]  # pixels it covers in each frame

    @property
    def box(self) -> Box:
        return Box(tuple(self.centre_m), tuple(self.size_m), self.yaw_rad, label=self.category)


@dataclass(frozen=True)
class Room:
    """A furnished room (x, y from 0 to its size, floor at z = 0) and a hand-held clip through it."""

    room_id: str  # "train-000017"
    split: Literal["train", "val", "test"]
    seed: int
    kind: str  # "bedroom"
    size_m: tuple[float, float, float]
    image_size_px: tuple[int, int]  # width, height
    intrinsics_px: tuple[tuple[float, ...], ...]  # 3 x 3; the centre of pixel (0, 0) is at (0, 0)
    world_from_camera: tuple[tuple[tuple[float, ...], ...], ...]  # T x 4 x 4, OpenCV camera, z-up world, metres
    textures: tuple[str, ...]  # for leak checks
    objects: tuple[RoomObject, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Room:
        """Raises BadInput when the text is not a room."""
        try:
            raw = json.loads(text)
            objects = tuple(RoomObject(**{k: _frozen(v) for k, v in o.items()}) for o in raw.pop("objects"))
            return Room(objects=objects, **{k: _frozen(v) for k, v in raw.items()})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"not a room description: {error}") from None

    @staticmethod
    def load(folder: Path) -> Room:
        """The `room.json` of a clip folder: beside it color/00.jpg, depth/00.png (16 bit, millimetres, 0 = none) and instance/00.png (8 bit)."""
        file = Path(folder) / "room.json"
        if not file.is_file():
            raise BadInput(f"{folder}: no room.json; expected a folder made by `proxy3d data make`")
        return Room.from_json(file.read_text(encoding="utf-8"))


def _frozen(value: object) -> object:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
