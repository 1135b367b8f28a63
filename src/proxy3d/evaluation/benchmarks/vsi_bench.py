"""VSI-Bench: counts, sizes, distances, directions, routes and order in filmed rooms, by six public rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import read_boxes, said, usable
from proxy3d.evaluation.benchmarks.truth_files import question_file, rows
from proxy3d.evaluation.metrics.relative_accuracy import TOLERANCES, WITH_ZERO, mean_relative_accuracy, mean_relative_accuracy_single
from proxy3d.evaluation.metrics.vsi_answers import READERS
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.spacespan.places import room_of
from proxy3d.spacespan.sources.rows import Row, Unusable
from proxy3d.spacespan.sources.vsi_bench import offered

LEVELS = tuple(f"object_rel_direction_{level}" for level in ("easy", "medium", "hard"))
DIRECTION = "object_rel_direction"
CHOICES = (*LEVELS, "object_rel_distance", "route_planning", "obj_appearance_order")
NUMBERS = ("object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation")
PATTERNS = ("test*.json*", "VSI*.json*", "vsi*.json*", "VSI*.tsv", "vsi*.tsv")


@dataclass(frozen=True)
class Asked:
    """The truth as the file has it, text; options where it is a choice."""

    truth: str
    options: tuple[str, ...] = ()
    scene: str = ""


@dataclass(frozen=True)
class VSIBench:
    """Accuracy of choices and mean relative accuracy of numbers; overall is the mean of the eight kinds, not of the rows."""

    name: str = "vsi_bench"
    licence: str = "Apache-2.0"
    citation: str = "arXiv 2412.14171"
    variants: tuple[str, ...] = ("official", "lmms-eval", "vlmevalkit", "spatial-mllm", "spacer", "mra-11")

    @property
    def defects(self) -> Mapping[str, str]:
        return {
            "official": "a leading space or bracket makes an answer wrong; a relative error of .45 or .20 misses its own tolerance by the last bit",
            "lmms-eval": "1,200 is read as 1, and .5 as 5",
            "vlmevalkit": "the last number of a text counts, so that twenty-one is -1 and 1,200 is 200",
            "spatial-mllm": "tolerances in float32 and strictly below lose a step at round errors; a letter with its words is wrong",
            "spacer": "the words a and an are the number 1; minus signs are dropped",
            "mra-11": "a wrong reading of the public code, kept to recognise it: an eleventh tolerance, 0, and directions thrice in the mean",
        }

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Its rows as JSON or JSON Lines, or the TSV of VLMEvalKit.

        Raises:
            BadInput: no such rows.
        """
        file = question_file(annotations, *PATTERNS, besides="*meta_info*")
        try:
            made = [_example(row) for row in rows(file, self.name, self.licence)]
        except ValueError as error:
            raise BadInput(f"{file}: {error}") from None
        if len({e.id for e in made}) < len(made):
            raise BadInput(f"{file}: two rows have the same id")
        return made

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{id: text}, or rows with id and prediction."""
        return read_boxes(file, examples, take=_text)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        if variant not in self.variants:
            raise BadInput(f"{self.name} has no variant {variant!r}; known: {', '.join(self.variants)}")
        scores: dict[str, list[float]] = defaultdict(list)
        for e in examples:
            scores[e.kind].append(_score(e, usable(found.get(e.id)).text or "", variant))
        return _scored(scores, variant)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        uniform: dict[str, list[float]] = defaultdict(list)
        truths: dict[str, Counter] = defaultdict(Counter)
        for e in examples:
            if e.truth.options:
                uniform[e.kind].append(1 / len(e.truth.options))
            truths[e.kind][e.truth.truth] += 1
        common = {kind: min(c, key=lambda a: (-c[a], a)) for kind, c in truths.items()}
        best = {kind: max(c, key=lambda a: (_constant(a, c), a)) if kind in NUMBERS else common[kind] for kind, c in truths.items()}
        return {
            "uniform guess among the options, choices only": _scored(uniform, variant),
            "most frequent answer of each kind, fitted on this file": self.score(examples, {e.id: common[e.kind] for e in examples}, variant),
            "best constant of each kind, fitted on this file": self.score(examples, {e.id: best[e.kind] for e in examples}, variant),
        }

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        return None


def _text(value: object) -> object:
    answer = said(value)
    if answer.text is None:
        raise Unusable("predictions without text")
    return answer


def _example(row: Row) -> Example:
    kind, truth = row.text("question_type"), row.name("ground_truth" if row.has("ground_truth") else "answer")
    scene = row.name("scene_name") if row.has("scene_name") else room_of(row.text("video")) if row.has("video") else ""
    options = offered(row) if kind in CHOICES else ()
    if kind not in (*CHOICES, *NUMBERS):
        raise Unusable(f"question_type {kind[:40]!r}; expected one of {', '.join((*CHOICES, *NUMBERS))}")
    return Example(row.name("id" if row.has("id") else "index"), kind, Asked(truth, options, scene), row.text("question"))


def _constant(guess: str, truths: Counter) -> float:
    return sum(n * mean_relative_accuracy(float(guess), float(t)) for t, n in truths.items())


def _score(example: Example, text: str, variant: str) -> float:
    """1 or 0 for a choice, mean relative accuracy for a number."""
    reader, truth = READERS[variant], example.truth.truth
    if example.kind in CHOICES:
        letter = reader.choice(text)
        same = truth if variant in ("official", "lmms-eval", "mra-11") else reader.choice(truth) or truth
        return float(letter is not None and (letter.lower() == same.lower() if variant != "spacer" else letter == same))
    value = reader.number(text)
    try:
        true = float(truth)
    except ValueError:
        return 0.0
    if variant == "spatial-mllm":
        return mean_relative_accuracy_single(value, true)
    return mean_relative_accuracy(value, true, WITH_ZERO if variant == "mra-11" else TOLERANCES, zero_true=variant == "vlmevalkit")


def _scored(scores: Mapping[str, Sequence[float]], variant: str) -> Scored:
    """By kind, with direction as the mean of its levels; overall is None where a level is missing that others have."""
    kinds = {kind: _mean(scores[kind], variant) for kind in (*CHOICES, *NUMBERS) if kind in scores}
    eight: dict[str, float | None] = {kind: value for kind, value in kinds.items() if kind not in LEVELS or variant == "mra-11"}
    levels = [kinds[level] for level in LEVELS if level in kinds]
    if levels and variant != "mra-11":
        eight[DIRECTION] = float(np.mean(levels)) if len(levels) == len(LEVELS) else None
    by_type = {kind: {"n": len(scores.get(kind, ())), "score": value} for kind, value in {**kinds, **eight}.items()}
    if DIRECTION in by_type:
        by_type[DIRECTION]["n"] = sum(len(scores.get(level, ())) for level in LEVELS)
    metrics = {
        "overall": _over(list(eight.values())),
        "accuracy": _over([v for k, v in eight.items() if k not in NUMBERS]),
        "MRA": _over([v for k, v in eight.items() if k in NUMBERS]),
    }
    if variant == "spatial-mllm":
        every = [s for part in scores.values() for s in part]
        metrics["micro"] = 100 * float(np.mean(every)) if every else None
    return Scored(sum(map(len, scores.values())), metrics, by_type)


def _mean(scores: Sequence[float], variant: str) -> float:
    value = float(np.mean(scores))
    return 100 * (round(value, 6) if variant == "lmms-eval" else value)


def _over(values: Sequence[float | None]) -> float | None:
    return None if not values or any(v is None for v in values) else float(np.mean(values))
