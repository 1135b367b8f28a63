"""A caption of a scene, or of one thing in it, put together from found boxes: no language model, no guessing, and few words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from proxy3d import english
from proxy3d.answers.measure import bearing, direction_words
from proxy3d.errors import BadInput
from proxy3d.values import Box, Scene

NOTHING = "Nothing in this scene was recognised."
LISTED = 7  # categories that a caption of a scene names
COLOURED, HELD = 2, 2  # colours, and things that hold others, that it speaks of
GAP = 0.12  # metres, or units where nobody knows: from an underside to the top it rests on; boxes are no more exact than proxies
BESIDE_DEG, AHEAD_DEG = 12.0, 75.0  # how far apart two bearings must be to be compared, and how far from the heading at most
# A picture that hangs low over a sofa is not on the sofa.
HANGS = {
    "air conditioner", "blind", "ceiling fan", "ceiling light", "chandelier", "curtain", "curtains", "door", "mirror", "painting", "picture",
    "picture frame", "poster", "radiator", "range hood", "shower head", "toilet paper holder", "towel rack", "wall cabinet", "wall light",
    "whiteboard", "window",
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """One found object with its colour word, None where that is not sure, and whether no other of its category was found."""

    box: Box
    colour: str | None
    alone: bool

    @property
    def word(self) -> str:
        return self.box.label

    @property
    def named(self) -> str:
        """ "the lamp", or "a lamp" where there are more."""
        return f"the {self.word}" if self.alone else english.counted(self.word, 1)


def things_of(objects: Sequence[Box], colours: Sequence[str | None]) -> list[Thing]:
    """Found objects (`answers.objects`) with what can be said of them; a window has no colour of its own."""
    count = counts(objects)
    shown = [None if box.label in english.COLOURLESS else colour for box, colour in zip(objects, colours, strict=True)]
    return [Thing(box, colour, count[box.label] == 1) for box, colour in zip(objects, shown, strict=True)]


def counts(objects: Sequence[Box]) -> dict[str, int]:
    """How many there are of each category; those that take most floor come first, whatever the order of the objects."""
    floor = {box.label: 0.0 for box in objects}
    for box in objects:
        floor[box.label] = max(floor[box.label], footprint(box))
    return {word: sum(box.label == word for box in objects) for word in sorted(floor, key=lambda word: (-floor[word], word))}


def describe(scene: Scene, objects: Sequence[Box], colours: Sequence[str | None]) -> str:
    """At most five sentences about a scene: what there is, colours, what is on what, and one thing beside another. Never a length.

    Where more categories were found than are LISTED, the surest are named; those that take most floor come first.
    """
    if not objects:
        return NOTHING
    count, surest = counts(objects), {box.label: 0.0 for box in objects}
    for box in objects:
        surest[box.label] = max(surest[box.label], box.score)
    kept = sorted(count, key=lambda word: -surest[word])[:LISTED]
    named, rest = [word for word in count if word in kept], [word for word in count if word not in kept]
    words = [english.counted(word, count[word]) for word in named]
    if rest:
        more = sum(count[word] for word in rest)
        words.append("another thing" if more == 1 else f"{english.counted('thing', more).replace(' ', ' other ')}")
    things = sorted((t for t in things_of(objects, colours) if t.word in named), key=lambda t: (named.index(t.word), t.box.centre_m))
    single = [t for t in things if t.alone]
    coloured = [f"the {t.word} {is_or_are(t.word)} {t.colour}" for t in single if t.colour][:COLOURED]
    held = [sentence for t in single if (sentence := holds(t, things))][:HELD]
    lines = [f"A room with {english.listed(words, 'and')}.", *([sentence_of(english.listed(coloured, "and"))] if coloured else []), *held]
    return " ".join([*lines, *beside(scene, single)])


def describe_object(scene: Scene, objects: Sequence[Box], colours: Sequence[str | None], number: int) -> str:
    """What one of the found objects is, how large, where from the first camera, and what it is on and nearest to.

    Raises:
        BadInput: no object has that number.
    """
    if not 0 <= number < len(objects):
        several = f"has {len(objects)} objects, numbered from 0 to {len(objects) - 1}" if len(objects) > 1 else "has one object, number 0"
        have = several if objects else "has no object that was recognised"
        raise BadInput(f"--object {number}: scene {scene.clip_id} {have}; `proxy3d describe --json` lists them in order")
    things, metric = things_of(objects, colours), scene.scale.is_metric
    thing, others = things[number], [t for i, t in enumerate(things) if i != number]
    box, many = thing.box, english.plural_only(thing.word)
    it, them = ("they are", "them") if many else ("it is", "it")
    sides = " x ".join(f"{side:.2f}" for side in (max(box.size_m[:2]), min(box.size_m[:2]), box.size_m[2]))
    kind = english.counted(f"{thing.colour} {thing.word}" if thing.colour else thing.word, 1)
    lines = [sentence_of(f"{kind}, {sides} m (length x width x height)" if metric else kind)]
    degrees, away = bearing(scene, box), math.dist(scene.world_from_camera[int(scene.time_s.argmin()), :3, 3].tolist(), box.centre_m)
    if degrees is not None:
        lines.append(f"Seen from where the clip starts, {it} {direction_words(degrees)}{f', {away:.1f} m away' * metric}.")
    elif metric:
        lines.append(sentence_of(f"{it} {away:.1f} m away from where the clip starts"))
    if not others:
        return " ".join([*lines, "Nothing else was recognised."])
    under = holder(thing, others)
    if under:
        lines.append(sentence_of(f"{it} on {under.named}"))
    near = min(others, key=lambda t: (math.dist(t.box.centre_m, box.centre_m), t.word))
    what = f"another {near.word}" if near.word == thing.word and english.countable(near.word) else near.named
    far = f", {math.dist(near.box.centre_m, box.centre_m):.1f} m from middle to middle" * metric
    return " ".join([*lines, f"Nearest to {them} {is_or_are(near.word)} {what}{far}."])


def rests_on(box: Box, other: Box) -> bool:
    """Whether a box is on another: its underside at the other's top, its middle over the other, and its footprint not the larger."""
    gap = (box.centre_m[2] - box.size_m[2] / 2) - (other.centre_m[2] + other.size_m[2] / 2)
    x, y = box.centre_m[0] - other.centre_m[0], box.centre_m[1] - other.centre_m[1]
    c, s = math.cos(other.yaw_rad), math.sin(other.yaw_rad)
    over = abs(c * x + s * y) <= other.size_m[0] / 2 and abs(c * y - s * x) <= other.size_m[1] / 2
    return over and abs(gap) <= GAP and box.centre_m[2] > other.centre_m[2] and footprint(box) <= footprint(other)


def holder(thing: Thing, others: Sequence[Thing]) -> Thing | None:
    """What a thing is on; the tallest such, because what lies on a table on a rug is on the table."""
    under = [t for t in others if t is not thing and thing.word not in HANGS and t.word not in HANGS and rests_on(thing.box, t.box)]
    return max(under, key=lambda t: t.box.centre_m[2] + t.box.size_m[2] / 2, default=None)


def holds(thing: Thing, things: Sequence[Thing]) -> str | None:
    """ "The lamp and two books are on the table." """
    held = [t for t in things if holder(t, things) is thing]
    if not held:
        return None
    count = {t.word: sum(o.word == t.word for o in held) for t in held}
    words = [t.named if count[t.word] == 1 else english.counted(t.word, count[t.word]) for t in {t.word: t for t in held}.values()]
    verb = "are" if len(held) > 1 else is_or_are(held[0].word)
    return sentence_of(f"{english.listed(words, 'and')} {verb} on the {thing.word}")


def beside(scene: Scene, things: Sequence[Thing]) -> list[str]:
    """One sentence about the first two things that are clearly side by side, or none."""
    seen = [(t, degrees) for t in things if (degrees := bearing(scene, t.box)) is not None and abs(degrees) <= AHEAD_DEG]
    for i, (one, at) in enumerate(seen):
        for other, there in seen[i + 1 :]:
            if abs(at - there) >= BESIDE_DEG and not (rests_on(one.box, other.box) or rests_on(other.box, one.box)):
                side = "left" if at < there else "right"
                return [f"Seen from where the clip starts, the {one.word} {is_or_are(one.word)} to the {side} of the {other.word}."]
    return []


def footprint(box: Box) -> float:
    """Floor that a box covers, in square metres (or units)."""
    return box.size_m[0] * box.size_m[1]


def is_or_are(word: str) -> str:
    return "are" if english.plural_only(word) else "is"


def sentence_of(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
