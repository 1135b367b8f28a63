"""SR-91K: SpaceR's training questions about filmed rooms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.conversations import PLACEHOLDER, films, room, spoken_answer
from proxy3d.spacespan.sources.rows import Row, Unusable, chosen_answer, imported, worded_answer

TYPES = ("multiple choice", "numerical", "OCR", "free-form", "regression")


def read(path: Path) -> Iterator[Record | Dropped]:
    """Questions that data_source marks as SR_dataset; the rest of SpaceR-151k is about other films and is dropped."""
    patterns = ("*.jsonl", "*.json")
    return imported(path, *patterns, source="sr_91k", licence="CC BY-NC (check the card)", ask=question, besides="cognitive_map*")


def question(row: Row) -> Iterator[Record]:
    """The truth stands between <answer> and </answer>."""
    if row.text("data_source") != "SR_dataset":
        raise Unusable(f"data_source is {row.text('data_source')[:40]!r}, not SR_dataset")
    solution = re.fullmatch(r"\s*<answer>(.*?)</answer>\s*", row.text("solution"), flags=re.DOTALL)
    if not solution or not solution[1].strip():
        raise Unusable("solution: expected <answer>...</answer>")
    ask, said, kind = PLACEHOLDER.sub("", row.text("problem")).strip(), solution[1].strip(), row.text("problem_type")
    if kind not in TYPES:
        raise Unusable(f"problem_type: expected one of {', '.join(TYPES)}, got {kind[:40]!r}")
    if kind == "multiple choice":
        answer = chosen_answer(row.texts("options"), said.rstrip("."))
    elif kind in ("numerical", "regression"):
        answer = {"answer": said, "answer_type": "number"}
    else:
        answer = spoken_answer(ask, said) if kind == "free-form" else worded_answer((said,))
    media = films(row)
    yield row.record(
        row.position,
        split="train" if row.split == "all" else row.split,
        room_id=room(row, media),
        family=f"sr_91k_{kind.replace(' ', '_')}",
        question=ask,
        media=media,
        **answer,
    )
