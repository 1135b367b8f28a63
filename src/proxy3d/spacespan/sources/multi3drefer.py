"""Multi3DRefer: none, one or several described objects to find in a scanned room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, found_answer, imported


def read(path: Path) -> Iterator[Record | Dropped]:
    """Descriptions with the ids of all objects that fit; an empty list is an answer."""
    return imported(path, "multi3drefer_*.json", source="multi3drefer", licence="see the project's site", ask=question)


def question(row: Row) -> Iterator[Record]:
    """The family keeps the kind of question: zero, single or multiple targets, with distractors or without."""
    scene = row.text("scene_id")
    yield row.record(
        f"{scene}|{row.name('ann_id')}",
        room_id=scene,
        family=f"multi3drefer_{row.text('eval_type')}",
        question=row.text("description"),
        subject=row.text("object_name").replace("_", " ") if row.has("object_name") else "",
        **found_answer(row.ids("object_ids")),
    )
