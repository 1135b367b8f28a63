"""SpaceSpan from a file: answers and boxes by question id, scored by the rule that `evaluate` uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import Said, Shape, nines, read_boxes, shape, usable
from proxy3d.evaluation.metrics.answers import VARIANT, right
from proxy3d.evaluation.metrics.boxes import most_hits
from proxy3d.evaluation.metrics.oriented import yawed_iou
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.spacespan.record import Record, read_records

IOU = 0.25


@dataclass(frozen=True)
class SpaceSpanFile:
    """Records with words are right or wrong; records with boxes are compared as they are turned, in the frame of the records."""

    name: str = "spacespan"
    licence: str = "of each record; rooms made by `proxy3d data make` are free"
    citation: str = "arXiv 2605.08064"
    variants: tuple[str, ...] = (VARIANT,)

    @property
    def defects(self) -> Mapping[str, str]:
        return {}

    def examples(self, annotations: Path) -> Sequence[Example]:
        """A records.jsonl file, or test.jsonl of a folder; records whose answer is hidden or names objects without boxes are left out.

        Raises:
            BadInput: no such file, or nothing to score in it.
        """
        file = Path(annotations) / "test.jsonl" if Path(annotations).is_dir() else Path(annotations)
        made = [Example(r.question_id, r.family, r, r.question) for r in read_records(file) if r.answer_type not in ("hidden", "objects")]
        if not made:
            raise BadInput(f"{file}: no record with an answer in it")
        return made

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{question_id: text or boxes}, or JSON Lines with id, text and boxes."""
        return read_boxes(file, examples, ids=("question_id", "id"))

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        rows = [(e, _scores(e.truth, usable(found.get(e.id)))) for e in examples]
        families: dict[str, list] = defaultdict(list)
        for e, row in rows:
            families[e.kind].append(row)
        by_type = {family: {"n": len(mine), **_means(mine)} for family, mine in sorted(families.items())}
        return Scored(len(examples), _means([row for _, row in rows]), by_type)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        counts: dict[str, Counter] = defaultdict(Counter)
        for e in examples:
            counts[e.kind][e.truth.answer] += 1
        common = {kind: min(c, key=lambda a: (-c[a], a)) for kind, c in counts.items()}
        guess = {e.id: Said(text=common[e.kind]) for e in examples}
        uniform = [(e.truth.chance or 0.0) * 100 for e in examples if e.truth.answer_type != "boxes"]
        return {
            "most frequent answer of each kind, fitted on this file": self.score(examples, guess, variant),
            "uniform guess": Scored(len(examples), {"accuracy": float(np.mean(uniform)) if uniform else None}),
        }

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        return None


def _scores(record: Record, answer: Said) -> dict[str, float]:
    """What one record adds to each metric."""
    if record.answer_type != "boxes":
        return {"accuracy": float(any(right(answer.text or "", true, record.answer_type) for true in record.answers))}
    true = tuple(shape([*b.centre_m, *b.size_m, b.yaw_rad]) for b in record.boxes)
    scores = {f"F1@{IOU}": 0.0 if answer.failed else _f1(answer.shapes, true)}
    if len(true) == 1:
        scores[f"Acc@{IOU}"] = float(bool(answer.shapes) and _iou(answer.shapes[:1], true)[0, 0] >= IOU)
    return scores


def _iou(found: Sequence[Shape], true: Sequence[Shape]) -> np.ndarray:
    a, b = nines(found)[:, :7], nines(true)[:, :7]
    return yawed_iou(np.repeat(a, len(b), 0), np.tile(b, (len(a), 1))).reshape(len(a), len(b))


def _f1(found: Sequence[Shape], true: Sequence[Shape]) -> float:
    """The most hits, as `spacespan-v1` counts them."""
    if not found or not true:
        return float(len(found) == len(true))
    return 2 * most_hits(_iou(found, true), IOU) / (len(found) + len(true))


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float | None]:
    names = sorted({name for row in rows for name in row})
    return {name: 100 * float(np.mean([row[name] for row in rows if name in row])) for name in names}
