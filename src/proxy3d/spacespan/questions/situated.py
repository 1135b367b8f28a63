"""Questions to somebody who stands in the room, as SQA3D asks them: the words say where, and a pose says it again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from random import Random

from proxy3d.spacespan.questions import words
from proxy3d.spacespan.questions.directions import clockwise_deg
from proxy3d.spacespan.questions.routes import stops
from proxy3d.spacespan.questions.view import RATIO, View, local, shuffled
from proxy3d.spacespan.record import Pose, Record
from proxy3d.spacespan.room import RoomObject

SITUATION = (
    "You are standing by the {a} and facing the {b}.",
    "You stand by the {a} and face the {b}.",
    "You are by the {a}, looking at the {b}.",
    "Imagine that you stand by the {a}, facing the {b}.",
    "You have walked up to the {a} and now look towards the {b}.",
    "You are next to the {a} and look towards the {b}.",
    "Standing by the {a}, you face the {b}.",
    "You stand beside the {a} with the {b} ahead of you.",
)
SIDE = (
    "Is the {c} on your {p} or your {q}?",
    "Is the {c} to your {p} or to your {q}?",
    "On which side of you is the {c}, {p} or {q}?",
    "Do you find the {c} on your {p} or on your {q}?",
    "The {c}: is it on your {p} or on your {q}?",
    "Does the {c} lie to your {p} or to your {q}?",
)
WHAT = (
    "What is {where} you: {options}?",
    "Which of these is {where} you: {options}?",
    "Which of these do you find {where} you: {options}?",
    "What lies {where} you: {options}?",
    "Of these, what is {where} you: {options}?",
)
FAR = (
    "Is the {c} or the {d} farther from you?",
    "Which is farther from you, the {c} or the {d}?",
    "Which is farther away from you: the {c} or the {d}?",
    "Of the {c} and the {d}, which is farther from you?",
    "What stands farther from you, the {c} or the {d}?",
)
WHERE = {"directly to the left of": -90.0, "directly to the right of": 90.0, "directly behind": 180.0}  # degrees clockwise from ahead
AHEAD_M, STEP_M = 0.8, 0.35  # to what one faces, from the edge of what one stands by
SIDE_DEG, CLOSE_DEG, OFF_DEG = (25.0, 155.0), 30.0, 60.0
TRIED = 12  # situations of a room


@dataclass(frozen=True)
class Situation:
    """Somebody by one thing who faces another; the place is a step away from the edge of the first, towards the second."""

    by: RoomObject
    facing: RoomObject
    place_m: tuple[float, float]
    heading_rad: float  # counterclockwise from x, seen from above

    @property
    def pose(self) -> Pose:
        """World from agent: it stands on the floor, x ahead, y to its left, z up."""
        c, s, (x, y) = math.cos(self.heading_rad), math.sin(self.heading_rad), self.place_m
        rows = ((c, -s, 0.0, x), (s, c, 0.0, y), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        return tuple(tuple(round(v, 6) + 0.0 for v in row) for row in rows)

    def distance_m(self, o: RoomObject) -> float:
        return math.dist(self.place_m, o.centre_m[:2])

    def off_deg(self, o: RoomObject, towards_deg: float) -> tuple[float, float]:
        """By how much a thing is off a direction, 0 to 180 degrees: from the place, and from the centre of what one stands by."""
        own = replace(self.by, centre_m=(*self.place_m, 0.0))
        seen = (clockwise_deg(own, self.facing, o), clockwise_deg(self.by, self.facing, o))
        return tuple(abs((turn - towards_deg + 180) % 360 - 180) for turn in seen)


def situations(view: View, rng: Random) -> Iterator[Situation]:
    """Pairs of things in random order, such that the place between them is in the room and nothing stands on it."""
    for a, b in shuffled(rng, permutations(stops(view), 2))[:TRIED]:
        dx, dy = b.centre_m[0] - a.centre_m[0], b.centre_m[1] - a.centre_m[1]
        length = math.hypot(dx, dy)
        if length < AHEAD_M:
            continue
        along = edge(a, dx / length, dy / length) + STEP_M
        x, y = a.centre_m[0] + along * dx / length, a.centre_m[1] + along * dy / length
        if math.dist((x, y), b.centre_m[:2]) >= AHEAD_M and length > along and is_free(view, x, y):
            yield Situation(a, b, (x, y), math.atan2(dy, dx))


def edge(o: RoomObject, dx: float, dy: float) -> float:
    """Metres from the centre of a footprint to its edge in a direction."""
    u, v = local((o.centre_m[0] + dx, o.centre_m[1] + dy), o)
    return min(size / 2 / max(abs(part), 1e-9) for part, size in zip((u, v), o.size_m[:2], strict=True))


def is_free(view: View, x: float, y: float) -> bool:
    """Whether one can stand there: inside the walls, where there are any, and on no footprint of a thing in one's way."""
    width, depth, _ = view.room.size_m
    if view.room.filmed and not (0.1 <= x <= width - 0.1 and 0.1 <= y <= depth - 0.1):
        return False
    low = [o for o in view.room.objects if o.size_m[2] >= 0.1 and o.centre_m[2] - o.size_m[2] / 2 < 1.5]
    return not any(all(abs(v) <= size / 2 for v, size in zip(local((x, y), o), o.size_m[:2], strict=True)) for o in low)


def others(view: View, here: Situation) -> list[RoomObject]:
    """What one can be asked about there: single things, neither of the two that are named, nor on or right beside the one stood by."""
    things = [o for o in view.unique.values() if o.relation != "ceiling" and o.id not in (here.by.id, here.facing.id)]
    chained = [o for o in things if here.by.id in view.chain(o) or o.id in view.chain(here.by)]
    return [o for o in things if o not in chained and here.distance_m(o) >= 0.6 and math.dist(o.centre_m[:2], here.by.centre_m[:2]) >= 0.6]


def told(view: View, rng: Random, here: Situation, family: str, question: str, answer: str, choices: list[str], subject: str, about: list) -> Record:
    """A record whose question begins with the situation, so that it can be read by itself."""
    situation = rng.choice(SITUATION).format(a=here.by.category, b=here.facing.category)
    targets = [here.by, here.facing, *about]
    record = view.record(family, f"{situation} {question}", answer, "choice", subject=subject, targets=targets, choices=choices)
    return replace(record, situation=situation, world_from_agent=here.pose)


def situated_side(view: View, rng: Random) -> Iterator[Record]:
    """Is the lamp on your left or your right? At least 25 degrees from ahead and from behind, from the place and from what one stands by."""
    used: set[int] = set()
    for here in situations(view, rng):
        for o in shuffled(rng, others(view, here)):
            turns = [off if side > 0 else -off for off, side in zip(here.off_deg(o, 0), signs(here, o), strict=True)]
            if o.id in used or len({turn > 0 for turn in turns}) > 1 or not all(SIDE_DEG[0] <= abs(turn) <= SIDE_DEG[1] for turn in turns):
                continue
            used.add(o.id)
            p, q = shuffled(rng, ["left", "right"])
            question = rng.choice(SIDE).format(c=o.category, p=p, q=q)
            yield told(view, rng, here, "situated_side", question, "right" if turns[0] > 0 else "left", [p, q], "side", [o])
            break


def signs(here: Situation, o: RoomObject) -> tuple[int, int]:
    """1 where a thing is to the right, -1 to the left: from the place, and from the centre of what one stands by."""
    right, left = here.off_deg(o, 90), here.off_deg(o, -90)
    return tuple(1 if r < w else -1 for r, w in zip(right, left, strict=True))


def situated_what(view: View, rng: Random) -> Iterator[Record]:
    """What is directly behind you: the lamp, the bed, the desk or the plant? One within 30 degrees of there, the others 60 or more off."""
    for here in situations(view, rng):
        things = others(view, here)
        for where, towards in shuffled(rng, WHERE.items()):
            off = {o.id: here.off_deg(o, towards) for o in things}
            there = [o for o in things if max(off[o.id]) <= CLOSE_DEG]
            elsewhere = [o for o in things if min(off[o.id]) >= OFF_DEG]
            if len(there) >= 1 and len(elsewhere) >= 3:
                right = rng.choice(there)
                four = shuffled(rng, [right, *rng.sample(elsewhere, 3)])
                options = words.listed([f"the {o.category}" for o in four])
                question = rng.choice(WHAT).format(where=where, options=options)
                yield told(view, rng, here, "situated_what", question, right.category, [o.category for o in four], "direction", four)
                break


def situated_far(view: View, rng: Random) -> Iterator[Record]:
    """Is the lamp or the bed farther from you? By a factor of 1.3, from the place and from what one stands by."""
    for here in situations(view, rng):
        for pair in shuffled(rng, combinations(others(view, here), 2)):
            c, d = shuffled(rng, pair)
            near, far = sorted((c, d), key=here.distance_m)
            if here.distance_m(near) * RATIO <= here.distance_m(far) and view.clearly_nearer(near, far, here.by):
                question = rng.choice(FAR).format(c=c.category, d=d.category)
                yield told(view, rng, here, "situated_far", question, far.category, [c.category, d.category], "farther", [c, d])
                break
