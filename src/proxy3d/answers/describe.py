"""A caption from what was recognised: no language model; words are put together from named boxes, their colours, and how they lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from proxy3d.answers.objects import ObjectNamer
from proxy3d.errors import BadInput
from proxy3d.geometry import transform
from proxy3d.spacespan.questions.words import countable, plural, with_article
from proxy3d.tokens.position import seen_from_start, viewer_numbers
from proxy3d.tokens.project import SceneNumbers
from proxy3d.values import Box, Scene

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SURE_COLOUR = 0.6  # share of the best colour word from which on it is said
COLOURED, SUPPORTED = 2, 2  # sentences of each kind, at most
APART = 0.2  # sine of the angle between two things from which on one is to the left
NOTHING = "Nothing in this scene was recognised."


@dataclass(frozen=True)
class Thing:
    """A recognised object as a caption sees it; the frame is the room's."""

    box: Box
    right: float  # of the first camera, in the scene's unit
    ahead: float
    bottom: float
    top: float
    colour: str | None

    @property
    def name(self) -> str:
        return self.box.label or "thing"


def things_of(scene: Scene, objects: Sequence[Box], namer: ObjectNamer, colours: Sequence[str]) -> tuple[Thing, ...]:
    """What captions need of each object."""
    if not objects:
        return ()
    numbers = SceneNumbers.of(scene)
    with torch.no_grad():
        shade = namer.colour(namer(numbers)[1:]).softmax(-1)
    centre = transform(scene.room_from_world, torch.tensor([box.centre_m for box in objects], dtype=scene.room_from_world.dtype))
    first = scene.world_from_camera[int(scene.time_s.argmin())]
    aside = seen_from_start(centre, viewer_numbers(first, scene.room_from_world)).tolist()
    found = []
    for box, (right, ahead), height in zip(objects, aside, centre[:, 2].tolist(), strict=True):
        share = dict(zip(colours, shade[list(box.proxies)].mean(0).tolist(), strict=False))  # the last share is that of no colour
        colour = max((c for c in share if share[c] >= SURE_COLOUR), key=share.get, default=None)
        found.append(Thing(box, right, ahead, height - box.size_m[2] / 2, height + box.size_m[2] / 2, colour))
    return tuple(found)


def describe_scene(things: Sequence[Thing]) -> str:
    """What there is, some colours, what stands on what, and how the two largest things lie as the clip starts."""
    if not things:
        return NOTHING
    count = Counter(thing.name for thing in things)
    alone = sorted((t for t in things if count[t.name] == 1), key=lambda t: (-volume(t), t.name))
    sentences = [f"A room with {listed([counted(name, n) for name, n in sorted(count.items(), key=lambda c: (-c[1], c[0]))])}."]
    sentences += [f"The {t.name} {are(t)} {t.colour}." for t in alone if t.colour][:COLOURED]
    held = [(t, on) for t in alone if (on := support(t, [o for o in alone if o is not t]))]
    sentences += [f"The {t.name} {are(t)} on the {on.name}." for t, on in held[:SUPPORTED]]
    for a, b in zip(alone[:1], alone[1:2], strict=False):
        side = beside(a, b)
        sentences += [f"Seen from where the clip starts, the {a.name} {are(a)} to the {side} of the {b.name}."] if side else []
    return " ".join(sentences)


def describe_object(things: Sequence[Thing], number: int, *, metric: bool) -> str:
    """One thing: what it is, its colour and size, where it is, what stands nearest.

    Raises:
        BadInput: no object has that number.
    """
    if not 0 <= number < len(things):
        known = f"0 to {len(things) - 1}" if things else "none was recognised"
        raise BadInput(f"--object {number}: no such object in this scene; known: {known} (`describe --json` lists them)")
    thing, others = things[number], [t for i, t in enumerate(things) if i != number]
    words = f"{thing.colour} {thing.name}" if thing.colour else thing.name
    size = f", {' x '.join(f'{v:.1f}' for v in sides(thing))} m (length x width x height)" if metric else ""
    sentences = [f"Object {number} is {one(words, thing.name)}{size}."]
    side = "right" if thing.right > 0 else "left"
    if metric:
        way = f"{abs(thing.ahead):.1f} m {'ahead of' if thing.ahead >= 0 else 'behind'} the first camera and {abs(thing.right):.1f} m to the {side}"
        sentences.append(f"It is {way}.")
    else:
        sentences.append(f"It is {'ahead of' if thing.ahead >= 0 else 'behind'} the first camera, to the {side}.")
    if on := support(thing, others):
        sentences.append(f"It is on the {on.name}.")
    if others:
        near = min(others, key=lambda t: (apart(thing, t), t.name))
        far = f", {apart(thing, near):.1f} m away" if metric else ""
        sentences.append(f"The {near.name} {are(near)} nearest to it{far}.")
    return " ".join(sentences)


def support(thing: Thing, others: Sequence[Thing]) -> Thing | None:
    """What it stands or lies on: its bottom is near the other's top, and its middle above the other's floor plan. Boxes are rough: a third of
    the smaller height counts as near."""
    for other in others:
        near = abs(thing.bottom - other.top) < min(thing.top - thing.bottom, other.top - other.bottom) / 3
        reach = max(other.box.size_m[:2]) / 2
        if near and (thing.right - other.right) ** 2 + (thing.ahead - other.ahead) ** 2 < reach**2:
            return other
    return None


def beside(a: Thing, b: Thing) -> str | None:
    """Which side of b a is on for the first camera; None where they are almost behind each other, or one is not in front."""
    if min(a.ahead, b.ahead) <= 0:
        return None
    sine = (a.right * b.ahead - b.right * a.ahead) / ((a.right**2 + a.ahead**2) * (b.right**2 + b.ahead**2)) ** 0.5
    return None if abs(sine) < APART else "right" if sine > 0 else "left"


def apart(a: Thing, b: Thing) -> float:
    """Distance of two middles in space."""
    return ((a.right - b.right) ** 2 + (a.ahead - b.ahead) ** 2 + ((a.bottom + a.top - b.bottom - b.top) / 2) ** 2) ** 0.5


def volume(thing: Thing) -> float:
    x, y, z = thing.box.size_m
    return x * y * z


def sides(thing: Thing) -> tuple[float, float, float]:
    """Length, width and height."""
    x, y, z = thing.box.size_m
    return max(x, y), min(x, y), z


def one(words: str, name: str) -> str:
    """Words for one thing with their article: "a gray sofa", "some gray curtains"."""
    return with_article(words) if countable(name) else f"some {words}"


def are(thing: Thing) -> str:
    """The verb that goes with its name."""
    return "are" if plural(thing.name) == thing.name and thing.name.endswith("s") else "is"


def counted(name: str, n: int) -> str:
    """ "a lamp", "three chairs", "some curtains" """
    if n == 1 or not countable(name):
        return one(name, name)
    return f"{NUMBERS[n] if n < len(NUMBERS) else n} {plural(name)}"


def listed(phrases: Sequence[str]) -> str:
    """ "a sofa, two chairs and a lamp" """
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]
