"""How many pairs of turned 3D boxes a second are compared exactly: ours in one batch beside a loop with shapely, in one run.

    python speed/oriented_iou.py -o results/oriented_iou.json

Pairs are drawn so that about half overlap. The loop makes two polygons a pair, intersects them and multiplies by the common height; it sees the
first pairs of the same batch only, and its seconds are what it would take for all. One thread each; needs the extra `evaluation` (shapely).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy is imported

import numpy as np  # noqa: E402

from proxy3d.evaluation.metrics.oriented import nine_dof_iou, yawed_iou  # noqa: E402
from proxy3d.evaluation.run import write_result  # noqa: E402
from proxy3d.training.recipes import machine  # noqa: E402


def drawn(pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two batches of boxes: centre, size, angles about z, x, y."""
    rng = np.random.default_rng(seed)

    def boxes() -> np.ndarray:
        return np.concatenate([rng.uniform(-1, 1, (pairs, 3)), rng.uniform(0.2, 2, (pairs, 3)), rng.uniform(-np.pi, np.pi, (pairs, 3))], 1)

    return boxes(), boxes()


def shapely_loop(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same IoU of upright boxes, pair by pair."""
    from shapely.geometry import Polygon

    def outline(box: np.ndarray) -> Polygon:
        c, s = np.cos(box[6]), np.sin(box[6])
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * box[3:5] / 2
        return Polygon(corners @ np.array([[c, s], [-s, c]]) + box[:2])

    found = []
    for one, other in zip(a, b, strict=True):
        height = min(one[2] + one[5] / 2, other[2] + other[5] / 2) - max(one[2] - one[5] / 2, other[2] - other[5] / 2)
        inner = outline(one).intersection(outline(other)).area * max(height, 0.0)
        found.append(inner / (one[3:6].prod() + other[3:6].prod() - inner))
    return np.array(found)


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def measure(pairs: int, looped: int, rounds: int, seed: int) -> dict:
    """Medians of some rounds in which each takes its turn."""
    a, b = drawn(pairs, seed)
    upright_a, upright_b = a[:, :7], b[:, :7]
    seconds: dict[str, list[float]] = {"upright": [], "shapely": [], "nine_dof": []}
    for _ in range(rounds):
        spent, ours = timed(lambda: yawed_iou(upright_a, upright_b))
        seconds["upright"].append(spent)
        spent, theirs = timed(lambda: shapely_loop(upright_a[:looped], upright_b[:looped]))
        seconds["shapely"].append(spent)
        spent, _ = timed(lambda: nine_dof_iou(a[:looped], b[:looped]))
        seconds["nine_dof"].append(spent)
    pace = {
        "upright": pairs / median(seconds["upright"]),
        "shapely": looped / median(seconds["shapely"]),
        "nine_dof": looped / median(seconds["nine_dof"]),
    }
    return {
        "summary": {
            "oriented_iou_per_second": pace["upright"],
            "shapely_loop_per_second": pace["shapely"],
            "ratio": pace["upright"] / pace["shapely"],
            "nine_dof_iou_per_second": pace["nine_dof"],
            "largest_difference": float(np.abs(ours[:looped] - theirs).max()),
            "share_overlapping": float((ours > 0).mean()),
        },
        "seconds": {name: [round(s, 4) for s in spent] for name, spent in seconds.items()},
        "settings": {"pairs": pairs, "pairs_in_loop": looped, "pairs_nine_dof": looped, "rounds": rounds, "seed": seed, "threads": 1},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--looped", type=int, default=20_000, help="pairs that the shapely loop sees")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    result = measure(given.pairs, min(given.looped, given.pairs), given.rounds, given.seed)
    result |= {"date": datetime.date.today().isoformat(), "machine": machine()["machine"], "commit": machine()["commit"]}
    if given.out:
        write_result(given.out, result)
    print(json.dumps(result["summary"], indent=1))


if __name__ == "__main__":
    main()
