"""What every patch, proxies and other ways to few tokens cost from pixels to an answer in the headline study, side by side on the same clips."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from proxy3d.answers.sequence import SequenceReader, SequenceSettings
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.headline import StudySettings
from proxy3d.evaluation.headline_data import semantic_of, study_weights
from proxy3d.evaluation.headline_merge import LATENCY
from proxy3d.evaluation.headline_variants import COUNTS, OWN, VARIANTS
from proxy3d.evaluation.run import write_result
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.order import breadth_first
from proxy3d.proxies.pool import prepared
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.training.lessons import learned_points, lesson_of
from proxy3d.training.patches import patches_of_clip
from proxy3d.training.recipes import found_rooms, machine
from proxy3d.training.representations import PATCHES, Grouping, owners, taken
from proxy3d.weights import DEFAULT

QUESTION = "Is there a table?"
ANSWER = 2  # tokens: "yes" or "no", and the stop; an untrained reader would go on and on
WORDS, CATEGORIES = tuple(f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(400)), tuple(f"thing {i}" for i in range(100))
RIVALS = ("voxel_32", "farthest_32", "uniform_32", "frames")
WAYS: dict[str, Grouping] = {"dense": Grouping(PATCHES), **COUNTS, **{name: VARIANTS[name].tested[OWN] for name in RIVALS}}
STAGES = ("frozen_encoders", "proxy_encoder", "grouping", "prefill", "question")


class Bench:
    """Clips in memory, and everything that looks at them. What a reader has learnt does not change what it costs."""

    def __init__(self, rooms: Path, weights: str, clips: int):
        self.weights = study_weights(weights)
        self.semantic = SEMANTIC[semantic_of(self.weights)]()
        self.clips = [load_clip(folder)[:2] for folder in found_rooms(Path(rooms))[:clips]]
        dim = Grouping().dim(self.weights, CATEGORIES)
        sizes = {"layers": StudySettings.layers, "width": StudySettings.width, "heads": StudySettings.heads}
        self.reader = SequenceReader(SequenceSettings(dim, WORDS, CATEGORIES, COLOURS, **sizes)).eval()
        host = self.reader.host
        self.question = tuple(host.tokenizer.encode(QUESTION + host.chat.after))
        _ = self.weights.encoder, self.weights.clusterer  # built when first asked for

    @torch.no_grad()
    def go(self, way: str, number: int) -> dict[str, float]:
        """Milliseconds of each stage for one clip and one question, and how many tokens the scene took."""
        (room, clip), grouping, times = self.clips[number % len(self.clips)], WAYS[way], [time.perf_counter()]
        patches = patches_of_clip(clip, torch.zeros(clip.depth_m.shape, dtype=torch.long), self.semantic)
        times.append(time.perf_counter())
        points = learned_points(patches, self.weights.encoder)
        times.append(time.perf_counter())
        points = prepared(points, 1)[0]
        lesson = lesson_of(room, patches, points, owners(points, grouping, self.weights), ())
        lesson = taken(lesson, breadth_first(lesson.numbers.xyz_room_m)) if grouping.in_space else lesson
        times.append(time.perf_counter())
        shown = self.reader.show(lesson.numbers)
        times.append(time.perf_counter())
        self.reader.replies(shown, [self.question], longest=ANSWER)
        times.append(time.perf_counter())
        spent = {stage: 1000 * (b - a) for stage, a, b in zip(STAGES, times, times[1:], strict=False)}
        return {**spent, "clip_to_answer": 1000 * (times[-1] - times[0]), "tokens": 1 + len(lesson.numbers.feature)}


def latency(rooms: Path, weights: str, *, clips: int = 4, rounds: int = 12) -> dict:
    """Medians and quartiles of several rounds in which all ways take turns on the same clip, after one that warms up.

    Raises:
        BadInput: no rooms, no such weights, or no rounds.
    """
    if rounds < 1:
        raise BadInput(f"--rounds {rounds}: expected at least 1")
    bench, spent = Bench(rooms, weights, clips), defaultdict(list)
    for number in range(-1, rounds):
        for way in list(WAYS) if number % 2 else list(WAYS)[::-1]:
            found = bench.go(way, number)
            if number >= 0:
                spent[way].append(found)
    ways = {}
    for way, runs in spent.items():
        ways[way] = {key: quartiles([run[key] for run in runs]) for key in runs[0]}
        ways[way]["peak_mb"] = peak_mb(way, rooms, weights)
    ratio = [d["clip_to_answer"] / p["clip_to_answer"] for d, p in zip(spent["dense"], spent["p32"], strict=True)]
    question = {way: quartiles([r["question"] for r in runs]) for way, runs in spent.items()}
    clip = {way: quartiles([r["clip_to_answer"] - r["question"] for r in runs]) for way, runs in spent.items()}
    return {
        "ways": ways,
        "latency_ratio_vs_dense": quartiles(ratio),
        "ms_per_question": question,
        "ms_per_clip": clip,
        "rounds": rounds,
        "clips": len(bench.clips),
        "question": QUESTION,
        "weights": bench.weights.hash,
        **machine(),
    }


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """Median, and the middle half around it."""
    if len(values) < 2:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def peak_mb(way: str, rooms: Path, weights: str) -> float | None:
    """Megabytes that one clip and question add to a fresh process with everything loaded; None where the system does not tell."""
    line = [sys.executable, "-m", "proxy3d.evaluation.headline_latency", "--peak-of", way, "--rooms", str(rooms), "--weights", weights]
    out = subprocess.run(line, capture_output=True, text=True)
    return json.loads(out.stdout) if out.returncode == 0 and out.stdout.strip() else None


def peak_of(way: str, rooms: Path, weights: str) -> float | None:
    """The same, of this process. Linux lets a process forget its peak, so that loading does not hide what comes after."""
    bench = Bench(rooms, weights, 1)
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = status_mb("VmRSS")
        bench.go(way, 0)
        return round(status_mb("VmHWM") - before)
    except OSError:
        return None


def status_mb(field: str) -> float:
    """A line of /proc/self/status, in megabytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.headline_latency", description=__doc__)
    parser.add_argument("--weights", default=DEFAULT, help="whose proxy encoder looks at rooms (default the shipped one)")
    parser.add_argument("--rooms", default="data/rooms/test", help="one split of a folder made by `proxy3d data make`")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--peak-of", choices=tuple(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("-o", "--out", default=f"results/headline/{LATENCY}")
    chosen = parser.parse_args(arguments)
    if chosen.peak_of:
        print(json.dumps(peak_of(chosen.peak_of, Path(chosen.rooms), chosen.weights)))
    else:
        write_result(Path(chosen.out), latency(Path(chosen.rooms), chosen.weights, rounds=chosen.rounds))


if __name__ == "__main__":
    sys.exit(main())
