"""Rooms of plain boxes, seen by casting rays: exact depth and ids without a renderer, for tests of whatever reads a room's folder."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from random import Random

import numpy as np
import pytest

from proxy3d.spacespan.make import make_dataset
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms import make
from proxy3d.spacespan.rooms.make import RenderedRoom
from random_rooms import random_room

SIZE_PX = 64


def cast_room(seed: int, split: str, room_id: str, kind: str = "study") -> RenderedRoom:
    """A random room of boxes whose pictures, depth and pixel counts are true; its models and textures are its split's own."""
    room = random_room(seed, split, SIZE_PX)
    rng = Random(seed)
    things = tuple(replace(thing, model=f"{split}/{thing.model}") for thing in room.objects)
    room = replace(room, room_id=room_id, kind=kind, textures=(f"{split}-{rng.randint(0, 3)}",), objects=things)
    depth, instance = cast(room)
    counts = [np.bincount(frame.reshape(-1), minlength=len(things) + 1) for frame in instance]
    things = tuple(replace(thing, pixels=tuple(int(count[thing.id]) for count in counts)) for thing in things)
    colours = np.random.default_rng(0).integers(40, 220, (256, 3), dtype=np.uint8)
    return RenderedRoom(replace(room, objects=things), colours[instance], depth, instance)


def cast(room: Room) -> tuple[np.ndarray, np.ndarray]:
    """(T, H, W) depth along the optical axis and object ids; what no box hides is the inside of the room."""
    width, height = room.image_size_px
    v, u = np.indices((height, width))
    ray = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3) @ np.linalg.inv(np.array(room.intrinsics_px)).T
    depths, ids = [], []
    for pose in np.array(room.world_from_camera):
        way, eye = ray @ pose[:3, :3].T, pose[:3, 3]
        centre = np.array(room.size_m) / 2
        best, owner = span(eye, way, centre, np.array(room.size_m), 0.0)[1], np.zeros(len(way), np.uint8)
        for thing in room.objects:
            near, far = span(eye, way, np.array(thing.centre_m), np.array(thing.size_m), thing.yaw_rad)
            hit = (near < far) & (near > 0.05) & (near < best)
            best, owner = np.where(hit, near, best), np.where(hit, thing.id, owner).astype(np.uint8)
        depths.append(best.reshape(height, width).astype(np.float32))
        ids.append(owner.reshape(height, width))
    return np.stack(depths), np.stack(ids)


def span(eye: np.ndarray, way: np.ndarray, centre: np.ndarray, size: np.ndarray, yaw_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Where each ray enters and leaves a box, in steps of `way`; it misses where it would leave before it enters."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    start, step = (eye - centre) @ turn, way @ turn
    with np.errstate(divide="ignore"):
        ends = np.stack([(-size / 2 - start) / step, (size / 2 - start) / step])
    return ends.min(0).max(-1), ends.max(0).min(-1)


cast_once = lru_cache(cast_room)


def cast_instead(seed, split, models, *, room_id=None, **_):
    return cast_once(seed, split, room_id, ("study", "kitchen")[seed // 3 % 2])


def cast_data_set(out, counts: dict[str, int], **settings) -> dict:
    """A whole data set of cast rooms with their questions, as `proxy3d data make` writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "make_room", cast_instead)
        patch.setattr(make, "_catalogue", lambda *_: None)
        patch.setattr(make, "models_of", lambda *_: ((), "parametric"))
        return make_dataset(out, counts, workers=1, **settings)
