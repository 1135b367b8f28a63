"""VSI-590K: the training questions that go with VSI-Bench, as conversations about videos and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.conversations import films, room, spoken_answer, turns
from proxy3d.spacespan.sources.rows import Row, Unusable, imported


def read(path: Path) -> Iterator[Record | Dropped]:
    """One record per turn, all for training; the mark <image> stands for videos too and is taken out."""
    return imported(path, "*.jsonl", source="vsi_590k", licence="check the card", ask=questions)


def questions(row: Row) -> Iterator[Record]:
    """Rows have no ids of their own."""
    yield from spoken(row, row.position, f"vsi_590k_{row.text('question_type')}" if row.has("question_type") else "vsi_590k")


def spoken(row: Row, own_id: str, family: str) -> Iterator[Record]:
    """The turns of a row that must name its pictures, as training records."""
    media = films(row)
    if not media:
        raise Unusable("no video or image")
    for nth, (ask, said) in enumerate(turns(row), 1):
        yield row.record(
            own_id if nth == 1 else f"{own_id}-{nth}",
            split="train" if row.split == "all" else row.split,
            room_id=room(row, media),
            family=family,
            question=ask,
            media=media,
            **spoken_answer(ask, said),
        )
