"""Answer a SpaceSpan question from its words and the room's boxes alone, by another road than the one that made it.

The generator goes from facts to words; this goes from words to facts, with its own grammar and its own geometry, so that when both agree the
words are unambiguous and the answer is right. It also is the "exact geometry" baseline (oracle) that scores stand beside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.questions.words import plural
from proxy3d.spacespan.room import Room, RoomObject


@dataclass(frozen=True)
class Solved:
    """The answer in the words of a Record, and the ids of the boxes that a grounding phrase asks for."""

    answer: str
    targets: tuple[int, ...] = ()


class Facts:
    """Seen objects as arrays, in the world and as the first camera has them."""

    def __init__(self, room: Room):
        scale = room.image_size_px[0] * room.image_size_px[1] / 65536
        pixels = [np.array(o.pixels) / scale for o in room.objects]
        clear = [not room.filmed or (p.sum() >= 120 and p.max() >= 60) for p in pixels]  # a scan is known by its boxes alone
        self.objects = [o for o, seen in zip(room.objects, clear, strict=True) if seen]
        self.pixels = [p for p, seen in zip(pixels, clear, strict=True) if seen]
        self.floor_m2 = room.floor_m2
        self.centre_m = np.array([o.centre_m for o in self.objects]).reshape(-1, 3)
        self.size_m = np.array([o.size_m for o in self.objects]).reshape(-1, 3)
        # A level camera at the floor below the first one: its x axis stays, its z axis loses what is vertical.
        pose = np.array(room.world_from_camera[0]) if room.filmed else np.eye(4)
        ahead = pose[:2, 2] / max(np.linalg.norm(pose[:2, 2]), 1e-9)
        self.level = np.stack([[ahead[1], -ahead[0]], ahead])
        self.start_m = pose[:2, 3]
        self.right_ahead_m = (self.centre_m[:, :2] - self.start_m) @ self.level.T
        self.bearing_rad = np.arctan2(self.right_ahead_m[:, 0], self.right_ahead_m[:, 1])

    def of(self, category: str) -> list[int]:
        return [i for i, o in enumerate(self.objects) if o.category == category]

    def only(self, category: str) -> int:
        """The one object of a category. Raises BadInput when there are none or several."""
        found = self.of(category)
        if len(found) != 1:
            raise BadInput(f"'the {category}' means one thing, but the clip shows {len(found)}; ask about a category that is there once")
        return found[0]

    def holds(self, relation: str, i: int, j: int) -> bool:
        """Whether object i is on / in / under object j by their boxes: inside its footprint, under it if on the floor and else on or in it."""
        host = self.objects[j]
        turn = np.array([[math.cos(host.yaw_rad), math.sin(host.yaw_rad)], [-math.sin(host.yaw_rad), math.cos(host.yaw_rad)]])
        offset = np.abs(turn @ (self.centre_m[i, :2] - self.centre_m[j, :2]))
        if (offset > self.size_m[j, :2] / 2 + 0.06).any():
            return False
        on_floor = self.centre_m[i, 2] - self.size_m[i, 2] / 2 < 0.05
        return bool(on_floor == (relation == "under"))

    def apart(self, i: int, j: int) -> float:
        return float(np.linalg.norm(self.centre_m[i, :2] - self.centre_m[j, :2]))


def solve(question: str, room: Room, *, lexicon: Iterable[str] = ()) -> Solved:
    """The answer to a question or grounding phrase of spacespan.questions.

    `lexicon` names categories beyond those of the room, so that "desk lamp" is not read as "desk" where there is none.

    Raises:
        BadInput: the words fit no known form, speak of "the chair" where there are none or several, or of a clip that is not there.
    """
    if not room.filmed and re.search(r"\b(clip|camera)\b", question):
        raise BadInput(f"{question!r}: no camera looked at this room; ask what its boxes alone can tell")
    skeleton, nouns = parse(question, {*lexicon, *(o.category for o in room.objects)})
    facts = Facts(room)
    for pattern, rule in RULES:
        match = re.search(pattern, skeleton)
        if match:
            return rule(facts, nouns, match, skeleton)
    raise BadInput(f"{question!r}: not a question of a known form; try 'How many chairs are there?'")


def parse(question: str, categories: Iterable[str]) -> tuple[str, list[str]]:
    """The question in lower case with its nouns replaced by <0>, <1>, ..., and the categories they stand for; longest words first."""
    forms, pattern = word_forms(frozenset(categories))
    nouns: list[str] = []

    def slot(match: re.Match) -> str:
        nouns.append(forms[match.group(1)])
        return f"<{len(nouns) - 1}>"

    return pattern.sub(slot, question.lower()), nouns


@lru_cache(maxsize=64)
def word_forms(categories: frozenset[str]) -> tuple[dict[str, str], re.Pattern]:
    """Singular and plural of each category, and a pattern that finds the longest of them in a text."""
    forms = {form: category for category in sorted(categories) for form in (category.lower(), plural(category).lower())}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return forms, re.compile(r"\b(" + "|".join(map(re.escape, longest_first)) + r")\b" if forms else r"(?!)")


def number_after(text: str, *patterns: str) -> float | None:
    """The number that the first matching pattern captures."""
    for pattern in patterns:
        match = re.search(pattern, text)
        if match:
            return float(match.group(1))
    return None


def what_is_at(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The object whose centre is nearest to a place given from the first camera: metres ahead, to a side, above the floor."""
    right, left = number_after(text, r"([\d.]+) m to the right"), number_after(text, r"([\d.]+) m to the left")
    ahead = number_after(text, r"([\d.]+) m ahead")
    up = number_after(text, r"([\d.]+) m above the floor", r"height of ([\d.]+) m")
    place = facts.start_m + np.array([right if right is not None else -left, ahead]) @ facts.level
    gap = np.abs(np.array([*place, up]) - facts.centre_m)
    return Solved(facts.objects[int(np.linalg.norm(gap, axis=1).argmin())].category)


def colour(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(facts.objects[facts.only(nouns[0])].colour)


def count(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(str(len(facts.of(nouns[0]))))


def distance(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    i, j = facts.only(nouns[0]), facts.only(nouns[1])
    return Solved(f"{np.linalg.norm(facts.centre_m[i] - facts.centre_m[j]):.1f} m")


def taller(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(max(nouns, key=lambda noun: facts.size_m[facts.only(noun), 2]))


def height(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(f"{facts.size_m[facts.only(nouns[0]), 2]:.1f} m")


def longest_side(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(f"{facts.size_m[facts.only(nouns[0])].max():.1f} m")


def room_size(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(f"{facts.floor_m2:.0f} m2")


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


def appearance_order(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The letter of the option in which every thing comes into view after those before it."""
    orders = {letter.upper(): re.findall(r"<(\d+)>", names) for letter, names in re.findall(r"([a-d])\) ([^;.]+)[;.]", text)}
    first = {name: next(t for t, n in enumerate(facts.pixels[facts.only(name)]) if n >= 60) for name in set(nouns)}
    times = {letter: [first[nouns[int(i)]] for i in slots] for letter, slots in orders.items()}
    return Solved(next(letter for letter, when in times.items() if when == sorted(when)))


def nearest(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    anchor = nouns[int(match.group(1))]
    options = [noun for noun in nouns if noun != anchor]
    return Solved(min(options, key=lambda noun: facts.apart(facts.only(noun), facts.only(anchor))))


def sided(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    a, b = (facts.bearing_rad[facts.only(noun)] for noun in nouns)
    return Solved("yes" if (a < b) == (match.group(1) == "left") else "no")


def supported(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved("yes" if facts.holds(match.group(1), facts.only(nouns[0]), facts.only(nouns[1])) else "no")


def existence(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved("yes" if nouns and facts.of(nouns[0]) else "no")


def ground(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """Narrow the objects of the first noun down by each thing that the phrase says about them."""
    found = facts.of(nouns[0]) if nouns else []
    if len(nouns) > 1:
        x = facts.only(nouns[1])
        side = re.search(r"\b(left|right|behind|nearest|closest|on(?! the (?:left|right))|in|under)\b", text).group(1)
        keep: dict[str, Callable[[int], bool]] = {
            "left": lambda i: facts.bearing_rad[i] < facts.bearing_rad[x],
            "right": lambda i: facts.bearing_rad[i] > facts.bearing_rad[x],
            "behind": lambda i: (
                facts.right_ahead_m[i, 1] > facts.right_ahead_m[x, 1] and abs(facts.bearing_rad[i] - facts.bearing_rad[x]) < math.radians(37)
            ),
            "nearest": lambda i: facts.apart(i, x) == min(facts.apart(j, x) for j in found),
        }
        keep["closest"] = keep["nearest"]
        test = keep.get(side) or (lambda i: facts.holds(side, i, x))
        return answer_boxes(facts, [i for i in found if test(i)])
    for word, measure in SUPERLATIVES.items():
        if re.search(rf"\b{word}\b", text):
            return answer_boxes(facts, [max(found, key=lambda i: measure(facts, i))])
    spoken = set(re.findall(r"[a-z]+", text))
    if spoken & {o.colour for o in facts.objects}:
        found = [i for i in found if facts.objects[i].colour in spoken]
    return answer_boxes(facts, found)


def answer_boxes(facts: Facts, found: Sequence[int]) -> Solved:
    chosen: list[RoomObject] = [facts.objects[i] for i in found]
    return Solved(str(len(chosen)), tuple(sorted(o.id for o in chosen)))


SUPERLATIVES: dict[str, Callable[[Facts, int], float]] = {
    "biggest": lambda f, i: f.size_m[i].prod(),
    "smallest": lambda f, i: -f.size_m[i].prod(),
    "tallest": lambda f, i: f.size_m[i, 2],
    "shortest": lambda f, i: -f.size_m[i, 2],
    "leftmost": lambda f, i: -f.bearing_rad[i],
    "rightmost": lambda f, i: f.bearing_rad[i],
    "nearest": lambda f, i: -np.linalg.norm(f.right_ahead_m[i]),
    "farthest": lambda f, i: np.linalg.norm(f.right_ahead_m[i]),
}
# The first form that fits decides. Questions end with "?"; requests start with a verb; anything else is a phrase to ground.
RULES: tuple[tuple[str, Callable[[Facts, Sequence[str], re.Match, str], Solved]], ...] = (
    (r"[\d.]+ m ahead", what_is_at),
    (r"colour.*\?$|^(name|tell me) the colour of", colour),
    (r"^how many <|^(can you )?count|number of", count),
    (r"[a-d]\) <", appearance_order),
    (r"by the <0>|from the <0>, looking", standing),
    (r"longest", longest_side),
    (r"square metres|area of|area does|how (large|big) is (this|the) room", room_size),
    (r"distance|how far|how many metres (is|are) ", distance),
    (r"taller|greater height", taller),
    (r"how tall|height|how many metres tall", height),
    (r"(?:near|clos)\w+ to the <(\d)>.*\?$|^(?:measured from|look at) the <(?=\d>.*\?$)", lambda f, n, m, t: nearest(f, n, anchored(t), t)),
    (r"\b(left|right)\b.*\?$", sided),
    (r"<0>.* (on|in|under) the <1>.*\?$", supported),
    (r"\?$", existence),
    (r"", ground),
)


def anchored(text: str) -> re.Match:
    """Where the question says what distances are measured from."""
    return re.search(r"(?:measured from|look at) the <(\d)>", text) or re.search(r"(?:near|clos)\w+ to the <(\d)>", text)
