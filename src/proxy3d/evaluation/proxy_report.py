"""How far proxies are objects, by clusterer, number of proxies and quality of depth, on rooms nobody trained on."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.evaluation.proxy_measures import Clusterer, Sensor, Sight, labelled, measure, sight
from proxy3d.evaluation.proxy_tables import LEARNED, OURS
from proxy3d.evaluation.run import write_result
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.training.recipes import TrainingRooms, data_hash, load_rooms, machine
from proxy3d.weights import Weights, load_weights

COUNTS = (4, 8, 16, 32, 64, 128)
SENSORS = (Sensor(noise=0.02), Sensor(noise=0.05), Sensor(noise=0.1), Sensor(missing=0.25), Sensor(missing=0.5))
SENSOR_COUNTS = (16, 32)
RESAMPLES = 1000
TRUE_MASKS = "grouped_kmeans by true masks"  # what perfect masks would give the published method: an upper bound


@dataclass(frozen=True)
class Rival:
    """A way to proxies: which features it sees, and what groups them."""

    name: str
    learned: bool  # features of the trained encoder, or the frozen ones it starts from
    make: Callable[[Weights], Clusterer]

    @property
    def label(self) -> str:
        return f"{self.name}, {'learned' if self.learned else 'frozen'} features"


def rivals(own: str) -> list[Rival]:
    """Ours first, called `own`; every clusterer on frozen features; some on learned ones too; and the published way with true masks.

    Clusterers whose packages are missing are left out.
    """
    ours = Rival(own, True, lambda weights: weights.clusterer)
    frozen = [Rival(name, False, lambda weights, make=make: make()) for name, make in CLUSTERERS.items() if _can_be_made(make)]
    learned = [Rival(name, True, lambda weights, make=CLUSTERERS[name]: make()) for name in ("agglomerative", "grouped_kmeans", "token_merging")]
    return [ours, *frozen, *learned, Rival(TRUE_MASKS, True, lambda weights: CLUSTERERS["grouped_kmeans"]())]


def _can_be_made(kind: Callable[[], Clusterer]) -> bool:
    try:
        kind()
    except BadInput as error:
        print(f"left out: {error}", file=sys.stderr, flush=True)
        return False
    return True


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
    if len(kinds := {one.clusterer_name for one in loaded}) > 1:
        raise BadInput(f"weights with different clusterers ({', '.join(sorted(kinds))}); expected seeds of one recipe, one report for each")
    semantic = loaded[0].facts.get("run", {}).get("settings", {}).get("semantic", "efficientnet_lite0")
    data = load_rooms(Path(rooms) / split, Path(rooms) / ".patches" / semantic, SEMANTIC[semantic]())
    data = TrainingRooms(data.rooms[:limit], data.patches[:limit], data.categories)
    rows = all_rows(loaded, data)
    result = {
        "benchmark": "proxies",
        "split": split,
        "variant": "an object is recalled when a proxy lies in its box (grown by 5 cm) and is at least half made of it",
        "rooms": len(data.rooms),
        "ours": loaded[0].clusterer_name,
        "summary": summary(rows, (loaded[0].clusterer_name, LEARNED)),
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


def all_rows(weights: Sequence[Weights], data: TrainingRooms) -> list[dict]:
    """One row per clusterer, number of proxies and sensor: means over seeds with 95 % intervals over rooms.

    What a sensor and an encoder see of the rooms is computed once and grouped by all.
    """
    everybody = rivals(weights[0].clusterer_name)
    found: dict[tuple[Rival, Sensor, int], list[list[dict[str, float]]]] = defaultdict(list)
    for sensor in (Sensor(), *SENSORS):
        for seed, one in enumerate([None, *weights]):  # frozen features know of no seed
            encoder = one.encoder if one else None
            views = [sight(room, patches, encoder, sensor, seed=seed) for room, patches in zip(data.rooms, data.patches, strict=True)]
            for rival in (r for r in everybody if r.learned == (one is not None)):
                for n in COUNTS if sensor == Sensor() else SENSOR_COUNTS:
                    steady = sensor == Sensor() and n in SENSOR_COUNTS
                    found[rival, sensor, n].append(grouped_by(rival, one or weights[0], views, n, steadiness=steady))
                print(f"{rival.label}, {sensor}: {mean_recall(found[rival, sensor, 32][-1]):.3f} at 32", file=sys.stderr, flush=True)
    return [
        {"clusterer": rival.name, "features": "learned" if rival.learned else "frozen", "n": n, **sensor.__dict__, **interval(seeds)}
        for (rival, sensor, n), seeds in found.items()
    ]


def grouped_by(rival: Rival, weights: Weights, views: Sequence[Sight], n: int, *, steadiness: bool) -> list[dict[str, float]]:
    """Figures of every room."""
    clusterer = rival.make(weights)
    return [measure(labelled(v) if rival.name == TRUE_MASKS else v, clusterer, n, steadiness=steadiness) for v in views]


def mean_recall(rooms: Sequence[Mapping[str, float]]) -> float:
    return interval([rooms])["recall"]["mean"]


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


def summary(rows: Sequence[Mapping], ours: tuple[str, str] = OURS) -> dict[str, float | str]:
    """The figures that other pages quote."""

    def at(n: int, key: str, mine: bool, noise: float = 0.0) -> tuple[float, str]:
        chosen = [r for r in rows if r["n"] == n and r["noise"] == noise and r["missing"] == 0 and r["clusterer"] != TRUE_MASKS]
        chosen = [r for r in chosen if ((r["clusterer"], r["features"]) == ours) == mine]
        return max((r[key]["mean"], f"{r['clusterer']}, {r['features']}") for r in chosen)

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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.proxy_report", description=__doc__)
    parser.add_argument("weights", nargs="+", help="one file per seed, made by `proxy3d train proxies --seed S`")
    parser.add_argument("--rooms", default="data/rooms", help="folder made by `proxy3d data make`")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, help="only so many rooms")
    parser.add_argument("-o", "--out", default="results/proxies.json")
    chosen = parser.parse_args(arguments)
    try:
        report(Path(chosen.rooms), chosen.weights, Path(chosen.out), split=chosen.split, limit=chosen.limit)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
