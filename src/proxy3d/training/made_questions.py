"""Questions about objects by their names, made from true boxes while training goes on: what one is, where it is, how two lie to each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random

from jaxtyping import Int
from torch import Tensor

from proxy3d.answers.question import FITS
from proxy3d.answers.words import TOKEN
from proxy3d.spacespan.questions.view import BEARING_DEG, FIELD_DEG
from proxy3d.spacespan.record import Record
from proxy3d.tokens.identity import NAMELESS, NAMES
from proxy3d.tokens.position import seen_from_start
from proxy3d.training.lessons import RoomLesson, pointing_target

WHAT, COLOUR, WHERE = "what is {a}?", "what colour is {a}?", "where is {a}?"
HOW_FAR = "how far is {a} from {b}?"
CHOICES = {  # relation -> its two questions; the answer to the second is the other one
    "side": ("which is further left, {a} or {b}?", "which is further right, {a} or {b}?"),
    "start": ("which is nearer to the first camera, {a} or {b}?", "which is further from the first camera, {a} or {b}?"),
    "above": ("which is lower, {a} or {b}?", "which is higher, {a} or {b}?"),
    "tall": ("which is shorter, {a} or {b}?", "which is taller, {a} or {b}?"),
}
CLEAR_M, TALLER_RATIO = 0.3, 1.25  # how much two must differ for people to agree
MOST_NAMES = 8  # in an answer


@dataclass(frozen=True)
class NamedObject:
    """A true object with the name that its token carries, as the first camera sees it."""

    id: int
    name: str  # "<OBJ012>"
    category: str | None  # None where no word is known
    colour: str | None
    right_m: float  # of its centre: to the right of the first camera, ahead of it, above the floor
    ahead_m: float
    up_m: float
    height_m: float

    @property
    def bearing_deg(self) -> float:
        """To the right of the first camera's heading."""
        return math.degrees(math.atan2(self.right_m, self.ahead_m))


def named_objects(
    lesson: RoomLesson, identity: Int[Tensor, "K"], colour: Int[Tensor, "I"], categories: Sequence[str], colours: Sequence[str]
) -> list[NamedObject]:
    """The objects of a room that is shown as true objects, each a token (representations.objects_of); those without a name are left out."""
    ids, found = lesson.made_of.argmax(1).tolist(), []
    aside = seen_from_start(lesson.box[:, :3], lesson.numbers.viewer).tolist()
    shade = dict(enumerate(colour.tolist()))
    for number, name in zip(ids, identity.tolist(), strict=True):
        if name != NAMELESS:
            kind, hue, box = int(lesson.category[number]), shade.get(number, -1), lesson.box[number].tolist()
            words = (categories[kind] if kind < len(categories) else None, colours[hue] if hue >= 0 else None)
            found.append(NamedObject(number, NAMES[name], *words, *aside[number], box[2], box[5]))
    return found


def what_it_is(objects: Sequence[NamedObject], rng: Random) -> Iterator[tuple]:
    """Stage names: the category or the colour of a name."""
    asked = [(WHAT, o, o.category) for o in objects if o.category] + [(COLOUR, o, o.colour) for o in objects if o.colour]
    for form, thing, answer in rng.sample(asked, len(asked)):
        yield form.format(a=thing.name), answer, "category", (thing,)


def where_it_is(objects: Sequence[NamedObject], rng: Random) -> Iterator[tuple]:
    """Stage coordinates: metres to the right of the first camera, ahead of it and above the floor, with one decimal."""
    for thing in rng.sample(objects, len(objects)):
        place = (round(v, 1) + 0.0 for v in (thing.right_m, thing.ahead_m, thing.up_m))  # + 0.0: nobody says minus nought
        yield WHERE.format(a=thing.name), " ; ".join(f"{v:.1f}" for v in place), "text", (thing,)


def how_they_lie(objects: Sequence[NamedObject], rng: Random) -> Iterator[tuple]:
    """Stage relations: metres between two centres, or which of two is more to a side, nearer, higher, taller; only where that is clear."""
    pairs = [(a, b) for a in objects for b in objects if a is not b]
    for a, b in rng.sample(pairs, len(pairs)):
        relation = rng.choice(("far", *CHOICES))
        if relation == "far":
            metres = math.dist((a.right_m, a.ahead_m, a.up_m), (b.right_m, b.ahead_m, b.up_m))
            yield HOW_FAR.format(a=a.name, b=b.name), f"{metres:.2f} m", "metres", (a, b)
        elif (first := compared(relation, a, b)) is not None:
            side = rng.randrange(2)
            yield CHOICES[relation][side].format(a=a.name, b=b.name), (a if first == (side == 0) else b).name, "choice", (a, b)


def compared(relation: str, a: NamedObject, b: NamedObject) -> bool | None:
    """Whether a is further left, nearer to the first camera, lower, or shorter than b; None where people would disagree."""
    if relation == "side":
        clear = abs(a.bearing_deg - b.bearing_deg) >= BEARING_DEG and all(abs(o.bearing_deg) <= FIELD_DEG for o in (a, b))
        return a.bearing_deg < b.bearing_deg if clear else None
    if relation == "tall":
        low, high = sorted((a.height_m, b.height_m))
        return a.height_m < b.height_m if high >= TALLER_RATIO * max(low, 0.01) else None
    one, other = (math.hypot(o.right_m, o.ahead_m) if relation == "start" else o.up_m for o in (a, b))
    return one < other if abs(one - other) >= CLEAR_M else None


KINDS: dict[str, Callable[[Sequence[NamedObject], Random], Iterator[tuple]]] = {
    "names": what_it_is,
    "coordinates": where_it_is,
    "relations": how_they_lie,
}
PHRASES = "phrases"  # made of the data set's own phrases: see `named_phrases`
MADE = (*KINDS, PHRASES)


def made_records(kinds: Iterable[str], objects: Sequence[NamedObject], rng: Random, most: int) -> list[Record]:
    """So many questions of these kinds (those of KINDS among them) about named objects, in random order."""
    asked = [islice(KINDS[kind](objects, rng), most) for kind in kinds if kind in KINDS]
    made = list(chain.from_iterable(asked))
    return [made_record(*one) for one in rng.sample(made, min(most, len(made)))]


def made_record(question: str, answer: str, answer_type: str, things: Sequence[NamedObject]) -> Record:
    """A record of no data set; its targets are the objects that the answer rests on."""
    choices = tuple(o.name for o in things) if answer_type == "choice" else ()
    ids = tuple(o.id for o in things)
    return Record("made", "made", "train", "made", question, answer, answer_type, "made", choices=choices, targets=ids)


def named_phrases(records: Iterable[Record], lesson: RoomLesson, identity: Int[Tensor, "K"]) -> list[Record]:
    """Phrases with a target once more, now to be answered by name: that of the token which holds most of each target, in the scene's order.

    Left out where a target has no token of its own, or that token has no name.
    """
    made = []
    for record in records:
        if record.answer_type != "boxes" or not record.targets:
            continue
        tokens = {token_of(lesson, target) for target in record.targets}
        if None in tokens or len(tokens) > MOST_NAMES or any(identity[k] == NAMELESS for k in tokens):
            continue
        phrase = FITS.format(phrase=record.question.rstrip(" .?!"))
        names = " ".join(NAMES[identity[k]] for k in sorted(tokens))
        made.append(Record("made", record.room_id, "train", "made", phrase, names, "text", record.subject, targets=record.targets))
    return made


def token_of(lesson: RoomLesson, target: int) -> int | None:
    """The token that holds most of an object, of those that should be pointed at for it (lessons.pointing_target)."""
    wanted = pointing_target(lesson, [target])[0]
    return int((lesson.owned[:, target] * wanted).argmax()) if bool(wanted.any()) else None


def with_names(words: Sequence[str]) -> tuple[str, ...]:
    """A vocabulary that also has what these questions are asked and answered in: their words, and NAMES."""
    forms = (WHAT, COLOUR, WHERE, HOW_FAR, FITS, *chain.from_iterable(CHOICES.values()), "0 1 2 3 4 5 6 7 8 9 - . ;")
    spoken = (found[0] for form in forms for found in TOKEN.finditer(form.format(a="", b="", phrase="")))
    return tuple(dict.fromkeys([*words, *spoken, *(name.lower() for name in NAMES)]))
