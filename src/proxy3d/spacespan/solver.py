"""Answer a SpaceSpan question from its words and the room's boxes alone, by another road than the one that made it.

The generator goes from facts to words; this goes from words to facts, with its own grammar and its own geometry, so that when both agree the
words are unambiguous and the answer is right. It also is the "exact geometry" baseline (oracle) that scores stand beside.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.claims import statement
from proxy3d.spacespan.facts import SUPERLATIVES, Facts, Solved
from proxy3d.spacespan.nouns import parse
from proxy3d.spacespan.record import Pose
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.spacespan.standing import farther_from_you, on_which_side, route, standing, what_is_there


def solve(question: str, room: Room, *, lexicon: Iterable[str] = (), agent: Pose | None = None) -> Solved:
    """The answer to a question or grounding phrase of spacespan.questions.

    `lexicon` names categories beyond those of the room, so that "desk lamp" is not read as "desk" where there is none. With the pose of an
    `agent` (Record.world_from_agent), "you" stand there; without, you stand where the words say.

    Raises:
        BadInput: the words fit no known form, speak of "the chair" where there are none or several, or of a clip that is not there.
    """
    if not room.filmed and re.search(r"\b(clip|camera)\b", question):
        raise BadInput(f"{question!r}: no camera looked at this room; ask what its boxes alone can tell")
    skeleton, nouns = parse(question, {*lexicon, *(o.category for o in room.objects)})
    facts = Facts(room, agent)
    for pattern, rule in RULES:
        match = re.search(pattern, skeleton)
        if match:
            try:
                return rule(facts, nouns, match, skeleton)
            except BadInput:
                raise
            except (IndexError, ValueError):
                raise BadInput(f"{question!r}: names fewer things than such a question compares; name things that are in the room") from None
    raise BadInput(f"{question!r}: not a question of a known form; try 'How many chairs are there?'")


def number_after(text: str, *patterns: str) -> float | None:
    """The number that the first matching pattern captures."""
    for pattern in patterns:
        match = re.search(pattern, text)
        if match:
            return float(match.group(1))
    return None


def what_is_at(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    return Solved(facts.objects[at_place(facts, text)].category)


def at_place(facts: Facts, text: str) -> int:
    """The object whose centre is nearest to a place given from the first camera: metres ahead, to a side, above the floor."""
    right, left = number_after(text, r"([\d.]+) m to the right"), number_after(text, r"([\d.]+) m to the left")
    ahead = number_after(text, r"([\d.]+) m ahead")
    up = number_after(text, r"([\d.]+) m above the floor", r"height of ([\d.]+) m")
    place = facts.start_m + np.array([right if right is not None else -left, ahead]) @ facts.level
    gap = np.abs(np.array([*place, up]) - facts.centre_m)
    return int(np.linalg.norm(gap, axis=1).argmin())


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


def appearance_order(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The letter of the option in which every thing comes into view after those before it."""
    orders = {letter.upper(): re.findall(r"<(\d+)>", names) for letter, names in re.findall(r"([a-d])\) ([^;.]+)[;.]", text)}
    first = {name: next(t for t, n in enumerate(facts.pixels[facts.only(name)]) if n >= 60) for name in set(nouns)}
    times = {letter: [first[nouns[int(i)]] for i in slots] for letter, slots in orders.items()}
    return Solved(next(letter for letter, when in times.items() if when == sorted(when)))


def size_order(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """The letter of the option along which sizes only grow, or only shrink where the largest comes first."""
    measure = next(measure for words, measure in COMPARED.items() if re.search(words, text))
    first = re.search(r"\bthe (shortest|smallest|tallest|longest|largest)\b", text)
    way = 1 if first and first.group(1) in ("shortest", "smallest") else -1
    for letter, line in re.findall(r"([a-d])\) ([^;.]+)[;.]", text):
        named = re.findall(r"(thing nearest to the )?(?:([a-z]+) )?<(\d+)>", line)
        things = [facts.nearest(nouns[int(i)]) if near else facts.called(colour, nouns[int(i)]) for near, colour, i in named]
        sizes = [way * measure(facts.size_m[i]) for i in things]
        if sizes == sorted(sizes):
            return Solved(letter.upper())
    raise BadInput(f"{text!r}: no option is in order of size")


def described(facts: Facts, nouns: Sequence[str], match: re.Match, text: str) -> Solved:
    """Raises BadInput: a caption has many wordings, so that none can be worked out; spacespan.captions tells whether one is true."""
    raise BadInput(f"{text!r}: asks for a caption; check one with proxy3d.spacespan.captions")


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


# The first form that fits decides. Questions end with "?"; requests start with a verb; anything else is a phrase to ground.
COMPARED: dict[str, Callable[[np.ndarray], float]] = {
    "by height": lambda size: size[2],
    "longest side": lambda size: size.max(),
    "by volume": lambda size: size.prod(),
    "by the area": lambda size: size[:2].prod(),
}
RULES: tuple[tuple[str, Callable[[Facts, Sequence[str], re.Match, str], Solved]], ...] = (
    (r"\bdescri(be|ption)\b|\bcaption\b|look like|tell me (about it|what)|^say what is|what is in (the|this) room and where", described),
    (r"until the <", route),
    (r"\btrue or false\b", statement),
    (r"farther (?:away )?from you\b", farther_from_you),
    (r"directly (?:to the left of|to the right of|behind) you\b", what_is_there),
    (r"\byour (?:left|right)\b|side of you\b", on_which_side),
    (r"(?:shortest|smallest|tallest|longest|largest)\b.*[a-d]\) ", size_order),
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
