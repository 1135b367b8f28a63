"""A rendered room as people look at it: a scene without proxies, but with its cloud and pictures, and its questions with their boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.spacespan.room_geometry import seen_points
from proxy3d.values import Answer, Box, Clip, Preview, Proxies, Scale, Scene

CELL_M = 0.025
BEYOND_M = 0.4  # window frames stand in the wall, and their reveals go deeper
LIT_PX = 60  # a frame with fewer pixels of a thing is not said to show it
EVERYTHING = "every object of the room, seen or not"


def room_scene(folder: Path) -> Scene:
    """The truth of a room's folder as a scene that the viewer can show; nothing in it was estimated.

    Raises:
        BadInput: no room there.
    """
    room, clip, _ = load_clip(Path(folder))
    frames = len(clip.frame)
    none = torch.zeros(0, 3)
    return Scene(
        clip_id=f"{room.room_id}, {room.kind}",
        proxies=Proxies(none, none, torch.zeros(0, 1), torch.zeros(0), torch.zeros(0, dtype=torch.long), torch.zeros(0, frames)),
        scale=Scale(1.0, "sensor", 0.0),
        world_from_camera=clip.world_from_camera,
        intrinsics_px=clip.intrinsics_px,
        image_size_px=tuple(room.image_size_px),
        time_s=clip.time_s,
        frame_name=clip.name,
        world_from_capture=torch.eye(4),
        room_from_world=torch.eye(4),
        encoders={"truth": "room.json of `proxy3d data make`"},
        preview=cloud(room, clip, Path(folder)),
    )


def cloud(room: Room, clip: Clip, folder: Path) -> Preview:
    """One coloured point for every small cell that some frame shows, without what lies beyond the windows; and the pictures as they lie there."""
    xyz = seen_points(clip)
    size = torch.tensor(room.size_m, dtype=xyz.dtype)
    inside = (clip.depth_m > 0) & ((xyz > -BEYOND_M) & (xyz < size + BEYOND_M)).all(-1)
    # By cells, not every n-th pixel: what all frames show near the camera would be dense, and far walls nearly empty.
    _, first = np.unique((xyz[inside] / CELL_M).floor().long().numpy(), axis=0, return_index=True)
    rgb = (clip.frame * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    pictures = tuple((folder / "color" / f"{name}.jpg").read_bytes() for name in clip.name)
    return Preview(xyz[inside][first].float(), rgb[inside][first], pictures)


def shown_answers(room: Room, records: Iterable[Record]) -> list[tuple[str, Answer]]:
    """All objects, then every question about the room with its true answer, the boxes it rests on and the frames that show them."""
    answers = [(EVERYTHING, answer_of(f"{len(room.objects)} objects", room.objects, [boxed(o) for o in room.objects]))]
    by_id = {thing.id: thing for thing in room.objects}
    for record in records:
        things = [by_id[i] for i in record.targets if i in by_id]
        boxes = record.boxes or [boxed(thing) for thing in things]
        said = record.answer if record.answer_type != "boxes" else f"{len(record.boxes)} to find"
        answers.append((record.question, answer_of(f"{said}  ({record.family.replace('_', ' ')})", things, boxes)))
    return answers


def answer_of(text: str, things: Sequence[RoomObject], boxes: Iterable[Box]) -> Answer:
    """Text and boxes, with the frames in which any of the things is to be seen."""
    frames = sorted({t for thing in things for t, count in enumerate(thing.pixels) if count >= LIT_PX})
    return Answer(text, tuple(boxes), frames=tuple(frames))


def boxed(thing: RoomObject) -> Box:
    """The object's box under a name that tells it from its like."""
    return Box(thing.centre_m, thing.size_m, thing.yaw_rad, label=f"{thing.id} {thing.colour} {thing.category}")
