"""How far proxies are objects, by clusterer, number of proxies and quality of depth, on rooms nobody trained on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.proxy_measures import Clusterer, Sensor, measure, sight
from proxy3d.evaluation.run import write_result
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.proxies.encoder import ProxyEncoder
from proxy3d.training.recipes import TrainingRooms, data_hash, load_rooms, machine
from proxy3d.weights import Weights, load_weights

COUNTS = (4, 8, 16, 32, 64, 128)
SENSORS = (Sensor(noise=0.02), Sensor(noise=0.05), Sensor(noise=0.1), Sensor(missing=0.25), Sensor(missing=0.5))
SENSOR_COUNTS = (16, 32)
OURS = "soft_kmeans"
RESAMPLES = 1000
SHARES = ("recall", "small_recall")  # counted over objects; all other figures are means over rooms


@dataclass(frozen=True)
class Rival:
    """A way to proxies: which features it sees, and what groups them."""

    name: str
    learned: bool  # features of the trained encoder, or the frozen ones it starts from
    make: Callable[[Weights], Clusterer]

    @property
    def label(self) -> str:
        return f"{self.name}, {'learned' if self.learned else 'frozen'} features"


def rivals() -> list[Rival]:
    """Ours first; every clusterer on frozen features, and those that look at features on learned ones too."""
    ours = Rival(OURS, True, lambda weights: weights.clusterer)
    others = [Rival(name, False, lambda weights, make=make: make()) for name, make in CLUSTERERS.items()]
    return [ours, *others]


def report(rooms: Path, weights: Sequence[str], out: Path, *, split: str = "test", limit: int | None = None) -> dict:
    """Measure every clusterer at every number of proxies, and under worse depth; write the result to `out`.

    Args:
        rooms: made by `proxy3d data make`.
        weights: one file per seed, as `proxy3d train proxies --seed S` writes them.

    Raises:
        BadInput: no rooms, or no such weights.
    """
    if not weights:
        raise BadInput("no weights; expected one file per seed, made by `proxy3d train proxies --seed S -o runs/out/proxies-S`")
    started, loaded = time.monotonic(), [load_weights(name) for name in weights]
    data = load_rooms(Path(rooms) / split, Path(rooms) / ".patches" / "efficientnet_lite0", SEMANTIC["efficientnet_lite0"]())
    data = TrainingRooms(data.rooms[:limit], data.patches[:limit], data.categories)
    rows = [row for rival in rivals() for row in rival_rows(rival, loaded, data)]
    result = {
        "benchmark": "proxies",
        "split": split,
        "variant": "an object is recalled when a proxy lies in its box (grown by 5 cm) and is at least half made of it",
        "summary": summary(rows),
        "rows": rows,
        "run": {
            "weights": [one.hash for one in loaded],
            "training": [{k: one.facts.get("run", {}).get(k) for k in ("recipe", "seed", "commit", "train_minutes")} for one in loaded],
            "data": data_hash(Path(rooms)),
            "minutes": (time.monotonic() - started) / 60,
            **machine(),
        },
        "seeds": [one.facts.get("run", {}).get("seed") for one in loaded],
    }
    write_result(Path(out), result)
    return result


def rival_rows(rival: Rival, weights: Sequence[Weights], data: TrainingRooms) -> list[dict]:
    """One row per number of proxies and sensor: means over seeds with 95 % intervals over rooms."""
    plan = [(Sensor(), n) for n in COUNTS] + [(sensor, n) for sensor in SENSORS for n in SENSOR_COUNTS]
    seeds = weights if rival.learned else weights[:1]  # frozen features know of no seed
    rows = []
    for sensor, n in plan:
        found = [room_figures(rival, one, data, sensor, n, seed) for seed, one in enumerate(seeds)]
        rows.append({"clusterer": rival.name, "features": "learned" if rival.learned else "frozen", "n": n, **sensor.__dict__, **interval(found)})
    print(f"{rival.label}: " + ", ".join(f"{r['n']}: {r['recall']['mean']:.3f}" for r in rows[: len(COUNTS)]), file=sys.stderr, flush=True)
    return rows


def room_figures(rival: Rival, weights: Weights, data: TrainingRooms, sensor: Sensor, n: int, seed: int) -> list[dict[str, float]]:
    """Figures of every room."""
    encoder: ProxyEncoder | None = weights.encoder if rival.learned else None
    clusterer = rival.make(weights)
    steady = sensor == Sensor() and n in SENSOR_COUNTS
    return [
        measure(sight(room, patches, encoder, sensor, seed=seed), clusterer, n, steadiness=steady)
        for room, patches in zip(data.rooms, data.patches, strict=True)
    ]


def interval(seeds: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Mean of each figure over seeds and rooms, and the middle 95 % of what resampled rooms would have given (seeds kept together)."""
    draw = np.random.default_rng(0).integers(len(seeds[0]), size=(RESAMPLES, len(seeds[0])))
    out = {}
    for key in (k for k in seeds[0][0] if not k.endswith("_objects")):
        value = np.array([[room[key] for room in rooms] for rooms in seeds])  # seeds x rooms
        weight = np.array([[room.get(f"{key}_objects", 1.0) for room in rooms] for rooms in seeds]) * np.isfinite(value)
        top, bottom = (np.nan_to_num(value) * weight).sum(0), weight.sum(0)
        many = top[draw].sum(1) / np.maximum(bottom[draw].sum(1), 1e-9)
        low, high = np.percentile(many, [2.5, 97.5])
        out[key] = {"mean": float(top.sum() / max(bottom.sum(), 1e-9)), "low": float(low), "high": float(high)}
    return out


def summary(rows: Sequence[Mapping]) -> dict[str, float | str]:
    """The figures that other pages quote."""

    def at(n: int, key: str, mine: bool, noise: float = 0.0) -> tuple[float, str]:
        chosen = [r for r in rows if r["n"] == n and r["noise"] == noise and r["missing"] == 0 and (r is ours(r)) == mine]
        return max((r[key]["mean"], f"{r['clusterer']}, {r['features']}") for r in chosen)

    def ours(row: Mapping) -> Mapping | None:
        return row if (row["clusterer"], row["features"]) == (OURS, "learned") else None

    return {
        "object_recall_at_16": at(16, "recall", True)[0],
        "object_recall_at_32": at(32, "recall", True)[0],
        "small_object_recall_at_32": at(32, "small_recall", True)[0],
        "best_rival_recall_at_16": at(16, "recall", False)[0],
        "best_rival_recall_at_32": at(32, "recall", False)[0],
        "best_rival_at_32": at(32, "recall", False)[1],
        "object_recall_at_32_with_5_per_cent_noise": at(32, "recall", True, 0.05)[0],
        "best_rival_recall_at_32_with_5_per_cent_noise": at(32, "recall", False, 0.05)[0],
    }
