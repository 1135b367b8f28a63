"""Captions of one thing and of the whole room, in several wordings, of which every sentence is a fact with a margin."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.distances import back, free, outside
from proxy3d.spacespan.questions.grounding import by_size
from proxy3d.spacespan.questions.view import BEARING_DEG, View, one_decimal, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

DESCRIBE_THING = (
    "Describe the thing that is {ahead} ahead of the starting camera, {side}, {up} above the floor.",
    "Describe what is {side} and {ahead} ahead of the starting camera, {up} above the floor.",
    "From where the clip starts, there is something {ahead} ahead, {side}, {up} above the floor. Describe it.",
    "Say what is {ahead} ahead of the first camera, {side}, {up} above the floor, so that nobody takes another thing for it.",
    "Write a caption for the thing {ahead} ahead of the first camera, {side}, {up} above the floor.",
    "Something is {ahead} ahead of the starting camera, {side}, at a height of {up}. Tell me about it.",
    "Tell me what one finds {side}, {ahead} ahead of the first camera and {up} above the floor.",
    "In a few words, describe the thing {ahead} ahead of the starting camera, {side}, {up} above the floor.",
)
DESCRIBE_ROOM = (
    "Describe this room.",
    "Describe what is in the room.",
    "What does this room look like?",
    "Write a caption for this room.",
    "Tell me what there is in this room.",
    "Give a short description of the room.",
    "How would you describe the room in the clip?",
    "In a few sentences, what is in the room and where?",
    "Say what is in this room and how it is arranged.",
)
REFERENCES = 3
KIND = ("This is {a}.", "It is {a}.", "One sees {a}.", "The thing is {a}.")
HELD = ("It is {on} the {x}.", "One finds it {on} the {x}.", "It lies {on} the {x}.")
NEAREST = ("Nearest to it is the {x}.", "The thing nearest to it is the {x}.", "It has the {x} nearest to it.")
SIDE = (
    "Seen from where the clip starts, it is to the {side} of the {x}.",
    "From the first camera it is {side} of the {x}.",
    "As the first camera sees it, it is on the {side} of the {x}.",
)
ONLY = ("It is the only {c} in the room.", "The room has no other {c}.", "There is only one {c}.")
ONLY_COLOUR = ("It is the only {c} that is {colour}.", "No other {c} is {colour}.", "Of the {many}, it alone is {colour}.")
MOST = ("It is the {word} of the {many}.", "Of the {many}, it is the {word}.")
TALL = ("It is {h} m tall.", "Its height is {h} m.")
LIST = ("The room has {things}.", "There is {things} in the room.", "This is a room with {things}.", "In this room one sees {things}.")
ON = ("The {a} is {on} the {b}.", "{on_} the {b} is the {a}.")
COLOURED = ("The {a} is {colour}.", "The colour of the {a} is {colour}.")
BETWEEN = ("The {a} is nearer to the {b} than to the {c}.", "The {b} is nearer to the {a} than the {c} is.")
BESIDE = ("Seen from where the clip starts, the {a} is to the {side} of the {b}.", "From the first camera the {a} is {side} of the {b}.")
LISTED = 6  # categories of a room that a caption names


def object_caption(view: View, rng: Random) -> Iterator[Record]:
    """What is at a place given from the first camera? Each of three captions says its kind and colour and what tells it from its like."""
    if not view.room.filmed:
        return
    askable = {c: [o] for c, o in view.unique.items()} | view.several
    for o in shuffled(rng, [o for group in askable.values() for o in group if o.id in view.bearing]):
        place = place_of(view, o)
        telling = telling_facts(view, o)
        if place is None or not telling or not o.colour:
            continue
        extra = further_facts(view, rng, o)
        captions = []
        for _ in range(REFERENCES):
            first = rng.choice(telling)
            more = {wordings: (wordings, gaps) for wordings, gaps in shuffled(rng, extra) if wordings != first[0]}  # one of each sort
            lines = [first, *list(more.values())[: rng.choice((1, 2))]]
            captions.append(" ".join([spoken(rng, kind(o)), *(spoken(rng, line) for line in lines)]))
        text = rng.choice(DESCRIBE_THING).format(**place)
        yield captioned(view, "object_caption", text, captions, o.category, [o])


def captioned(view: View, family: str, text: str, captions: Sequence[str], subject: str, targets: Sequence[RoomObject]) -> Record:
    """A record with every caption once, the first as its answer."""
    answers = tuple(dict.fromkeys(captions))
    return replace(view.record(family, text, answers[0], "caption", subject=subject, targets=targets), answers=answers)


def place_of(view: View, o: RoomObject) -> dict[str, str] | None:
    """Metres ahead, to a side and above the floor in words; None where another thing could be meant."""
    right, ahead, up = (round(v, 1) + 0.0 for v in view.from_start(o.centre_m))
    place = back(view, right, ahead, up)
    crowded = any(outside(place, other) < 0.2 for other in view.shown if other is not o)
    if ahead < 0.5 or right == 0 or outside(place, o) > 0.05 or crowded:
        return None
    return {"ahead": f"{ahead:.1f} m", "side": f"{abs(right):.1f} m to the {'right' if right > 0 else 'left'}", "up": f"{max(up, 0):.1f} m"}


Fact = tuple[tuple[str, ...], dict[str, str]]  # wordings, and what fills their gaps


def spoken(rng: Random, fact: Fact) -> str:
    wordings, gaps = fact
    return rng.choice(wordings).format(**gaps)


def kind(o: RoomObject) -> Fact:
    """Kind and colour; glass and pictures have none that one could name."""
    return KIND, {"a": words.with_article(o.category if o.category in words.COLOURLESS else f"{o.colour} {o.category}")}


def telling_facts(view: View, o: RoomObject) -> list[Fact]:
    """Each tells the thing from all others of its kind."""
    group = view.by_category[o.category]
    if len(group) == 1:
        return [(ONLY, {"c": o.category})]
    many, others = words.plural(o.category), [other for other in group if other is not o]
    facts: list[Fact] = []
    if o.category not in words.COLOURLESS and not any(not other.colour or words.near(o.colour, other.colour) for other in others):
        facts.append((ONLY_COLOUR, {"c": o.category, "colour": o.colour, "many": many}))
    facts += [(MOST, {"word": word, "many": many}) for word, best in by_size(group).items() if best is o and len(group) > 2]
    host = view.by_id.get(o.support)
    if o in view.supported and host.category in view.unique:
        if all(host.id not in view.chain(other) and view.gap(other, host) >= 0.1 for other in others):
            facts.append((HELD, {"on": o.relation, "x": host.category}))
    return facts


def further_facts(view: View, rng: Random, o: RoomObject) -> list[Fact]:
    """More that is true of a thing: what holds it, what is nearest, on which side of what, how tall it is."""
    facts: list[Fact] = []
    host = view.by_id.get(o.support)
    if o in view.supported and host.category in view.unique:
        facts.append((HELD, {"on": o.relation, "x": host.category}))
    others = [x for x in view.shown if x is not o]
    x = min(others, key=lambda x: math.dist(x.centre_m[:2], o.centre_m[:2]), default=None)
    if x and view.unique.get(x.category) is x and free(view, o, x) and view.clearly_nearest(x, o):
        facts.append((NEAREST, {"x": x.category}))
    sides = [x for x in view.unique.values() if x is not o and x.id in view.bearing and abs(view.bearing[x.id] - view.bearing[o.id]) >= BEARING_DEG]
    for x in shuffled(rng, sides)[:2]:
        facts.append((SIDE, {"side": "left" if view.bearing[o.id] < view.bearing[x.id] else "right", "x": x.category}))
    if o.upright and o.size_m[2] >= 0.2 and one_decimal(o.size_m[2]):
        facts.append((TALL, {"h": one_decimal(o.size_m[2])}))
    return facts


def scene_caption(view: View, rng: Random) -> Iterator[Record]:
    """How many of what, and where some of it is: three captions of the whole room, of different facts about the same things."""
    countable = {c: [o] for c, o in view.unique.items()} | {c: group for c, group in view.several.items() if len(group) < len(words.NUMBERS)}
    if not view.room.filmed or len(countable) < 3:
        return
    named = shuffled(rng, countable)[:LISTED]
    facts = arrangement(view, rng, named)
    captions = []
    for _ in range(REFERENCES):
        things = [words.counted(c, len(countable[c])) for c in shuffled(rng, named)]
        lists = [line for line in LIST if not line.startswith("There is") or not things[0].startswith(words.NUMBERS)]
        text = rng.choice(lists).format(things=words.listed(things, "and"))
        captions.append(" ".join([text, *(spoken(rng, fact) for fact in shuffled(rng, facts)[:3])]))
    yield captioned(view, "scene_caption", rng.choice(DESCRIBE_ROOM), captions, "room", [o for c in named for o in countable[c]])


def arrangement(view: View, rng: Random, named: Sequence[str]) -> list[Fact]:
    """Facts about the single things among those a caption names: one of each sort, where the room has it."""
    things = shuffled(rng, [view.unique[c] for c in named if c in view.unique])
    pairs = [(a, b) for a in things for b in things if a is not b]
    held: list[Fact] = [
        (ON, {"a": a.category, "on": a.relation, "on_": a.relation.capitalize(), "b": b.category})
        for a, b in pairs
        if a in view.supported and a.support == b.id
    ]
    coloured: list[Fact] = [(COLOURED, {"a": o.category, "colour": o.colour}) for o in things if o.colour and o.category not in words.COLOURLESS]
    beside: list[Fact] = [
        (BESIDE, {"a": a.category, "b": b.category, "side": "left" if view.bearing[a.id] < view.bearing[b.id] else "right"})
        for a, b in pairs
        if a.id in view.bearing and b.id in view.bearing and abs(view.bearing[a.id] - view.bearing[b.id]) >= BEARING_DEG
    ]
    between: list[Fact] = [
        (BETWEEN, {"a": a.category, "b": b.category, "c": c.category})
        for a, b in pairs
        for c in things
        if c not in (a, b) and free(view, a, b) and free(view, a, c) and view.clearly_nearer(b, c, a)
    ]
    return held[:2] + coloured[:2] + beside[:2] + between[:1]
