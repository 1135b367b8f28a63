"""SQA3D: questions asked from a place in the room, told in words and given as a pose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from proxy3d.errors import BadInput
from proxy3d.geometry import rigid, rotation_from_quaternion
from proxy3d.spacespan.record import Dropped, Pose, Record
from proxy3d.spacespan.sources.rows import Item, Row, Unusable, imported, kind, load, numbers, worded, worded_answer

QUESTIONS, ANNOTATIONS = "v1_balanced_questions_", "v1_balanced_sqa_annotations_"
TYPES = ("what", "is", "how", "can", "which")


def read(path: Path) -> Iterator[Record | Dropped]:
    """Questions joined with the answers and poses of the other file; alternative wordings of a situation are not read."""
    return imported(path, f"{QUESTIONS}*.json", source="sqa3d", licence="CC BY 4.0", ask=question, items=joined)


def joined(file: Path) -> Iterator[Item]:
    """Each question with its annotation, by question_id; then the annotations that no question has."""
    other = file.with_name(file.name.replace(QUESTIONS, ANNOTATIONS))
    if other == file or not other.is_file():
        raise BadInput(f"{file}: expected {QUESTIONS}*.json with {ANNOTATIONS}* of the same split beside it")
    annotations: dict[str, object] = {}
    for number, annotation in enumerate(rows_under(other, "annotations"), 1):
        own_id = str(annotation.get("question_id")) if isinstance(annotation, dict) else f"row {number}"
        annotations.setdefault(own_id, annotation)
    asked = set()
    for number, row in enumerate(rows_under(file, "questions"), 1):
        own_id = str(row.get("question_id")) if isinstance(row, dict) else None
        asked.add(own_id)
        annotation = annotations.get(own_id)
        if isinstance(row, dict) and not isinstance(annotation, dict):
            row = Unusable(f"no annotation has its question_id {own_id[:40]}")
        elif isinstance(row, dict):
            same = row.get("scene_id") == annotation.get("scene_id", row.get("scene_id"))
            row = {**row, **annotation} if same else Unusable("the two files name different scenes for this question_id")
        yield f"{file.name}, row {number}", row
    for own_id in annotations:
        if own_id not in asked:
            yield f"{other.name}, question_id {own_id[:40]}", Unusable("an annotation without a question")


def rows_under(file: Path, key: str) -> list:
    """The list that a file holds under one key."""
    content = load(file)
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise BadInput(f"{file}: expected an object with a list {key}, got {kind(content)}")
    return content[key]


def question(row: Row) -> Iterator[Record]:
    """`question_type` is never filled in, so the type comes from how the question begins."""
    answers = row.take("answers", list, "a list")
    if not all(isinstance(answer, dict) for answer in answers) or not answers:
        raise Unusable("no answers")
    text = row.text("question")
    yield row.record(
        row.name("question_id"),
        room_id=row.text("scene_id"),
        family=f"sqa3d_{question_type(text)}",
        question=text,
        situation=row.text("situation"),
        world_from_agent=pose(row),
        **worded_answer(tuple(worded("answers", answer.get("answer")) for answer in answers)),
    )


def question_type(text: str) -> str:
    """By how the text starts, not by its first word: "What's" is a what."""
    return next((word for word in TYPES if text.strip().lower().startswith(word)), "others")


def pose(row: Row) -> Pose:
    """Where the asker stands, in metres, in the original frame of ScanNet (before axis alignment)."""
    position, rotation = row.inner("position").item, row.inner("rotation").item
    xyz = numbers("position", [position.get(axis) for axis in "xyz"], 3)
    xyzw = numbers("rotation", [rotation.get(f"_{axis}") for axis in "xyzw"], 4)
    if sum(v * v for v in xyzw) < 1e-6:
        raise Unusable("rotation: a quaternion of length 0 turns nothing")
    turned = rotation_from_quaternion(torch.tensor(xyzw, dtype=torch.float64))
    matrix = rigid(turned, torch.tensor(xyz, dtype=torch.float64))
    return tuple(tuple(round(v, 6) for v in line) for line in matrix.tolist())
