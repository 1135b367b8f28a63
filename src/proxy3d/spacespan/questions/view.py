"""What a question may rest on: the objects a clip really shows, sorted by whether their category can be asked about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from random import Random

from proxy3d import english as words
from proxy3d.spacespan.questions.usual import usual_sizes
from proxy3d.spacespan.record import AnswerType, Record
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.values import Box

SEEN_MAX_PX, SEEN_SUM_PX, UNSEEN_PX = 60, 120, 15  # for frames of 256 x 256 pixels; they grow with the area of a frame
FIELD_DEG = 75.0  # questions about a viewpoint use objects within this bearing of the first camera
BEARING_DEG = 12.0  # and two bearings that are compared differ by at least this much
# Families whose answer is wrong when the box of a target really leans; the others use centres, counts or the longest side.
BY_UPRIGHT_BOX = ("height", "taller", "support", "ground_category", "ground_relation", "ground_support", "ground_colour", "ground_superlative")
RATIO = 1.3  # two distances that are compared differ by at least this factor
NEXT_M = 0.12  # and what is nearest of all is ahead by this much, because a factor means little between things that touch


@dataclass(frozen=True)
class Vocabulary:
    """What a split's rooms can show, counted, so that a question's words alone do not give its answer away."""

    presence: tuple[tuple[str, float], ...] = ()  # category, in what share of the rooms it is seen (rooms that leave it open aside)
    support: tuple[tuple[tuple[str, str, str], float], ...] = ()  # ("cup", "on", "table"), how readily to ask it where it is false
    colours: tuple[str, ...] = ()
    sizes: tuple[tuple[tuple[str, str], tuple[float, ...]], ...] = ()  # (category, a measure), quantiles of what is seen; see questions.usual

    @staticmethod
    def of(rooms: Iterable[Room], at_least: int = 1) -> Vocabulary:
        """Counts over rooms; categories seen in fewer than `at_least` rooms are left out."""
        views = [View(room) for room in rooms]
        seen = Counter(category for view in views for category in view.by_category)
        unclear = Counter(category for view in views for category in view.off_limits)
        both = Counter(category for view in views for category in view.off_limits & set(view.by_category))
        presence = []
        for category in sorted(c for c in seen if seen[c] >= at_least):
            decided = len(views) - unclear[category]
            if decided:
                presence.append((category, (seen[category] - both[category]) / decided))
        support = tuple(sorted(false_weights(views).items()))
        colours = tuple(sorted({o.colour for view in views for o in view.seen if o.colour}))
        return Vocabulary(tuple(presence), support, colours, usual_sizes(views))

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(category for category, _ in self.presence)


class View:
    """One room as its clip shows it.

    An object counts as seen with at least 60 pixels in one frame and 120 in all (at 256 x 256), as not there below 15. One in
    between is half seen: its category, and every word that could also mean it, is off limits. Of a room without pictures all that is
    listed counts as seen, and what is not known whole is off limits.
    """

    def __init__(self, room: Room, vocabulary: Vocabulary | None = None):
        self.room, self.vocabulary = room, vocabulary or Vocabulary()
        area = room.image_size_px[0] * room.image_size_px[1] / 256**2
        self.seen, self.shown = list(room.objects), list(room.objects)
        if room.filmed:
            self.seen = [o for o in room.objects if max(o.pixels, default=0) >= SEEN_MAX_PX * area and sum(o.pixels) >= SEEN_SUM_PX * area]
            self.shown = [o for o in room.objects if sum(o.pixels) >= UNSEEN_PX * area]  # seen or half seen
        self.everything = {o.id: o for o in room.objects}
        self.by_id = {o.id: o for o in self.seen}
        self.by_category: dict[str, list[RoomObject]] = {}
        for o in self.seen:
            self.by_category.setdefault(o.category, []).append(o)
        self.off_limits = {o.category for o in self.shown if o.id not in self.by_id} | set(room.unsure)
        self.off_limits |= {word for o in self.shown for word in words.broader(o.category)}
        groups = {c: group for c, group in self.by_category.items() if c not in self.off_limits and words.countable(c)}
        self.unique = {c: group[0] for c, group in groups.items() if len(group) == 1}
        self.several = {c: group for c, group in groups.items() if len(group) > 1}

    @cached_property
    def nearest_to(self) -> dict[str, RoomObject]:
        """For each single thing, by its category: the thing that is clearly nearest to it, where it is clearly seen and neither holds the other."""
        found = {}
        for x in self.unique.values():
            others = [o for o in self.shown if o is not x]
            near = min(others, key=lambda o: math.dist(o.centre_m[:2], x.centre_m[:2]), default=None)
            if near is None or near.id not in self.by_id or near.id in self.chain(x) or x.id in self.chain(near):
                continue
            if self.clearly_nearest(near, x):
                found[x.category] = near
        return found

    def clearly_nearest(self, near: RoomObject, to: RoomObject) -> bool:
        """Whether nothing that the clip shows, clearly or half, could be nearer."""
        away = math.dist(near.centre_m[:2], to.centre_m[:2]) + NEXT_M
        others = [o for o in self.shown if o is not near and o is not to]
        return all(away <= math.dist(o.centre_m[:2], to.centre_m[:2]) and self.clearly_nearer(near, o, to) for o in others)

    @cached_property
    def usual(self) -> dict[tuple[str, str], tuple[float, ...]]:
        """What a category usually measures in the rooms of the split, as quantiles, by (category, measure)."""
        return dict(self.vocabulary.sizes)

    @cached_property
    def supported(self) -> list[RoomObject]:
        """Seen objects that are on, in or under another seen object, in words people use, and whose boxes say so too."""
        held = [(o, self.by_id[o.support]) for o in self.seen if o.relation in ("on", "in", "under") and o.support in self.by_id]
        said = [(o, host) for o, host in held if not (o.relation == "in" and host.category in words.NO_INSIDE)]
        return [o for o, host in said if self.over(o, host, 0.05) and (o.centre_m[2] - o.size_m[2] / 2 < 0.05) == (o.relation == "under")]

    @cached_property
    def support_facts(self) -> dict[tuple[str, str, str], tuple[bool, RoomObject, RoomObject]]:
        """Which (category, relation, category) are clearly true or false here, and of which two objects.

        False is only said of clear cases: the thing is held by something else, in no chain that leads to the other one, and lies
        at least 0.1 m outside its footprint; or it is on it and the question says under, or the other way round.
        """
        facts = {}
        for a, b in permutations(self.unique.values(), 2):
            if a.support == b.id:
                said = {"on": ("on", "under"), "in": ("in", "under"), "under": ("under", "on", "in")}[a.relation] if a in self.supported else ()
            else:
                apart = b.id not in self.chain(a) and a.id not in self.chain(b) and self.gap(a, b) >= 0.1
                said = ("on", "in", "under") if apart else ()
            for relation in said:
                facts[a.category, relation, b.category] = (a.support == b.id and a.relation == relation, a, b)
        return facts

    def chain(self, o: RoomObject) -> set[int]:
        """Ids of what holds an object, what holds that, and so on."""
        held = set()
        while o.support in self.everything and o.support not in held:
            held.add(o.support)
            o = self.everything[o.support]
        return held

    @cached_property
    def hull(self) -> dict[int, tuple[float, ...]]:
        """Axis-aligned footprint (x min, y min, x max, y max) of each object, metres."""
        hull = {}
        for o in self.room.objects:
            c, s = abs(math.cos(o.yaw_rad)), abs(math.sin(o.yaw_rad))
            (x, y, _), (w, d, _) = o.centre_m, o.size_m
            half_x, half_y = (w * c + d * s) / 2, (w * s + d * c) / 2
            hull[o.id] = (x - half_x, y - half_y, x + half_x, y + half_y)
        return hull

    def over(self, a: RoomObject, b: RoomObject, margin_m: float) -> bool:
        """Whether the centre of `a` lies above or below the box of `b`, grown by a margin."""
        return all(abs(v) <= size / 2 + margin_m for v, size in zip(local(a.centre_m, b), b.size_m[:2], strict=True))

    def gap(self, a: RoomObject, b: RoomObject) -> float:
        """Metres of floor between the axis-aligned footprints of two objects; 0 where they overlap."""
        p, q = self.hull[a.id], self.hull[b.id]
        return math.hypot(*(max(p[i] - q[i + 2], q[i] - p[i + 2], 0.0) for i in (0, 1)))

    def clearly_nearer(self, near: RoomObject, far: RoomObject, to: RoomObject) -> bool:
        """Whether `near` is nearer to `to` than `far` is, whatever a person may measure.

        Distance means between centres, on the floor plane. The answer also has to hold in space, both by a factor of 1.3, and the
        gap between footprints must not say the opposite.
        """
        flat, full = (lambda a: math.dist(a.centre_m[:2], to.centre_m[:2])), (lambda a: math.dist(a.centre_m, to.centre_m))
        return flat(near) * RATIO <= flat(far) and full(near) * RATIO <= full(far) and self.gap(near, to) <= self.gap(far, to) + 0.01

    @cached_property
    def heading(self) -> tuple[float, float] | None:
        """Horizontal viewing direction of the first camera; None when there is none, or it looks straight up or down."""
        if not self.room.filmed:
            return None
        pose = self.room.world_from_camera[0]
        x, y = pose[0][2], pose[1][2]
        length = math.hypot(x, y)
        return (x / length, y / length) if length > 0.2 else None

    def from_start(self, xyz_m: Sequence[float]) -> tuple[float, float, float]:
        """Metres to the right of the first camera, ahead of it, and above the floor."""
        pose, (fx, fy) = self.room.world_from_camera[0], self.heading
        dx, dy = xyz_m[0] - pose[0][3], xyz_m[1] - pose[1][3]
        return dx * fy - dy * fx, dx * fx + dy * fy, xyz_m[2]

    @cached_property
    def bearing(self) -> dict[int, float]:
        """Degrees to the right of the first camera's heading, for seen objects in front of it: within 75 degrees and 0.3 m away or more."""
        if self.heading is None:
            return {}
        placed = {o.id: self.from_start(o.centre_m) for o in self.seen}
        angle = {i: math.degrees(math.atan2(right, ahead)) for i, (right, ahead, _) in placed.items() if math.hypot(right, ahead) >= 0.3}
        return {i: a for i, a in angle.items() if abs(a) <= FIELD_DEG}

    def wordings(self, patterns: Sequence[str]) -> Sequence[str]:
        """Those that suit the room: nobody is asked about the clip of a room that has none."""
        return patterns if self.room.filmed else [p for p in patterns if "clip" not in p]

    def stands(self, record: Record) -> bool:
        """Whether no upright box that the answer rests on is in doubt."""
        return record.family not in BY_UPRIGHT_BOX or all(self.by_id[i].upright for i in record.targets)

    def record(
        self,
        family: str,
        question: str,
        answer: str,
        answer_type: AnswerType,
        *,
        subject: str,
        targets: Iterable[RoomObject] = (),
        choices: Sequence[str] = (),
        guesses: int = 0,
    ) -> Record:
        """A record without its id; chance is 1 / guesses where nothing else sets it."""
        targets = sorted(targets, key=lambda o: o.id)
        guesses = {"yes_no": 2, "choice": len(choices)}.get(answer_type, guesses)
        return Record(
            question_id="",
            room_id=self.room.room_id,
            split=self.room.split,
            family=family,
            question=question[:1].upper() + question[1:] if question[-1:] in "?." else question,
            answer=answer,
            answer_type=answer_type,
            subject=subject,
            choices=tuple(choices),
            targets=tuple(o.id for o in targets),
            boxes=tuple(rounded(o) for o in targets) if answer_type == "boxes" else (),
            chance=1 / guesses if guesses else None,
        )


def false_weights(views: Sequence[View]) -> dict[tuple[str, str, str], float]:
    """For each (thing, relation, host) that is false in some room: the weight that gives things and hosts as many noes as yeses.

    Only things that are so held, and hosts that so hold, somewhere in these rooms: "is the bed in the cup" asks nothing.
    """
    true, false = Counter(), Counter()
    facts = [(triple, fact[0]) for view in views for triple, fact in view.support_facts.items()]
    for (thing, relation, host), holds in facts:
        if holds:
            true.update([(thing, relation), (relation, host)])
    for (thing, relation, host), holds in facts:
        if not holds and true[thing, relation] and true[relation, host]:
            false.update([(thing, relation), (relation, host), (thing, relation, host)])
    odds = {side: true[side] / count for side, count in false.items() if len(side) == 2}
    return {triple: odds[triple[:2]] * odds[triple[1:]] for triple in false if len(triple) == 3}


def local(xyz_m: Sequence[float], o: RoomObject) -> tuple[float, float]:
    """Floor-plane coordinates of a point along an object's own axes, from its centre."""
    c, s = math.cos(o.yaw_rad), math.sin(o.yaw_rad)
    dx, dy = xyz_m[0] - o.centre_m[0], xyz_m[1] - o.centre_m[1]
    return dx * c + dy * s, dy * c - dx * s


def rounded(o: RoomObject) -> Box:
    """The object's box as the JSON of a record keeps it, so that a round trip changes nothing."""
    return Box(tuple(round(v, 4) for v in o.centre_m), tuple(round(v, 4) for v in o.size_m), round(o.yaw_rad, 4), label=o.category)


def shuffled(rng: Random, items: Iterable) -> list:
    items = list(items)
    rng.shuffle(items)
    return items


def drawn(rng: Random, weighted: Iterable[tuple[object, float]]) -> list:
    """All items of positive weight, in the random order of drawing without replacement (Efraimidis and Spirakis, 2006)."""
    keyed = [(rng.random() ** (1 / weight), i, item) for i, (item, weight) in enumerate(weighted) if weight > 0]
    return [item for _, _, item in sorted(keyed, key=lambda k: k[:2], reverse=True)]


def one_decimal(metres: float) -> str | None:
    """ "1.8"; None within 1 cm of where rounding changes, where two careful people could differ."""
    tenth = metres * 10
    return None if abs(tenth - math.floor(tenth) - 0.5) < 0.1 else f"{metres:.1f}"


def alternating(rng: Random, yes: list, no: list) -> list:
    """One of each in turn, a coin says which comes first; ends when a side has no more, so that neither side fills up for the other."""
    first, second = (yes, no) if rng.random() < 0.5 else (no, yes)
    pairs = [item for pair in zip(first, second, strict=False) for item in pair]
    return pairs + first[len(second) : len(second) + 1]
