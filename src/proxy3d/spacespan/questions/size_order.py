"""Which order of three things goes from small to large, asked so that what such things usually measure does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations, product
from random import Random

import numpy as np

from proxy3d import english as words
from proxy3d.spacespan.questions.order import LETTERS
from proxy3d.spacespan.questions.usual import MEASURES, NAMELESS, Measure
from proxy3d.spacespan.questions.view import View, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

FORMS = (
    "Put these in order {by}, from the {first} to the {last}: {options}",
    "Which order is right {by}, from the {first} to the {last}? {options}",
    "Sorted {by} from the {first} to the {last}, these are: {options}",
    "What is the order of these {by}, from the {first} to the {last}? {options}",
    "Which of these orders goes from the {first} to the {last} {by}? {options}",
    "In which order do these go {by}, beginning with the {first} and ending with the {last}? {options}",
    "Going {by} from the {first} to the {last}, which order do these have? {options}",
    "Line these up {by}, the {first} first and the {last} at the end: {options}",
)
Order = tuple[int, ...]
ORDERS: tuple[Order, ...] = tuple(permutations(range(3)))


@dataclass(frozen=True)
class Named:
    """A thing, the words that mean it alone (lamp, red chair, thing nearest to the door), and its kind, as far as they tell it."""

    name: str
    kind: str
    thing: RoomObject


def size_order(view: View, rng: Random) -> Iterator[Record]:
    """Put in order of height: the red chair, the lamp, the plant. Four of the six orders are offered, the answer is a letter.

    How likely each order is by the categories alone follows from the sizes of the split (Vocabulary.sizes). An order is asked for in
    proportion to that, but never so often that one of four has to stand out, and the wrong ones are drawn by the same odds: whoever knows the odds
    finds four options of equal worth (see `fair` and `offered`).
    """
    things = named(view)
    asked: set[int] = set()
    for name, trio in shuffled(rng, product(MEASURES, combinations(things, 3))):
        measure = MEASURES[name]
        ids = {o.thing.id for o in trio}
        if len(ids) < 3 or asked & ids or not all(measure.suits(o.thing) for o in trio):
            continue
        trio = sorted(trio, key=lambda o: o.name)  # one order of names for all rooms, so that odds are worked out once
        order = tuple(sorted(range(3), key=lambda i, trio=trio, of=measure.of: of(trio[i].thing)))
        sizes = [measure.of(trio[i].thing) for i in order]
        if any(large < measure.ratio * small for small, large in zip(sizes, sizes[1:], strict=False)):
            continue
        usual = odds(tuple(view.usual.get((o.kind, name)) for o in trio), tuple(o.kind for o in trio), measure.ratio)
        share = fair(usual)
        if not usual.get(order) or rng.random() >= share.get(order, 0.0) / usual[order]:
            continue
        asked |= ids
        yield record(view, rng, [o.name for o in trio], [o.thing for o in trio], order, offered(share, order, rng), measure)


def named(view: View) -> list[Named]:
    """Single things by their category, others by a colour that nobody confuses with another, and any by what it is nearest to.

    The last keep the kind to themselves, so that usual sizes help little.
    """
    found = [Named(category, category, o) for category, o in view.unique.items()]
    for category, group in view.several.items():
        clear = category not in words.COLOURLESS and all(o.colour for o in group)
        for o in group if clear else ():
            if not any(words.near(o.colour, other.colour) for other in group if other is not o):
                found.append(Named(f"{o.colour} {category}", category, o))
    if view.room.filmed:
        found += [Named(f"thing nearest to the {x}", NAMELESS, o) for x, o in view.nearest_to.items()]
    return found


@lru_cache(maxsize=100_000)
def odds(usual: tuple[Sequence[float] | None, ...], kinds: tuple[str, ...], ratio: float) -> dict[Order, float]:
    """How likely each order of three things is by the usual sizes of their kinds, given that neighbours differ clearly.

    Things of one kind are alike. Of a kind without usual sizes nothing is known, and nothing is returned.
    """
    if len(set(kinds)) == 1:
        return dict.fromkeys(ORDERS, 1 / len(ORDERS))
    if None in usual:
        return {}
    sizes = np.meshgrid(*usual, indexing="ij")
    votes = {(a, b, c): int(((sizes[b] >= ratio * sizes[a]) & (sizes[c] >= ratio * sizes[b])).sum()) for a, b, c in ORDERS}
    total = sum(votes.values())
    return {order: count / total for order, count in votes.items() if count}


def fair(usual: dict[Order, float]) -> dict[Order, float]:
    """The odds with their peaks cut off, so that none is above a quarter of what is left; empty where fewer than four orders ever happen."""
    if len(usual) < len(LETTERS):
        return {}
    ranked = sorted(usual.values(), reverse=True)
    peak = min(sum(ranked[k:]) / (len(LETTERS) - k) for k in range(len(LETTERS)))
    return {order: min(p, peak) for order, p in usual.items()}


def offered(share: dict[Order, float], right: Order, rng: Random) -> list[Order]:
    """Four orders with the right one among them, such that each of the four is right equally often.

    Systematic sampling (Madow, 1949): orders lie on a line in random order, each four times as long as its share of the whole, and what every
    whole step from a random start hits is offered. The start is drawn where it hits the right order.
    """
    line = shuffled(rng, share)
    total, at, start = sum(share.values()), 0.0, 0.0
    ends = {}
    for order in line:
        length = len(LETTERS) * share[order] / total
        if order == right:
            start = (at + rng.random() * length) % 1
        ends[order] = (at, at := at + length)
    hit = {order for order, (low, high) in ends.items() if any(low <= start + step < high for step in range(len(LETTERS)))}
    rest = [order for order in shuffled(rng, share) if order not in hit]  # rounding may lose one at the very end
    four = [right, *sorted(hit - {right}), *rest][: len(LETTERS)]
    return shuffled(rng, four)


def record(
    view: View, rng: Random, names: Sequence[str], things: Sequence[RoomObject], right: Order, orders: Sequence[Order], measure: Measure
) -> Record:
    """The question, up or down by the toss of a coin."""
    first, last, way = rng.choice(((measure.smallest, measure.largest, 1), (measure.largest, measure.smallest, -1)))
    lines = [", ".join(names[i] for i in order[::way]) for order in orders]
    options = "; ".join(f"{letter}) {line}" for letter, line in zip(LETTERS, lines, strict=True)) + "."
    text = rng.choice(FORMS).format(by=measure.by, first=first, last=last, options=options)
    return view.record("size_order", text, LETTERS[orders.index(right)], "choice", subject="size", targets=things, choices=LETTERS)
