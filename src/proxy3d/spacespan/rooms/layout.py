"""Furnish a room: which models stand where, how each is held up, and where the doors and windows are.

`furnish` draws a kind's own categories evenly, mixes in about a third of visitors from anywhere, and keeps every rule a
question may later ask about: boxes on the floor never overlap, and whatever is on, in or under furniture really is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.spacespan.room import Relation
from proxy3d.spacespan.rooms.kinds import (
    CORNER,
    FOUND_IN,
    HIDES_UNDER,
    HOLDS_NOTHING,
    KINDS,
    MIDDLE,
    PORTABLE,
    SEATS,
    SHELVES,
    SOFT,
    SURROUNDED,
    UNDER,
)
from proxy3d.spacespan.rooms.model import Model
from proxy3d.spacespan.rooms.placement import Footprint, Level, Solid, clear_above, columns_under, covered, open_in_front, overlapping
from proxy3d.spacespan.rooms.tint import tinted

WALL_M = 0.15  # thickness of the walls
VISITORS = 1 / 3  # share of objects drawn from any kind of room, so that one object does not give the others away
PANE = 0.5  # window panes less opaque than this are left out: one looks through them
MOST = 18  # objects in one room
SMALL_M = 0.6  # longest side of what may stand on furniture


@dataclass(frozen=True)
class Placed:
    """One model in the room; its id is its place in Layout.objects plus one."""

    model: Model
    solid: Solid
    x_m: float
    y_m: float
    z_m: float  # of the model's origin
    yaw_rad: float
    relation: Relation
    support: int
    rgb: Float[np.ndarray, "F 3"]  # the model's face colours, or a tint of them

    @property
    def footprint(self) -> Footprint:
        return Footprint.of(self.solid, self.x_m, self.y_m, self.z_m, self.yaw_rad)


@dataclass(frozen=True)
class Hole:
    """A rectangular hole in a wall, behind a door or a window."""

    wall: int  # 0: y = 0, 1: x = width, 2: y = depth, 3: x = 0
    along_m: float  # its middle, along the wall
    width_m: float
    bottom_m: float
    height_m: float
    depth_m: float
    window: bool


@dataclass(frozen=True)
class Layout:
    """A furnished room, before anybody looks at it."""

    kind: str
    size_m: tuple[float, float, float]
    objects: tuple[Placed, ...]
    holes: tuple[Hole, ...]


@dataclass(frozen=True)
class Wall:
    """One wall seen from inside: where it starts, how it runs, where the room is, and the yaw of furniture with its back to it."""

    start: tuple[float, float]
    along: tuple[float, float]
    inward: tuple[float, float]
    length_m: float
    yaw_rad: float

    def point(self, along_m: float, inward_m: float) -> tuple[float, float]:
        return tuple(s + a * along_m + n * inward_m for s, a, n in zip(self.start, self.along, self.inward, strict=True))


def walls(width_m: float, depth_m: float) -> tuple[Wall, Wall, Wall, Wall]:
    """The walls of a room from (0, 0) to (width, depth), in the order of Hole.wall."""
    return (
        Wall((0, 0), (1, 0), (0, 1), width_m, math.pi),
        Wall((width_m, 0), (0, 1), (-1, 0), depth_m, -math.pi / 2),
        Wall((0, depth_m), (1, 0), (0, -1), width_m, 0.0),
        Wall((0, 0), (0, 1), (1, 0), depth_m, math.pi / 2),
    )


class Catalogue:
    """Models by category and by mount, with their solids measured on first use."""

    def __init__(self, models: Sequence[Model]):
        self.models = tuple(models)
        self.by_category: dict[str, list[Model]] = {}
        for model in self.models:
            self.by_category.setdefault(model.category, []).append(model)
        self._in_order = sorted(self.models, key=lambda m: (m.category, m.name))
        self._solid: dict[str, Solid] = {}

    def solid(self, model: Model) -> Solid:
        if model.name not in self._solid:
            self._solid[model.name] = Solid.of(model)
        return self._solid[model.name]

    def having(self, fits: Callable[[Model], bool]) -> dict[str, list[Model]]:
        """The models that fit, by category; categories without any are left out."""
        found: dict[str, list[Model]] = {}
        for model in self._in_order:
            if fits(model):
                found.setdefault(model.category, []).append(model)
        return found


def is_small(model: Model) -> bool:
    return max(model.size_m) <= SMALL_M and (model.mount == "table" or model.mount == "floor" and model.category in PORTABLE)


def furnish(rng: np.random.Generator, models: Sequence[Model] | Catalogue, kind: str) -> Layout:
    """A room of one of KINDS with 10 to 18 objects (fewer when it is too small to hold them), its doors and windows counted.

    Raises:
        BadInput: unknown kind, or models that cannot furnish a room.
    """
    if kind not in KINDS:
        raise BadInput(f"no kind of room is called {kind!r}. Known: {', '.join(sorted(KINDS))}")
    catalogue = models if isinstance(models, Catalogue) else Catalogue(models)
    if not catalogue.having(lambda m: m.mount == "floor"):
        raise BadInput("these models hold no furniture that stands on the floor; expected a bank made by `proxy3d data bank`, or parametric_models()")
    low, high = KINDS[kind].side_m
    width, depth = (float(np.clip(rng.uniform(low, high), 2.2, 6.5)) for _ in range(2))
    room = _Furnisher(rng, catalogue, kind, (width, depth, float(rng.uniform(2.4, 2.9))))
    room.openings()
    room.fill(int(rng.integers(11, MOST + 1)))
    return Layout(kind, room.size_m, tuple(room.placed), tuple(room.holes))


@dataclass
class _Furnisher:
    """A room while it is being furnished."""

    rng: np.random.Generator
    catalogue: Catalogue
    kind: str
    size_m: tuple[float, float, float]
    placed: list[Placed] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    keep_free: list[Footprint] = field(default_factory=list)

    # -- what to place ----------------------------------------------------------------------------------------------------------

    def fill(self, count: int) -> None:
        """Large pieces first, then what hangs, then small things on, in and under them, until `count` objects are there."""
        area = self.size_m[0] * self.size_m[1]
        pieces = int(np.clip(self.rng.normal(area / 3.2 + 0.5, 1.0), 2, 7))
        if self.rng.random() < 0.7:
            self._floor_piece(lambda m: m.category in KINDS[self.kind].own[:2])
        if self.rng.random() < 0.55:
            self._floor_piece(lambda m: m.category in SURROUNDED)
        if self.rng.random() < 0.45:
            self._floor_piece(lambda m: m.category in SHELVES)
        for _ in range(pieces):
            if len(self.placed) < count - 4:
                self._floor_piece(lambda m: not is_small(m) and m.category != "rug")
        if self.rng.random() < 0.45:
            self._rug()
        if self.rng.random() < 0.6:
            self._hang("ceiling")
        steps: tuple[tuple[float, Callable[[], bool]], ...] = (
            (0.4, self._on),
            (0.26, self._inside),
            (0.15, self._under),
            (0.09, lambda: self._hang("wall")),
            (0.1, lambda: self._floor_piece(lambda m: m.category != "rug")),
        )
        share = np.array([s for s, _ in steps])
        for _ in range(4 * count):
            if len(self.placed) >= count:
                break
            steps[self.rng.choice(len(steps), p=share / share.sum())][1]()
        # Nothing stands on, in or under what came last, so a last chair too many can go again.
        while len(self.placed) > MOST and not any(p.support == len(self.placed) for p in self.placed):
            self.placed.pop()
            self.footprints.pop()

    def _model(self, fits: Callable[[Model], bool]) -> Model | None:
        """A model that fits, from the kind's own categories or, in the case of a visitor, from all.

        Categories found in few kinds of room count more, and those with many models a little more: drawn by models alone
        half of all objects would be chairs and tables, drawn evenly half would be the bank's only wheelchair and its like.
        """
        found = self.catalogue.having(fits)
        own = set(KINDS[self.kind].categories)
        native = [c for c in found if c in own]
        pool = list(found) if not native or self.rng.random() < VISITORS else native
        if not pool:
            return None
        there = Counter(p.model.category for p in self.placed)
        common = np.array([FOUND_IN[c] for c in pool])
        again = np.array([(1.0, 0.3, 0.1)[min(there[c], 2)] for c in pool])
        weight = again * (np.array([len(found[c]) for c in pool]) / np.maximum(common, 1)) ** 0.4
        chosen = found[pool[self.rng.choice(len(pool), p=weight / weight.sum())]]
        return chosen[self.rng.integers(len(chosen))]

    def _add(self, model: Model, x: float, y: float, z: float, yaw: float, relation: Relation, support: int = 0, like: Placed | None = None) -> None:
        rgb = like.rgb if like is not None and like.model is model else tinted(self.rng, model)
        solid = self.catalogue.solid(model)
        self.placed.append(Placed(model, solid, float(x), float(y), float(z), float(yaw), relation, support, rgb))
        self.footprints.append(self.placed[-1].footprint)

    def _free(self, footprint: Footprint, margin_m: float = 0.0, ignore: Sequence[int] = ()) -> bool:
        """Inside the room and clear of everything but the objects to ignore (their indices) and rugs."""
        if not footprint.within(*self.size_m[:2]) or footprint.top_m > self.size_m[2]:
            return False
        others = [f for i, f in enumerate(self.footprints) if i not in ignore and self.placed[i].model.category != "rug"]
        return not overlapping(footprint, others, margin_m).any()

    # -- openings ---------------------------------------------------------------------------------------------------------------

    def openings(self) -> None:
        """A door, and windows as the kind of room has them, each in its hole."""
        windows = self.rng.choice([0, 1, 2], p=[0.45, 0.55, 0.0] if self.kind in ("bathroom", "utility room", "hallway") else [0.08, 0.57, 0.35])
        for category in ["door"] + ["window"] * int(windows):
            models = [m for m in self.catalogue.by_category.get(category, []) if self._closes_hole(m)]
            for _ in range(8 if models else 0):
                if self._opening(models[self.rng.integers(len(models))]):
                    break

    def _closes_hole(self, model: Model) -> bool:
        """Flat, rectangular, and if a window, one that people would call so: with panes, and above the floor."""
        if model.mount != "opening" or model.size_m[1] > 0.4:
            return False
        if model.category == "window" and (model.elevation_m < 0.4 or not (model.opacity <= PANE).any()):
            return False
        front = self.catalogue.solid(model).occupied.any(1)
        rim = np.ones_like(front)
        rim[3:-3, 3:-4] = False
        return bool(front[rim].mean() > 0.8)

    def _opening(self, model: Model) -> bool:
        width, depth, height = model.size_m
        index = int(self.rng.integers(4))
        wall = walls(*self.size_m[:2])[index]
        bottom = 0.0 if model.category == "door" else min(model.elevation_m or 0.9, self.size_m[2] - height - 0.1)
        if bottom < 0 or bottom + height > self.size_m[2] - 0.05 or width > wall.length_m - 0.3:
            return False
        along = self.rng.uniform(width / 2 + 0.12, wall.length_m - width / 2 - 0.12)
        if any(h.wall == index and abs(h.along_m - along) < (h.width_m + width) / 2 + 0.15 for h in self.holes):
            return False
        x, y = wall.point(along, 0.02 - depth / 2)
        self._add(model, x, y, bottom, wall.yaw_rad, "wall")
        window = model.category == "window"
        self.holes.append(Hole(index, along, width - 0.02, bottom, height - 0.01, max(WALL_M, depth), window))
        if not window:
            x, y = wall.point(along, 0.4)
            self.keep_free.append(Footprint(x, y, width / 2, 0.4, wall.yaw_rad, 0.0, 2.0))
        return True

    def _before_hole(self, index: int, along: float, half: float, bottom: float, top: float) -> bool:
        """Whether something at a wall would cover a hole of it."""
        here = [h for h in self.holes if h.wall == index and abs(h.along_m - along) < h.width_m / 2 + half]
        return any(top > h.bottom_m and bottom < h.bottom_m + h.height_m for h in here)

    # -- on the floor -----------------------------------------------------------------------------------------------------------

    def _floor_piece(self, wanted: Callable[[Model], bool]) -> bool:
        stray = self.rng.random() < 0.06  # now and then a small thing lies on the floor: what a thing is must not say where it is
        model = self._model(lambda m: is_small(m) and m.mount == "table" if stray else m.mount == "floor" and wanted(m))
        if model is None or not self._stand(model):
            return False
        if self.rng.random() < 0.22 and model.category not in SURROUNDED:  # duplicates make counting and colours worth asking
            same = self.catalogue.by_category[model.category]
            other = model if self.rng.random() < 0.5 else same[self.rng.integers(len(same))]
            if other.mount == model.mount:
                self._stand(other)
        if model.category in SURROUNDED and self.rng.random() < 0.75:
            self._seats(len(self.placed) - 1)
        return True

    def _stand(self, model: Model) -> bool:
        solid = self.catalogue.solid(model)
        free_standing = is_small(model) and model.mount == "table" or (model.category in MIDDLE and self.rng.random() < 0.8)
        for _ in range(25):
            x, y, yaw, index, along = self._middle() if free_standing else self._wall_side(model, model.category in CORNER)
            footprint = Footprint.of(solid, x, y, 0.0, yaw)
            if index is not None and self._before_hole(index, along, model.size_m[0] / 2, 0.0, model.size_m[2]):
                continue
            if self._free(footprint, 0.02) and not overlapping(footprint, self.keep_free).any():
                self._add(model, x, y, 0.0, yaw, "floor")
                return True
        return False

    def _middle(self) -> tuple[float, float, float, None, float]:
        x, y = (self.rng.uniform(0.3, side - 0.3) for side in self.size_m[:2])
        yaw = self.rng.integers(4) * math.pi / 2 + self.rng.normal(0, 0.15) if self.rng.random() < 0.7 else self.rng.uniform(-math.pi, math.pi)
        return x, y, float(yaw), None, 0.0

    def _wall_side(self, model: Model, corner: bool) -> tuple[float, float, float, int, float]:
        index = int(self.rng.integers(4))
        wall = walls(*self.size_m[:2])[index]
        half = model.size_m[0] / 2 + 0.01
        reach = max(wall.length_m - 2 * half, 0.0)
        share = self.rng.choice([0.0, 1.0]) * 0.96 + 0.02 if corner and self.rng.random() < 0.7 else self.rng.random()
        along, jitter = half + share * reach, self.rng.normal(0, 0.02)
        gap = self.rng.uniform(0.005, 0.04) + abs(jitter) * half
        x, y = wall.point(along, model.size_m[1] / 2 + gap)
        return x, y, wall.yaw_rad + jitter, index, along

    def _seats(self, table: int) -> None:
        """Seats that face a table or desk; some alike, some not."""
        host = self.placed[table]
        pool = [m for c in SEATS for m in self.catalogue.by_category.get(c, []) if m.mount == "floor" and m.size_m[2] < 1.3]
        if not pool:
            return
        kinds = sorted({m.category for m in pool})
        category = "chair" if "chair" in kinds and self.rng.random() < 0.6 else kinds[self.rng.integers(len(kinds))]
        pool = [m for m in pool if m.category == category]
        model, first = pool[self.rng.integers(len(pool))], None
        sides = [(0, -1)] if SURROUNDED[host.model.category] == 1 else [(0, -1), (0, 1), (1, 0), (-1, 0), (0, -1), (0, 1)]
        half = (host.model.size_m[0] / 2, host.model.size_m[1] / 2)
        for number in range(int(self.rng.integers(1, SURROUNDED[host.model.category] + 1))):
            sx, sy = sides[number % len(sides)]
            if self.rng.random() < 0.2:
                model = pool[self.rng.integers(len(pool))]
            out = self.rng.uniform(0.02, 0.15) + model.size_m[1] / 2 + 0.03
            slide = self.rng.uniform(-0.5, 0.5) * (half[0] if sx == 0 else half[1])
            local = (sx * (half[0] + out), slide) if sx else (slide, sy * (half[1] + out))
            c, s = math.cos(host.yaw_rad), math.sin(host.yaw_rad)
            x, y = host.x_m + c * local[0] - s * local[1], host.y_m + s * local[0] + c * local[1]
            yaw = host.yaw_rad + math.atan2(-sx, sy) + self.rng.normal(0, 0.06)
            footprint = Footprint.of(self.catalogue.solid(model), x, y, 0.0, yaw)
            if self._free(footprint) and not overlapping(footprint, self.keep_free).any():
                self._add(model, x, y, 0.0, yaw, "floor", like=first if self.rng.random() < 0.5 else None)
                first = first or self.placed[-1]

    def _rug(self) -> bool:
        """A rug under a table, or on free floor."""
        rugs = [m for m in self.catalogue.by_category.get("rug", []) if m.size_m[2] < 0.06]
        hosts = [i for i, p in enumerate(self.placed) if p.model.category in UNDER and p.relation == "floor"]
        for _ in range(12 if rugs else 0):
            model = rugs[self.rng.integers(len(rugs))]
            solid = self.catalogue.solid(model)
            if hosts and self.rng.random() < 0.5:
                host = hosts[self.rng.integers(len(hosts))]
                x, y = (v + self.rng.normal(0, 0.05) for v in (self.placed[host].x_m, self.placed[host].y_m))
                footprint = Footprint.of(solid, x, y, 0.0, self.placed[host].yaw_rad)
                if footprint.within(*self.size_m[:2], 0.02):
                    self._add(model, x, y, 0.0, footprint.yaw_rad, "under", host + 1)
                    return True
            x, y, yaw, _, _ = self._middle()
            footprint = Footprint.of(solid, x, y, 0.0, yaw)
            if self._free(footprint, 0.01):
                self._add(model, x, y, 0.0, yaw, "floor")
                self.keep_free.append(footprint)  # else things would stand in it rather than on it
                return True
        return False

    # -- hanging ----------------------------------------------------------------------------------------------------------------

    def _hang(self, mount: str) -> bool:
        model = self._model(lambda m: m.mount == mount)
        if model is None:
            return False
        solid, (width, depth, height) = self.catalogue.solid(model), model.size_m
        for _ in range(15):
            if mount == "ceiling":
                x, y = (side * self.rng.uniform(0.35, 0.65) for side in self.size_m[:2])
                z, yaw = self.size_m[2] - height - 0.002, float(self.rng.integers(4)) * math.pi / 2
            else:
                index = int(self.rng.integers(4))
                wall = walls(*self.size_m[:2])[index]
                along = self.rng.uniform(width / 2 + 0.02, max(wall.length_m - width / 2 - 0.02, width / 2 + 0.03))
                z = min((model.elevation_m or 1.3) + self.rng.uniform(-0.08, 0.12), self.size_m[2] - height - 0.05)
                (x, y), yaw = wall.point(along, depth / 2 + 0.003), wall.yaw_rad
                if z < 0 or self._before_hole(index, along, width / 2, z, z + height):
                    continue
            if self._free(Footprint.of(solid, x, y, z, yaw), 0.002):
                self._add(model, x, y, z, yaw, "ceiling" if mount == "ceiling" else "wall")
                return True
        return False

    # -- on, in, under ----------------------------------------------------------------------------------------------------------

    def _supports(self, categories: set[str] | None) -> list[int]:
        return [
            i
            for i, p in enumerate(self.placed)
            if (p.relation == "floor" or p.model.category in SHELVES and p.relation == "wall")
            and (p.model.category in categories if categories else p.model.category not in HOLDS_NOTHING)
        ]

    def _on(self) -> bool:
        return self._rest(lambda m: m.mount == "table" or is_small(m), self._supports(None), "on")

    def _inside(self) -> bool:
        return self._rest(lambda m: is_small(m) and m.mount == "table" and m.size_m[2] < 0.4, self._supports(SHELVES), "in")

    def _under(self) -> bool:
        hidden = self.rng.random() < 0.7
        small = (lambda m: m.category in HIDES_UNDER) if hidden else (lambda m: max(m.size_m) < SMALL_M)
        return self._rest(lambda m: m.mount == "floor" and m.category != "rug" and max(m.size_m) < 0.8 and small(m), self._supports(UNDER), "under")

    def _rest(self, fits: Callable[[Model], bool], hosts: list[int], relation: Relation) -> bool:
        """Put a model that fits on, in or under one of some hosts, wherever there is room for it."""
        options = []
        for host in hosts:
            floor = Level(0.0, np.ones(self.placed[host].solid.occupied.shape[:2], bool))
            levels = (floor,) if relation == "under" else self.placed[host].solid.levels
            options += [(host, level) for level in levels if relation == "under" or 0.1 < level.height_m + self.placed[host].z_m < 1.9]
        area = np.array([level.flat.sum() * (0.2 if self.placed[host].model.category in SOFT else 1.0) for host, level in options])
        for _ in range(3 if options else 0):
            model = self._model(fits)
            if model is None:
                break
            chance = area ** (0.5 if is_small(model) else 1.5)  # a television hardly ever fits on a stool
            for _ in range(16):
                host, level = options[self.rng.choice(len(options), p=chance / chance.sum())]
                if self._rest_at(model, host, level, relation):
                    return True
        return False

    def _rest_at(self, model: Model, index: int, level: Level, relation: Relation) -> bool:
        host, solid, tall = self.placed[index], self.catalogue.solid(model), model.size_m[2]
        turn = self.rng.normal(0, 0.12) + (0.0 if relation == "in" or self.rng.random() < 0.6 else self.rng.integers(4) * math.pi / 2)
        at = np.argwhere(level.flat)
        local = host.solid.low_m[:2] + (at[self.rng.integers(len(at))] + self.rng.random(2)) * 0.03
        footprint = Footprint.of(solid, local[0], local[1], 0.0, float(turn))
        column = columns_under(host.solid, footprint.x_m, footprint.y_m, footprint.half_x_m, footprint.half_y_m, footprint.yaw_rad)
        if column is None or level.flat[column].mean() < 0.94 or not clear_above(host.solid, column, level.height_m, tall):
            return False
        if relation == "on" and covered(host.solid, column, level.height_m, 0.15):
            return False
        if relation in ("in", "under") and not covered(host.solid, column, level.height_m):
            return False
        if relation == "in" and not open_in_front(host.solid, column, level.height_m, tall):
            return False
        c, s = math.cos(host.yaw_rad), math.sin(host.yaw_rad)
        x, y = host.x_m + c * local[0] - s * local[1], host.y_m + s * local[0] + c * local[1]
        z = 0.0 if relation == "under" else host.z_m + float(host.solid.low_m[2]) + level.height_m + 0.001
        if not self._free(Footprint.of(solid, x, y, z, host.yaw_rad + turn), 0.004, ignore=(index,)):
            return False
        self._add(model, x, y, z, host.yaw_rad + turn, relation, index + 1)
        return True
