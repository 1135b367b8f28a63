"""How two things lie to each other: on, in and under, and left and right of each other from where the clip starts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from random import Random

from proxy3d.spacespan.questions.view import BEARING_DEG, View, alternating, drawn, shuffled
from proxy3d.spacespan.record import Record

SUPPORT = (
    "Is the {a} {on} the {b}?",
    "Is the {a} {on} the {b} in this room?",
    "Is it true that the {a} is {on} the {b}?",
    "Would you find the {a} {on} the {b}?",
    "Can the {a} be found {on} the {b}?",
    "In this room, is the {a} {on} the {b}?",
    "Would you say that the {a} is {on} the {b}?",
    "Do you see the {a} {on} the {b}?",
    "The {a}: is it {on} the {b}?",
)
LEFT_RIGHT = (
    "From where the clip starts, is the {a} to the {left} of the {b}?",
    "Seen from where the clip starts, is the {a} {left} of the {b}?",
    "Looking from the first camera position, is the {a} on the {left} of the {b}?",
    "At the start of the clip, is the {a} to the {left} of the {b}?",
    "Is the {a} to the {left} of the {b}, seen from where the clip starts?",
    "Is the {a} further to the {left} than the {b}, seen from the first camera?",
    "Standing where the clip starts, would you find the {a} to the {left} of the {b}?",
    "From the starting camera, does the {a} lie {left} of the {b}?",
    "As the first camera sees it, is the {a} {left} of the {b}?",
)


def support(view: View, rng: Random) -> Iterator[Record]:
    """Is the cup on the table? Asked of single objects; margins in View.support_facts.

    The false ones are of things that are so held, and of hosts that so hold, elsewhere: drawn by the vocabulary's weights, which give
    each of them as many noes as yeses.
    """
    weight = dict(view.vocabulary.support)
    facts = view.support_facts
    # Without something false to ask instead, a thing or a host would always mean yes.
    doubtful = {side for thing, relation, host in weight for side in ((thing, relation), (relation, host))}
    yes = shuffled(rng, [triple for triple, fact in facts.items() if fact[0] and {triple[:2], triple[1:]} <= doubtful])
    no = drawn(rng, [(triple, weight.get(triple, 0)) for triple, fact in facts.items() if not fact[0]])
    for triple in alternating(rng, yes, no):
        child, relation, parent = triple
        true, a, b = facts[triple]
        text = rng.choice(SUPPORT).format(a=child, b=parent, on=relation)
        yield view.record("support", text, "yes" if true else "no", "yes_no", subject=" ".join(triple), targets=[a, b])


def left_right(view: View, rng: Random) -> Iterator[Record]:
    """From where the clip starts, is the lamp to the left of the bed?

    By bearing from the first camera: both centres within 75 degrees of its heading, bearings at least 12 degrees apart. Which of the
    two is named first is a coin's choice, so a pair of categories alone says nothing.
    """
    placed = {c: o for c, o in view.unique.items() if o.id in view.bearing}
    pairs = [(a, b) for a, b in permutations(placed.values(), 2) if abs(view.bearing[a.id] - view.bearing[b.id]) >= BEARING_DEG]
    asked: set[frozenset[int]] = set()
    sided: dict[bool, list] = {True: [], False: []}
    for a, b in shuffled(rng, pairs):
        if frozenset((a.id, b.id)) in asked:
            continue
        asked.add(frozenset((a.id, b.id)))
        left = rng.random() < 0.5
        sided[(view.bearing[a.id] < view.bearing[b.id]) == left].append((a, b, "left" if left else "right"))
    for true, (a, b, side) in alternating(rng, [(True, item) for item in sided[True]], [(False, item) for item in sided[False]]):
        text = rng.choice(LEFT_RIGHT).format(a=a.category, b=b.category, left=side)
        subject = f"{a.category} {side} of {b.category}"
        yield view.record("left_right", text, "yes" if true else "no", "yes_no", subject=subject, targets=[a, b])
