"""How far things are from each other, and from where the clip starts: nearer, nearest, metres, and what is at a given place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.view import View, local, one_decimal, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

NEARER = (
    "Which is nearer to the {x}, the {a} or the {b}?",
    "Which one is nearer to the {x}: the {a} or the {b}?",
    "What is closer to the {x}, the {a} or the {b}?",
    "Which is closer to the {x}, the {a} or the {b}?",
    "Is the {a} or the {b} nearer to the {x}?",
    "Is the {a} or the {b} closer to the {x}?",
    "Of the {a} and the {b}, which one is nearer to the {x}?",
    "Of the {a} and the {b}, which lies closer to the {x}?",
    "Measured from the {x}, which is nearer, the {a} or the {b}?",
)
NEAREST = (
    "What is nearest to the {x}: {options}?",
    "Which is nearest to the {x}: {options}?",
    "Which of these is nearest to the {x}: {options}?",
    "What is closest to the {x}: {options}?",
    "Which one is closest to the {x}: {options}?",
    "Which of these lies closest to the {x}: {options}?",
    "Of these, which stands nearest to the {x}: {options}?",
    "Measured from the {x}, what is nearest: {options}?",
    "Look at the {x}. Which is nearest to it: {options}?",
)
DISTANCE = (
    "How far apart are the {a} and the {b}?",
    "How far is the {a} from the {b}?",
    "How far is it from the {a} to the {b}?",
    "What is the distance between the {a} and the {b}?",
    "What is the distance from the {a} to the {b}?",
    "How many metres are there between the {a} and the {b}?",
    "How many metres is the {a} away from the {b}?",
    "In metres, how far apart are the {a} and the {b}?",
    "Estimate the distance between the {a} and the {b}.",
)
WHAT_IS_AT = (
    "What is {ahead} ahead of the starting camera, {side}, {up} above the floor?",
    "What is {side} and {ahead} ahead of the starting camera, {up} above the floor?",
    "From where the clip starts, what is {ahead} ahead, {side}, {up} above the floor?",
    "From where the clip starts, which object is {side}, {ahead} ahead and {up} above the floor?",
    "Which object is {ahead} ahead of the first camera, {side}, at a height of {up}?",
    "Name the object that is {ahead} ahead of the first camera, {side}, {up} above the floor.",
    "Go {ahead} ahead from the starting camera and {side}: what is there, {up} above the floor?",
    "Seen from the start, what do you find {ahead} ahead, {side}, {up} above the floor?",
    "What kind of object is {ahead} ahead of the starting camera, {side}, {up} above the floor?",
)


def free(view: View, a: RoomObject, b: RoomObject) -> bool:
    """Whether neither holds the other: "how far is the cup from its table" is an odd question."""
    return b.id not in view.chain(a) and a.id not in view.chain(b)


def nearer(view: View, rng: Random) -> Iterator[Record]:
    """Which is nearer to the sofa, the lamp or the plant? Single objects; margins in View.clearly_nearer; options in random order."""
    things = list(view.unique.values())
    for x in shuffled(rng, things):
        options = [o for o in things if o is not x and free(view, o, x)]
        for pair in shuffled(rng, combinations(options, 2)):
            a, b = shuffled(rng, pair)
            near, far = sorted((a, b), key=lambda o: math.dist(o.centre_m[:2], x.centre_m[:2]))
            if view.clearly_nearer(near, far, x):
                text = rng.choice(NEARER).format(x=x.category, a=a.category, b=b.category)
                choices = (a.category, b.category)
                yield view.record("nearer", text, near.category, "choice", subject=x.category, targets=[x, a, b], choices=choices)
                break  # another anchor next, so that one sofa does not fill the room's share


def nearest(view: View, rng: Random) -> Iterator[Record]:
    """What is nearest to the desk: the lamp, the chair, the bed or the plant? The first beats each other option by View.clearly_nearer."""
    things = list(view.unique.values())
    for x in shuffled(rng, things):
        options = [o for o in things if o is not x and free(view, o, x)]
        for near in shuffled(rng, options):
            far = [o for o in options if o is not near and view.clearly_nearer(near, o, x)]
            if len(far) >= 3:
                four = shuffled(rng, [near, *rng.sample(far, 3)])
                text = rng.choice(NEAREST).format(x=x.category, options=words.listed([f"the {o.category}" for o in four]))
                choices = tuple(o.category for o in four)
                yield view.record("nearest", text, near.category, "choice", subject=x.category, targets=[x, *four], choices=choices)
                break


def distance(view: View, rng: Random) -> Iterator[Record]:
    """How far apart are the bed and the desk? Between centres, in space, at least 0.3 m, 1 cm or more from where rounding changes."""
    for a, b in shuffled(rng, combinations(shuffled(rng, view.unique.values()), 2)):
        metres = math.dist(a.centre_m, b.centre_m)
        if metres >= 0.3 and one_decimal(metres) and free(view, a, b):
            text = rng.choice(DISTANCE).format(a=a.category, b=b.category)
            subject = " / ".join(sorted((a.category, b.category)))
            yield view.record("distance", text, f"{one_decimal(metres)} m", "metres", subject=subject, targets=[a, b])


def what_is_at(view: View, rng: Random) -> Iterator[Record]:
    """What is 2.0 m ahead of the starting camera, 1.2 m to the right, 0.4 m above the floor?

    The centre of a seen object, in metres to the right of and ahead of the first camera and above the floor, rounded to 0.1 m. The
    rounded place lies in the object's box (grown by 5 cm) and at least 0.2 m outside the box of every other shown object that is not of the
    same category; the object is at least 0.5 m ahead and 0.1 m to a side.
    """
    for o in shuffled(rng, [o for o in view.seen if o.id in view.bearing and o.category not in view.off_limits]):
        right, ahead, up = (round(v, 1) + 0.0 for v in view.from_start(o.centre_m))
        place = back(view, right, ahead, up)
        others = [other for other in view.shown if other.category != o.category]
        if ahead < 0.5 or right == 0 or outside(place, o) > 0.05 or any(outside(place, other) < 0.2 for other in others):
            continue
        side = f"{abs(right):.1f} m to the {'right' if right > 0 else 'left'}"
        text = rng.choice(WHAT_IS_AT).format(ahead=f"{ahead:.1f} m", side=side, up=f"{max(up, 0):.1f} m")
        guesses = len(view.vocabulary.categories)
        yield view.record("what_is_at", text, o.category, "category", subject=f"{max(up, 0):.1f} m up", targets=[o], guesses=guesses)


def back(view: View, right: float, ahead: float, up: float) -> tuple[float, float, float]:
    """The world place of metres to the right of and ahead of the first camera, and above the floor."""
    pose, (fx, fy) = view.room.world_from_camera[0], view.heading
    return pose[0][3] + right * fy + ahead * fx, pose[1][3] - right * fx + ahead * fy, up


def outside(xyz_m: tuple[float, float, float], o: RoomObject) -> float:
    """Metres from a place to an object's box; 0 inside."""
    offset = (*local(xyz_m, o), xyz_m[2] - o.centre_m[2])
    return math.hypot(*(max(abs(v) - size / 2, 0.0) for v, size in zip(offset, o.size_m, strict=True)))
