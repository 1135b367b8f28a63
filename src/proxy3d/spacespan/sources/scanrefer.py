"""ScanRefer: one described object to find in a scanned room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, box_of_corners, found_answer, imported

FILES, LICENCE = "ScanRefer_filtered_*.json", "CC BY-NC-SA 3.0"


def read(path: Path) -> Iterator[Record | Dropped]:
    """Descriptions of one object each; with its box where rows have corners, else by the object id of ScanNet."""
    return imported(path, FILES, source="scanrefer", licence=LICENCE, ask=question)


def question(row: Row) -> Iterator[Record]:
    """object_id and ann_id are text in these files; an object has several descriptions, numbered by ann_id."""
    scene, target, annotation = row.text("scene_id"), row.id("object_id"), row.name("ann_id")
    boxes = (box_of_corners("bbox", row.item["bbox"]),) if row.has("bbox") else ()
    yield row.record(
        f"{scene}|{target}|{annotation}",
        room_id=scene,
        family=f"scanrefer_{row.text('eval_type')}" if row.has("eval_type") else "scanrefer",
        question=row.text("description"),
        subject=row.text("object_name").replace("_", " "),
        **found_answer((target,), boxes),
    )
