"""VSI-Bench: counts, sizes, distances, directions, routes and order in a filmed room."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources.rows import Row, Unusable, chosen_answer, imported

UNITS = {"object_counting": None, "object_abs_distance": "m", "object_size_estimation": "cm", "room_size_estimation": "m2"}
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")


def read(path: Path) -> Iterator[Record | Dropped]:
    """Its rows as JSON or JSON Lines, or the TSV of VLMEvalKit, which calls the same things candidates and answer."""
    patterns = ("test*.json*", "VSI*.json*", "vsi*.json*", "VSI*.tsv", "vsi*.tsv")
    return imported(path, *patterns, source="vsi_bench", licence="Apache-2.0", ask=question, besides="*meta_info*")


def question(row: Row) -> Iterator[Record]:
    """The truth is text in every file, numbers too."""
    task = row.text("question_type")
    truth = row.name("ground_truth" if row.has("ground_truth") else "answer")
    scene = row.name("scene_name") if row.has("scene_name") else room_of(row.text("video"))
    dataset = row.text("dataset") if row.has("dataset") else ""
    if task in UNITS:
        answer = {"answer": truth, "answer_type": "number", "unit": UNITS[task]}
    elif options := offered(row):
        answer = chosen_answer(options, truth)
    else:
        raise Unusable(f"question_type {task[:40]!r} has no options and is none of the numbers: {', '.join(UNITS)}")
    yield row.record(
        row.name("id" if row.has("id") else "index"),
        split="test" if row.split == "all" else row.split,
        room_id=scene,
        family=f"vsi_bench_{task}",
        question=row.text("question"),
        media=(row.text("video"),) if row.has("video") else (f"{dataset}/{scene}.mp4",) if dataset else (),
        **answer,
    )


def offered(row: Row) -> tuple[str, ...]:
    """The options; a table holds the list as text, which is JSON or Python's way of writing one. Read, never run."""
    key = "options" if row.has("options") else "candidates"
    if not row.has(key) or row.item[key] in ("", "[]", "nan", []):
        return ()
    value = row.item[key]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = [re.sub(r"\\(.)", r"\1", a or b) for a, b in QUOTED.findall(value)]
    return replace(row, item={key: value}).texts(key)
