"""Multi3DRefer: none, one or several described objects to find in a scanned room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import choosing
from proxy3d.evaluation.benchmarks.box_files import Said, Shape, read_boxes, shapes, spans, usable
from proxy3d.evaluation.benchmarks.truth_files import boxes_beside, proposals_beside, question_file, rows
from proxy3d.evaluation.metrics.boxes import M3DREF, SCANREFER, assigned_f1, span_iou
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.spacespan.sources.rows import Row, Unusable, listed

THRESHOLDS = (0.25, 0.5)
KINDS = {"zt_w_d": "ZT w/ D", "zt_wo_d": "ZT w/o D", "st_w_d": "ST w/ D", "st_wo_d": "ST w/o D", "mt": "MT"}


@dataclass(frozen=True)
class Targets:
    """The boxes meant, which may be none, and the proposals of the scene."""

    scene: str
    boxes: tuple[Shape, ...]
    proposals: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Multi3DRefer:
    """F1 of boxes assigned one to one; for a description of nothing, all or nothing."""

    name: str = "multi3drefer"
    licence: str = "see the project's site"
    citation: str = "arXiv 2309.05251"
    variants: tuple[str, ...] = ("official", "m3dref", "video3dllm", "chatscene")

    @property
    def defects(self) -> Mapping[str, str]:
        tie = "is added to the union, so that exact ties may miss"
        said = {name: f"1.19e-7 {tie} (float32)" for name in ("official", "m3dref")}
        return said | {name: f"1e-8 {tie}" for name in ("video3dllm", "chatscene")}

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Questions with a *boxes*.json or the evaluator's {scene}.json files beside them, or rows with `aabb_bound`.

        Raises:
            BadInput: no such rows, or no box for an object of one.
        """
        file = question_file(annotations, "multi3drefer_*.json", "*multi3drefer*.json*")
        boxes, bounds, proposals = boxes_beside(annotations), _bounds(annotations, file), proposals_beside(annotations)
        try:
            made = [_example(row, boxes, bounds, proposals) for row in rows(file, self.name, self.licence)]
        except ValueError as error:
            raise BadInput(f"{file}: {error}") from None
        if len({e.id for e in made}) < len(made):
            raise BadInput(f"{file}: two rows have the same scene_id and ann_id")
        return made

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """A folder with one {scene}.json of rows {ann_id, aabb} per scene, or {"scene|ann_id": [box, ...]}."""
        return read_boxes(file, examples, own_id=_own_id)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        scores = {e.id: _f1(e.truth, usable(found.get(e.id)), variant) for e in examples}
        by_type = {}
        for kind in KINDS.values():
            mine = [scores[e.id] for e in examples if e.kind == kind]
            if mine:
                by_type[kind] = {"n": len(mine), **_means(mine)}
        return Scored(len(examples), _means(list(scores.values())), by_type)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        guesses = {"nothing, always": {e.id: Said() for e in examples}}
        if all(e.truth.proposals for e in examples):
            guesses["every proposal, always"] = {e.id: Said(shapes=e.truth.proposals) for e in examples}
        return {name: self.score(examples, found, variant) for name, found in guesses.items()}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        return None


def _bounds(path: Path, questions: Path) -> dict[tuple[str, str], tuple[Shape, ...]]:
    """Truth of the evaluator's files, {scene}.json with rows {ann_id, aabb_bound}, by scene and annotation."""
    found = {}
    for file in sorted(Path(path).rglob("scene*.json")) if Path(path).is_dir() else []:
        for _, item in listed(file) if file != questions else ():
            if isinstance(item, dict) and "aabb_bound" in item and "ann_id" in item:
                try:
                    found[file.stem, str(item["ann_id"])] = shapes(item["aabb_bound"])
                except ValueError as error:
                    raise BadInput(f"{file}, ann_id {item['ann_id']}: {error}; expected K boxes of [least, greatest]") from None
    return found


def _example(row: Row, boxes: Mapping, bounds: Mapping, proposals: Mapping) -> Example:
    scene, annotation = row.text("scene_id"), row.name("ann_id")
    kind = row.text("eval_type")
    if kind not in KINDS:
        raise Unusable(f"eval_type {kind[:40]!r}; expected one of {', '.join(KINDS)}")
    if row.has("aabb_bound"):
        true = shapes(row.item["aabb_bound"])
    elif (scene, annotation) in bounds:
        true = bounds[scene, annotation]
    else:
        targets = row.ids("object_ids")
        if lost := [t for t in targets if (scene, t) not in boxes]:
            raise Unusable(f"no box for object {lost[0]} of {scene}; expected aabb_bound in its row, or a file *boxes*.json beside it")
        true = tuple(boxes[scene, t] for t in targets)
    if bool(true) == kind.startswith("zt"):
        raise Unusable(f"{scene}, ann_id {annotation}: {kind} with {len(true)} boxes")
    return Example(f"{scene}|{annotation}", KINDS[kind], Targets(scene, true, proposals.get(scene, ())), row.text("description"))


def _own_id(key: object, row: object, stem: str) -> object:
    """The key of an object, or the annotation of a scene, which the file is called after."""
    annotation = row.get("ann_id") if isinstance(row, dict) else None
    return f"{row.get('scene_id', stem)}|{annotation}" if isinstance(annotation, str | int) else key


def _f1(truth: Targets, answer: Said, variant: str) -> dict[float, float]:
    """At each threshold. An answer that could not be read is wrong, also where nothing was to be found."""
    if answer.failed:
        return dict.fromkeys(THRESHOLDS, 0.0)
    proposals = truth.proposals
    if variant == "chatscene" and answer.text is not None and not answer.shapes:
        found = tuple(proposals[i] for i in choosing.named_objects(answer.text, len(proposals)))
    elif variant == "video3dllm" and answer.scores and not answer.shapes:
        found = tuple(proposals[i] for i in choosing.likely_objects(answer.scores, len(proposals)))
    else:
        found = choosing.chosen(answer, proposals)
    if not truth.boxes:
        return dict.fromkeys(THRESHOLDS, float(not found))
    rounding = M3DREF if variant in ("official", "m3dref") else SCANREFER
    iou = span_iou(spans(found), spans(truth.boxes), rounding)
    return {k: assigned_f1(iou, k) for k in THRESHOLDS}


def _means(scores: Sequence[Mapping[float, float]]) -> dict[str, float | None]:
    return {f"F1@{k}": 100 * float(np.mean([s[k] for s in scores])) if scores else None for k in THRESHOLDS}
