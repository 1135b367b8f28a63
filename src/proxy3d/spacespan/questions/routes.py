"""Which turns to take on a way from thing to thing, as VSI-Bench asks it: one or two turns to fill in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations, product
from random import Random

from proxy3d.spacespan.questions.directions import clockwise_deg
from proxy3d.spacespan.questions.view import View, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

ROUTE = (
    "You are at the {a}, facing the {b}, and want to go to the {d}. You will: {steps}. Which turns have to be filled in: {options}?",
    "You begin at the {a} and face the {b}. Your way to the {d} is: {steps}. What belongs in the gaps: {options}?",
    "You are a robot at the {a} facing the {b}. To get to the {d}, you do the following: {steps}. Fill in what is missing: {options}?",
    "Starting at the {a} with the {b} ahead of you, you walk to the {d}: {steps}. Which turns are left out: {options}?",
    "From the {a}, facing the {b}, there is a way to the {d}: {steps}. Choose what to fill in: {options}?",
    "You stand at the {a} and look at the {b}. You want to reach the {d} and will: {steps}. What is missing: {options}?",
    "A walk begins at the {a}, facing the {b}, and ends at the {d}: {steps}. What fills the gaps: {options}?",
    "You are at the {a} and you face the {b}. This takes you to the {d}: {steps}. What should stand in place of [please fill in]: {options}?",
    "Put yourself at the {a}, facing the {b}. You go to the {d} like this: {steps}. Which of these completes the route: {options}?",
)
LEG_M = 0.8  # two stops in a row are at least this far apart on the floor
# Degrees clockwise from the way one came; what lies between two turns, or ahead, is never a turn of a route.
TURNS = {"turn left": (-125.0, -40.0), "turn right": (40.0, 125.0), "turn back": (150.0, 210.0)}
OFFERED = 4


def turn_at(a: RoomObject, b: RoomObject, c: RoomObject) -> str | None:
    """How somebody who came from `a` to `b` turns to go on to `c`; None where that is not clear."""
    if min(math.dist(a.centre_m[:2], b.centre_m[:2]), math.dist(b.centre_m[:2], c.centre_m[:2])) < LEG_M:
        return None
    # clockwise_deg measures from what one faces, and at b one has one's back to a.
    turned = clockwise_deg(b, a, c) + 180
    return next((name for name, (low, high) in TURNS.items() if any(low <= turned + full <= high for full in (-360, 0))), None)


def stops(view: View) -> list[RoomObject]:
    """Things one can walk up to: the only one of their kind, standing on the floor or at a wall, not flat, and not above one's head."""
    held = [o for o in view.unique.values() if o.relation in ("floor", "wall", "unknown")]
    return [o for o in held if o.size_m[2] >= 0.1 and o.centre_m[2] - o.size_m[2] / 2 < 1.5]


def route_plan(view: View, rng: Random) -> Iterator[Record]:
    """You are at the bed facing the door and want to go to the lamp: go forward until the door, [please fill in], go forward until the lamp.

    The turns are drawn first, each sequence as readily as any other, then a way on which they are right; the wrong options of two turns are
    drawn alike. So no sequence is right more often than it is offered, as far as rooms allow.
    """
    turns = {(a.id, b.id, c.id): turn for a, b, c in permutations(shuffled(rng, stops(view))[:9], 3) if (turn := turn_at(a, b, c))}
    goals: set[int] = set()
    for count in shuffled(rng, [1, 2]) * 4:
        offered = shuffled(rng, [" then ".join(names) for names in product(TURNS, repeat=count)])
        for answer in offered:
            ways = [way for way in ways_of(turns, answer.split(" then ")) if way[-1] not in goals]
            if ways:
                way = [view.by_id[i] for i in rng.choice(ways)]
                goals.add(way[-1].id)
                choices = shuffled(rng, [answer, *[o for o in offered if o != answer][: OFFERED - 1]])
                yield asked(view, rng, way, answer, choices)
                break


def ways_of(turns: dict[tuple[int, int, int], str], wanted: list[str]) -> list[tuple[int, ...]]:
    """The stops, start first, of every way with these turns that comes nowhere twice."""
    ways: list[tuple[int, ...]] = [way for way, turn in turns.items() if turn == wanted[0]]
    for turn in wanted[1:]:
        ways = [(*way, c) for way in ways for (a, b, c), t in turns.items() if (a, b) == way[-2:] and t == turn and c not in way]
    return ways


def asked(view: View, rng: Random, way: list[RoomObject], answer: str, choices: list[str]) -> Record:
    """The route in words, with its turns left out."""
    legs = [f"go forward until the {o.category}" for o in way[1:]]
    lines = [line for leg in legs for line in (leg, "[please fill in]")][:-1]
    steps = "; ".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    a, b, d = way[0].category, way[1].category, way[-1].category
    options = "; ".join(choices[:-1]) + f"; or {choices[-1]}"
    text = rng.choice(ROUTE).format(a=a, b=b, d=d, steps=steps, options=options)
    return view.record("route_plan", text, answer, "choice", subject=f"{len(way) - 2} turns", targets=way, choices=choices)
