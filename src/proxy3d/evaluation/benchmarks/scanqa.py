"""ScanQA: questions about scanned rooms with several accepted answers, scored by exact match and as captions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics import matching
from proxy3d.evaluation.metrics.captions import NAMES, MeteorScorer, caption_scores
from proxy3d.evaluation.metrics.matching import Match, clean_answer, unmarked, wrapped
from proxy3d.evaluation.metrics.ptb import ptb
from proxy3d.evaluation.prediction_files import one_file, read_predictions
from proxy3d.evaluation.scoring import Example, Predictions, Scored
from proxy3d.evaluation.worded import Answered, Worded, answered, by_kind, dull_answers, examples_from, match_scores, matches, texts
from proxy3d.spacespan.sources.rows import Unusable, listed

KINDS = {  # by what the question holds, case counts, the first that fits
    "place": ("Where",),
    "number": ("How many",),
    "color": ("What color", "What is the color"),
    "object nature": ("What shape", "What type", "What kind"),
    "object": ("What is",),
}
TOP = 10


@dataclass(frozen=True)
class Rule:
    """How a code base compares: the match, and the text that n-grams are counted in."""

    match: Callable[[str, Sequence[str]], Match]
    said: Callable[[str], str]
    reference: Callable[[str], str]


def as_it_is(text: str) -> str:
    return text


RULES: dict[str, Rule] = {
    "official": Rule(matching.raw, ptb, ptb),
    "video3dllm": Rule(matching.raw, lambda text: text.rstrip("."), as_it_is),
    "leo": Rule(matching.leo, clean_answer, clean_answer),
    "llava3d": Rule(matching.llava3d, lambda text: ptb(clean_answer(text)), lambda text: ptb(clean_answer(text))),
    "chatscene": Rule(matching.chatscene_raw, lambda text: ptb(clean_answer(wrapped(text))), ptb),
    "mmscan": Rule(matching.mmscan, lambda text: ptb(unmarked(text, 1024)), lambda text: ptb(unmarked(text, 1024))),
}


def question_kind(question: str) -> str:
    """The official classes of questions."""
    return next((name for name, openings in KINDS.items() if any(opening in question for opening in openings)), "other")


@dataclass(frozen=True)
class ScanQA:
    """ScanQA (Azuma et al. 2022, arXiv 2112.10482). The server that held the test answers is closed, so only val can be scored.

    `meteor` is a scorer made by somebody who has Java and METEOR's program; without it METEOR is None.
    """

    name: ClassVar[str] = "scanqa"
    licence: ClassVar[str] = "CC BY-NC-SA 3.0"
    citation: ClassVar[str] = "2112.10482"
    variants: ClassVar[tuple[str, ...]] = tuple(RULES)
    defects: ClassVar[Mapping[str, str]] = {
        "official": "no normalisation: `Brown.` is not `brown`; the F-value, which needs WordNet, is not offered",
        "video3dllm": "n-grams of raw text: case and punctuation count, except that final stops of the prediction go",
        "leo": "the first partly equal reference ends the search, so an exact one after it is lost; an empty answer is refined-correct",
        "llava3d": "an empty answer is refined-correct",
        "chatscene": "the prediction is cleaned and the references are not: `2` never meets `2`, `tv` never meets `tv`",
        "mmscan": "refined match takes `no` for `north wall`",
    }

    meteor: MeteorScorer | None = None

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Questions of one file; in the test files answers are hidden.

        Raises:
            BadInput: not ScanQA's questions.
        """
        file = one_file(annotations, "ScanQA_v1.0_*.json")
        return examples_from(listed(file), file, example)

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """The leaderboard's list with answer_top10, other lists with question_id and an answer, or {id: answer}."""
        return read_predictions(file, {e.id: None for e in examples}, answered)

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """Exact and refined match and, over all questions, n-gram scores; all None where answers are hidden."""
        rule = RULES[variant]
        if not examples or any(not e.truth.answers for e in examples):
            return Scored(len(examples), dict.fromkeys(("EM@1", "EM-R", *NAMES)))
        rows = matches(examples, found, rule.match)
        said = [rule.said(found[e.id].text) if e.id in found else "" for e in examples]
        references = [[rule.reference(text) for text in e.truth.answers] for e in examples]
        captions = caption_scores(said, references, self.meteor)
        metrics = match_scores(rows) | {name: None if value is None else 100 * value for name, value in captions.items()}
        if variant == "official":
            metrics["EM@10"] = top_ten(examples, found)
        return Scored(len(examples), metrics, by_kind(examples, rows))

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """Always the same answer, and the same answer to each kind of question."""
        return {name: self.score(examples, said, variant) for name, said in dull_answers(examples).items()}

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """The leaderboard's list; a missing answer is empty, fewer than ten answers are filled up with the last."""
        asked = {e.id: e.truth.scene for e in examples} or {own_id: "" for own_id in found}
        return json.dumps([uploaded(own_id, scene, found.get(own_id)) for own_id, scene in asked.items()], indent=4)


def example(item: dict) -> Example:
    """A row of the annotation file."""
    if "answer_top10" in item:
        raise Unusable("a prediction, not a question; it goes with --predictions")
    for key in ("question_id", "scene_id", "question"):
        if not isinstance(item.get(key), str):
            raise Unusable(f"{key}: expected text")
    answers = texts(item, "answers") if "answers" in item else ()
    return Example(item["question_id"], question_kind(item["question"]), Worded(answers, item["scene_id"]), item["question"])


def top_ten(examples: Sequence[Example], found: Mapping[str, object]) -> float | None:
    """Any of ten answers is among the references, x 100; None where a file gives one answer to each question."""
    if all(len(found[e.id].answers) < 2 for e in examples if e.id in found):
        return None
    return 100 * sum(e.id in found and bool(set(found[e.id].answers[:TOP]) & set(e.truth.answers)) for e in examples) / len(examples)


def uploaded(own_id: str, scene: str, said: Answered | None) -> dict:
    """One entry of the leaderboard's list."""
    row = (said.row if said else None) or {}
    answers = list(said.answers[:TOP]) if said else [""]
    scene = scene or row.get("scene_id")
    if not isinstance(scene, str):
        raise BadInput(f"{own_id}: which scene is it about? Give --annotations, or scene_id in every row")
    box = row.get("bbox")
    filled = answers + answers[-1:] * (TOP - len(answers))
    return {"scene_id": scene, "question_id": own_id, "answer_top10": filled, "bbox": box if isinstance(box, list) else []}
