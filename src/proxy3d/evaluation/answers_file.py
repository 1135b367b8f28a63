"""Answers of a run, kept on disk room by room, so that a run that was killed goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy3d.errors import BadInput


class KeptAnswers:
    """`<result>.answers.part.jsonl`: one line with the settings of the run, then one line per room that is done.

    A room's line is written whole and flushed to disk before the next room begins; the last line of a killed run may be torn, and then
    that room is asked again. Answers of other settings are never mixed in.
    """

    def __init__(self, result: Path, settings: Mapping[str, object]):
        """Raises BadInput when an unfinished run with other settings lies there."""
        self.result = Path(result)
        self.part = self.result.with_suffix(".answers.part.jsonl")
        self.settings = json.loads(json.dumps(settings))
        self.rooms: dict[str, list[dict]] = {}
        self.found = 0  # rooms that came from the disk
        if self.part.is_file():
            self._read()
            self._rewrite()
        self.found = len(self.rooms)

    def _read(self) -> None:
        lines = self.part.read_text(encoding="utf-8", errors="replace").split("\n")
        before = _line(lines[0])
        other = [key for key in self.settings if not isinstance(before, dict) or before.get(key) != self.settings[key]]
        if other and len(lines) > 1 and lines[1]:
            what = ", ".join(other)
            raise BadInput(f"{self.part}: an unfinished run with another {what} lies there; finish it, delete it, or choose another -o")
        for line in lines[1:]:
            kept = _line(line)
            if isinstance(kept, dict) and isinstance(kept.get("room"), str) and isinstance(kept.get("rows"), list):
                self.rooms[kept["room"]] = kept["rows"]

    def _rewrite(self) -> None:
        """The settings and every whole line: what is appended next must not follow half a line."""
        lines = [self.settings, *({"room": room, "rows": rows} for room, rows in self.rooms.items())]
        fresh = self.part.with_name(self.part.name + ".new")
        fresh.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        os.replace(fresh, self.part)

    def keep(self, room: str, rows: Sequence[dict]) -> None:
        """Append one room."""
        if not self.part.is_file():
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self._rewrite()
        self.rooms[room] = list(rows)
        with self.part.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"room": room, "rows": list(rows)}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def finish(self, rooms: Sequence[str]) -> Path:
        """Every answer about these rooms in one file beside the result; the unfinished one goes."""
        whole = self.result.with_suffix(".answers.jsonl")
        fresh = whole.with_name(whole.name + ".part")
        fresh.write_text("".join(json.dumps(row) + "\n" for room in rooms for row in self.rooms[room]), encoding="utf-8")
        os.replace(fresh, whole)
        self.part.unlink(missing_ok=True)
        return whole


def _line(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
