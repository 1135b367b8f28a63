"""A room's objects as symbols: what each is, which name it goes by and where it is, with no picture of any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from proxy3d.spacespan.room import Room
from proxy3d.values import Box

NAMES = 100  # <OBJ000> to <OBJ099>


@dataclass(frozen=True)
class Symbol:
    """One object as a stage without pictures sees it."""

    category: str
    identifier: int  # 0 to 99: the name a model says, not an id of the room
    object_id: int  # RoomObject.id, which the targets of records mean
    box: Box

    def __post_init__(self):
        if not 0 <= self.identifier < NAMES:
            raise ValueError(f"Symbol.identifier: expected 0 to {NAMES - 1}, got {self.identifier}")

    @property
    def name(self) -> str:
        return f"<OBJ{self.identifier:03d}>"


def symbols(room: Room, *, rng_seed: int | None = None) -> tuple[Symbol, ...]:
    """The objects of a room with names, in the order of the room; of more than 100, the largest 100 by the volume of their boxes.

    With a seed the names are drawn, another order for another seed, so that a model has to read them; without, they are handed out in
    the order of the room. Works for rooms of our own and for scans; of a scan, `room.unsure` names categories that are not complete.
    """
    largest = sorted(room.objects, key=lambda o: (-math.prod(o.size_m), o.id))[:NAMES]
    kept = sorted(largest, key=lambda o: o.id)
    names = list(range(NAMES if rng_seed is not None else len(kept)))
    if rng_seed is not None:
        Random(f"{rng_seed} {room.room_id} names").shuffle(names)
    return tuple(Symbol(o.category, name, o.id, o.box) for o, name in zip(kept, names, strict=False))
