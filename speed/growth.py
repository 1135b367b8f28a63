"""How cost grows with work: frames of a clip, and questions about one scene, with 32 proxies and with every patch as a token.

    .venv/bin/python speed/growth.py -o results/growth.json

The shipped room's eight frames are repeated for longer clips: what is on them does not change what they cost. *Dense* is what
`speed/stages.py` measures too, as long as a sitting allows: its attention grows with the square of the tokens.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch
from stages import QUESTION, Bench, status_mb

from proxy3d.answers.batch import answer_many
from proxy3d.clips import open_capture
from proxy3d.features.grid import grid_for
from proxy3d.points.lift import lift
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.recipes import machine
from proxy3d.values import Clip

CAPTURE_FRAMES = 8
FRAMES, DENSE_FRAMES = (4, 8, 16, 32, 64), (4, 8, 16)
QUESTIONS = (1, 4, 16, 64)


def longer(clip: Clip, frames: int) -> Clip:
    """The clip with its frames one after another, again and again, until there are so many."""
    index = torch.arange(frames) % len(clip.frame)
    tensors = {f.name: getattr(clip, f.name)[index] for f in fields(clip) if isinstance(getattr(clip, f.name), torch.Tensor)}
    tensors["time_s"] = torch.arange(frames) / 10
    return replace(clip, name=tuple(f"{i}" for i in range(frames)), **tensors)


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median of some rounds after one that does not count."""
    spent = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(spent[1:] or spent), 1)


@torch.no_grad()
def of_frames(bench: Bench, clip: Clip, rounds: int) -> dict:
    """What a clip of so many frames costs until its first answer."""
    pipeline, frames = bench.pipeline, len(clip.frame)
    grid, host = grid_for(clip.frame.shape[3], clip.frame.shape[2]), bench.host

    def points(way: str = "proxies") -> object:
        return lift(clip, pipeline.semantic(clip, grid), pipeline.geometric(clip)(clip, bench.grid_of_points(grid, way)), torch.eye(4))[0]

    seen = points()
    learned = bench.weights.encoder.encode(seen, torch.eye(4))
    scene = pipeline.encode_clip(clip)
    row = {
        "frames": frames,
        "patches": frames * grid.h * grid.w,
        "frozen_encoders_ms": milliseconds(points, rounds),
        "proxy_encoder_ms": milliseconds(lambda: bench.weights.encoder.encode(seen, torch.eye(4)), rounds),
        "cluster_ms": milliseconds(lambda: bench.weights.clusterer(learned, pipeline.preset.proxies, frames), rounds),
        "proxies": len(scene.proxies),
        "prefill_ms": milliseconds(lambda: pipeline.session(scene).shown, rounds),
    }
    session = pipeline.session(scene)
    row["question_ms"] = milliseconds(lambda: session.ask(QUESTION), rounds)
    if frames in DENSE_FRAMES:
        dense = bench.to_host(points("dense").feature)[None]
        few = min(rounds, 2)
        row["dense_prefill_ms"] = milliseconds(lambda: bench.read(dense, 0, host.new_cache()), few)
        cache = bench.read(dense, 0, host.new_cache())[1]
        row["dense_question_ms"] = milliseconds(lambda: bench.dense_question(cache, dense.shape[1]), rounds)
    row["peak_mb_so_far"] = round(status_mb("VmHWM"))
    return row


@torch.no_grad()
def of_questions(bench: Bench, clip: Clip, rounds: int) -> list[dict]:
    """What each of many questions about one scene costs, asked together."""
    numbers, rows = SceneNumbers.of(bench.pipeline.encode_clip(clip)), []
    for count in QUESTIONS:
        spent = milliseconds(lambda asked=[QUESTION] * count: answer_many(bench.weights.reader, numbers, asked), rounds)
        rows.append({"questions": count, "ms": spent, "ms_per_question": round(spent / count, 1)})
    return rows


def result(rounds: int) -> dict:
    """Everything measured, and what it says in a few figures."""
    bench = Bench()
    clip = open_capture(bench.capture).clip(CAPTURE_FRAMES)
    by_frames = []
    for frames in FRAMES:
        by_frames.append(of_frames(bench, longer(clip, frames), rounds))
        print(json.dumps(by_frames[-1]), file=sys.stderr, flush=True)
    by_questions = of_questions(bench, clip, rounds)
    encode = {row["frames"]: row["frozen_encoders_ms"] + row["proxy_encoder_ms"] + row["cluster_ms"] for row in by_frames}
    asked = [row["question_ms"] for row in by_frames]
    return {
        "summary": {
            "encode_ms_64_over_8_frames": round(encode[64] / encode[8], 2),
            "question_ms_most_over_least": round(max(asked) / min(asked), 2),
            "dense_prefill_16_over_4_frames": round(by_frames[2]["dense_prefill_ms"] / by_frames[0]["dense_prefill_ms"], 2),
            "ms_per_question_of_64": by_questions[-1]["ms_per_question"],
            "ms_per_question_of_1": by_questions[0]["ms_per_question"],
        },
        "frames": by_frames,
        "questions": by_questions,
        "settings": {"rounds": rounds, "capture": "the shipped demo room, its 8 frames repeated", "proxies": 32, "question": QUESTION},
        "date": datetime.date.today().isoformat(),
        **machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    from proxy3d.evaluation.run import write_result

    write_result(chosen.out, result(chosen.rounds))


if __name__ == "__main__":
    main()
