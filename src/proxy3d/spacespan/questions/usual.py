"""What things usually measure in the rooms of a split: how far a reader comes who knows furniture and sees no room."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy3d.spacespan.room import RoomObject

if TYPE_CHECKING:
    from proxy3d.spacespan.questions.view import View

QUANTILES = 9  # that stand for the usual sizes of a kind
LEAST = 3  # things of a kind, from which on it has usual sizes
HELD = ("floor", "on", "under", "in")
NAMELESS = ""  # the kind of a thing that is only named by what it is nearest to


@dataclass(frozen=True)
class Measure:
    """What things are compared by, in words, by which factor neighbours in an order differ at least, and of what it can be said."""

    by: str
    smallest: str
    largest: str
    ratio: float
    of: Callable[[RoomObject], float]
    relations: tuple[str, ...] = HELD  # how a thing may be held up

    def suits(self, o: RoomObject) -> bool:
        """Not what leans, nor what is flat; what hangs has a length, but taller or higher?"""
        return o.upright and o.relation in self.relations and o.size_m[2] >= 0.1


MEASURES = {
    "height": Measure("by height", "shortest", "tallest", 1.3, lambda o: o.size_m[2]),
    "longest": Measure("by the length of their longest side", "shortest", "longest", 1.3, lambda o: max(o.size_m), (*HELD, "wall", "unknown")),
    "volume": Measure("by volume", "smallest", "largest", 1.5, lambda o: math.prod(o.size_m)),
    "area": Measure("by the area that they cover, seen from above", "smallest", "largest", 1.3, lambda o: o.size_m[0] * o.size_m[1]),
}


def usual_sizes(views: Sequence[View]) -> tuple[tuple[tuple[str, str], tuple[float, ...]], ...]:
    """Evenly spread quantiles of what can be asked about in these rooms, by kind and measure."""
    of: dict[str, list[RoomObject]] = {}
    for view in views:
        for o in view.seen:
            of.setdefault(o.category, []).append(o)
        of.setdefault(NAMELESS, []).extend(view.nearest_to.values())
    known = []
    for kind, group in sorted(of.items()):
        for name, measure in MEASURES.items():
            ranked = sorted(measure.of(o) for o in group if measure.suits(o))
            if len(ranked) >= LEAST:
                known.append(((kind, name), tuple(ranked[int((i + 0.5) / QUANTILES * len(ranked))] for i in range(QUANTILES))))
    return tuple(known)
