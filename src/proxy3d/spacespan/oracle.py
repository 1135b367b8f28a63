"""Does another road lead to what a record says: the solver's answer, a caption's claims, a pose's words, a query's rooms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.captions import is_true_of_room, means
from proxy3d.spacespan.claims import sentence_holds, stated
from proxy3d.spacespan.facts import Facts
from proxy3d.spacespan.nouns import parse
from proxy3d.spacespan.questions.queries import Query
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.solver import at_place, solve

UNSOLVED = ("text", "hidden")  # answer types that no geometry derives, or that exact words do not compare
BESIDE_M, FACING_DEG = 0.6, 6.0  # how far from a thing one still stands by it, and off a direction still faces there


def agrees(record: Record, room: Room | None, lexicon: Sequence[str]) -> bool | None:
    """Whether an independent reading of words and boxes says what the record says; None where it has nothing to say.

    A caption agrees when all its wordings are true, and those of one thing mean that thing and no other. A record with a pose agrees when
    the pose is where the words say, and the answer is the same from both.
    """
    if room is None or record.answer_type in UNSOLVED:
        return None
    try:
        if record.answer_type == "caption":
            return captions_agree(record, room, lexicon)
        found = solve(record.question, room, lexicon=lexicon)
        if record.world_from_agent is not None:
            there = solve(record.question, room, lexicon=lexicon, agent=record.world_from_agent)
            if there != found or not stands_as_told(record, room, lexicon):
                return False
    except BadInput:
        return None
    return found.answer == record.answer and (record.answer_type != "boxes" or found.targets == record.targets)


def captions_agree(record: Record, room: Room, lexicon: Sequence[str]) -> bool:
    """Whether every accepted caption is true; one of a thing also has to be about the thing that the question places."""
    facts = Facts(room)
    if record.family == "scene_caption":
        return all(is_true_of_room(text, facts, lexicon) for text in record.answers)
    asked_for = facts.objects[at_place(facts, record.question.lower())].id
    return record.targets == (asked_for,) and all(means(text, facts, lexicon) == [asked_for] for text in record.answers)


def stands_as_told(record: Record, room: Room, lexicon: Sequence[str]) -> bool:
    """Whether a pose stands on the floor beside the first thing of the situation, and looks along its x axis at the second."""
    if not record.situation or not record.question.startswith(record.situation):
        return False
    facts = Facts(room)
    _, nouns = parse(record.situation, {*lexicon, *(o.category for o in room.objects)})
    if len(nouns) != 2:
        return False
    by, facing = (facts.only(noun) for noun in nouns)
    pose = np.array(record.world_from_agent)
    yaw = facts.objects[by].yaw_rad
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    beyond = np.abs(turn @ (pose[:2, 3] - facts.centre_m[by, :2])) - facts.size_m[by, :2] / 2
    to = facts.centre_m[facing, :2] - pose[:2, 3]
    aligned = float(pose[:2, 0] @ to) >= math.cos(math.radians(FACING_DEG)) * float(np.linalg.norm(to))
    upright = abs(pose[2, 3]) < 1e-6 and pose[2, 2] > 0.999
    return bool(upright and aligned and beyond.max() > 0 and np.linalg.norm(np.maximum(beyond, 0)) <= BESIDE_M)


def rooms_of(text: str, facts: Mapping[str, Facts], lexicon: Sequence[str]) -> tuple[str, ...]:
    """Ids of the rooms that satisfy a query, by its words alone.

    Raises:
        BadInput: its words have no known form.
    """
    skeleton, nouns = parse(text, {*lexicon, *(o.category for room in facts.values() for o in room.objects)})
    said = stated(skeleton)
    return tuple(sorted(name for name, room in facts.items() if sentence_holds(room, nouns, said)))


def query_agrees(query: Query, facts: Mapping[str, Facts], lexicon: Sequence[str]) -> bool:
    """Whether a query's rooms are those that its words mean, of all rooms of its split."""
    try:
        return rooms_of(query.text, facts, lexicon) == query.rooms
    except BadInput:
        return False
