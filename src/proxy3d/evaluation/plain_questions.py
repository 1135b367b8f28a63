"""Plain questions about one real capture, as a person would type them, and what was answered.

    python -m proxy3d.evaluation.plain_questions CAPTURE -o results/plain_questions.json

The capture is not part of this project: plain_questions.json says which one it is. With `--blind WEIGHTS` a reader that never saw a room
answers too, which shows how far the questions give themselves away.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy3d.answers.batch import answer_many
from proxy3d.errors import command
from proxy3d.evaluation.metrics.answers import VARIANT, right
from proxy3d.evaluation.run import write_result
from proxy3d.pipeline import Pipeline, load_or_encode
from proxy3d.presets import PRESETS
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.align import blinded
from proxy3d.training.recipes import machine
from proxy3d.weights import Weights, load_weights

QUESTIONS = Path(__file__).with_suffix(".json")


def is_right(said: str, question: Mapping) -> bool:
    """By the rule of SpaceSpan: one of several words, or a length within a quarter."""
    if "metres" in question:
        return right(said, f"{question['metres']} m", "metres")
    return any(right(said, answer, "choice") for answer in question["answers"])


def asked(capture: Path, pipeline: Pipeline, blind: Weights | None = None) -> dict:
    """Each question with the answer that `proxy3d ask` gives, and how many were right.

    Raises:
        BadInput: the capture cannot be used.
    """
    held = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    scene, _, _ = load_or_encode(pipeline, capture)
    session, questions = pipeline.session(scene), held["questions"]
    rows = []
    for question in questions:
        answer = session.ask(question["question"])
        rows.append({**question, "said": answer.text, "right": is_right(answer.text, question), "boxes": len(answer.boxes)})
    if blind is not None:
        unseeing = answer_many(blind.reader, blinded(SceneNumbers.of(scene)), [q["question"] for q in questions]).text
        rows = [{**row, "blind_said": said, "blind_right": is_right(said, row)} for row, said in zip(rows, unseeing, strict=True)]
    count = {"right": sum(row["right"] for row in rows), "asked": len(rows)}
    return {
        "summary": count if blind is None else {**count, "blind_right": sum(row["blind_right"] for row in rows)},
        "answers": rows,
        "capture": held["capture"],
        "questions_made": held["made"],
        "variant": VARIANT,
        "scale": scene.scale.source,
        "weights": pipeline.weights.hash,
        "run": machine(),
    }


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.plain_questions", description=__doc__)
    parser.add_argument("capture", type=Path, help="the capture that plain_questions.json names")
    parser.add_argument("--blind", help="weights of the reader that sees nothing")
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    result = asked(chosen.capture, Pipeline(PRESETS["laptop"]), load_weights(chosen.blind) if chosen.blind else None)
    write_result(chosen.out, result)
    for row in result["answers"]:
        print(f"{'right' if row['right'] else 'WRONG'}  {row['question']}  ->  {row['said']}")


if __name__ == "__main__":
    sys.exit(main())
