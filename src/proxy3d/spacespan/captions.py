"""Is a caption true: every sentence read back into a claim about the boxes, and whether the claims mean one thing alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.claims import NUMBERS, VIEWPOINT, clause_holds
from proxy3d.spacespan.facts import SUPERLATIVES, Facts
from proxy3d.spacespan.nouns import parse

LISTS = r"(?:the room has|there is|this is a room with|in this room one sees) (.+?)(?: in the room)?"
SIDES = r"it is (?:to the |on the )?(left|right) of the <(\d)>"
Test = Callable[..., bool]


def of_kind(f: Facts, i: int, category: str) -> bool:
    return f.objects[i].category == category


def alone(f: Facts, i: int, category: str) -> bool:
    return f.of(category) == [i]


def alone_in_colour(f: Facts, i: int, category: str, colour: str) -> bool:
    return [j for j in f.of(category) if f.objects[j].colour == colour] == [i]


def most(f: Facts, i: int, word: str, category: str) -> bool:
    return i in f.of(category) and i == max(f.of(category), key=lambda j: SUPERLATIVES[word](f, j))


def nearest(f: Facts, i: int, category: str) -> bool:
    away = np.linalg.norm(f.centre_m[:, :2] - f.centre_m[i, :2], axis=1)
    return f.only(category) == int(np.where(np.arange(len(away)) == i, np.inf, away).argmin())


def sided(f: Facts, i: int, side: str, category: str) -> bool:
    return bool(f.bearing_rad[i] < f.bearing_rad[f.only(category)]) == (side == "left")


# What a sentence says of the thing "it"; the first form that fits whole decides.
ABOUT_IT: tuple[tuple[str, Test], ...] = (
    (r"(?:this is|it is|one sees|the thing is) an? <(\d)>", of_kind),
    (r"(?:this is|it is|one sees|the thing is) an? (\w+) <(\d)>", lambda f, i, colour, c: of_kind(f, i, c) and f.objects[i].colour == colour),
    (r"it is the only <(\d)> that is (\w+)", alone_in_colour),
    (r"no other <(\d)> is (\w+)", alone_in_colour),
    (r"of the <(\d)>, it alone is (\w+)", alone_in_colour),
    (r"it is the only <(\d)> in the room", alone),
    (r"the room has no other <(\d)>", alone),
    (r"there is only one <(\d)>", alone),
    (r"it is the (\w+) of the <(\d)>", most),
    (r"of the <(\d)>, it is the (\w+)", lambda f, i, c, word: most(f, i, word, c)),
    (r"(?:it is|one finds it|it lies) (on|in|under) the <(\d)>", lambda f, i, on, c: f.holds(on, i, f.only(c))),
    (r"nearest to it is the <(\d)>", nearest),
    (r"the thing nearest to it is the <(\d)>", nearest),
    (r"it has the <(\d)> nearest to it", nearest),
    (SIDES, sided),
    (r"it is ([\d.]+) m tall", lambda f, i, metres: f"{f.size_m[i, 2]:.1f}" == metres),
    (r"its height is ([\d.]+) m", lambda f, i, metres: f"{f.size_m[i, 2]:.1f}" == metres),
)


def means(caption: str, facts: Facts, lexicon: Iterable[str]) -> list[int]:
    """Ids of all things of which every sentence of a caption is true.

    Raises:
        BadInput: a sentence has no known form.
    """
    left = list(range(len(facts.objects)))
    for sentence, nouns in sentences(caption, facts, lexicon):
        left = [i for i in left if said_of(facts, i, nouns, sentence)]
    return [facts.objects[i].id for i in left]


def said_of(facts: Facts, i: int, nouns: Sequence[str], sentence: str) -> bool:
    """Whether one sentence is true of one thing."""
    for pattern, test in ABOUT_IT:
        match = re.fullmatch(pattern.replace(r"<(\d)>", r"(<\d+>)"), sentence)
        if match:
            return test(facts, i, *(nouns[int(word[1:-1])] if word[0] == "<" else word for word in match.groups()))
    raise BadInput(f"{sentence!r}: not a sentence of a known form; try 'It is on the desk.'")


def is_true_of_room(caption: str, facts: Facts, lexicon: Iterable[str]) -> bool:
    """Whether every sentence of a caption of the whole room is true; a list of things means exactly so many of each.

    Raises:
        BadInput: a sentence has no known form.
    """
    verdicts = []
    for sentence, nouns in sentences(caption, facts, lexicon):
        listed = re.fullmatch(LISTS, sentence)
        items = re.split(r", | and ", listed.group(1)) if listed else []
        counted = [re.fullmatch(r"(\w+) <(\d+)>", item) for item in items]
        if counted and all(counted):
            verdicts += [len(facts.of(nouns[int(item[2])])) == NUMBERS.get(item[1]) for item in counted]
        else:
            verdicts.append(clause_holds(facts, nouns, sentence))
    return bool(verdicts) and all(verdicts)


def sentences(caption: str, facts: Facts, lexicon: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Each sentence in lower case with slots for its nouns, without the viewpoint it is told from, and its nouns."""
    categories = {*lexicon, *(o.category for o in facts.objects)}
    parts = [part for part in re.split(r"\.(?:\s+|$)", caption) if part.strip()]
    read = [parse(part, categories) for part in parts]
    return [(re.sub(VIEWPOINT, "", text).strip(" ,"), nouns) for text, nouns in read]
