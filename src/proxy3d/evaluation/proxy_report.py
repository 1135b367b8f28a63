"""How far proxies are objects, by clusterer, number of proxies and quality of depth, on rooms nobody trained on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.headline_data import semantic_of
from proxy3d.evaluation.intervals import interval
from proxy3d.evaluation.proxy_forms import form_figures
from proxy3d.evaluation.proxy_measures import Sensor, Sight, labelled, measure, sight
from proxy3d.evaluation.proxy_tables import AUTO, OURS, TRUE_MASKS, is_rival
from proxy3d.evaluation.run import write_result
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.adaptive import proxies_needed
from proxy3d.proxies.clusterers import CLUSTERERS, SoftKMeans
from proxy3d.proxies.owners import Clusterer
from proxy3d.training.recipes import TrainingRooms, data_hash, load_rooms, machine
from proxy3d.values import Points
from proxy3d.weights import Weights, load_weights

COUNTS = (4, 8, 16, 32, 64, 128)
SENSORS = (Sensor(noise=0.05), Sensor(noise=0.1), Sensor(missing=0.25), Sensor(missing=0.5))
SENSOR_COUNTS = (16, 32)  # of learned features; frozen ones are looked at with the last
OTHER_FIGURES = ("grouping_gain_acc_at_025", "speed_vs_sklearn", "speed_vs_faiss", "matmul_fraction")  # measured by other commands


@dataclass(frozen=True)
class Rival:
    """A way to proxies: which features it sees, and what groups them."""

    name: str
    learned: bool  # features of the trained encoder, or the frozen ones it starts from
    make: Callable[[Weights], Clusterer]

    @property
    def features(self) -> str:
        return "learned" if self.learned else "frozen"

    @property
    def label(self) -> str:
        return f"{self.name}, {self.features} features"


@dataclass(frozen=True)
class AsNeeded:
    """Ours with `--proxies auto`: a budget is a ceiling."""

    clusterer: SoftKMeans

    @torch.no_grad()
    def owners(self, points: Points, ceiling: int) -> Tensor:
        u = self.clusterer.embed(points.feature, points.xyz_world_m, points.weight)
        return self.clusterer.owners(points, proxies_needed(u, points.weight, ceiling))


def rivals(of: Weights | None) -> list[Rival]:
    """All that is measured with weights, or without any.

    Without: every clusterer whose package is there, on frozen features. With the default clusterer: itself first, those that look at
    features on the learned ones, and the published way with true masks. With another clusterer that was trained: only itself.
    """
    if of is None:
        return [Rival(name, False, lambda weights, make=make: make()) for name, make in CLUSTERERS.items() if _can_be_made(make)]
    own = Rival(of.clusterer_name, True, lambda weights: weights.clusterer)
    if of.clusterer_name != OURS[0]:
        return [own]
    learned = [Rival(name, True, lambda weights, make=CLUSTERERS[name]: make()) for name in ("agglomerative", "grouped_kmeans", "token_merging")]
    adaptive = Rival(AUTO, True, lambda weights: AsNeeded(weights.clusterer))
    return [own, adaptive, *learned, Rival(TRUE_MASKS, True, lambda weights: CLUSTERERS["grouped_kmeans"]())]


def _can_be_made(kind: Callable[[], Clusterer]) -> bool:
    try:
        kind()
    except BadInput as error:
        print(f"left out: {error}", file=sys.stderr, flush=True)
        return False
    return True


def report(
    rooms: Path, weights: Sequence[str], out: Path, *, parts: Path, split: str = "test", limit: int | None = None, others: Sequence[Path] = ()
) -> dict:
    """Measure every clusterer at every number of proxies, and under worse depth; write the result to `out`.

    Args:
        rooms: made by `proxy3d data make`.
        weights: one file per seed, as `proxy3d train proxies --seed S` writes them, first; then those of other trained clusterers.
        parts: folder for what is measured of each encoder and sensor; a run that was killed goes on, and several may share the work.
        others: results of other commands whose figures belong in the summary (`OTHER_FIGURES`).

    Raises:
        BadInput: no rooms, no such weights, or another result without its figures.
    """
    if not weights:
        raise BadInput("no weights; expected one file per seed, made by `proxy3d train proxies --seed S -o runs/out/proxies-S`")
    if (kind := load_weights(weights[0]).clusterer_name) != OURS[0]:
        raise BadInput(f"{weights[0]}: holds a {kind}; expected weights with the default clusterer first")
    started, loaded, quoted = time.monotonic(), [load_weights(name) for name in weights], quotes(others)
    semantic, hashes = semantic_of(loaded[0]), data_hash(Path(rooms))
    data = load_rooms(Path(rooms) / split, Path(rooms) / ".patches" / semantic, SEMANTIC[semantic]())
    data = TrainingRooms(data.rooms[:limit], data.patches[:limit], data.categories)
    rows, commits = all_rows(loaded, data, Path(parts) / f"{split}-{len(data.rooms)}-{semantic}-{hashes['sha256'][:12]}")
    views = [sight(room, patches, loaded[0].encoder) for room, patches in zip(data.rooms, data.patches, strict=True)]
    forms = form_figures(views, loaded[0].clusterer, 32)
    result = {
        "benchmark": "proxies",
        "split": split,
        "variant": "an object is recalled when a proxy lies in its box (grown by 5 cm) and is at least half made of it",
        "rooms": len(data.rooms),
        "summary": summary(rows) | form_summary(forms) | quoted,
        "rows": rows,
        "forms": forms,
        "run": {
            "weights": [one.hash for one in loaded],
            "training": [{k: one.facts.get("run", {}).get(k) for k in ("recipe", "seed", "commit", "train_minutes")} for one in loaded],
            "data": hashes,
            "left_out": sorted(set(CLUSTERERS) - {rival.name for rival in rivals(None)}),  # their packages are not installed
            "minutes": (time.monotonic() - started) / 60,
            "commits_of_parts": commits,
            **machine(),
        },
        "seeds": [one.facts.get("run", {}).get("seed") for one in loaded if one.clusterer_name == OURS[0]],
    }
    write_result(Path(out), result)
    return result


def all_rows(weights: Sequence[Weights], data: TrainingRooms, parts: Path) -> tuple[list[dict], list[str]]:
    """One row per clusterer, number of proxies and sensor: means over seeds with 95 % intervals over rooms; and the commits they are from."""
    found: dict[tuple[str, int, Sensor], list[list[dict[str, float]]]] = defaultdict(list)
    commits = set()
    for sensor in (Sensor(), *SENSORS):
        for one in (None, *weights):  # frozen features know of no seed
            part = kept_part(parts / f"{one.hash[:16] if one else 'frozen'}-{sensor.noise}-{sensor.missing}.json", sensor, one, weights[0], data)
            commits.update(part["commits"])
            for row in part["rows"]:
                found[row["label"], row["n"], sensor].append(row["rooms"])
    by_label = {rival.label: rival for one in (None, *weights) for rival in rivals(one)}
    rows = [
        {"clusterer": by_label[label].name, "features": by_label[label].features, "n": n, "seeds": len(seeds), **sensor.__dict__, **interval(seeds)}
        for (label, n, sensor), seeds in found.items()
    ]
    return rows, sorted(commits)


def kept_part(file: Path, sensor: Sensor, one: Weights | None, first: Weights, data: TrainingRooms) -> dict:
    """What `measured_part` gives of all rivals; those that the file holds already are not measured again."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"rows": [], "commits": []}
    everybody = rivals(one)
    rows = [row for row in kept["rows"] if row["label"] in {rival.label for rival in everybody}]
    if todo := [rival for rival in everybody if rival.label not in {row["label"] for row in rows}]:
        kept = {"rows": rows + measured_part(todo, sensor, one, first, data), "commits": sorted({*kept["commits"], machine()["commit"]})}
        write_result(file, kept)
        kept = json.loads(file.read_text(encoding="utf-8"))  # no figure is null in one run and not a number in the next
    return kept


def measured_part(todo: Sequence[Rival], sensor: Sensor, one: Weights | None, first: Weights, data: TrainingRooms) -> list[dict]:
    """Figures of every room for some that group the same points: what a sensor and an encoder see of the rooms is computed once."""
    seed = one.facts.get("run", {}).get("seed", 0) if one else 0
    views = [sight(room, patches, one.encoder if one else None, sensor, seed=seed) for room, patches in zip(data.rooms, data.patches, strict=True)]
    rows = []
    for rival in todo:
        for n in COUNTS if sensor == Sensor() else SENSOR_COUNTS if one else SENSOR_COUNTS[-1:]:
            steady = sensor == Sensor() and n in SENSOR_COUNTS
            rows.append({"label": rival.label, "n": n, "rooms": grouped_by(rival, one or first, views, n, steadiness=steady)})
        print(f"{rival.label}, {sensor}: {mean_recall(rows[-1]['rooms']):.3f} at {n}", file=sys.stderr, flush=True)
    return rows


def grouped_by(rival: Rival, weights: Weights, views: Sequence[Sight], n: int, *, steadiness: bool) -> list[dict[str, float]]:
    """Figures of every room."""
    clusterer = rival.make(weights)
    return [measure(labelled(v) if rival.name == TRUE_MASKS else v, clusterer, n, steadiness=steadiness) for v in views]


def mean_recall(rooms: Sequence[Mapping[str, float]]) -> float:
    return interval([rooms])["recall"]["mean"]


def summary(rows: Sequence[Mapping]) -> dict[str, float | str]:
    """The figures that other pages quote."""

    def at(n: int, key: str, mine: bool, noise: float = 0.0) -> tuple[float, str]:
        chosen = [r for r in rows if r["n"] == n and r["noise"] == noise and r["missing"] == 0]
        chosen = [r for r in chosen if ((r["clusterer"], r["features"]) == OURS if mine else is_rival(r))]
        return max((r[key]["mean"], f"{r['clusterer']}, {r['features']}") for r in chosen)

    adaptive = next(r for r in rows if r["clusterer"] == AUTO and r["n"] == 32 and r["noise"] == r["missing"] == 0)
    return {
        "object_recall_at_16": at(16, "recall", True)[0],
        "object_recall_at_32": at(32, "recall", True)[0],
        "small_object_recall_at_32": at(32, "small_recall", True)[0],
        "best_rival_recall_at_16": at(16, "recall", False)[0],
        "best_rival_recall_at_32": at(32, "recall", False)[0],
        "best_rival_at_32": at(32, "recall", False)[1],
        "auto_saving": 1 - adaptive["proxies"]["mean"] / 32,
        "auto_recall": adaptive["recall"]["mean"],
        "object_recall_at_32_with_5_per_cent_noise": at(32, "recall", True, 0.05)[0],
        "best_rival_recall_at_32_with_5_per_cent_noise": at(32, "recall", False, 0.05)[0],
    }


def form_summary(forms: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Bytes of 32 proxies, and recall lost, for the two small forms."""
    exact = forms["float32"]["recall"]
    sizes = {f"bytes_32_{form}": forms[form]["tensor_bytes"] for form in ("int8", "int4")}
    return sizes | {f"recall_lost_{form}": exact - forms[form]["recall"] for form in ("int8", "int4")}


def quotes(others: Sequence[Path]) -> dict[str, float]:
    """The figures of `OTHER_FIGURES` that other results hold.

    Raises:
        BadInput: a file is no result, or holds none of them.
    """
    found = {}
    for file in others:
        try:
            figures = json.loads(Path(file).read_text(encoding="utf-8"))["summary"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{file}: expected a result with a summary ({error!r})") from None
        mine = {key: figures[key] for key in OTHER_FIGURES if key in figures}
        if not mine:
            raise BadInput(f"{file}: its summary holds none of {', '.join(OTHER_FIGURES)}")
        found |= mine
    return found


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.proxy_report", description=__doc__)
    parser.add_argument("weights", nargs="+", help="one file per seed, made by `proxy3d train proxies --seed S`")
    parser.add_argument("--rooms", default="data/rooms", help="folder made by `proxy3d data make`")
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, help="only so many rooms")
    parser.add_argument("--parts", default="runs/out/proxy-report", help="folder for finished parts; delete it after changing a clusterer")
    parser.add_argument("--with", dest="others", nargs="*", default=[], help="results of other commands to quote in the summary")
    parser.add_argument("-o", "--out", default="results/proxies.json")
    chosen = parser.parse_args(arguments)
    report(Path(chosen.rooms), chosen.weights, Path(chosen.out), parts=chosen.parts, split=chosen.split, limit=chosen.limit, others=chosen.others)


if __name__ == "__main__":
    sys.exit(main())
