"""Phrases that point at none, one or several things, each with the boxes to find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.presence import drawn_presence
from proxy3d.spacespan.questions.view import BEARING_DEG, RATIO, View, shuffled
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import RoomObject

ABSENT_SHARE = 0.2
# Not "put a box around": a box may also be a thing in the room.
FRAMES = ("{x}", "{x}", "{x}", "Find {x}.", "Locate {x}.", "Show me {x}.", "Point at {x}.", "Mark {x}.", "Outline {x}.", "Look for {x}.")
SEVERAL = ("all {many}", "the {many}", "every {one}", "each {one}", "all the {many}", "all {many} in the room")
ONE = ("the {one}", "the {one}", "the {one} in the room", "the {one} in this room")
SIDE = (
    "the {noun} to the {side} of the {x}, seen from where the clip starts",
    "the {noun} on the {side} of the {x}, seen from where the clip starts",
    "the {noun} further to the {side} than the {x}, seen from where the clip starts",
    "the {noun} to the {side} of the {x}, as the first camera sees it",
)
BEHIND = (
    "the {noun} behind the {x}, seen from where the clip starts",
    "the {noun} that {is_} behind the {x}, seen from where the clip starts",
    "the {noun} behind the {x}, as the first camera sees it",
)
NEAREST = (
    "the {noun} nearest to the {x}",
    "the {noun} closest to the {x}",
    "the {noun} that is nearest to the {x}",
    "the {noun} that is closest to the {x}",
)
HELD = ("the {noun} {on} the {x}", "the {noun} that {is_} {on} the {x}", "the {noun} you find {on} the {x}")
COLOUR = ("the {colour} {noun}", "the {noun} that {is_} {colour}", "the {noun} in {colour}")
SUPERLATIVE = ("the {word} {noun}", "the {word} {noun} in the room", "the {word} one of the {many}", "the {word} of the {many}")
VIEWED = (
    "the {word} {noun}, seen from where the clip starts",
    "the {word} of the {many}, seen from where the clip starts",
    "the {word} {noun}, as the first camera sees it",
)


def phrase(rng: Random, patterns: tuple[str, ...], category: str, targets: list[RoomObject], **slots: str) -> str:
    """One of the patterns with the noun in the right number, bare or in a short request."""
    several = len(targets) > 1
    noun, is_ = (words.plural(category), "are") if several else (category, "is")
    return rng.choice(FRAMES).format(x=rng.choice(patterns).format(noun=noun, is_=is_, one=category, many=words.plural(category), **slots))


def found(view: View, family: str, text: str, targets: list[RoomObject], subject: str) -> Record:
    return view.record(family, text, str(len(targets)), "boxes", subject=subject, targets=targets)


def ground_category(view: View, rng: Random) -> Iterator[Record]:
    """The sofa; all chairs; the piano, in a room without one (a fifth of the phrases, see presence.drawn_presence for which words)."""
    seen, missing = drawn_presence(view, rng)
    for present in (rng.random() >= ABSENT_SHARE for _ in range(len(seen) + len(missing))):
        if not (seen if present else missing):
            return  # taking from the other side instead would bend the share of absent things
        category = (seen if present else missing).pop(0)
        targets = view.by_category.get(category, []) if present else []
        # An absent thing is called for in the singular or the plural, so that the form does not say how many boxes to give.
        several = len(targets) > 1 or (not targets and rng.random() < 0.3)
        if not words.countable(category):
            text = rng.choice(FRAMES).format(x=f"the {category}")
        else:
            text = phrase(rng, SEVERAL if several else ONE, category, targets)
        yield found(view, "ground_category", text, targets, category)


def ground_relation(view: View, rng: Random) -> Iterator[Record]:
    """The chair nearest to the window; the chairs to the left of, to the right of or behind the desk, from the first camera.

    Of several of a category, those that fit: every one of them must clearly fit or clearly not, and not all may fit. Left and right: as
    in relations.left_right. Behind: at least 0.4 m further along the first camera's heading and within 30 degrees of the anchor's
    bearing; not behind: not 0.4 m further, reversed, or more than 45 degrees off. Nearest: View.clearly_nearer than every other.
    """
    tests: list[tuple[str, tuple[str, ...], Callable]] = [
        ("left", SIDE, lambda o, x: beside(view, o, x, -1)),
        ("right", SIDE, lambda o, x: beside(view, o, x, 1)),
        ("behind", BEHIND, lambda o, x: behind(view, o, x)),
    ]
    for category in shuffled(rng, view.several):
        group = view.several[category]
        anchors = shuffled(rng, [o for o in view.unique.values() if not any(o.id in view.chain(g) or g.id in view.chain(o) for g in group)])
        for x in anchors:
            options = []
            for side, patterns, test in tests:
                fits = [test(o, x) for o in group]
                if None not in fits and any(fits) and not all(fits):
                    options.append((side, patterns, [o for o, fit in zip(group, fits, strict=True) if fit]))
            near = min(group, key=lambda o: math.dist(o.centre_m[:2], x.centre_m[:2]))
            if all(o is near or view.clearly_nearer(near, o, x) for o in group):
                options.append(("nearest", NEAREST, [near]))
            if options:
                side, patterns, targets = rng.choice(options)
                text = phrase(rng, patterns, category, targets, side=side, x=x.category)
                yield found(view, "ground_relation", text, targets, f"{category} {side} {x.category}")


def beside(view: View, o: RoomObject, x: RoomObject, sign: int) -> bool | None:
    """Whether `o` is to the right (sign 1) or left (-1) of `x` from the first camera; None when that is not clear."""
    if o.id not in view.bearing or x.id not in view.bearing:
        return None
    turn = (view.bearing[o.id] - view.bearing[x.id]) * sign
    return turn > 0 if abs(turn) >= BEARING_DEG else None


def behind(view: View, o: RoomObject, x: RoomObject) -> bool | None:
    """Whether `o` is behind `x` from the first camera; None when that is not clear."""
    if o.id not in view.bearing or x.id not in view.bearing:
        return None
    further = view.from_start(o.centre_m)[1] - view.from_start(x.centre_m)[1]
    turn = abs(view.bearing[o.id] - view.bearing[x.id])
    if further >= 0.4 and turn <= 30:
        return True
    return False if further <= -0.4 or turn > 45 else None


def ground_support(view: View, rng: Random) -> Iterator[Record]:
    """The cup on the table: all seen cups that the one table carries, holds or covers; the other cups are clearly elsewhere."""
    held = {(o.category, o.relation, o.support) for o in view.supported}
    for category, relation, parent_id in shuffled(rng, sorted(held)):
        x = view.by_id[parent_id]
        group = view.several.get(category) or ([view.unique[category]] if category in view.unique else [])
        targets = [o for o in group if o.support == parent_id and o.relation == relation]
        others = [o for o in group if o not in targets]
        clear = all(parent_id not in view.chain(o) and view.gap(o, x) >= 0.1 for o in others) and all(o in view.supported for o in targets)
        if x.category in view.unique and targets and clear:
            text = phrase(rng, HELD, category, targets, on=relation, x=x.category)
            yield found(view, "ground_support", text, targets, f"{category} {relation} {x.category}")


def ground_colour(view: View, rng: Random) -> Iterator[Record]:
    """The red chair: of several, those of one colour; the others' colours are not easily mixed up with it (words.NEAR_COLOURS)."""
    for category in shuffled(rng, view.several):
        group = view.several[category]
        for colour in shuffled(rng, sorted({o.colour for o in group if o.colour})):
            targets = [o for o in group if o.colour == colour]
            others = [o for o in group if o.colour != colour]
            if others and not any(words.near(colour, o.colour) for o in others):
                text = phrase(rng, COLOUR, category, targets, colour=colour)
                yield found(view, "ground_colour", text, targets, f"{colour} {category}")
                break


def ground_superlative(view: View, rng: Random) -> Iterator[Record]:
    """The biggest table, the tallest plant, the leftmost chair: of two or more, one that beats the next by a margin.

    Volume of the box by a factor of 1.3, height by 1.2, distance on the floor plane from the first camera by 1.3, bearing by 12 degrees
    with all of them within 75 degrees of its heading.
    """
    for category in shuffled(rng, view.several):
        group = view.several[category]
        options = [(word, SUPERLATIVE, best) for word, best in by_size(group).items()]
        options += [(word, VIEWED, best) for word, best in by_view(view, group).items()]
        for word, patterns, best in shuffled(rng, options)[:2]:
            yield found(view, "ground_superlative", phrase(rng, patterns, category, [best], word=word), [best], f"{word} {category}")


def by_size(group: list[RoomObject]) -> dict[str, RoomObject]:
    """Which of at least two things is the biggest, smallest, tallest or shortest; only words whose holder is clearly ahead."""
    best = {}
    measures = [("biggest", "smallest", volume, RATIO), ("tallest", "shortest", lambda o: o.size_m[2], 1.2)]
    for large, small, measure, margin in measures if all(o.upright for o in group) else measures[:1]:
        ranked = sorted(group, key=measure)
        if measure(ranked[-1]) >= margin * measure(ranked[-2]):
            best[large] = ranked[-1]
        if measure(ranked[1]) >= margin * measure(ranked[0]):
            best[small] = ranked[0]
    return best


def by_view(view: View, group: list[RoomObject]) -> dict[str, RoomObject]:
    """Which of at least two things is leftmost, rightmost, nearest or farthest from the start; only words whose holder is clearly ahead."""
    if any(o.id not in view.bearing for o in group):
        return {}
    best = {}
    ranked = sorted(group, key=lambda o: view.bearing[o.id])
    if view.bearing[ranked[1].id] - view.bearing[ranked[0].id] >= BEARING_DEG:
        best["leftmost"] = ranked[0]
    if view.bearing[ranked[-1].id] - view.bearing[ranked[-2].id] >= BEARING_DEG:
        best["rightmost"] = ranked[-1]
    away = {o.id: math.hypot(*view.from_start(o.centre_m)[:2]) for o in group}
    ranked = sorted(group, key=lambda o: away[o.id])
    if away[ranked[1].id] >= RATIO * away[ranked[0].id]:
        best["nearest"] = ranked[0]
    if away[ranked[-1].id] >= RATIO * away[ranked[-2].id]:
        best["farthest"] = ranked[-1]
    return best


def volume(o: RoomObject) -> float:
    return math.prod(o.size_m)
