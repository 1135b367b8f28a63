"""MMScan QA: questions about scanned rooms, scored by exact match and as captions; its judge and embeddings are reported as absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy3d.evaluation.benchmarks.scanqa import RULES
from proxy3d.evaluation.metrics.captions import MeteorScorer, caption_scores
from proxy3d.evaluation.prediction_files import one_file, read_predictions
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.evaluation.worded import Worded, answered, by_kind, dull_answers, examples_from, match_scores, matches, texts
from proxy3d.spacespan.sources.mmscan import items
from proxy3d.spacespan.sources.rows import Unusable

ABSENT = ("SimCSE", "SBERT", "GPT")  # need models that are not ours


@dataclass(frozen=True)
class MMScanQA:
    """MMScan's questions (Lyu et al. 2024, arXiv 2406.09401), by the rule of its own evaluator, read in its public code and not run."""

    name: ClassVar[str] = "mmscan_qa"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"
    citation: ClassVar[str] = "2406.09401"
    variants: ClassVar[tuple[str, ...]] = ("mmscan",)
    defects: ClassVar[Mapping[str, str]] = {"mmscan": "refined match takes `no` for `north wall`; answers are cut to 256 characters"}

    meteor: MeteorScorer | None = None

    def examples(self, annotations: Path) -> Sequence[Example]:
        """The val rows of a file {train: [...], val: [...]}, or all where it has no val.

        Raises:
            BadInput: not MMScan's questions.
        """
        file = one_file(annotations, "MMScan_QA*.json")
        rows = list(items(file))
        val = [pair for pair in rows if not isinstance(pair[1], dict) or pair[1]["split"] == "val"]
        return examples_from(val or rows, file, example)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """Rows with ID and pred, or {ID: answer}."""
        return read_predictions(file, {e.id: None for e in examples}, answered, ids=("ID", "question_id", "id"))

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """Exact and refined match, n-gram scores after PTB."""
        rule = RULES[variant]
        rows = matches(examples, found, rule.match)
        said = [rule.said(found[e.id].text) if e.id in found else "" for e in examples]
        captions = caption_scores(said, [[rule.reference(text) for text in e.truth.answers] for e in examples], self.meteor)
        metrics = match_scores(rows) | {name: None if value is None else 100 * value for name, value in captions.items()}
        return Scored(len(examples), metrics | dict.fromkeys(ABSENT), by_kind(examples, rows))

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """Always the same answer, and the same answer to each sub-class."""
        return {name: self.score(examples, said, variant) for name, said in dull_answers(examples).items()}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """There is no format of a leaderboard that we know."""
        return None


def example(item: dict) -> Example:
    """A row of one split."""
    own_id, question = item.get("ID"), item.get("question")
    if isinstance(own_id, bool) or not isinstance(own_id, str | int) or not isinstance(question, str):
        raise Unusable("expected ID and question")
    answers = texts(item, "answers")
    if not answers:
        raise Unusable("no answers")
    return Example(str(own_id), str(item.get("sub_class", "")), Worded(answers, str(item.get("scan_id", ""))), question)
