"""What is known about the rooms of a split: one small file per shard of 50, with the hash of each room's files and what the room cost.

A shard's file is written when the last of its rooms is there. Without it nothing is lost: rooms that exist are read again, not made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

SHARD = 50


@dataclass(frozen=True)
class MadeRoom:
    """One room on disk; times are those of its worker, None where the room was found and not made."""

    index: int
    sha256: str  # of all its files
    seconds: float | None = None
    cpu_seconds: float | None = None


def files_digest(folder: Path) -> str:
    """One hash of a room's description, pictures, depth and instance images, and of their names."""
    digest = hashlib.sha256()
    for file in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def shard_file(folder: Path, number: int) -> Path:
    """Where the facts of a shard are kept."""
    return Path(folder) / f"shard-{number:05d}.json"


class Ledger:
    """The rooms of one split folder that are known already, and those that come in."""

    def __init__(self, folder: Path, count: int):
        self.folder, self.count = Path(folder), count
        self.rooms: dict[int, MadeRoom] = {room.index: room for room in read_shards(folder)}
        self.waiting: dict[int, set[int]] = {}

    def expect(self, indices: Iterable[int]) -> None:
        """Rooms that will come in; the shards they belong to are written when they all have."""
        for index in indices:
            self.waiting.setdefault(index // SHARD, set()).add(index)

    def add(self, room: MadeRoom) -> None:
        """Write the shard's file when this was its last room."""
        shard = room.index // SHARD
        known = self.rooms.get(room.index)
        # A room that was only looked at keeps what its making had cost.
        self.rooms[room.index] = known if known and known.sha256 == room.sha256 and room.seconds is None else room
        self.waiting[shard].discard(room.index)
        if not self.waiting[shard]:
            mine = [asdict(self.rooms[i]) for i in sorted(self.rooms) if i // SHARD == shard]
            write_json(shard_file(self.folder, shard), {"rooms": mine})

    def digest(self) -> str:
        """One hash of all files of the first `count` rooms."""
        lines = (f"{i} {self.rooms[i].sha256}\n" for i in range(self.count))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_shards(folder: Path) -> list[MadeRoom]:
    """Every room that the shard files of a folder speak of; a damaged file speaks of none."""
    found = []
    for file in sorted(Path(folder).glob("shard-*.json")):
        try:
            rooms = [MadeRoom(**row) for row in json.loads(file.read_text(encoding="utf-8"))["rooms"]]
        except (ValueError, TypeError, KeyError):
            continue
        found += [room for room in rooms if is_sound(room)]
    return found


def is_sound(room: MadeRoom) -> bool:
    """Whether a row of a shard file has the types it should: the file may come from anywhere."""
    times = (room.seconds, room.cpu_seconds)
    return isinstance(room.index, int) and isinstance(room.sha256, str) and (times == (None, None) or all(isinstance(t, float | int) for t in times))


def write_json(file: Path, value: object) -> None:
    """Written whole or not at all."""
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)
