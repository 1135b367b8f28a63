"""SQA3D: questions asked from a place in the room, with one answer each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy3d.evaluation.metrics import matching
from proxy3d.evaluation.prediction_files import one_file, read_predictions
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.evaluation.worded import Worded, answered, by_kind, dull_answers, examples_from, match_scores, matches
from proxy3d.spacespan.sources.rows import Unusable
from proxy3d.spacespan.sources.sqa3d import QUESTIONS, joined, question_type

RULES = {
    "video3dllm": matching.cleaned,
    "official": matching.raw,
    "leo": matching.leo,
    "llava3d": matching.llava3d,
    "chatscene": matching.chatscene,
    "sqa3d-lenient": matching.lenient,
}


@dataclass(frozen=True)
class SQA3D:
    """SQA3D (Ma et al. 2023, arXiv 2210.07474): match over all questions, and for each of six openings of a question."""

    name: ClassVar[str] = "sqa3d"
    licence: ClassVar[str] = "CC BY 4.0"
    citation: ClassVar[str] = "2210.07474"
    variants: ClassVar[tuple[str, ...]] = tuple(RULES)
    defects: ClassVar[Mapping[str, str]] = {
        "video3dllm": "the cleaning loses letters with accents and a digit after a word: `mat2` is `mat`",
        "official": "made for a classifier over known answers: free text must meet the string exactly",
        "leo": "an empty answer is refined-correct",
        "llava3d": "an empty answer is refined-correct",
        "chatscene": "refined match takes `no` for `north wall`",
        "sqa3d-lenient": "one shared word is enough; an empty answer is correct; `2` never meets `2`, which became `two`",
    }

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Questions with the answers of the file beside them.

        Raises:
            BadInput: not SQA3D's two files of one split.
        """
        file = one_file(annotations, f"{QUESTIONS}*.json")
        return examples_from(joined(file), file, example)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """{id: answer}, or rows with question_id and an answer."""
        return read_predictions(file, {e.id: None for e in examples}, answered, ids=("question_id", "qid", "id", "sample_id"))

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """Exact match, and refined match where the rule has one."""
        rows = matches(examples, found, RULES[variant])
        return Scored(len(examples), match_scores(rows), by_kind(examples, rows))

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """Always the same answer, and the same answer to each opening."""
        return {name: self.score(examples, said, variant) for name, said in dull_answers(examples).items()}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """There is no leaderboard that takes files."""
        return None


def example(item: dict) -> Example:
    """A question joined with its annotation."""
    answers = item.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(a, dict) and isinstance(a.get("answer"), str) for a in answers):
        raise Unusable("answers: expected a list of {answer}")
    if not isinstance(item.get("question"), str):
        raise Unusable("question: expected text")
    truth = Worded(tuple(a["answer"] for a in answers), str(item.get("scene_id", "")))
    return Example(str(item["question_id"]), question_type(item["question"]), truth, item["question"])
