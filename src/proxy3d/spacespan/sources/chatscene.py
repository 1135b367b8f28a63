"""Annotations in the style of Chat-Scene, which GPT4Scene and Proxy3D share: a prompt and what may be said to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, Unusable, imported, worded_answer


def read(path: Path) -> Iterator[Record | Dropped]:
    """Rows as they are, by position; <OBJ012> and obj_id number one segmenter's proposals, so they stay words and are no targets."""
    return imported(path, "*.json", source="chatscene", licence="that of the questions it was made from", ask=question)


def question(row: Row) -> Iterator[Record]:
    """Training rows have one caption, the others ref_captions; which task it is, only the name of the file says."""
    answers = row.texts("ref_captions" if row.has("ref_captions") else "caption")
    if not answers:
        raise Unusable("no ref_captions")
    task = row.file.stem.lower().split("_")[0]
    yield row.record(
        row.position,
        room_id=row.text("scene_id"),
        family=f"chatscene_{task}",
        question=row.text("prompt"),
        **worded_answer(answers, "caption" if task == "scan2cap" else "text"),
    )
