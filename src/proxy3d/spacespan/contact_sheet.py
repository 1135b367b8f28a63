"""Many rooms on one picture: of each the frame that shows most, its depth and its objects, so that a person sees in a minute what was made."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from proxy3d.errors import BadInput
from proxy3d.spacespan.checks import load_rooms
from proxy3d.spacespan.room import Room

COLUMNS = 4
PICTURE_PX, SMALL_PX, TEXT_PX, GAP_PX = (288, 216), (144, 108), 22, 10
BACK, INK = (246, 247, 249), (40, 46, 54)
NEAR_M, FAR_M = 0.5, 6.0  # white to black


def write_sheet(folder: Path, out: Path, count: int) -> int:
    """A PNG of at most `count` rooms of a data set, every kind and every split in turn; returns how many it shows.

    Raises:
        BadInput: no rooms there, or a picture cannot be read.
    """
    folder, out = Path(folder), Path(out)
    if count < 1:
        raise BadInput(f"--rooms {count}: expected at least 1")
    rooms = in_turn([list(found.values()) for found in load_rooms(folder).values()], count)
    try:
        cells = [cell(folder / room.split / room.room_id, room) for room in rooms]
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder}: a picture cannot be read ({error}); type the line that made it again") from None
    part = out.with_name(out.name + ".part")
    try:
        sheet(cells).save(part, format="PNG", optimize=True)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return len(cells)


def in_turn(splits: Sequence[Sequence[Room]], count: int) -> list[Room]:
    """So many rooms, the kinds one after another, and for each kind the splits one after another."""
    by_kind: dict[str, list[list[Room]]] = defaultdict(lambda: [[] for _ in splits])
    for i, rooms in enumerate(splits):
        for room in rooms:
            by_kind[room.kind][i].append(room)
    queues = [alternately(by_kind[kind]) for kind in sorted(by_kind)]
    return alternately(queues)[:count]


def alternately(queues: Sequence[Sequence[Room]]) -> list[Room]:
    """The first of each, then the second of each, and so on."""
    return [room for row in zip_longest(*queues) for room in row if room is not None]


def cell(folder: Path, room: Room) -> Image.Image:
    """One room: picture at the left, depth and objects at the right, a line of text below."""
    shown = [sum(thing.pixels[t] > 60 for thing in room.objects) for t in range(len(room.world_from_camera))]
    best = int(np.argmax(shown))
    width = PICTURE_PX[0] + SMALL_PX[0]
    out = Image.new("RGB", (width, PICTURE_PX[1] + TEXT_PX), BACK)
    out.paste(fitted(Image.open(folder / "color" / f"{best:02d}.jpg").convert("RGB"), PICTURE_PX), (0, 0))
    depth = np.asarray(Image.open(folder / "depth" / f"{best:02d}.png"), dtype=np.float32) / 1000
    instance = np.asarray(Image.open(folder / "instance" / f"{best:02d}.png"))
    for row, picture in enumerate((depth_picture(depth), id_picture(instance))):
        out.paste(fitted(Image.fromarray(picture), SMALL_PX, Image.Resampling.NEAREST), (PICTURE_PX[0], row * SMALL_PX[1]))
    line = f"{room.room_id}   {room.kind}   {room.size_m[0]:.1f} x {room.size_m[1]:.1f} m   {len(room.objects)} objects, {max(shown)} in this frame"
    ImageDraw.Draw(out).text((4, PICTURE_PX[1] + 4), line, fill=INK, font=ImageFont.load_default(13))
    return out


def fitted(picture: Image.Image, size_px: tuple[int, int], how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """The whole picture in a frame of this size, with grey beside or above it where shapes differ."""
    scale = min(size_px[0] / picture.width, size_px[1] / picture.height)
    small = picture.resize((round(picture.width * scale), round(picture.height * scale)), how)
    out = Image.new("RGB", size_px, (210, 214, 219))
    out.paste(small, ((size_px[0] - small.width) // 2, (size_px[1] - small.height) // 2))
    return out


def depth_picture(depth_m: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    """Near is light, far is dark, none is red."""
    grey = (255 * (1 - ((depth_m - NEAR_M) / (FAR_M - NEAR_M)).clip(0, 0.95))).astype(np.uint8)
    return np.where((depth_m > 0)[..., None], grey[..., None], np.array([220, 40, 40], np.uint8)).astype(np.uint8)


def id_picture(instance: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    """A colour per object; walls, floor and outside are grey. Golden-angle hues, so that neighbours in number are far apart in colour."""
    hue = (np.arange(256) * 0.61803) % 1
    wheel = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    table = (90 + 150 * wheel.clip(0, 1)).astype(np.uint8)
    table[0] = 225
    return table[instance]


def sheet(cells: Sequence[Image.Image]) -> Image.Image:
    """Cells in rows."""
    rows = -(-len(cells) // COLUMNS)
    width, height = cells[0].size
    columns = min(COLUMNS, len(cells))
    out = Image.new("RGB", (columns * (width + GAP_PX) + GAP_PX, rows * (height + GAP_PX) + GAP_PX), BACK)
    for i, picture in enumerate(cells):
        out.paste(picture, (GAP_PX + i % COLUMNS * (width + GAP_PX), GAP_PX + i // COLUMNS * (height + GAP_PX)))
    return out
