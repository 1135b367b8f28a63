"""How fast points become clusters, beside scikit-learn, faiss and a PyTorch package, on the same points in one run.

    pip install -e ".[speed]" && pip install --no-deps fast-pytorch-kmeans
    python speed/clusterers.py -o results/clusterer_speed.json

Everybody gets the same vectors (those of the default clusterer: 32 numbers of meaning, 3 of place), the same number of clusters,
rounds and threads. *Same start*: the same first centres, so that only the rounds are timed and the squared error has to agree. *Own
start*: each with its own way to begin, which is part of the time. Ways take turns, so that a busy machine slows all of them; medians
are kept, of the time that passed and of the time the processor spent, which other programs disturb less. Everybody has one thread:
in one process the threads of one library still spin when the next one's turn comes. What all cores give on a clip is said beside it.
Peak memory is what a fresh process adds to the points it holds. A way whose package is missing is left out, and says so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from proxy3d.proxies.clusterers import SoftKMeans
from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.seeds import farthest_seeds
from proxy3d.training.recipes import machine
from proxy3d.values import Points

SIZES = {1568: 15, 12_544: 7, 100_000: 3, 1_000_000: 1}  # points -> timed runs of each way
WIDTH, CLUSTERS, THINGS, FEATURES, FRAMES = 35, 32, 80, 96, 8
BATCH = 16  # clips
WAYS = ("ours", "sklearn", "sklearn_minibatch", "faiss", "fast_pytorch_kmeans")


def vectors(count: int, width: int = WIDTH, seed: int = 0) -> torch.Tensor:
    """Points of some eighty things, which differ more than points of one thing do: (count, width), spread 1."""
    generator = torch.Generator().manual_seed(seed)
    centre = torch.randn(THINGS, width, generator=generator) / width**0.5
    which = torch.randint(THINGS, (count,), generator=generator)
    return centre[which] + 0.1 * torch.randn(count, width, generator=generator)


def ways(rounds: int, threads: int) -> dict[str, Callable]:
    """What each way does with vectors, and with the centres to start from if they are given: the final centres."""
    torch.set_num_threads(threads)
    found: dict[str, Callable] = {}

    def ours(u: torch.Tensor, start: torch.Tensor | None) -> torch.Tensor:
        weight = torch.ones(len(u))
        return lloyd(u, weight, u[farthest_seeds(u, weight, CLUSTERS)] if start is None else start, rounds)[1]

    found["ours"] = ours
    try:
        from sklearn.cluster import KMeans, MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        def sklearn(u: torch.Tensor, start: torch.Tensor | None, kind: type = KMeans) -> torch.Tensor:
            begin = "k-means++" if start is None else start.numpy()
            with threadpool_limits(threads):
                return torch.from_numpy(kind(CLUSTERS, init=begin, n_init=1, max_iter=rounds, tol=0, random_state=0).fit(u.numpy()).cluster_centers_)

        found["sklearn"] = sklearn
        found["sklearn_minibatch"] = lambda u, start: sklearn(u, start, MiniBatchKMeans)
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    try:
        import faiss as library

        library.omp_set_num_threads(threads)

        def faiss(u: torch.Tensor, start: torch.Tensor | None) -> torch.Tensor:
            model = library.Kmeans(u.shape[1], CLUSTERS, niter=rounds, nredo=1, seed=1, max_points_per_centroid=len(u), min_points_per_centroid=1)
            model.train(u.numpy(), init_centroids=None if start is None else start.numpy())
            model.index.search(u.numpy(), 1)  # the others know who belongs where, too
            return torch.from_numpy(model.centroids)

        found["faiss"] = faiss
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    try:
        from fast_pytorch_kmeans import KMeans as Fast

        def fast_pytorch_kmeans(u: torch.Tensor, start: torch.Tensor | None) -> torch.Tensor:
            model = Fast(CLUSTERS, max_iter=rounds, tol=0, init_method="random")
            model.fit_predict(u, centroids=None if start is None else start.clone())
            return model.centroids

        found["fast_pytorch_kmeans"] = fast_pytorch_kmeans
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    return found


def error(u: torch.Tensor, centre: torch.Tensor) -> float:
    """Mean squared distance to the nearest centre."""
    return float(sum(torch.cdist(some, centre.float()).amin(1).square().sum() for some in u.split(65536)) / len(u))


def milliseconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return (clock() - started) * 1000


def both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds that passed, and milliseconds of processor time, of all threads."""
    spent: list[float] = []
    passed = milliseconds(lambda: spent.append(milliseconds(work, time.process_time)))
    return passed, spent[0]


def side_by_side(found: dict[str, Callable], count: int, runs: int) -> dict[str, dict]:
    """Median time and squared error of every way, from the same start and from its own."""
    u = vectors(count)
    weight = torch.ones(count)
    table: dict[str, dict] = {}
    for kind, start in (("same_start", u[farthest_seeds(u, weight, CLUSTERS)]), ("own_start", None)):
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
        reached: dict[str, float] = {}

        def turn(name: str, start: torch.Tensor | None = start, reached: dict[str, float] = reached) -> tuple[float, float]:
            centres: list[torch.Tensor] = []
            clocks = both_clocks(lambda: centres.append(found[name](u, start)))
            reached[name] = round(error(u, centres[0]), 5)
            return clocks

        for number in range(runs + (count < 500_000)):  # the first turn warms up, except where one takes seconds
            for name in found:
                clocks = turn(name)
                if number or count >= 500_000:
                    spent[name].append(clocks)
        for name, pairs in spent.items():
            passed, used = (round(statistics.median(times), 2) for times in zip(*pairs, strict=True))
            table.setdefault(kind, {})[name] = {"median_ms": passed, "cpu_ms": used, "error": reached[name]}
    return table


def clip(seed: int, count: int = 1568) -> Points:
    """Points as the proxy encoder gives them, 96 features wide."""
    generator = torch.Generator().manual_seed(seed)
    both = vectors(count, FEATURES + 3, seed)
    rgb, weight = torch.rand(count, 3, generator=generator), torch.rand(count, generator=generator)
    return Points(both[:, FEATURES:] * 10, both[:, :FEATURES], rgb, torch.arange(count) * FRAMES // count, weight)


def whole_clips(found: dict[str, Callable], runs: int) -> dict[str, float]:
    """The default clusterer from points to proxies; and clips a second, of a batch, beside the others one after another."""
    model, clips = SoftKMeans(FEATURES), [clip(seed) for seed in range(BATCH)]
    columns = [torch.stack([getattr(c, name) for c in clips]) for name in ("feature", "xyz_world_m", "weight")]
    facts = {}
    with torch.no_grad():
        batch = model.embed(*columns)
        work = {
            "points_to_proxies": lambda: model(clips[0], CLUSTERS, FRAMES),
            "assign_batch": lambda: model.assign(*columns, CLUSTERS),
            **{f"{name}_one_by_one": (lambda way=way: [way(u, None) for u in batch]) for name, way in found.items()},
        }
        for name, job in work.items():
            job()
            median, used = (statistics.median(times) for times in zip(*(both_clocks(job) for _ in range(runs)), strict=True))
            clips_done = 1 if name == "points_to_proxies" else BATCH
            facts[name] = {"ms": round(median, 2), "cpu_ms": round(used, 2), "clips_per_s": round(1000 * clips_done / median, 1)}
    feature, xyz, weight = (column.clone().requires_grad_() for column in columns)

    def step() -> None:
        model.assign(feature, xyz, weight, CLUSTERS)[0].square().sum().backward()

    step()
    median = statistics.median(milliseconds(step) for _ in range(runs))
    return facts | {"assign_batch_with_gradients": {"ms": round(median, 2), "clips_per_s": round(1000 * BATCH / median, 1)}}


def arithmetic(rounds: int, ours_ms: float, count: int) -> dict[str, float]:
    """Matrix products a second: the most this machine does on the very shapes of a round, and what the rounds reached."""
    u, aim, bias = vectors(count), torch.randn(WIDTH, CLUSTERS), torch.randn(CLUSTERS)
    flops = 2 * count * WIDTH * CLUSTERS
    best = min(milliseconds(lambda: torch.addmm(bias, u, aim)) for _ in range(30))
    square = torch.randn(1024, 1024)
    large = min(milliseconds(lambda: square @ square) for _ in range(5))
    return {
        "large_matmul_gflops": round(2 * 1024**3 / large / 1e6, 1),
        "matmul_of_a_round_gflops": round(flops / best / 1e6, 1),
        "reached_gflops": round(flops * rounds / ours_ms / 1e6, 1),
        "fraction_of_matmul_of_a_round": round(best * rounds / ours_ms, 3),
    }


def peak_mb(way: str, count: int, rounds: int, threads: int) -> float | None:
    """Megabytes that a fresh process adds to the points it holds."""
    line = [sys.executable, __file__, "--peak-of", way, "--points", str(count), "--rounds", str(rounds), "--threads", str(threads)]
    out = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    return float(out.stdout) if out.returncode == 0 else None


def peak_of(way: str, count: int, rounds: int, threads: int) -> float:
    """The same, of this process. Linux lets a process forget its peak, so that making the points does not count."""
    work = ways(rounds, threads)[way]
    work(vectors(2000), None)  # what the package itself needs
    u = vectors(count)
    Path("/proc/self/clear_refs").write_text("5")
    before = status_mb("VmRSS")
    work(u, None)
    return round(status_mb("VmHWM") - before, 1)


def status_mb(field: str) -> float:
    """A line of /proc/self/status, in megabytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


def result(rounds: int, threads: int, most: int) -> dict:
    """Everything measured, with the ratios that matter."""
    found, sizes = ways(rounds, threads), {}
    for count, runs in SIZES.items():
        if count <= most:
            sizes[str(count)] = side_by_side(found, count, runs)
            print(count, {k: {n: r["median_ms"] for n, r in t.items()} for k, t in sizes[str(count)].items()}, file=sys.stderr, flush=True)
    small = sizes[str(min(SIZES))]  # what a clip of eight frames has
    ratio = {kind: slower(rows) for kind, rows in small.items()}
    largest, least = max(int(count) for count in sizes), min(SIZES)
    sums = arithmetic(rounds, small["same_start"]["ours"]["median_ms"], least)
    of_clip = {f"speed_vs_{name}": ratio["same_start"][name]["median_ms"] for name in ("sklearn", "faiss") if name in ratio["same_start"]}
    return {
        "summary": {
            **of_clip,
            "matmul_fraction": sums["fraction_of_matmul_of_a_round"],
            "clip_sized_slower_than_ours": ratio,
            "clips": whole_clips(found, 3),
        },
        "sizes": sizes,
        "arithmetic": sums,
        "clip_sized_on_all_cores": on_all_cores(rounds, least) if threads == 1 and (os.cpu_count() or 1) > 1 else None,
        "peak_mb": {"points": largest, **{name: peak_mb(name, largest, rounds, threads) for name in found}},
        "settings": {"rounds": rounds, "threads": threads, "clusters": CLUSTERS, "width": WIDTH, "things": THINGS, "batch": BATCH},
        "versions": versions(),
        "load_average": round(os.getloadavg()[0], 1),  # much above the number of threads: the machine had other things to do
        "date": datetime.date.today().isoformat(),
        **machine(),
    }


def on_all_cores(rounds: int, count: int) -> dict:
    """The same comparison in a process of its own whose libraries may use every core."""
    threads = str(os.cpu_count())
    line = [sys.executable, __file__, "--points", str(count), "--rounds", str(rounds), "--threads", threads]
    out = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": threads})
    return json.loads(out.stdout)["sizes"][str(count)]


def slower(rows: dict[str, dict]) -> dict[str, dict[str, float]]:
    """How many times as long as ours each way takes, on both clocks."""
    ours = rows["ours"]
    return {name: {key: round(row[key] / ours[key], 2) for key in ("median_ms", "cpu_ms")} for name, row in rows.items() if name != "ours"}


def versions() -> dict[str, str]:
    """Of the packages that take part."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("torch", "scikit-learn", "faiss-cpu", "fast-pytorch-kmeans"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--points", type=int, default=max(SIZES), help="the largest size measured")
    parser.add_argument("--peak-of", choices=WAYS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak_of:
        print(peak_of(chosen.peak_of, chosen.points, chosen.rounds, chosen.threads))
        return
    found = json.dumps(result(chosen.rounds, chosen.threads, chosen.points), indent=1)
    if chosen.out:
        Path(chosen.out).write_text(found + "\n", encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
