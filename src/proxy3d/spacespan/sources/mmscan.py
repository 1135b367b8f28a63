"""MMScan: objects to find and questions to answer in scanned rooms, from its two JSON files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Item, Row, Unusable, found_answer, imported, kind, load, split_of, worded_answer


def read(path: Path) -> Iterator[Record | Dropped]:
    """Both tasks, told apart by the family; boxes lie in pickles, which are never opened, so objects go by id."""
    return imported(path, "MMScan_VG*.json", "MMScan_QA*.json", source="mmscan", licence="CC BY-NC-SA 4.0", ask=question, items=items)


def items(file: Path) -> Iterator[Item]:
    """Rows with their split, which is a key of the file: {train: [...], val: [...]}."""
    content = load(file)
    if not isinstance(content, dict) or not content or not all(isinstance(rows, list) for rows in content.values()):
        raise BadInput(f"{file}: expected an object {{train: [...], val: [...]}}, got {kind(content)}")
    for split, rows in content.items():
        for number, row in enumerate(rows, 1):
            yield f"{file.name}, {split[:20]} row {number}", {**row, "split": split_of(split)} if isinstance(row, dict) else row


def question(row: Row) -> Iterator[Record]:
    """A row with answers is a question; one with targets, which may be none, is something to find."""
    shared = {"split": row.text("split"), "room_id": room_of(row.text("scan_id"))}
    if row.has("answers"):
        answers = row.texts("answers")
        if not answers:
            raise Unusable("no answers")
        names = row.texts("object_names") if row.has("object_names") else ()
        targets = row.ids("object_ids") if row.has("object_ids") else ()
        words = {"question": row.text("question"), "subject": names[0] if names else "", "targets": targets}
        yield row.record(row.name("ID"), family="mmscan_qa", **shared, **words, **worded_answer(answers))
    else:
        named = row.texts("target") if row.has("target") else ()
        words = {"question": row.text("text"), "subject": named[0] if named else ""}
        yield row.record(row.name("ID"), family="mmscan_vg", **shared, **words, **found_answer(row.ids("target_id")))
