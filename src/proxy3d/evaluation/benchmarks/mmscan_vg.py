"""MMScan's visual grounding: none, one or many turned boxes for a phrase, in falling order of score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import Said, Shape, nines, read_boxes, shapes, usable
from proxy3d.evaluation.benchmarks.truth_files import boxes_beside
from proxy3d.evaluation.metrics.boxes import average_precision, greedy_hits
from proxy3d.evaluation.metrics.oriented import nine_dof_iou
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.sources.mmscan import items
from proxy3d.spacespan.sources.rows import Row, Unusable, question_files

THRESHOLDS, FIRST = (0.25, 0.5), (1, 3, 5, 10)
LICENCE = "CC BY-NC-SA 4.0"


@dataclass(frozen=True)
class MMScanVG:
    """AP, AR and gTop-k by exact overlap of 9-DoF boxes; a phrase for nothing is skipped, as its code does (≈)."""

    name: str = "mmscan_vg"
    licence: str = LICENCE
    citation: str = "arXiv 2406.09401"
    variants: tuple[str, ...] = ("mmscan",)

    @property
    def defects(self) -> Mapping[str, str]:
        return {"mmscan": "phrases for nothing are not scored; where nothing is predicted its code leaves AR undefined, and here it is 0"}

    def examples(self, annotations: Path) -> Sequence[Example]:
        """MMScan_VG.json with `target_bboxes` (9 numbers each) in its rows, or *boxes*.json {scan: {object: box}} beside it; val where it has one.

        Raises:
            BadInput: no such rows, or no box for an object of one.
        """
        file, boxes = question_files(Path(annotations), ("MMScan_VG*.json",))[0], boxes_beside(annotations)
        found = list(items(file))
        splits = {item["split"] for _, item in found if isinstance(item, dict)}
        made = []
        for number, (where, item) in enumerate(found, 1):
            if isinstance(item, dict) and "val" in splits and item["split"] != "val":
                continue
            try:
                if not isinstance(item, dict):
                    raise Unusable("expected an object")
                made.append(_example(Row(item, number, file, file.stem, item["split"], self.name, LICENCE), boxes))
            except ValueError as error:
                raise BadInput(f"{where}: {error}") from None
        return made

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{ID: {"boxes": [[9 numbers], ...], "scores": [...]}}; without scores the order given counts."""
        return read_boxes(file, examples)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        scored = [(e, *_compared(e.truth, usable(found.get(e.id)))) for e in examples if e.truth]
        by_kind: dict[str, list] = defaultdict(list)
        for e, iou, scores in scored:
            by_kind[e.kind].append((iou, scores))
        pooled = {kind: {"n": len(rows), **_single(rows), **_pooled(rows)} for kind, rows in sorted(by_kind.items())}
        metrics = _single([(iou, scores) for _, iou, scores in scored])
        for name in (f"{what}_C@{k}" for k in THRESHOLDS for what in ("AP", "AR")):
            metrics[name] = float(np.mean([row[name] for row in pooled.values()])) if pooled else None
        return Scored(len(scored), metrics, pooled)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        return {"nothing, always": self.score(examples, {}, variant)}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        return None


def _example(row: Row, boxes: Mapping[tuple[str, int], Shape]) -> Example:
    scan, targets = row.text("scan_id"), row.ids("target_id") if row.item.get("target_id") != [] else ()
    if row.has("target_bboxes"):
        true = shapes(row.item["target_bboxes"])
    else:
        known = {(room_of(name), number): box for (name, number), box in boxes.items()}
        if lost := [t for t in targets if (room_of(scan), t) not in known]:
            raise Unusable(f"no box for object {lost[0]} of {scan}; expected target_bboxes in its row, or a file *boxes*.json beside it")
        true = tuple(known[room_of(scan), t] for t in targets)
    return Example(row.name("ID"), row.text("sub_class") if row.has("sub_class") else "", true, row.text("text"))


def _compared(true: Sequence[Shape], answer: Said) -> tuple[Float[np.ndarray, "p t"], Float[np.ndarray, "p"]]:
    """IoU of every prediction, surest first, with every truth, and the scores in that order."""
    count = len(answer.shapes)
    scores = np.array(answer.scores) if len(answer.scores) == count else np.arange(count, 0, -1) / max(count, 1)
    order = np.argsort(-scores, kind="stable")
    a, b = nines([answer.shapes[i] for i in order]), nines(true)
    iou = nine_dof_iou(np.repeat(a, len(b), 0), np.tile(b, (len(a), 1))).reshape(len(a), len(b)) if count else np.zeros((0, len(b)))
    return iou, scores[order]


def _single(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, float | None]:
    """Means over phrases."""
    found: dict[str, float | None] = {}
    for k in THRESHOLDS:
        curves = np.array([average_precision(greedy_hits(iou, k), iou.shape[1]) for iou, _ in rows]).reshape(-1, 2)
        found |= {f"{name}@{k}": 100 * float(values.mean()) if len(rows) else None for name, values in zip(("AP", "AR"), curves.T, strict=True)}
        for first in FIRST:
            found[f"gTop-{first}@{k}"] = 100 * float(np.mean([grounding_top(iou, k, first) for iou, _ in rows])) if rows else None
    return found


def grounding_top(iou: Float[np.ndarray, "p t"], threshold: float, first: int) -> float:
    """gTop-k: of n = 1..N truths, how often the first n*k predictions hit at least n of them."""
    truths = iou.shape[1]
    if not len(iou) or not truths:
        return 0.0
    hit = [int((iou[: n * first] >= threshold).any(0).sum()) >= n for n in range(1, truths + 1)]
    return float(np.mean(hit))


def _pooled(rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """AP_C and AR_C: all predictions of a category in one curve."""
    order = np.argsort(-np.concatenate([scores for _, scores in rows]), kind="stable")
    truths, found = sum(iou.shape[1] for iou, _ in rows), {}
    for k in THRESHOLDS:
        precision, recall = average_precision(np.concatenate([greedy_hits(iou, k) for iou, _ in rows])[order], truths)
        found |= {f"AP_C@{k}": 100 * precision, f"AR_C@{k}": 100 * recall}
    return found
