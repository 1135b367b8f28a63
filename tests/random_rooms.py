"""Random furnished rooms without a renderer: boxes, supports, cameras and made-up pixel counts, for tests of whatever reads a Room."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import torch

from proxy3d.geometry import look_at
from proxy3d.spacespan.room import Room, RoomObject

COLOURS = ("white", "black", "grey", "brown", "red", "blue", "green", "yellow", "orange", "beige")
# category: share of rooms of any kind, most per room, width, depth, height in metres
FLOOR = {
    "chair": (0.7, 5, 0.5, 0.5, 0.9),
    "table": (0.5, 2, 1.4, 0.8, 0.75),
    "coffee table": (0.2, 1, 1.0, 0.6, 0.4),
    "sofa": (0.5, 2, 1.9, 0.9, 0.8),
    "armchair": (0.15, 2, 0.8, 0.8, 0.9),
    "bed": (0.4, 2, 1.6, 2.0, 0.6),
    "desk": (0.4, 1, 1.2, 0.6, 0.75),
    "wardrobe": (0.4, 2, 1.2, 0.6, 2.0),
    "bookcase": (0.4, 2, 0.9, 0.35, 1.8),
    "shelf": (0.2, 2, 0.8, 0.3, 1.5),
    "fridge": (0.25, 1, 0.7, 0.7, 1.8),
    "plant": (0.6, 3, 0.5, 0.5, 1.1),
    "lamp": (0.6, 2, 0.4, 0.4, 1.6),
    "piano": (0.1, 1, 1.5, 0.6, 1.1),
    "bedside table": (0.3, 2, 0.5, 0.4, 0.6),
    "trash can": (0.3, 2, 0.3, 0.3, 0.4),
}
SMALL = {
    "cup": (0.1, 0.1, 0.1),
    "bowl": (0.2, 0.2, 0.1),
    "laptop": (0.35, 0.25, 0.25),
    "desk lamp": (0.2, 0.2, 0.45),
    "vase": (0.2, 0.2, 0.35),
    "food": (0.2, 0.2, 0.15),
    "box": (0.35, 0.3, 0.25),
    "toy": (0.25, 0.25, 0.3),
}
TOPS = ("table", "coffee table", "desk", "bedside table", "piano")


def random_room(seed: int, split: str = "train", size_px: int = 256) -> Room:
    """A room of 3 to 6 metres with about a dozen objects; nine in ten are clearly seen, the rest half seen or not at all."""
    rng = Random(seed)
    width, depth = rng.uniform(3.5, 6.5), rng.uniform(3.5, 6.5)
    objects: list[RoomObject] = []
    for category, (share, most, *size) in FLOOR.items():
        if rng.random() < share:
            for _ in range(rng.randint(1, most)):
                grown = tuple(v * rng.uniform(0.75, 1.25) for v in size)
                spot = free_spot(rng, objects, grown, width, depth)
                if spot:
                    objects.append(made(rng, len(objects) + 1, category, (*spot, grown[2] / 2), grown, "floor", 0, size_px))
    for category, size in SMALL.items():
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            held = small_thing(rng, len(objects) + 1, category, size, objects, size_px)
            if held:
                objects.append(held)
    eye = torch.tensor([0.3, 0.3, 1.5])
    aim = torch.tensor([width / 2 + rng.uniform(-1, 1), depth / 2 + rng.uniform(-1, 1), rng.uniform(0.3, 1.2)])
    poses = [look_at(eye + torch.tensor([0.1 * t, 0.0, 0.0]), aim).tolist() for t in range(3)]
    f = size_px / 2 / math.tan(math.radians(35))
    return Room(
        room_id=f"{split}-{seed:06d}",
        split=split,
        seed=seed,
        kind="room",
        size_m=(width, depth, 2.5),
        image_size_px=(size_px, size_px),
        intrinsics_px=((f, 0.0, size_px / 2), (0.0, f, size_px / 2), (0.0, 0.0, 1.0)),
        world_from_camera=tuple(tuple(tuple(row) for row in pose) for pose in poses),
        textures=("plain",),
        objects=tuple(objects),
    )


def plain_room(*objects: RoomObject) -> Room:
    """Just these objects in a 5 x 5 m room; the first camera stands at (2.5, 0, 1.5) and looks along +y, so left is -x."""
    room = random_room(0)
    pose = ((1.0, 0.0, 0.0, 2.5), (0.0, 0.0, 1.0, 0.0), (0.0, -1.0, 0.0, 1.5), (0.0, 0.0, 0.0, 1.0))
    return replace(room, room_id="test-plain", size_m=(5.0, 5.0, 2.5), world_from_camera=(pose,) * 3, objects=objects)


def thing(id: int, category: str, centre_m: tuple[float, float, float], size_m=(0.5, 0.5, 0.5), **fields) -> RoomObject:
    """One object on the floor, clearly seen, red and square to the walls unless told otherwise."""
    usual = {"model": f"{category}-{id}", "colour": "red", "yaw_rad": 0.0, "relation": "floor", "support": 0, "pixels": (200, 200, 200)}
    return RoomObject(id=id, category=category, centre_m=centre_m, size_m=size_m, **{**usual, **fields})


def free_spot(rng: Random, objects: list[RoomObject], size: tuple[float, ...], width: float, depth: float) -> tuple[float, float] | None:
    radius = math.hypot(size[0], size[1]) / 2
    for _ in range(20):
        x, y = rng.uniform(0.3, width - 0.3), rng.uniform(0.3, depth - 0.3)
        if all(math.dist((x, y), o.centre_m[:2]) > radius + math.hypot(*o.size_m[:2]) / 2 for o in objects):
            return x, y
    return None


def small_thing(rng: Random, id: int, category: str, size: tuple[float, ...], objects: list[RoomObject], size_px: int) -> RoomObject | None:
    """On a top, in a bookcase or fridge, under a table, or on the floor."""
    tops, inside = [o for o in objects if o.category in TOPS], [o for o in objects if o.category in ("bookcase", "shelf", "fridge")]
    relation = rng.choice(("on", "on", "on", "in", "under"))
    hosts = inside if relation == "in" else [o for o in tops if o.category != "bedside table"] if relation == "under" else tops
    if not hosts:
        return None
    host = rng.choice(hosts)
    u, v = (rng.uniform(-0.3, 0.3) * s for s in host.size_m[:2])
    c, s = math.cos(host.yaw_rad), math.sin(host.yaw_rad)
    bottom = {"on": host.size_m[2], "under": 0.0, "in": rng.uniform(0.25, 0.6) * host.size_m[2]}[relation]
    centre = (host.centre_m[0] + u * c - v * s, host.centre_m[1] + u * s + v * c, bottom + size[2] / 2)
    return made(rng, id, category, centre, size, relation, host.id, size_px)


def made(rng: Random, id: int, category: str, centre, size, relation: str, support: int, size_px: int) -> RoomObject:
    area = (size_px / 256) ** 2
    level = rng.choice((0, 2, 20, 50)) if rng.random() < 0.1 else rng.randint(150, 4000)
    into_view = rng.choice(((0.2, 1.0, 0.5), (0.0, 1.0, 0.7), (0.0, 0.0, 1.0), (1.0, 0.6, 0.0)))
    pixels = tuple(int(level * area * share) for share in into_view)
    model, colour = f"{category}-{rng.randint(0, 9)}", rng.choice(COLOURS)
    return RoomObject(id, category, model, colour, tuple(centre), tuple(size), rng.uniform(-3, 3), relation, support, pixels)
