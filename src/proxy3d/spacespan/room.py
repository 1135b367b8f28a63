"""The truth about one room: its objects with boxes and supports, and the cameras that looked at it, if any did."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from proxy3d.errors import BadInput
from proxy3d.values import Box

Relation = Literal["floor", "on", "in", "under", "wall", "ceiling", "unknown"]
# Left out where they say nothing, so that rooms rendered before these fields came keep their bytes.
SPARSE = ("floor_area_m2", "floor_z_m", "unsure")


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
    relation: Relation  # how it is held up: on the floor, on / in / under object `support`, on a wall, from the ceiling; unknown in scans only
    support: int  # id of the object it stands on, in or under; 0 when relation is none of on, in and under
    pixels: tuple[int, ...]  # pixels it covers in each frame
    upright: bool = True  # False: the scan has it lean, so that height, footprint and this box are only near what was measured

    @property
    def box(self) -> Box:
        return Box(tuple(self.centre_m), tuple(self.size_m), self.yaw_rad, label=self.category)


@dataclass(frozen=True)
class Room:
    """A furnished room (x, y from 0 to its size, floor at z = 0) and a hand-held clip through it.

    Or a scanned one, known by its boxes alone: no cameras, frames of 0 pixels, no colours or models; x and y as the scan has them, and
    `size_m` is what its boxes span.
    """

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
    floor_area_m2: float | None = None  # where it is not simply width times depth
    floor_z_m: float = 0.0  # how high the floor lies in the scan's own frame, which differs from this one by that alone
    unsure: tuple[str, ...] = ()  # categories of which not every object is known: never asked about

    @property
    def filmed(self) -> bool:
        return bool(self.world_from_camera)

    @property
    def floor_m2(self) -> float:
        return self.size_m[0] * self.size_m[1] if self.floor_area_m2 is None else self.floor_area_m2

    def to_json(self) -> str:
        raw = {k: v for k, v in asdict(self).items() if v or k not in SPARSE}
        raw["objects"] = [{k: v for k, v in o.items() if k != "upright" or not v} for o in raw["objects"]]
        return json.dumps(raw, separators=(",", ":"))

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


def read_rooms(path: Path) -> list[Room]:
    """The rooms of a JSON Lines file.

    Raises:
        BadInput: the file is missing, or names the first line that is not a room.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such file; expected rooms, one per line, as written by `proxy3d data real`")
    try:
        lines = Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8, but byte {error.start} is not") from None
    rooms = []
    for number, line in enumerate(lines, 1):
        try:
            rooms.append(Room.from_json(line))
        except BadInput as error:
            raise BadInput(f"{path}, line {number}: {error}") from None
    return rooms


def _frozen(value: object) -> object:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
