"""Which place a name means, so that two scans of one room never stand on both sides of a split."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from proxy3d.spacespan.record import Record

SCANNET = re.compile(r"scene\d{4}_\d{2}")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
# Folders between a room and its pictures, which name no room.
BETWEEN = {"color", "colour", "image", "images", "image_color", "video_color", "rgb", "frames", "imgs", "resized_images", "dslr", "iphone", "."}


def room_of(path: str) -> str:
    """The room that a path of a clip or a picture is about: `scannet/scene0011_00.mp4` -> `scene0011_00`."""
    if found := SCANNET.search(path):
        return found[0]
    way = PurePosixPath(path.strip("/"))
    if way.suffix.lower() not in PICTURES:
        return plain(way.name)
    return next((folder.name for folder in way.parents if folder.name and folder.name.lower() not in BETWEEN), way.stem)


def plain(name: str) -> str:
    """A name without the extension of a film or picture; other dots belong to it."""
    return re.sub(r"\.(mp4|mov|webm|mkv|avi|gif|jpe?g|png|webp)$", "", name, flags=re.IGNORECASE)


def place_of(room_id: str) -> str:
    """The same for every scan of a place: ScanNet's `scene0011_01` is the room of `scene0011_00` on another day."""
    found = SCANNET.search(room_id)
    return found[0][:9] if found else plain(PurePosixPath(room_id).name)


def places_in(record: Record) -> set[str]:
    """The places that a record shows, by its room and by every folder and file name of its clip."""
    return {place_of(record.room_id), *(place_of(part) for path in record.media for part in PurePosixPath(path).parts)}


def split_places(records: Iterable[Record]) -> dict[tuple[str, str], set[str]]:
    """The places of each (source, split)."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        found.setdefault((record.source, record.split), set()).add(place_of(record.room_id))
    return found


def shared_places(records: Iterable[Record]) -> Iterator[tuple[str, str, str]]:
    """(place, split, other split) for each place that two splits of one source share, or that is trained and tested anywhere.

    Validation and test may share places across sources: VSI-Bench tests on what ScanNet calls validation. A split `all` claims nothing.
    """
    named = sorted((key, places) for key, places in split_places(records).items() if key[1] != "all")
    for i, ((source, split), places) in enumerate(named):
        for (other_source, other), others in named[i + 1 :]:
            if split != other and (source == other_source or "train" in (split, other)):
                yield from ((place, f"{source} {split}".strip(), f"{other_source} {other}".strip()) for place in sorted(places & others))
