"""ScanQA: questions about a scanned room with the answers of several people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, Unusable, imported, worded_answer


def read(path: Path) -> Iterator[Record | Dropped]:
    """Questions with every accepted answer; the test files keep theirs hidden, elsewhere a question without one is dropped."""
    return imported(path, "ScanQA_v1.0_*.json", source="scanqa", licence="CC BY-NC-SA 3.0", ask=question)


def question(row: Row) -> Iterator[Record]:
    """The file says `object_ids`, although its document says `object_id`."""
    if row.has("answer_top10"):
        raise Unusable("a prediction, not a question")
    answers = () if row.split == "test" and not row.has("answers") else row.texts("answers")
    if not answers and row.split != "test":
        raise Unusable("no answers")
    names = row.texts("object_names") if row.has("object_names") else ()
    yield row.record(
        row.name("question_id"),
        room_id=row.text("scene_id"),
        family="scanqa",
        question=row.text("question"),
        subject=names[0] if names else "",
        targets=row.ids("object_ids") if row.has("object_ids") else (),
        **worded_answer(answers),
    )
