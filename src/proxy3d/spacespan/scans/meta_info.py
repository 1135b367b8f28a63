"""VSI-Bench's meta info: oriented boxes, counts and floor areas of the real rooms that it asks about."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.spacespan.scans.holding import floor_of, held, spanned
from proxy3d.spacespan.scans.upright import MeasuredBox, UprightBox, upright
from proxy3d.spacespan.sources.rows import LARGEST, Row, Unusable, decoded, kind, question_files

SOURCE, LICENCE, FILES = "vsi_rooms", "Apache-2.0", "*meta_info*.json"
SAME_M = 0.01  # by how much min and max may differ from those of the box they come with


@dataclass(frozen=True)
class Scanned:
    """A room, and what its file states officially about it: the numbers that VSI-Bench's answers are."""

    room: Room
    counts: dict[str, int]  # objects of each category
    longest_cm: dict[str, tuple[int, ...]]  # of each box, in whole centimetres as the answers have it
    upright: tuple[UprightBox, ...]  # in the order of room.objects


class Keys(dict):
    """A JSON object that remembers which of its keys came twice; JSON itself keeps the last in silence."""

    repeated: tuple[str, ...] = ()


def keys(pairs: list[tuple[str, object]]) -> Keys:
    """The first value of each key."""
    found = Keys()
    for key, value in pairs:
        if key in found:
            found.repeated += (key,)
        else:
            found[key] = value
    return found


def read(path: Path) -> Iterator[Scanned | Dropped]:
    """Rooms of a file, or of a folder's files that are called *meta_info*.json; what cannot be used, with its reason.

    Raises:
        BadInput: nothing there, or the one file cannot be read; a broken file among others is dropped.
    """
    path, seen = Path(path), set()
    for file in question_files(path, (FILES,)):
        try:
            content = load(file)
        except BadInput as error:
            if path.is_file():
                raise
            yield Dropped(SOURCE, file.name, " ".join(str(error).split()))
            continue
        for scene in content.repeated:
            yield Dropped(SOURCE, f"{file.name}, {scene}", "this scene comes twice in the file; the first one counts")
        for scene, item in content.items():
            where = f"{file.name}, {scene}"
            if scene in seen:
                yield Dropped(SOURCE, where, "this scene came before, in another file")
                continue
            try:
                whole, parts = scanned(scene, item, file, where)
            except ValueError as error:
                yield Dropped(SOURCE, where, " ".join(str(error).split())[:300])
                continue
            seen.add(scene)
            yield from parts
            yield whole


def load(file: Path) -> Keys:
    """A file's scenes by name. Raises BadInput when it holds no scenes."""
    try:
        content = json.loads(decoded(file), object_pairs_hook=keys)
    except json.JSONDecodeError as error:
        raise BadInput(f"{file}: not JSON at line {error.lineno}: {error.msg}; was it cut off? Fetch it again") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from None
    if not isinstance(content, Keys) or not content:
        found = "none" if isinstance(content, Keys) else kind(content)
        raise BadInput(f"{file}: expected an object with a scene per key, as VSI-Bench's meta info is, got {found}")
    return content


def scanned(scene: str, item: object, file: Path, where: str) -> tuple[Scanned, list[Dropped]]:
    """One room, and the parts of it that were left out. Raises ValueError when it is no room at all."""
    if not scene.strip() or not isinstance(item, Keys):
        raise Unusable(f"expected a named scene with its boxes, got {kind(item)}")
    if item.repeated:
        raise Unusable(f"{item.repeated[0]} comes twice")
    row = Row(item, 0, file, file.stem, "test", SOURCE, LICENCE)
    area, counted = number(row, "room_size"), whole_numbers(row.inner("object_counts"))
    if area <= 0:
        raise Unusable("room_size: expected square metres above 0")
    parts: list[Dropped] = []
    boxes = list(boxes_of(row, where, parts))
    if not boxes:
        raise Unusable("no usable box in it")
    found = Counter(category for category, _ in boxes)
    unsure = tuple(sorted(c for c in {*found, *counted, *broken(parts)} if found[c] != counted.get(c, 0) or c in broken(parts)))
    parts += [
        Dropped(SOURCE, f"{where}, {c}", f"not asked about: {counted.get(c, 0)} counted, {found[c]} different boxes")
        for c in unsure
        if c not in broken(parts)
    ]
    shapes = tuple(upright(box) for _, box in boxes)
    objects = [thing(i, category, shape) for i, ((category, _), shape) in enumerate(zip(boxes, shapes, strict=True), 1)]
    floor = floor_of(objects)
    objects = held([replace(o, centre_m=(*o.centre_m[:2], o.centre_m[2] - floor)) for o in objects])
    room = Room(
        room_id=scene.strip(),
        split="test",  # VSI-Bench has no other
        seed=0,
        kind=row.text("dataset"),
        size_m=spanned(objects),
        image_size_px=(0, 0),
        intrinsics_px=(),
        world_from_camera=(),
        textures=(),
        objects=objects,
        floor_area_m2=area,
        floor_z_m=floor,
        unsure=unsure,
    )
    longest: dict[str, tuple[int, ...]] = {}
    for category, box in boxes:
        longest[category] = (*longest.get(category, ()), round(100 * float(box.lengths_m.max())))
    return Scanned(room, counted, longest, shapes), parts


def thing(i: int, category: str, shape: UprightBox) -> RoomObject:
    """An object of which nothing but kind and box is known."""
    return RoomObject(
        id=i,
        category=category,
        model="",
        colour="",
        centre_m=shape.centre_m,
        size_m=shape.size_m,
        yaw_rad=shape.yaw_rad,
        relation="unknown",
        support=0,
        pixels=(),
        upright=shape.stands,
    )


def boxes_of(row: Row, where: str, parts: list[Dropped]) -> Iterator[tuple[str, MeasuredBox]]:
    """Every box with its category, in the order of the file; what is broken or listed twice goes to `parts`."""
    listed = row.take("object_bbox", dict, "boxes by category")
    for name, items in listed.items():
        category, before = name.strip(), []
        for number, item in enumerate(items if isinstance(items, list) else [items], 1):
            at = f"{where}, {name} {number}"
            try:
                if not category or name in listed.repeated:
                    raise Unusable("its category comes twice" if category else "its category has no name")
                box = measured(Row(item if isinstance(item, dict) else {}, number, row.file, row.label, row.split, SOURCE, LICENCE))
            except ValueError as error:
                parts.append(Dropped(SOURCE, at, f"{BROKEN}: {' '.join(str(error).split())[:200]}"))
                continue
            if any(same(box, other) for other in before):
                parts.append(Dropped(SOURCE, at, "the same box as one before"))
                continue
            before.append(box)
            yield category, box


BROKEN = "no box, so nothing is asked about its category"


def broken(parts: list[Dropped]) -> set[str]:
    """Categories of which a box was lost."""
    return {part.where.rpartition(", ")[2].rpartition(" ")[0].strip() for part in parts if part.reason.startswith(BROKEN)}


def measured(row: Row) -> MeasuredBox:
    """A box whose own min and max agree with it: each group of three of `normalizedAxes` is one axis."""
    centre, lengths, axes, low, high = (numbers(row, key, n) for key, n in KEYS.items())
    box = MeasuredBox(centre, lengths, axes.reshape(3, 3))
    if max(np.abs(a - b).max() for a, b in zip(box.span(), (low, high), strict=True)) > SAME_M:
        raise Unusable("min and max are not those of its centroid, axesLengths and normalizedAxes")
    return box


KEYS = {"centroid": 3, "axesLengths": 3, "normalizedAxes": 9, "min": 3, "max": 3}


def same(box: MeasuredBox, other: MeasuredBox) -> bool:
    return bool((box.centre_m == other.centre_m).all() and (box.lengths_m == other.lengths_m).all() and (box.axes == other.axes).all())


def numbers(row: Row, key: str, count: int) -> np.ndarray:
    """So many finite numbers; Unusable where there are not."""
    values = row.take(key, list, f"{count} numbers")
    if len(values) != count or any(isinstance(v, bool) or not isinstance(v, int | float) or not abs(v) <= LARGEST for v in values):
        raise Unusable(f"{key}: expected {count} finite numbers")
    return np.array(values, dtype=np.float64)


def number(row: Row, key: str) -> float:
    """One finite number; Unusable where there is none."""
    value = row.take(key, (int, float), "a number")
    if not abs(value) <= LARGEST or not math.isfinite(value):
        raise Unusable(f"{key}: expected a finite number")
    return float(value)


def whole_numbers(row: Row) -> dict[str, int]:
    """How many objects each category has; a category whose count is no whole number counts as none, so that it is never asked about."""
    return {name.strip(): n for name, n in row.item.items() if isinstance(n, int) and not isinstance(n, bool) and n > 0}
