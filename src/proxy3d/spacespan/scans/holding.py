"""What the boxes of a scan say clearly about where the floor is and what stands on what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from proxy3d.spacespan.questions.view import local
from proxy3d.spacespan.room import RoomObject

# What stands on the floor in almost every room: half of these tell where it is, so that a hanging cabinet and a stray box change nothing.
STANDING = {
    "bathtub", "bed", "bookshelf", "chair", "computer tower", "dishwasher", "door", "fireplace", "nightstand", "piano", "refrigerator", "sofa",
    "stool", "table", "toilet", "trash bin", "trash can", "washer", "washing machine",
}  # fmt: skip
# Fixed to walls and ceilings: a window that begins where a heater ends does not stand on it.
FIXED = {
    "ceiling light", "clock", "coat hanger", "curtain", "door", "exhaust fan", "heater", "mirror", "power strip", "radiator", "towel", "whiteboard",
    "window",
}  # fmt: skip
OVERHEAD = {"ceiling light"}
NEAR_FLOOR_M, NEAR_TOP_M, RAISED_M = 0.15, 0.06, 0.2


def floor_of(objects: Sequence[RoomObject]) -> float:
    """The height of the floor: the median bottom of what usually stands on it, else the lowest bottom of all.

    Of boxes that stand, where there are any: a leaning box is taller than its object.
    """
    sure = [o for o in objects if o.upright] or list(objects)
    bottoms = [bottom(o) for o in sure if o.category in STANDING]
    return median(bottoms) if bottoms else min(bottom(o) for o in sure)


def held(objects: Sequence[RoomObject]) -> tuple[RoomObject, ...]:
    """The same objects with how they are held, where their boxes leave no doubt; the floor is at z = 0.

    On: its bottom is within 6 cm of the top of one other thing that is no smaller, its centre over that thing, 20 cm or more above the
    floor. Under and in are never said: a table's box also covers the corner that an L-shaped table leaves free.
    """
    return tuple(replace(o, **how(o, objects)) for o in objects)


def how(o: RoomObject, objects: Sequence[RoomObject]) -> dict:
    """Relation and support of one object; unknown where it may stand on something that nobody boxed."""
    if o.category in OVERHEAD:
        return {"relation": "ceiling"}
    if not o.upright:
        return {"relation": "unknown"}
    if abs(bottom(o)) <= NEAR_FLOOR_M:
        return {"relation": "floor"}
    hosts = [host for host in objects if host is not o and carries(host, o)] if o.category not in FIXED and bottom(o) >= RAISED_M else []
    return {"relation": "on", "support": hosts[0].id} if len(hosts) == 1 else {"relation": "unknown"}


def carries(host: RoomObject, o: RoomObject) -> bool:
    """Whether a thing's box ends where the other one's begins, right below it."""
    if not host.upright or host.category in FIXED:
        return False
    if math.prod(host.size_m[:2]) < math.prod(o.size_m[:2]):  # a screen above a keyboard
        return False
    inside = all(abs(v) <= size / 2 for v, size in zip(local(o.centre_m, host), host.size_m[:2], strict=True))
    return inside and abs(bottom(o) - (bottom(host) + host.size_m[2])) <= NEAR_TOP_M


def bottom(o: RoomObject) -> float:
    return o.centre_m[2] - o.size_m[2] / 2


def spanned(objects: Sequence[RoomObject]) -> tuple[float, float, float]:
    """Width, depth and height of what all boxes fill, square to the axes; height from the floor at z = 0."""
    low, high = [math.inf] * 2, [-math.inf] * 2
    for o in objects:
        c, s = abs(math.cos(o.yaw_rad)), abs(math.sin(o.yaw_rad))
        half = ((o.size_m[0] * c + o.size_m[1] * s) / 2, (o.size_m[0] * s + o.size_m[1] * c) / 2)
        low = [min(v, o.centre_m[i] - half[i]) for i, v in enumerate(low)]
        high = [max(v, o.centre_m[i] + half[i]) for i, v in enumerate(high)]
    return high[0] - low[0], high[1] - low[1], max(0.0, *(bottom(o) + o.size_m[2] for o in objects))
