"""Typed geometry on the named objects of a scene: no language model, no guessing; what is not there is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch

from proxy3d.errors import BadInput
from proxy3d.values import Box, Scene

ASKS = {"count": 1, "size": 1, "nearest": 1, "distance": 2, "direction": 1}  # how many objects each names
LEAST_HEADING = 0.1  # horizontal part of a view direction: 6 degrees off the vertical


@dataclass(frozen=True)
class Measurement:
    """A number or word with the boxes it was measured on. `value` is None when something named was not found."""

    what: str
    value: float | int | str | tuple[float, ...] | None
    unit: str | None  # "m", "deg", None
    text: str
    boxes: tuple[Box, ...]


def measure(scene: Scene, objects: Sequence[Box], what: str, names: Sequence[str], categories: Sequence[str]) -> Measurement:
    """Measure among the named objects of a scene (`answers.objects.find_objects`).

    count NAME; size NAME; nearest NAME; distance NAME NAME (centre to centre, of the nearest such pair);
    direction NAME (seen from the first camera, degrees clockwise from its heading on the ground plane).

    Raises:
        BadInput: unknown measurement, a wrong number of names, or a word outside the category list.
    """
    if what not in ASKS:
        raise BadInput(f"cannot measure {what!r}; known: {', '.join(ASKS)}")
    if len(names) != ASKS[what]:
        raise BadInput(f"measure {what} takes {ASKS[what]} object name{'s' * (ASKS[what] > 1)}, got {len(names)}: {' '.join(names) or 'none'}")
    words = [known_word(name, categories) for name in names]
    groups = [[box for box in objects if box.label == word] for word in words]
    if what == "count":
        return Measurement(what, len(groups[0]), None, str(len(groups[0])), tuple(groups[0]))
    for word, group in zip(words, groups, strict=True):
        if not group:
            return Measurement(what, None, None, f"no {word} was found in this scene", ())
    return {"size": _size, "nearest": _nearest, "distance": _distance, "direction": _direction}[what](scene, objects, groups)


def height_of(scene: Scene, objects: Sequence[Box], name: str, categories: Sequence[str]) -> float:
    """How far the proxies of the surest object of a name reach from bottom to top, in what the scene takes for metres.

    Its box would not do: whoever has learnt how tall doors are says so whatever the scale is. What frames do not show of it is missing.

    Raises:
        BadInput: a word outside the category list, or nothing of that name was found.
    """
    word = known_word(name, categories)
    boxes = [box for box in objects if box.label == word]
    if not boxes:
        seen = ", ".join(sorted({box.label for box in objects})) or "nothing"
        raise BadInput(f"no {word} was found in this scene; found: {seen}; or say how high the camera was held: camera=1.5m")
    mine = torch.tensor(max(boxes, key=lambda box: box.score).proxies)
    middle, half = scene.proxies.xyz_world_m[mine, 2], scene.proxies.extent_m[mine, 2]
    return max(float((middle + half).max() - (middle - half).min()), 0.01)


def known_word(name: str, categories: Sequence[str]) -> str:
    """The category a user means, singular or plural.

    Raises:
        BadInput: names the nearest known words.
    """
    word = " ".join(name.lower().split())
    for guess in (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ves") + "f"):
        if guess in categories:
            return guess
    import difflib

    near = difflib.get_close_matches(word, categories, 4, 0.5) or list(categories)[:6]
    raise BadInput(f"{name!r} is not a word that measure knows; near ones: {', '.join(near)}; for free text use `proxy3d ground`")


def _length(scene: Scene, value: float) -> tuple[float, str | None, str]:
    """A length with its unit, or a bare number where nobody knows the scale."""
    return (round(value, 3), "m", f"{value:.2f} m") if scene.scale.is_metric else (round(value, 3), None, f"{value:.2f} units (no metric scale)")


def _size(scene: Scene, objects: Sequence[Box], groups: Sequence[Sequence[Box]]) -> Measurement:
    box = groups[0][0]
    sides = tuple(round(s, 3) for s in (max(box.size_m[:2]), min(box.size_m[:2]), box.size_m[2]))
    unit = "m" if scene.scale.is_metric else None
    words = " x ".join(f"{s:.2f}" for s in sides)
    return Measurement("size", sides, unit, f"{words} {unit or 'units (no metric scale)'} (length x width x height)", (box,))


def _nearest(scene: Scene, objects: Sequence[Box], groups: Sequence[Sequence[Box]]) -> Measurement:
    box = groups[0][0]
    others = [o for o in objects if o.label != box.label]
    if not others:
        return Measurement("nearest", None, None, f"nothing but {box.label} was found in this scene", (box,))
    best = min(others, key=lambda o: math.dist(o.centre_m, box.centre_m))
    return Measurement("nearest", best.label, None, f"{best.label}, {_length(scene, math.dist(best.centre_m, box.centre_m))[2]}", (box, best))


def _distance(scene: Scene, objects: Sequence[Box], groups: Sequence[Sequence[Box]]) -> Measurement:
    pairs = [(a, b) for a, b in product(*groups) if a is not b]
    if not pairs:
        return Measurement("distance", None, None, f"only one {groups[0][0].label} was found in this scene", tuple(groups[0]))
    a, b = min(pairs, key=lambda pair: math.dist(pair[0].centre_m, pair[1].centre_m))
    value, unit, text = _length(scene, math.dist(a.centre_m, b.centre_m))
    return Measurement("distance", value, unit, text, (a, b))


def bearing(scene: Scene, box: Box) -> float | None:
    """Degrees clockwise from the first camera's heading to a box, on the ground plane; None where that camera looks straight up or down."""
    camera = scene.world_from_camera[int(scene.time_s.argmin())].double()
    heading, offset = camera[:2, 2], torch.tensor(box.centre_m[:2], dtype=torch.float64) - camera[:2, 3]
    if float(heading.norm()) < LEAST_HEADING:
        return None
    # On the ground plane, as in the questions of SpaceSpan: how far the camera is tipped must not turn a thing to the side.
    return math.degrees(math.atan2(float(heading[1] * offset[0] - heading[0] * offset[1]), float(heading @ offset)))


def side_of(degrees: float) -> str:
    """Where a bearing is, in words."""
    return "straight ahead" if abs(degrees) < 10 else "behind" if abs(degrees) > 150 else "to the right" if degrees > 0 else "to the left"


def direction_words(degrees: float) -> str:
    """The same with its degrees, where they tell more: "31 degrees to the left"."""
    side = side_of(degrees)
    return f"{abs(degrees):.0f} degrees {side}" if side.startswith("to ") else side


def _direction(scene: Scene, objects: Sequence[Box], groups: Sequence[Sequence[Box]]) -> Measurement:
    box = groups[0][0]
    degrees = bearing(scene, box)
    if degrees is None:
        return Measurement("direction", None, None, "the first camera looks straight up or down, so nothing is ahead of it", (box,))
    return Measurement("direction", round(degrees, 1), "deg", f"{abs(degrees):.0f} degrees, {side_of(degrees)} of the first camera's view", (box,))
