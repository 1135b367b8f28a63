"""Rooms of VSI-Bench by their boxes, questions of its form about them, and what boxes answer to such a question."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.vsi_bench import LEVELS, Asked
from proxy3d.evaluation.metrics.closest import box_distance
from proxy3d.evaluation.scoring import Example
from proxy3d.spacespan.scans.meta_info import boxes_of, load, number, whole_numbers
from proxy3d.spacespan.scans.upright import MeasuredBox, upright
from proxy3d.spacespan.sources.rows import Row, question_files

APART_M = 0.15  # two distances this close, or a direction this near to a border, are not asked about
BORDER_DEG = 10.0
BEHIND_DEG = 135.0
# What the benchmark's questions are recognised by, whatever stands around it.
FORMS = {
    "object_counting": r"how many (.+?)\(s\)",
    "object_abs_distance": r"between the (.+?) and the (.+?) \(",
    "object_size_estimation": r"\) of the (.+?), measured",
    "room_size_estimation": r"size of this room",
    "object_rel_distance": r"closest to the (.+?)\?",
} | dict.fromkeys(LEVELS, r"standing by the (.+?) and facing the (.+?), is the (.+?) to ")


@dataclass(frozen=True)
class Place:
    """One room: boxes by category, and what its file states officially."""

    scene: str
    dataset: str
    floor_m2: float
    counts: dict[str, int]
    boxes: dict[str, tuple[MeasuredBox, ...]]

    @cached_property
    def by_name(self) -> dict[str, str]:
        return {category.lower(): category for category in self.boxes}

    def only(self, category: str) -> MeasuredBox | None:
        """The one box of a category; None where there are none or several."""
        found = self.boxes.get(self.by_name.get(category.lower(), ""), ())
        return found[0] if len(found) == 1 else None


def places(path: Path) -> dict[str, Place]:
    """Every room of a meta info file or folder by its scene.

    Raises:
        BadInput: nothing there that can be read.
    """
    found: dict[str, Place] = {}
    for file in question_files(path, ("*meta_info*.json",)):
        for scene, item in load(file).items():
            row = Row(item if isinstance(item, dict) else {}, 0, file, file.stem, "test", "vsi_rooms", "Apache-2.0")
            boxes: dict[str, tuple[MeasuredBox, ...]] = {}
            try:
                for category, box in boxes_of(row, scene, []):
                    boxes[category] = (*boxes.get(category, ()), box)
                place = Place(scene, row.text("dataset"), number(row, "room_size"), whole_numbers(row.inner("object_counts")), boxes)
            except ValueError:
                continue  # `data real` names such rooms; here they are rooms that nobody asks about
            found.setdefault(scene, place)
    if not found:
        raise BadInput(f"{path}: no room in it; expected VSI-Bench's meta info")
    return found


def answered(example: Example, rooms: Mapping[str, Place], boxes: str = "as measured") -> str | None:
    """What boxes say, as text; None for a question that boxes cannot answer, or about a room or thing that is not known."""
    place, form = rooms.get(example.truth.scene), FORMS.get(example.kind)
    words = re.search(form, example.prompt, re.IGNORECASE) if form else None
    if place is None or words is None:
        return None
    if example.kind == "room_size_estimation":
        return f"{place.floor_m2:.1f}"
    if example.kind in LEVELS:
        things = [place.only(w) for w in words.groups()]
        return None if None in things else _letter(example, direction(things, example.kind))
    named = [place.boxes.get(place.by_name.get(w.lower(), ""), ()) for w in words.groups()]
    if not all(named):
        return None
    if example.kind == "object_counting":
        return str(len(named[0]))
    if example.kind == "object_size_estimation":
        return str(round(100 * max(float(_kept(b, boxes)[0][3:].max()) for b in named[0])))
    if example.kind == "object_abs_distance":
        return f"{nearest(named[0], named[1], boxes):.2f}"
    options = {_bare(o).lower(): o[0] for o in example.truth.options}
    known = {letter: place.boxes[place.by_name[word]] for word, letter in options.items() if word in place.by_name}
    return min(known, key=lambda letter: nearest(known[letter], named[0], boxes)) if known else None


def _bare(option: str) -> str:
    return re.sub(r"^[A-J][.)]\s*", "", option).strip()


def _letter(example: Example, word: str) -> str | None:
    return next((o[0] for o in example.truth.options if _bare(o).lower() == word), None)


def nearest(some: Sequence[MeasuredBox], others: Sequence[MeasuredBox], boxes: str) -> float:
    """Least distance between a box of one group and a box of the other."""
    a, b = ([_kept(box, boxes) for box in group] for group in (some, others))
    pairs = [(x, y) for x in a for y in b]
    arrays = [np.array([p[i][j] for p in pairs]) for i in (0, 1) for j in (0, 1)]
    if boxes == "centres":
        return float(np.linalg.norm(arrays[0][:, :3] - arrays[2][:, :3], axis=1).min())
    return float(box_distance(*arrays).min())


def _kept(box: MeasuredBox, boxes: str) -> tuple[Float[np.ndarray, "6"], Float[np.ndarray, "3 3"]]:
    """Centre and size, and the rotation world_from_box, of what is kept of a box."""
    if boxes == "upright":
        shape = upright(box)
        c, s = math.cos(shape.yaw_rad), math.sin(shape.yaw_rad)
        return np.array([*shape.centre_m, *shape.size_m]), np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    if boxes == "square":
        low, high = box.span()
        return np.concatenate([(low + high) / 2, high - low]), np.eye(3)
    return np.concatenate([box.centre_m, box.lengths_m]), box.axes.T


def turn_deg(things: Sequence[MeasuredBox]) -> float:
    """How far somebody at the first thing who faces the second turns to face the third: counter-clockwise, -180 to 180, seen from above."""
    here, ahead, wanted = (t.centre_m[:2] for t in things)
    (fx, fy), (tx, ty) = ahead - here, wanted - here
    return math.degrees(math.atan2(fx * ty - fy * tx, fx * tx + fy * ty))


def direction(things: Sequence[MeasuredBox], level: str) -> str:
    """The word that a level of difficulty has for it."""
    turn = turn_deg(things)
    side = "left" if turn > 0 else "right"
    if level == LEVELS[0]:
        return side
    if level == LEVELS[1]:
        return "back" if abs(turn) >= BEHIND_DEG else side
    return f"{'front' if abs(turn) < 90 else 'back'}-{side}"


def generated(rooms: Mapping[str, Place], *, seed: int = 0, per_kind: int = 6) -> list[dict]:
    """Rows as the benchmark's file has them, at most so many of each kind about one room; the same seed gives the same rows."""
    rows = []
    for scene in sorted(rooms):
        rng, place = random.Random(f"{seed}/{scene}"), rooms[scene]
        for kind in FORMS:
            made = list(_asked(kind, place, rng, per_kind))
            for row in made if len(made) <= per_kind else rng.sample(made, per_kind):
                known = {"id": len(rows), "dataset": place.dataset, "scene_name": scene, "question_type": kind}
                rows.append(known | row)
    return rows


def as_examples(rows: Sequence[Mapping]) -> list[Example]:
    """The same rows as the benchmark's reader makes of them."""
    return [
        Example(str(r["id"]), r["question_type"], Asked(r["ground_truth"], tuple(r.get("options", ())), r["scene_name"]), r["question"]) for r in rows
    ]


def _asked(kind: str, place: Place, rng: random.Random, many: int) -> Iterator[dict]:
    """Questions of one kind; only about things whose number of boxes is the official count."""
    sure = sorted(c for c, found in place.boxes.items() if place.counts.get(c, 0) == len(found))
    single = [c for c in sure if len(place.boxes[c]) == 1]
    if kind == "room_size_estimation":
        yield _number("What is the size of this room (in square meters)?", f"{place.floor_m2:.1f}")
    elif kind == "object_counting":
        for c in sorted(c for c, n in place.counts.items() if n > 1 and c in place.boxes):
            yield _number(f"How many {c}(s) are in this room?", str(place.counts[c]))
    elif kind == "object_size_estimation":
        for c in single:
            truth = round(100 * float(place.boxes[c][0].lengths_m.max()))
            yield _number(f"How long is the longest side (length, width, or height) of the {c}, measured in centimeters?", str(truth))
    elif kind == "object_abs_distance":
        pairs = [(a, b) for i, a in enumerate(single) for b in single[i + 1 :]]
        for a, b in rng.sample(pairs, min(many, len(pairs))):
            far = nearest(place.boxes[a], place.boxes[b], "as measured")
            if far >= 0.05:  # 0.0 has no relative error
                yield _number(f"By their closest points, what is the distance between the {a} and the {b} (in meters)?", f"{far:.1f}")
    elif kind == "object_rel_distance":
        yield from _nearest_of_four(place, sure, single, rng, many)
    else:
        yield from _directions(kind, place, single, rng, many)


def _number(question: str, truth: str) -> dict:
    return {"question": question, "ground_truth": truth}


def _nearest_of_four(place: Place, sure: Sequence[str], single: Sequence[str], rng: random.Random, many: int) -> Iterator[dict]:
    """Which of four categories is nearest to a thing, where one clearly is."""
    for thing in rng.sample(single, min(many, len(single))):
        others = [c for c in sure if c != thing]
        if len(others) < 4:
            return
        four = rng.sample(others, 4)
        far = [nearest(place.boxes[c], place.boxes[thing], "as measured") for c in four]
        first, second = sorted(far)[:2]
        if second - first >= APART_M:
            question = f"By their closest points, which of these objects ({', '.join(four)}) is the closest to the {thing}?"
            yield _choice(question, four, four[far.index(first)])


def _directions(level: str, place: Place, single: Sequence[str], rng: random.Random, many: int) -> Iterator[dict]:
    """Left or right, with back, or by quadrant; not near a border, nor where two things stand on one spot."""
    offers = {LEVELS[0]: ("left", "right"), LEVELS[1]: ("left", "right", "back")}.get(level, ("front-left", "front-right", "back-left", "back-right"))
    borders = {LEVELS[0]: (0, 180), LEVELS[1]: (0, BEHIND_DEG)}.get(level, (0, 90, 180))
    for _ in range(4 * many if len(single) >= 3 else 0):
        names = rng.sample(single, 3)
        things = [place.boxes[c][0] for c in names]
        near = min(math.dist(things[0].centre_m[:2], t.centre_m[:2]) for t in things[1:])
        if near < 0.3 or min(abs(abs(turn_deg(things)) - b) for b in borders) < BORDER_DEG:
            continue
        options = rng.sample(offers, len(offers))
        question = f"Somebody is standing by the {names[0]} and facing the {names[1]}, is the {names[2]} to {' or '.join(offers)}?"
        yield _choice(question, options, direction(things, level))


def _choice(question: str, options: Sequence[str], answer: str) -> dict:
    letters = [f"{'ABCD'[i]}. {option}" for i, option in enumerate(options)]
    return {"question": question, "options": letters, "ground_truth": "ABCD"[list(options).index(answer)]}
