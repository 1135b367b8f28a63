"""Answers for somebody who stands in the room or walks through it: sides, directions, distances and turns."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.facts import Facts, Solved


def standing(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The option whose direction is nearest to the one asked for, in the frame of somebody at the first thing who faces the second."""
    at, ahead, asked = (facts.centre_m[facts.only(noun), :2] for noun in nouns)
    forward = (ahead - at) / np.linalg.norm(ahead - at)
    to_asked = (asked - at) / np.linalg.norm(asked - at)
    # (right, ahead) of each option; a quarter lies on its diagonal.
    where = {"left": (-1, 0), "right": (1, 0), "behind": (0, -1), "front": (0, 1)}
    options = re.findall(r"(?:to the (?:front )?|behind(?: and to the )?)(?:left|right)|behind(?! and)", text)
    seen = np.array([forward[1] * to_asked[0] - forward[0] * to_asked[1], forward @ to_asked])

    def alike(option: str) -> float:
        direction = np.sum([where[word] for word in re.findall("left|right|behind|front", option)], 0)
        return float(seen @ direction / np.linalg.norm(direction))

    return Solved(max(options, key=alike))


def viewed(facts: Facts, nouns: Sequence[str]) -> np.ndarray:
    """(right, ahead) in metres of every object, for somebody at the first thing who faces the second, or where `facts.agent` stands."""
    if facts.agent is not None:
        origin, forward = facts.agent[:2, 3], facts.agent[:2, 0]
    else:
        origin, ahead = (facts.centre_m[facts.only(noun), :2] for noun in nouns[:2])
        forward = (ahead - origin) / np.linalg.norm(ahead - origin)
    return (facts.centre_m[:, :2] - origin) @ np.array([[forward[1], forward[0]], [-forward[0], forward[1]]])


def on_which_side(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """Left or right of the line of sight."""
    return Solved("right" if viewed(facts, nouns)[facts.only(nouns[2]), 0] > 0 else "left")


def what_is_there(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The option whose direction is nearest to the one that the question names."""
    side = re.search(r"directly (?:to the )?(left|right|behind)", text).group(1)
    wanted = {"left": (-1, 0), "right": (1, 0), "behind": (0, -1)}[side]
    place = viewed(facts, nouns)
    direction = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-9)
    return Solved(max(nouns[2:], key=lambda noun: float(direction[facts.only(noun)] @ wanted)))


def farther_from_you(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """Which of the two options is farther, on the floor."""
    away = np.linalg.norm(viewed(facts, nouns), axis=1)
    return Solved(max(nouns[2:], key=lambda noun: away[facts.only(noun)]))


def route(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The turn at every stop but the last, from the way one came to the way one goes; the nearest of left, right and back.

    Raises:
        BadInput: the first way does not lead to what one faces, so that a turn is missing at the start.
    """
    legs = [nouns[int(i)] for i in re.findall(r"until the <(\d+)>", text)]
    if legs[:1] != nouns[1:2]:
        raise BadInput(f"{text!r}: the first way leads to something else than what one faces")
    x, y = facts.centre_m[[facts.only(noun) for noun in (nouns[0], *legs)], :2].T
    ways = np.diff(x + 1j * y)
    turned = ways[1:] / ways[:-1]
    turned /= np.abs(turned)
    names = {"turn left": 1j, "turn right": -1j, "turn back": -1}
    return Solved(" then ".join(min(names, key=lambda name, turn=turn: abs(turn - names[name])) for turn in turned))
