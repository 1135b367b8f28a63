"""Where things are for somebody who stands by one thing and faces another, as VSI-Bench asks it: left or right, in three or four parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from random import Random

from proxy3d.spacespan.questions.view import View, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

STANDING = (
    "If I am standing by the {a} and facing the {b}, is the {c} {options}?",
    "Standing by the {a} and facing the {b}, is the {c} {options}?",
    "You stand by the {a} and face the {b}. Is the {c} {options}?",
    "Suppose you stand by the {a} and look at the {b}: is the {c} {options}?",
    "For somebody by the {a} who faces the {b}, is the {c} {options}?",
    "From the {a}, looking towards the {b}, is the {c} {options}?",
    "Imagine that you are by the {a}, facing the {b}. Is the {c} {options}?",
    "Someone by the {a} faces the {b}. For that person, is the {c} {options}?",
    "I stand by the {a} and look towards the {b}. Is the {c} {options}?",
)
APART_M = 0.6  # two things nearer than this on the floor give no direction
# Parts of the circle by name, in degrees clockwise from ahead, each shrunk by MARGIN_DEG on both sides so that nobody disagrees.
MARGIN_DEG = 12.0
PARTS: dict[str, dict[str, tuple[float, float]]] = {
    "direction_easy": {"left": (-180, 0), "right": (0, 180)},
    "direction_medium": {"left": (-135, -45), "right": (45, 135), "behind": (135, 225)},
    "direction_hard": {"front left": (-90, 0), "front right": (0, 90), "behind left": (-180, -90), "behind right": (90, 180)},
}
SAID = {"left": "to the left", "right": "to the right", "behind": "behind"} | {
    f"{a} {b}": f"to the {a} {b}" if a == "front" else f"{a} and to the {b}" for a in ("front", "behind") for b in ("left", "right")
}


def clockwise_deg(standing: RoomObject, facing: RoomObject, asked: RoomObject) -> float:
    """How far one turns clockwise (seen from above) from what one faces to what is asked for, -180 to 180 degrees, on the floor."""
    (x, y), (fx, fy), (cx, cy) = (o.centre_m[:2] for o in (standing, facing, asked))
    turn = math.degrees(math.atan2(fy - y, fx - x) - math.atan2(cy - y, cx - x))
    return (turn + 180) % 360 - 180


def part_of(family: str, turn_deg: float) -> str | None:
    """The part of the circle a direction clearly lies in; None near a border or where no part is named."""
    for name, (low, high) in PARTS[family].items():
        if any(low + MARGIN_DEG <= turn_deg + full <= high - MARGIN_DEG for full in (-360, 0, 360)):
            return name
    return None


def _direction(family: str, view: View, rng: Random) -> Iterator[Record]:
    """Single objects, the two pairs at least 0.6 m apart on the floor; what is asked for at least 12 degrees from every border."""
    things = [o for o in view.unique.values() if o.relation != "ceiling"]
    asked: set[int] = set()
    for a, b, c in shuffled(rng, permutations(shuffled(rng, things)[:9], 3)):
        if c.id in asked or min(math.dist(a.centre_m[:2], o.centre_m[:2]) for o in (b, c)) < APART_M:
            continue
        answer = part_of(family, clockwise_deg(a, b, c))
        if answer is None:
            continue
        asked.add(c.id)
        names = shuffled(rng, PARTS[family])
        options = ", ".join(SAID[n] for n in names[:-1]) + f" or {SAID[names[-1]]}"
        text = rng.choice(STANDING).format(a=a.category, b=b.category, c=c.category, options=options)
        yield view.record(family, text, SAID[answer], "choice", subject=family, targets=[a, b, c], choices=[SAID[n] for n in names])


def direction_easy(view: View, rng: Random) -> Iterator[Record]:
    """By the bed, facing the door: is the lamp to the left or to the right?"""
    yield from _direction("direction_easy", view, rng)


def direction_medium(view: View, rng: Random) -> Iterator[Record]:
    """To the left, to the right or behind; nothing is asked that lies ahead."""
    yield from _direction("direction_medium", view, rng)


def direction_hard(view: View, rng: Random) -> Iterator[Record]:
    """In which of the four quarters around me?"""
    yield from _direction("direction_hard", view, rng)
