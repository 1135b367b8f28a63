"""Questions to somebody who stands in the room, as SQA3D asks them: the words say where, and a pose says it again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.directions import clockwise_deg
from proxy3d.spacespan.questions.routes import stops
from proxy3d.spacespan.questions.view import RATIO, View, drawn, local, shuffled
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
SIDE_DEG, CLOSE_DEG, OFF_DEG = (25.0, 155.0), 35.0, 55.0
STOPS = 9  # things of a room that one is put by or made to face


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

    def turns_deg(self, o: RoomObject) -> tuple[float, float]:
        """Degrees clockwise from ahead to a thing: from the place, and from the centre of what one stands by."""
        own = replace(self.by, centre_m=(*self.place_m, 0.0))
        return clockwise_deg(own, self.facing, o), clockwise_deg(self.by, self.facing, o)


def off(turn_deg: float, towards_deg: float) -> float:
    """By how much two directions differ, 0 to 180 degrees."""
    return abs((turn_deg - towards_deg + 180) % 360 - 180)


def situations(view: View, rng: Random) -> Iterator[Situation]:
    """Pairs of things in random order, such that the place between them is in the room and nothing stands on it."""
    for a, b in shuffled(rng, permutations(shuffled(rng, stops(view))[:STOPS], 2)):
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
            turns = here.turns_deg(o)
            if o.id in used or len({turn > 0 for turn in turns}) > 1 or not all(SIDE_DEG[0] <= abs(turn) <= SIDE_DEG[1] for turn in turns):
                continue
            used.add(o.id)
            p, q = shuffled(rng, ["left", "right"])
            question = rng.choice(SIDE).format(c=o.category, p=p, q=q)
            yield told(view, rng, here, "situated_side", question, "right" if turns[0] > 0 else "left", [p, q], "side", [o])
            break


def situated_what(view: View, rng: Random) -> Iterator[Record]:
    """What is directly behind you: the lamp, the bed, the desk or the plant? One within 35 degrees of there, the others 55 or more off.

    Only things that are the right one of some situation are offered, and which one is drawn by `evenly`: otherwise what stands at walls would
    be right more often than what lies in the middle or is carried.
    """
    answered: Ways = {}
    for here in situations(view, rng):
        turns = {o.id: here.turns_deg(o) for o in others(view, here)}
        for where, towards in WHERE.items():
            elsewhere = {i for i, both in turns.items() if min(off(turn, towards) for turn in both) >= OFF_DEG}
            for i, both in turns.items():
                if max(off(turn, towards) for turn in both) <= CLOSE_DEG:
                    answered.setdefault(i, []).append((here, where, elsewhere))
    answered = usable(answered)
    for right in drawn(rng, evenly(answered).items()):
        here, where, elsewhere = rng.choice(answered[right])
        things = [view.by_id[i] for i in shuffled(rng, [right, *rng.sample(sorted(elsewhere), 3)])]
        question = rng.choice(WHAT).format(where=where, options=words.listed([f"the {o.category}" for o in things]))
        choices = [o.category for o in things]
        yield told(view, rng, here, "situated_what", question, view.by_id[right].category, choices, "direction", things)


Ways = dict[int, list[tuple[Situation, str, set[int]]]]  # thing -> where it is the right one: situation, direction, what is clearly elsewhere


def usable(answered: Ways) -> Ways:
    """Without things and situations that do not find three wrong options among things that are right elsewhere."""
    while True:
        left = {
            i: [(here, where, off & answered.keys()) for here, where, off in ways if len(off & answered.keys()) >= 3] for i, ways in answered.items()
        }
        left = {i: ways for i, ways in left.items() if ways}
        if left.keys() == answered.keys():
            return left
        answered = left


def evenly(answered: Ways) -> dict[int, float]:
    """How readily each thing is to be the right one, so that it is right a quarter of the times that it is offered.

    It has to be wrong three times as often as right. Going from the right one to a wrong one at random, over and over, comes to each thing
    in just these shares (the stationary distribution), which twenty steps are near enough to.
    """
    share = dict.fromkeys(sorted(answered), 1 / max(len(answered), 1))
    for _ in range(20):
        then = dict.fromkeys(share, 0.0)
        for i, ways in answered.items():
            for *_, off in ways:
                for j in sorted(off):
                    then[j] += share[i] / len(ways) / len(off)
        share = {i: (share[i] + then[i]) / 2 for i in share}  # halfway, or it could swing for ever
    return share


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
