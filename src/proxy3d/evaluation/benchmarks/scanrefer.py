"""ScanRefer: one described object to find in a scanned room, compared as five public code bases compare it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import choosing
from proxy3d.evaluation.benchmarks.box_files import Said, Shape, read_boxes, shape, spans, usable
from proxy3d.evaluation.benchmarks.truth_files import (
    NAMES,
    boxes_beside,
    class_of,
    classes_beside,
    proposals_beside,
    question_file,
    rows,
    unique_queries,
)
from proxy3d.evaluation.metrics.boxes import M3DREF, SCANREFER, span_iou
from proxy3d.evaluation.metrics.oriented import nine_dof_iou
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.geometry import compose
from proxy3d.spacespan.sources.rows import Row, Unusable, numbers

THRESHOLDS = (0.25, 0.5)


@dataclass(frozen=True)
class Target:
    """The object meant, and what some variants need beside its box."""

    scene: str
    object_id: int
    annotation: str
    box: Shape
    unique: bool | None  # None where ScanNet's class names are not there
    unique_m3dref: bool | None
    others: bool | None  # of none of the 17 named classes
    proposals: tuple[Shape, ...] = ()
    cameras: tuple[np.ndarray, ...] = ()  # world_from_camera of each frame


@dataclass(frozen=True)
class ScanRefer:
    """One box per description; a description without a usable answer counts as an IoU of 0."""

    name: str = "scanrefer"
    licence: str = "CC BY-NC-SA 3.0"
    citation: str = "arXiv 1912.08830"
    variants: tuple[str, ...] = ("official", "video3dllm", "chatscene", "m3dref", "vgllm")

    @property
    def defects(self) -> Mapping[str, str]:
        return {
            "official": "1e-8 is added to the union, so that an exact 0.5 does not reach 0.5",
            "video3dllm": "1e-8 is added to the union; only the first 50 proposals can be chosen",
            "chatscene": "1e-8 is added to the union; text that names no proposal means proposal 0",
            "m3dref": "1.19e-7 is added to the union in float32, so that exact ties depend on the size; walls and floors are classes of their own",
            "vgllm": "the three angles are read about fixed axes when a box is moved and about its own axes when it is compared",
        }

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Rows with `bbox`, or a folder with a *boxes*.json beside them; class names and proposals where they are there.

        Raises:
            BadInput: no such rows, or no box for one of them.
        """
        file = question_file(annotations, "ScanRefer_filtered_*.json", "ScanRefer*.json", "scanrefer*.json*")
        boxes, proposals, table = boxes_beside(annotations), proposals_beside(annotations), classes_beside(annotations)
        items = list(rows(file, self.name, self.licence))
        try:
            referred = [(row.text("scene_id"), row.id("object_id"), row.text("object_name")) for row in items]
            unique, unique_m3dref = (unique_queries(referred, table, m3dref=m) if table else [None] * len(items) for m in (False, True))
            made = [
                _example(row, boxes, proposals, unique=u, unique_m3dref=m, others=class_of(r[2], table) == len(NAMES) - 1 if table else None)
                for row, r, u, m in zip(items, referred, unique, unique_m3dref, strict=True)
            ]
        except ValueError as error:
            raise BadInput(f"{file}: {error}") from None
        if len({e.id for e in made}) < len(made):
            raise BadInput(f"{file}: two rows have the same scene_id, object_id and ann_id")
        return made

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """The benchmark's upload form, or {"scene|object|annotation": box, proposal or text}."""
        return read_boxes(file, examples, own_id=_own_id)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        iou = np.array([_iou(e.truth, usable(found.get(e.id)), variant) for e in examples])
        return _scored(examples, iou, variant)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        if not examples:
            return {}
        middle = np.median(np.array([e.truth.box.nine for e in examples]), 0)
        same = shape([*middle[:6]])
        boring = {e.id: Said(shapes=(same,)) for e in examples}
        # Not through score(): a box is no answer in variants that read text.
        ious = {"one box for all, median of this file": np.array([_compared(e.truth, boring[e.id].shapes[0], variant) for e in examples])}
        if variant != "vgllm" and all(e.truth.proposals for e in examples):
            hits = [[(span_iou(spans(e.truth.proposals), spans([e.truth.box])) >= k).mean() for k in THRESHOLDS] for e in examples]
            means = np.mean(hits, 0)
            uniform = Scored(len(examples), {f"Acc@{k}": 100 * float(m) for k, m in zip(THRESHOLDS, means, strict=True)})
            return {name: _scored(examples, iou, variant) for name, iou in ious.items()} | {"uniform guess among the proposals": uniform}
        return {name: _scored(examples, iou, variant) for name, iou in ious.items()}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """The leaderboard's rows; a description without an answer gets a box of no size, which scores 0."""
        lines = []
        for e in examples:
            answer, truth = usable(found.get(e.id)), e.truth
            boxes = choosing.chosen(answer, truth.proposals)
            flags = {"unique_multiple": int(truth.unique is False), "others": int(truth.others is True)}
            where = {"scene_id": truth.scene, "object_id": str(truth.object_id), "ann_id": truth.annotation}
            lines.append({**where, "bbox": boxes[0].corners if boxes else [[0.0] * 3] * 8, **flags})
        return json.dumps(lines)


def _example(row: Row, boxes: Mapping, proposals: Mapping, **flags: bool | None) -> Example:
    scene, target, annotation = row.text("scene_id"), row.id("object_id"), row.name("ann_id")
    own = next((row.item[k] for k in ("gt_bbox", "bbox", "gt_box", "box") if row.has(k)), boxes.get((scene, target)))
    if own is None:
        raise Unusable(f"no box for object {target} of {scene}; expected bbox in its row, or *boxes*.json {{scene: {{object: box}}}} beside it")
    if flags["unique"] is None and row.has("eval_type"):
        flags = {**flags, "unique": row.text("eval_type") == "unique", "unique_m3dref": row.text("eval_type") == "unique"}
    box = own if isinstance(own, Shape) else shape(own)
    target = Target(scene, target, annotation, box, proposals=proposals.get(scene, ()), cameras=_cameras(row), **flags)
    kind = "" if target.unique is None else "unique" if target.unique else "multiple"
    return Example(f"{scene}|{target.object_id}|{annotation}", kind, target, row.text("description"))


def _cameras(row: Row) -> tuple[np.ndarray, ...]:
    """Of each frame axis_align_matrix @ cam2global, which is world_from_camera; none where the row has none."""
    if not row.has("cam2global"):
        return ()
    align = _matrix("axis_align_matrix", row.item.get("axis_align_matrix", np.eye(4).tolist()))
    listed = row.take("cam2global", list, "a list of 4 x 4 matrices")
    return tuple(compose(align, _matrix("cam2global", m)).numpy() for m in listed)


def _matrix(key: str, value: object) -> Tensor:
    if not isinstance(value, list) or len(value) not in (4, 16):
        raise Unusable(f"{key}: expected 4 rows of 4 numbers")
    lines = value if len(value) == 4 else [value[i : i + 4] for i in range(0, 16, 4)]
    return torch.tensor([numbers(key, line, 4) for line in lines], dtype=torch.float64)


def _own_id(key: object, row: object, stem: str) -> object:
    """The key of an object, or the three of the upload form."""
    parts = [row.get(k) for k in ("scene_id", "object_id", "ann_id")] if isinstance(row, dict) else [None]
    return "|".join(str(p) for p in parts) if all(isinstance(p, str | int) for p in parts) else key


def _iou(truth: Target, answer: Said, variant: str) -> float:
    """IoU of the one box that a variant takes an answer for."""
    found: Shape | None
    if variant == "vgllm":
        found = choosing.framed_box(answer.text, truth.cameras) if answer.text and not answer.shapes else next(iter(answer.shapes), None)
    elif variant == "chatscene" and answer.text is not None and not answer.shapes:
        located = "<LOC" in answer.text
        place = choosing.named_object(answer.text, len(truth.proposals))
        found = choosing.located(answer.text) if located else truth.proposals[place] if truth.proposals else None
    elif variant == "chatscene" and not answer.shapes and answer.ids is None:
        found = truth.proposals[0] if truth.proposals else None
    elif variant == "video3dllm" and answer.scores and not answer.shapes:
        best = choosing.scored_object(answer.scores, len(truth.proposals))
        found = truth.proposals[best] if best is not None else None
    else:
        allowed = truth.proposals[: choosing.FIRST] if variant == "video3dllm" else truth.proposals
        found = next(iter(choosing.chosen(answer, allowed)), None)
    return 0.0 if found is None else _compared(truth, found, variant)


def _compared(truth: Target, found: Shape, variant: str) -> float:
    if variant == "vgllm":
        return float(nine_dof_iou(np.array(found.nine), np.array(truth.box.nine))[0])
    return float(span_iou(spans([found]), spans([truth.box]), M3DREF if variant == "m3dref" else SCANREFER)[0, 0])


def _scored(examples: Sequence[Example], iou: np.ndarray, variant: str) -> Scored:
    """Overall, unique and multiple, each also with and without the class "others"; a kind that nobody knows is left out."""
    truths = [e.truth for e in examples]
    unique = [t.unique_m3dref if variant == "m3dref" else t.unique for t in truths]
    groups = {"unique": [u is True for u in unique], "multiple": [u is False for u in unique]} if variant != "vgllm" else {}
    for kind, other in [(k, o) for k in ("overall", *groups) for o in (True, False)] if variant not in ("vgllm", "m3dref") else []:
        base = groups.get(kind, [True] * len(truths))
        groups[f"{kind}, {'' if other else 'not '}others"] = [b and t.others is other for b, t in zip(base, truths, strict=True)]
    by_type = {name: {"n": sum(mask), **_accuracy(iou[np.array(mask, bool)])} for name, mask in groups.items() if any(mask)}
    return Scored(len(examples), _accuracy(iou), by_type)


def _accuracy(iou: np.ndarray) -> dict[str, float | None]:
    return {f"Acc@{k}": 100 * float((iou >= k).mean()) if len(iou) else None for k in THRESHOLDS}
