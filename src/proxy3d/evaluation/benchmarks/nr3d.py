"""Nr3D and Sr3D: one object to choose among others of its kind, in people's words or in a program's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import Said, Shape, read_boxes, spans, usable
from proxy3d.evaluation.benchmarks.truth_files import boxes_beside, question_file, rows
from proxy3d.evaluation.metrics.boxes import M3DREF, span_iou
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.spacespan.sources.rows import Row, Unusable

FROM_A_VIEW = {"front", "behind", "back", "right", "left", "facing", "leftmost", "rightmost", "looking", "across"}
SAME_BOX = 0.9


@dataclass(frozen=True)
class Choice:
    """The object meant among `count` of its kind."""

    scene: str
    target: int
    count: int
    easy: bool
    view_dependent: bool
    box: Shape | None


@dataclass(frozen=True)
class Nr3D:
    """Accuracy of the object chosen, by how many look alike and by whether the words depend on a view."""

    name: str = "nr3d"
    licence: str = "see the project's site"
    citation: str = "Achlioptas et al. 2020, ReferIt3D"
    variants: tuple[str, ...] = ("official", "m3dref")

    @property
    def defects(self) -> Mapping[str, str]:
        return {"m3dref": "asks for a box with an IoU of 0.9 instead of the object, with 1.19e-7 added to the union in float32"}

    def examples(self, annotations: Path) -> Sequence[Example]:
        """The table of utterances; `m3dref` also needs *boxes*.json beside it.

        Raises:
            BadInput: no such table.
        """
        file, boxes = question_file(annotations, f"{self.name}*.csv"), boxes_beside(annotations)
        try:
            return [_example(row, boxes) for row in rows(file, self.name, self.licence)]
        except ValueError as error:
            raise BadInput(f"{file}: {error}") from None

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{"1": chosen object id, ...} by the number of the row in the table, from 1; boxes for `m3dref`."""
        return read_boxes(file, examples)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        if variant == "m3dref" and any(e.truth.box is None for e in examples):
            raise BadInput(f"{self.name}, m3dref: needs the box of every target; expected *boxes*.json {{scene: {{object: box}}}} beside the table")
        right = np.array([_right(e.truth, usable(found.get(e.id)), variant) for e in examples], float)
        return _grouped(examples, right)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        return {"uniform guess among its kind": _grouped(examples, np.array([1 / e.truth.count for e in examples]))}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        return None


@dataclass(frozen=True)
class Sr3D(Nr3D):
    """The same scorer for sentences that a program made."""

    name: str = "sr3d"


def _example(row: Row, boxes: Mapping[tuple[str, int], Shape]) -> Example:
    scene, target = row.text("scan_id"), row.id("target_id")
    _, _, count, *_ = [*row.text("stimulus_id").split("-", 4), "", ""]
    if not count.isdecimal() or not 0 < int(count[:9]):
        raise Unusable(f"row {row.number}: stimulus_id: expected scene-label-count-target-others")
    words = row.text("tokens") if row.has("tokens") and row.item["tokens"].strip() else row.text("utterance")
    view = bool(FROM_A_VIEW & set(re.findall(r"[a-z]+", words.lower())))  # a Python list as text, searched and never run
    truth = Choice(scene, target, int(count[:9]), int(count[:9]) <= 2, view, boxes.get((scene, target)))
    kind = f"{'easy' if truth.easy else 'hard'}, {'' if view else 'not '}from a view"
    return Example(str(row.number), kind, truth, row.text("utterance"))


def _right(truth: Choice, answer: Said, variant: str) -> bool:
    if variant == "m3dref":
        return len(answer.shapes) > 0 and bool(span_iou(spans(answer.shapes[:1]), spans([truth.box]), M3DREF)[0, 0] >= SAME_BOX)
    chosen = answer.ids[0] if answer.ids else int(answer.text) if answer.text and re.fullmatch(r"\s*\d{1,9}\s*", answer.text) else None
    return chosen == truth.target


def _grouped(examples: Sequence[Example], right: np.ndarray) -> Scored:
    truths = [e.truth for e in examples]
    groups = {
        "easy": [t.easy for t in truths],
        "hard": [not t.easy for t in truths],
        "view-dependent": [t.view_dependent for t in truths],
        "view-independent": [not t.view_dependent for t in truths],
    }
    by_type = {name: {"n": sum(mask), "accuracy": 100 * float(right[np.array(mask)].mean())} for name, mask in groups.items() if any(mask)}
    return Scored(len(examples), {"accuracy": 100 * float(right.mean()) if len(right) else None}, by_type)
