"""Questions about a room with exact answers: one function per family, each drawing only on what the clip clearly shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

from proxy3d.spacespan.questions.across import SPLIT_FAMILIES, ask_across
from proxy3d.spacespan.questions.balance import balance, blind_report, majority
from proxy3d.spacespan.questions.captions import object_caption, scene_caption
from proxy3d.spacespan.questions.directions import direction_easy, direction_hard, direction_medium
from proxy3d.spacespan.questions.distances import distance, nearer, nearest, what_is_at
from proxy3d.spacespan.questions.grounding import (
    ground_category,
    ground_colour,
    ground_relation,
    ground_superlative,
    ground_support,
)
from proxy3d.spacespan.questions.order import appearance_order
from proxy3d.spacespan.questions.presence import colour, count, existence
from proxy3d.spacespan.questions.queries import Query, ask_queries, read_queries
from proxy3d.spacespan.questions.relations import left_right, support
from proxy3d.spacespan.questions.routes import route_plan
from proxy3d.spacespan.questions.situated import situated_far, situated_side, situated_what
from proxy3d.spacespan.questions.size_order import size_order
from proxy3d.spacespan.questions.sizes import height, longest_side, room_size, taller
from proxy3d.spacespan.questions.view import View, Vocabulary
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import Room

__all__ = [
    "FAMILIES",
    "SPLIT_FAMILIES",
    "Query",
    "Vocabulary",
    "ask_about",
    "ask_across",
    "ask_queries",
    "askable_categories",
    "balance",
    "blind_report",
    "majority",
    "read_queries",
]

# Each yields the questions a room allows, best first, without ids; ask_about takes as many as it wants.
FAMILIES: dict[str, Callable[[View, Random], Iterator[Record]]] = {
    "existence": existence,
    "support": support,
    "left_right": left_right,
    "nearer": nearer,
    "count": count,
    "distance": distance,
    "nearest": nearest,
    "what_is_at": what_is_at,
    "height": height,
    "taller": taller,
    "longest_side": longest_side,
    "room_size": room_size,
    "direction_easy": direction_easy,
    "direction_medium": direction_medium,
    "direction_hard": direction_hard,
    "appearance_order": appearance_order,
    "colour": colour,
    "ground_category": ground_category,
    "ground_relation": ground_relation,
    "ground_support": ground_support,
    "ground_colour": ground_colour,
    "ground_superlative": ground_superlative,
    "route_plan": route_plan,
    "size_order": size_order,
    "situated_side": situated_side,
    "situated_what": situated_what,
    "situated_far": situated_far,
    "object_caption": object_caption,
    "scene_caption": scene_caption,
}


def ask_about(room: Room, *, rng_seed: int, per_family: int = 2, vocabulary: Vocabulary | None = None) -> list[Record]:
    """At most `per_family` questions of each family about what the clip of a room clearly shows, with exact answers.

    Deterministic; a family's questions do not change when another family is added. `vocabulary` (Vocabulary.of the rooms of a split) says
    what else could have been there: without it, existence, absent things and support are not asked, because every answer would be yes.
    """
    view = View(room, vocabulary)
    records = []
    for family, questions in FAMILIES.items():
        rng = Random(f"{rng_seed} {room.room_id} {family}")
        drawn = islice(filter(view.stands, questions(view, rng)), per_family)
        records += [replace(r, question_id=f"{room.room_id}-{family}-{i}") for i, r in enumerate(drawn)]
    return records


def askable_categories(rooms: Iterable[Room], *, at_least: int = 5) -> tuple[str, ...]:
    """Categories that are clearly seen in at least so many rooms, in alphabetical order."""
    return Vocabulary.of(rooms, at_least).categories
