"""OpenEQA: marks of 1 to 5 that a judge gave to open answers, brought together as its published scores are."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy3d.errors import BadInput
from proxy3d.evaluation.prediction_files import one_file, read_predictions
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.evaluation.worded import Worded, examples_from
from proxy3d.spacespan.sources.rows import Unusable, kind, listed

MARK_KEYS = ("mark", "score", "judged", "gpt_score")
SAID = re.compile(r"\s*(?:.*\bYour mark:)?\s*(-?[0-9]{1,4})\s*", re.DOTALL)
UNJUDGED = "an answer without a mark; a judge has to see it first"


@dataclass(frozen=True)
class OpenEQA:
    """OpenEQA's LLM-match (Majumdar et al. 2024): the mean of 100 (mark - 1) / 4. No judge is run here; marks come from a file."""

    name: ClassVar[str] = "open_eqa"
    licence: ClassVar[str] = "MIT"
    citation: ClassVar[str] = "OpenEQA, CVPR 2024"
    variants: ClassVar[tuple[str, ...]] = ("official", "all-questions")
    defects: ClassVar[Mapping[str, str]] = {
        "official": "the mean of what was judged: a question that nobody answered does not count",
        "all-questions": "not published anywhere: questions without a mark count as 0",
    }

    def examples(self, annotations: Path) -> Sequence[Example]:
        """All questions of the one file.

        Raises:
            BadInput: not OpenEQA's questions.
        """
        file = one_file(annotations, "open-eqa-v[0-9].json")
        return examples_from(listed(file), file, example)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """Judged: {question_id: 1..5}, or rows with question_id and a mark.

        Raises:
            BadInput: answers that no judge has seen.
        """
        found = read_predictions(file, {e.id: None for e in examples}, mark)
        if not found.found and found.troubles.get(UNJUDGED):
            raise BadInput(f"{file}: answers without marks; expected what a judge made of them, {{question_id: 1..5}}")
        return found

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """LLM-match, overall and by category."""
        kinds: dict[str, list[float]] = defaultdict(list)
        for e in examples:
            if e.id in found or variant == "all-questions":
                kinds[e.kind].append(llm_match(found.get(e.id, 0)))
        values = [value for mine in kinds.values() for value in mine]
        by_type = {name: {"n": len(mine), "LLM-match": sum(mine) / len(mine)} for name, mine in sorted(kinds.items())}
        return Scored(len(values), {"LLM-match": sum(values) / len(values) if values else None}, by_type)

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """A judge that gives everything the lowest mark; what blind models get has to be judged."""
        return {"lowest mark for everything": self.score(examples, {e.id: 1 for e in examples}, variant)}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """Marks are no upload."""
        return None


def example(item: dict) -> Example:
    """A row of the question file."""
    for key in ("question_id", "question", "answer", "category"):
        if not isinstance(item.get(key), str):
            raise Unusable(f"{key}: expected text")
    return Example(item["question_id"], item["category"], Worded((item["answer"],)), item["question"])


def mark(value: object) -> float:
    """A mark as a number, as digits, or behind a judge's `Your mark:`; null is what a missing answer gets, and counts as 0."""
    if isinstance(value, dict):
        key = next((key for key in MARK_KEYS if key in value), None)
        if key is None:
            raise Unusable(UNJUDGED if "answer" in value else "row without a mark")
        value = value[key]
    if value is None:
        return 0.0
    if isinstance(value, str) and (found := SAID.fullmatch(value[-400:])):
        return float(found[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unusable(f"mark: expected 1 to 5, got {kind(value)}" + (" without one" if isinstance(value, str) else ""))
    return float(value)


def llm_match(value: float) -> float:
    """0 for a mark of 1, 100 for a mark of 5."""
    return 100 * (min(max(value, 1), 5) - 1) / 4
