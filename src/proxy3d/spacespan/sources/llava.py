"""Conversations in the style of LLaVA, with all the extra keys that 3D models gave them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.conversations import films, room, spoken_answer, turns
from proxy3d.spacespan.sources.rows import Row, Unusable, box_of, found_answer, imported, worded_answer
from proxy3d.values import Box


def read(path: Path) -> Iterator[Record | Dropped]:
    """Rows of Video-3D-LLM, 3DRS, LLaVA-3D, VG-LLM, VLM-3R and SpatialLM; ids repeat there, so ours are positions in the file."""
    return imported(path, "*.json", "*.jsonl", source="llava", licence="that of the questions it was made from", ask=questions)


def questions(row: Row) -> Iterator[Record]:
    """One record per turn; boxes belong to the first, since no style has several turns and boxes."""
    media, facts = films(row), row.inner("metadata")
    kinds = (keyed.text(key) for keyed in (row, facts) for key in ("question_type", "dataset", "data_source") if keyed.has(key))
    shared = {"room_id": room(row, media), "media": media, "family": f"llava_{next(kinds, 'conversation')}"}
    boxes = answer_boxes(row)
    for nth, (ask, said) in enumerate(turns(row), 1):
        own_id = row.position if nth == 1 else f"{row.position}-{nth}"
        if not ask:
            raise Unusable("the question is empty")
        if nth == 1 and (row.has("box_input") or row.has("annotations")):
            captions = row.texts("annotations") if row.has("annotations") else (said,)
            answer = worded_answer(captions, "caption") if captions and captions[0] else spoken_answer(ask, said)
        elif nth == 1 and boxes is not None:
            answer = found_answer(object_ids(facts, len(boxes)), boxes) | {"answer_type": "boxes", "answer": str(len(boxes))}
        elif nth == 1 and facts.has("answers"):
            answer = worded_answer(((said,) if said else ()) + facts.texts("answers"))
        else:
            answer = spoken_answer(ask, said)
        yield row.record(own_id, question=ask, **shared, **answer)


def answer_boxes(row: Row) -> tuple[Box, ...] | None:
    """Boxes to be found, where the row has any: one or a list of them, 6 numbers, or 9 with angles.

    `boxes` of VG-LLM's detection rows stand in a camera's frame and stay words of the answer.
    """
    target = row.inner("target") if isinstance(row.item.get("target"), dict) else row.inner("")
    key, holder = next(((k, r) for k, r in (("gt_box", row), ("gt_bbox", row), ("box", row), ("boxes", target)) if r.has(k)), ("", row))
    if not key:
        return None
    value = holder.take(key, list, "numbers")
    many = bool(value) and isinstance(value[0], list)
    return tuple(box_of(key, one) for one in (value if many else [value] if value else []))


def object_ids(facts: Row, count: int) -> tuple[int, ...]:
    """The ids that go with so many boxes, or none."""
    key = "object_ids" if facts.has("object_ids") else "object_id"
    ids = facts.ids(key) if facts.has(key) else ()
    return ids if len(ids) == count else ()
