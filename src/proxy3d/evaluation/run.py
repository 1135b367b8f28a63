"""Run a benchmark and write one result file that says where every number comes from."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.answers_file import KeptAnswers
from proxy3d.evaluation.benchmarks.spacespan import LICENCE, evaluate_rooms, scores
from proxy3d.evaluation.metrics.answers import VARIANT
from proxy3d.part_file import part_of
from proxy3d.pipeline import Pipeline
from proxy3d.spacespan.record import read_records
from proxy3d.training.recipes import data_hash, machine
from proxy3d.weights import Weights, load_weights

BENCHMARKS = ("spacespan",)


def evaluate(
    benchmark: str,
    pipeline: Pipeline,
    rooms: Path,
    *,
    split: str = "test",
    blind: str | None = None,
    out: Path | None = None,
    limit: int | None = None,
) -> dict:
    """The answer of the `evaluate` verb: metrics of the model beside chance, majority, blind and oracle, by family too.

    `blind` names weights of the same model trained on the same questions without any scene. With `out`, the result is
    written there and every single answer beside it as JSON Lines; a run that was killed goes on where it was when it is started again.

    Raises:
        BadInput: unknown benchmark, missing data or weights, or an unfinished run with other settings at `out`.
    """
    if benchmark not in BENCHMARKS:
        raise BadInput(f"no benchmark is called {benchmark!r}; known: {', '.join(BENCHMARKS)}")
    pipeline.check_reader()
    if pipeline.learned is None:
        raise BadInput("evaluation needs trained weights; use --preset laptop or --weights FILE")
    started = time.monotonic()
    unseeing = load_weights(blind) if blind else None
    kept = KeptAnswers(Path(out), settings_of(pipeline, unseeing, Path(rooms), split)) if out is not None else None
    rows = evaluate_rooms(pipeline, Path(rooms), split, blind=unseeing.reader if unseeing else None, limit=limit, kept=kept)
    found = scores(rows, read_records(Path(rooms) / "train.jsonl"))
    card = pipeline.learned.facts.get("run", {})
    summary = found["summary"]
    summary["train_minutes"] = card.get("train_minutes")
    result = {
        "benchmark": benchmark,
        "split": split,
        "n": len(rows),
        "variant": found["variant"],
        "licence": LICENCE,
        "summary": summary,
        "metrics": {
            "model": {"accuracy": summary["accuracy"], "acc_at_025": summary["acc_at_025"], "f1_at_025": summary["f1_at_025"]},
            "chance": {"accuracy": summary["chance"], "acc_at_025": summary["random_box_acc_at_025"]},
            "majority": {"accuracy": summary["majority"], "given_subject": summary["majority_given_subject"]},
            "blind": {"accuracy": summary["blind"] if blind else None},
            "oracle": {"accuracy": summary["oracle"]},
        },
        "by_family": found["by_family"],
        "run": {
            "weights": pipeline.learned.hash,
            "blind_weights": unseeing.hash if unseeing else None,
            "blind_train_minutes": unseeing.facts.get("run", {}).get("train_minutes") if unseeing else None,
            "preset": pipeline.settings(),
            "training": {k: card.get(k) for k in ("recipe", "seed", "commit", "machine", "train_minutes", "stages")},
            "data": data_hash(Path(rooms)),
            **asked_how(pipeline),
            "minutes": (time.monotonic() - started) / 60,
            "rooms_from_an_earlier_run": kept.found if kept else 0,
            **machine(),
        },
    }
    if out is not None:
        answers = kept.finish(list(dict.fromkeys(row.record.room_id for row in rows)))
        result["run"]["answers_sha256"] = hashlib.sha256(answers.read_bytes()).hexdigest()
        write_result(Path(out), result)
    return result


def settings_of(pipeline: Pipeline, blind: Weights | None, rooms: Path, split: str) -> dict:
    """What decides every single answer: answers of two runs may be put together only where all of this is the same."""
    questions = rooms / f"{split}.jsonl"
    return {
        "weights": pipeline.learned.hash,
        "blind weights": blind.hash if blind else None,
        "preset": pipeline.settings(),
        "scorer": VARIANT,
        "question file": hashlib.sha256(questions.read_bytes()).hexdigest() if questions.is_file() else None,
        "data": data_hash(rooms)["sha256"],
    }


def asked_how(pipeline: Pipeline) -> dict:
    """The prompt around a question, how much of a room was shown, and what was drawn at random (nothing but the boxes to compare with)."""
    chat = pipeline.reader.host.chat
    return {
        "prompt": f"{chat.before}{{question}}{chat.after}",
        "frames": pipeline.preset.frames,
        "proxies": pipeline.preset.proxies,
        "decoding": "greedy",
        "seed": "none for answers; random boxes are drawn by question_id",
    }


def write_result(path: Path, result: dict, *, compact: bool = False) -> None:
    """JSON with sorted keys and rounded numbers, written whole or not at all; `compact` for what nobody reads line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    part.write_text(json.dumps(_rounded(result), indent=None if compact else 1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, path)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, 5) if isinstance(value, float) else value
