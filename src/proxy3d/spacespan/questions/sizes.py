"""How tall and how long things are, which is taller, and how large the room is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations
from random import Random

from proxy3d.spacespan.questions.view import View, alternating, one_decimal, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

TALLER_RATIO = 1.2
HEIGHT = (
    "How tall is the {x}?",
    "How tall is the {x} in this room?",
    "What is the height of the {x}?",
    "How many metres tall is the {x}?",
    "In metres, how tall is the {x}?",
    "What height does the {x} have?",
    "Estimate the height of the {x}.",
    "From its bottom to its top, how tall is the {x}?",
    "How much does the {x} measure in height?",
)
TALLER = (
    "Which is taller, the {a} or the {b}?",
    "Which one is taller: the {a} or the {b}?",
    "What is taller, the {a} or the {b}?",
    "Is the {a} or the {b} taller?",
    "Is the {a} or the {b} the taller one?",
    "Of the {a} and the {b}, which is taller?",
    "Of the {a} and the {b}, which one has the greater height?",
    "Which has the greater height, the {a} or the {b}?",
    "Comparing heights, which is taller: the {a} or the {b}?",
)
LONGEST = (
    "How long is the longest side of the {x}?",
    "What is the length of the longest side of the {x}?",
    "What is the longest dimension of the {x}?",
    "How much does the {x} measure along its longest side?",
    "In metres, how long is the longest side of the {x}?",
    "Estimate the longest dimension of the {x}.",
    "How long is the {x} along its longest side?",
    "How many metres does the longest side of the {x} measure?",
    "What does the longest side of the {x} measure?",
)
ROOM = (
    "How large is this room?",
    "How large is the floor of this room, in square metres?",
    "What is the floor area of the room?",
    "How many square metres does this room have?",
    "What is the size of this room in square metres?",
    "Estimate the floor area of this room.",
    "In square metres, how large is the room?",
    "How big is the room?",
    "What area does the floor of the room have?",
)


def height(view: View, rng: Random) -> Iterator[Record]:
    """How tall is the wardrobe? Height of its box, from 0.2 m, 1 cm or more from where rounding to 0.1 m changes."""
    for category in shuffled(rng, view.unique):
        o = view.unique[category]
        if o.size_m[2] >= 0.2 and one_decimal(o.size_m[2]):
            text = rng.choice(HEIGHT).format(x=category)
            yield view.record("height", text, f"{one_decimal(o.size_m[2])} m", "metres", subject=category, targets=[o])


def taller(view: View, rng: Random) -> Iterator[Record]:
    """Which is taller, the fridge or the desk? Own heights, by a factor of 1.2; without what hangs (taller or higher?) or is flat."""
    standing = [o for o in view.unique.values() if o.relation in ("floor", "on", "under", "in") and o.size_m[2] >= 0.1]
    usual = {kind: sizes[len(sizes) // 2] for (kind, name), sizes in view.usual.items() if name == "height"}

    def guessable(pair: tuple[RoomObject, RoomObject]) -> bool:
        low, high = sorted(pair, key=lambda o: o.size_m[2])
        return usual.get(low.category, 0) <= usual.get(high.category, math.inf)

    # Pairs of like height first, and what usual heights get right in turn with what they get wrong: between a wardrobe and a cup the words
    # alone decide, and balancing would drop the question again.
    pairs = sorted(combinations(shuffled(rng, standing), 2), key=lambda pair: ratio(*pair) + 0.5 * rng.random())
    pairs = [pair for pair in pairs if ratio(*pair) >= TALLER_RATIO]
    for pair in alternating(rng, [p for p in pairs if guessable(p)], [p for p in pairs if not guessable(p)]):
        a, b = shuffled(rng, pair)
        tall = max(pair, key=lambda o: o.size_m[2])
        text = rng.choice(TALLER).format(a=a.category, b=b.category)
        yield view.record("taller", text, tall.category, "choice", subject="height", targets=[a, b], choices=(a.category, b.category))


def ratio(a, b) -> float:
    return max(a.size_m[2], b.size_m[2]) / max(min(a.size_m[2], b.size_m[2]), 1e-6)


def longest_side(view: View, rng: Random) -> Iterator[Record]:
    """How long is the longest side of the sofa? Of its box, as VSI-Bench measures objects; from 0.2 m, 1 cm or more from where rounding changes."""
    for category in shuffled(rng, view.unique):
        longest = max(view.unique[category].size_m)
        if longest >= 0.2 and one_decimal(longest):
            text = rng.choice(LONGEST).format(x=category)
            yield view.record("longest_side", text, f"{one_decimal(longest)} m", "metres", subject=category, targets=[view.unique[category]])


def room_size(view: View, rng: Random) -> Iterator[Record]:
    """How large is this room? Its floor, in whole square metres; targets are all that is seen, three things or more."""
    if len(view.seen) < 3:
        return
    text = f"{view.room.floor_m2:.0f} m2"
    yield view.record("room_size", rng.choice(ROOM), text, "square_metres", subject="room", targets=view.seen)
