"""Where the time goes from a capture to an answer, stage by stage, with 32 proxies and with every patch as a token, in one run.

    .venv/bin/python speed/stages.py -o results/speed.json

Both ways share the frozen encoders and the language model. *Proxies* is what ships: proxy encoder, clustering, 33 scene tokens, words that
find their proxies. *Dense* is the plain alternative: a linear layer carries each patch into the language model, which then reads some 1,500
tokens; it has no trained weights here, so only its cost is measured, with an answer of the same length. The two take turns, so that a busy
machine slows both; medians and quartiles are printed. Peak memory comes from a fresh process for each, because memory is not given back;
the peak while the models load is the same for both and larger, so what counts is the most that was added after that.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import proxy3d
from proxy3d import scene_file
from proxy3d.answers.question import pad, padded_values, worded
from proxy3d.clips import open_capture
from proxy3d.features.grid import Grid, grid_for
from proxy3d.points.lift import lift
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.recipes import machine

CAPTURE = Path(proxy3d.__file__).parent / "demo_room"
QUESTION = "Is there a table?"
WAYS = ("proxies", "dense")


class Clock:
    """Milliseconds by way and stage."""

    def __init__(self):
        self.spent: dict[tuple[str, str], list[float]] = defaultdict(list)

    @contextmanager
    def stage(self, way: str, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.spent[way, name].append((time.perf_counter() - started) * 1000)

    def table(self, way: str) -> dict[str, dict[str, float]]:
        """Median and quartiles of each stage; the first run, which warms up, does not count."""
        rows = {}
        for (whose, name), values in self.spent.items():
            if whose == way:
                low, middle, high = statistics.quantiles(values[1:], n=4) if len(values) > 2 else (values[-1],) * 3
                rows[name] = {"median_ms": round(middle, 1), "quartile_1_ms": round(low, 1), "quartile_3_ms": round(high, 1)}
        return rows


class Bench:
    """The shipped pipeline taken apart at its stages."""

    capture = CAPTURE

    def __init__(self):
        self.pipeline = proxy3d.Pipeline(proxy3d.PRESETS["laptop"])
        self.weights = self.pipeline.weights
        self.host = self.weights.reader.host
        torch.manual_seed(0)
        self.to_host = torch.nn.Linear(self.pipeline.semantic.dim, self.host.dim)
        self.room = tempfile.TemporaryDirectory()

    def clip(self, clock: Clock, way: str) -> tuple:
        """What both ways share: reading, and the two frozen encoders."""
        with clock.stage(way, "read"):
            clip = open_capture(CAPTURE).clip(self.pipeline.preset.frames)
        grid = grid_for(clip.frame.shape[3], clip.frame.shape[2])
        with clock.stage(way, "semantic"):
            semantics = self.pipeline.semantic(clip, grid)
        with clock.stage(way, "geometric"):
            geometry = self.pipeline.geometric(clip)(clip, self.grid_of_points(grid, way))
            points, _ = lift(clip, semantics, geometry, torch.eye(4))
        return clip, points

    def grid_of_points(self, grid: Grid, way: str) -> Grid:
        """Proxies are made of quarters of patches where the weights look at those; a dense token is a whole patch."""
        return grid.finer if way == "proxies" and self.pipeline.quartered else grid

    @torch.no_grad()
    def proxies(self, clock: Clock) -> None:
        way, reader = "proxies", self.weights.reader
        clip, points = self.clip(clock, way)
        room = torch.eye(4)
        with clock.stage(way, "proxy encoder"):
            learned = self.weights.encoder.encode(points, room)
        with clock.stage(way, "cluster"):
            self.weights.clusterer(learned, self.pipeline.preset.proxies, len(clip.frame))
        scene = self.pipeline.encode_clip(clip)
        file = Path(self.room.name) / "room.p3d"
        with clock.stage(way, "save"):
            scene_file.save(scene, file, form="int8", force=True)
        with clock.stage(way, "load"):
            scene = scene_file.load(file)
        session = self.pipeline.session(scene)
        with clock.stage(way, "prefill"):
            _ = session.tokens, session.shown
        for stage in ("first question", "next question"):
            with clock.stage(way, stage):
                session.ask(QUESTION)
        numbers = SceneNumbers.of(scene)
        asked = worded(self.host, QUESTION)
        ids, real = pad([asked.ids])
        with clock.stage(way, "of a question: listen"):
            words = reader.listen(ids, len(session.tokens))
        with clock.stage(way, "of a question: fuse and point"):
            reader.point(reader.fuse(session.tokens, numbers, words, real, padded_values([asked], len(asked.ids))), numbers.xyz_room_m)

    @torch.no_grad()
    def dense(self, clock: Clock) -> None:
        way, host = "dense", self.host
        _, points = self.clip(clock, way)
        with clock.stage(way, "prefill"):
            cache = self.read(self.to_host(points.feature)[None], 0, host.new_cache())[1]
        shown = len(points)
        for stage in ("first question", "next question"):
            with clock.stage(way, stage):
                self.dense_question(cache, shown)

    def dense_question(self, cache: object, shown: int) -> None:
        """Ask a language model that has read so many tokens of a scene."""
        memory, past = self.weights.reader.recall(cache), shown
        ids = torch.tensor([self.host.tokenizer.encode(QUESTION + self.host.chat.after)])
        for _ in range(2):  # "yes" or "no", and the stop
            hidden, memory = self.read(self.host.embed(ids), past, memory)
            past, ids = past + ids.shape[1], self.host.logits(hidden[:, -1:]).argmax(-1)

    def read(self, hidden: torch.Tensor, past: int, cache: object) -> tuple:
        """All layers of the language model over some tokens."""
        n = hidden.shape[1]
        rotary = self.host.rotary(hidden, torch.arange(past, past + n)[None])
        mask = torch.ones(n, past + n, dtype=torch.bool).tril(past)[None, None]
        return self.host.run(hidden, range(self.host.layers), mask, rotary, cache), cache


def peak_mb(way: str) -> dict[str, float]:
    """Megabytes of a fresh process that goes one way: with everything loaded, and the most that work added to that."""
    out = subprocess.run([sys.executable, __file__, "--peak-of", way], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def peak_of(way: str) -> dict[str, float]:
    """The same, of this process. Linux lets a process forget its peak, so that loading does not hide what comes after."""
    bench, silent = Bench(), Clock()
    bench.weights.reader, bench.pipeline.semantic  # noqa: B018  loaded on first use
    Path("/proc/self/clear_refs").write_text("5")
    loaded = status_mb("VmRSS")
    getattr(bench, way)(silent)
    return {"loaded_mb": round(loaded), "peak_mb": round(status_mb("VmHWM") - loaded)}


def status_mb(field: str) -> float:
    """A line of /proc/self/status, in megabytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


def result(rounds: int) -> dict:
    """Everything measured, with the ratios that matter."""
    bench, clock = Bench(), Clock()
    for number in range(rounds + 1):
        for way in WAYS if number % 2 else WAYS[::-1]:
            getattr(bench, way)(clock)
        print(f"round {number}/{rounds}", file=sys.stderr, flush=True)
    stages = {way: clock.table(way) for way in WAYS}
    encode = {"proxies": ("read", "semantic", "geometric", "proxy encoder", "cluster"), "dense": ("read", "semantic", "geometric")}
    total = {}
    for way in WAYS:
        ms = {name: row["median_ms"] for name, row in stages[way].items()}
        clip = sum(ms[name] for name in encode[way])
        total[way] = {
            "encode_ms": round(clip, 1),
            "prefill_ms": ms["prefill"],
            "clip_to_first_answer_ms": round(clip + ms["prefill"] + ms["first question"], 1),
            "next_question_ms": ms["next question"],
            **peak_mb(way),
        }
    ratio = {key: round(total["dense"][key] / total["proxies"][key], 2) for key in total["proxies"]}
    return {
        "summary": {"proxies": total["proxies"], "dense": total["dense"], "dense_over_proxies": ratio},
        "stages": stages,
        "settings": {"rounds": rounds, "capture": "the shipped demo room, 8 frames", "proxies": 32, "question": QUESTION, "precision": "float32"},
        "date": datetime.date.today().isoformat(),
        **machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--peak-of", choices=WAYS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak_of:
        print(json.dumps(peak_of(chosen.peak_of)))
        return
    found = json.dumps(result(chosen.rounds), indent=1)
    if chosen.out:
        Path(chosen.out).write_text(found + "\n", encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
