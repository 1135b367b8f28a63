"""What `results/proxies.json` says, as tables and a plot for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy3d.errors import BadInput
from proxy3d.evaluation.plots import curves

OURS = ("soft_kmeans", "learned")
ALSO_TRAINED = ("set_encoder", "learned")  # another candidate of ours, trained by stage 1 as well, so no rival
AUTO = "soft_kmeans, as many as needed"  # its number of proxies is a ceiling
TRUE_MASKS = "grouped_kmeans by true masks"  # what perfect masks would give the published method: an upper bound
FIGURES = {"recall": "large objects", "small_recall": "small ones too", "purity": "purity", "box_iou": "box IoU", "steadiness": "steadiness"}
FORMS = {"file_bytes": "whole file, bytes", "tensor_bytes": "without its header", "recall": "large objects", "cosine": "cosine of features"}


def label(row: Mapping) -> str:
    """ "soft_kmeans, learned features" """
    return f"{row['clusterer']}, {row['features']} features"


def is_rival(row: Mapping) -> bool:
    """Whether a row is neither ours nor an upper bound."""
    return (row["clusterer"], row["features"]) not in (OURS, ALSO_TRAINED) and row["clusterer"] not in (AUTO, TRUE_MASKS)


def render_proxies(result: Mapping) -> str:
    """Markdown: every clusterer at 16 and 32 proxies, then ours and the best rival under worse depth.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rows, rooms = result["rows"], result["rooms"]
        clean = [r for r in rows if not r["noise"] and not r["missing"]]
        parts = [_by_clusterer([r for r in clean if r["n"] == n], n) for n in (16, 32)]
        parts += [_by_sensor(rows), _as_needed(clean), _by_form(result["forms"])]
        seeds = f"{len(result['seeds'])} seeds of the encoder" if len(result["seeds"]) > 1 else "one seed of the encoder"
        learned = {r["clusterer"]: r["seeds"] for r in clean if r["features"] == "learned"}
        fewer = {name: count for name, count in learned.items() if count < len(result["seeds"])}
        seeds += "".join(f" ({name}: {count})" for name, count in sorted(fewer.items()))
        about = f"In per cent, with 95 % intervals over {rooms} rooms and {seeds}; {result['run']['machine']}."
        if left_out := result["run"].get("left_out"):
            about += f" Left out, because a package was not installed: {', '.join(left_out)}."
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(f"proxies: lacks {error}; expected what `python -m proxy3d.evaluation.proxy_report` writes") from None
    return "\n\n".join([*parts, about])


def _by_clusterer(rows: Sequence[Mapping], n: int) -> str:
    rows = sorted(rows, key=lambda r: -r["recall"]["mean"])
    lines = [f"| {n} proxies | {' | '.join(FIGURES.values())} |", "|---" * (len(FIGURES) + 1) + "|"]
    for row in rows:
        name = f"**{label(row)}**" if (row["clusterer"], row["features"]) == OURS else label(row)
        lines.append(f"| {name} | {' | '.join(cell(row.get(key)) for key in FIGURES)} |")
    return "\n".join(lines)


def _by_sensor(rows: Sequence[Mapping]) -> str:
    sensors = sorted({(r["noise"], r["missing"]) for r in rows})
    lines = ["| depth | large objects at 16 | at 32 | small ones too at 32 | best rival at 32 |", "|---|---|---|---|---|"]
    for noise, missing in sensors:
        here = {(r["clusterer"], r["features"], r["n"]): r for r in rows if (r["noise"], r["missing"]) == (noise, missing)}
        rivals = (r for key, r in here.items() if is_rival(r) and key[2] == 32)
        rival = max(rivals, key=lambda r: r["recall"]["mean"])
        name = f"{noise:.0%} noise" if noise else f"{missing:.0%} missing" if missing else "exact"
        ours = [here[(*OURS, 16)]["recall"], here[(*OURS, 32)]["recall"], here[(*OURS, 32)]["small_recall"]]
        lines.append(f"| {name} | {' | '.join(cell(v) for v in ours)} | {cell(rival['recall'])} ({label(rival)}) |")
    return "\n".join(lines)


def _as_needed(rows: Sequence[Mapping]) -> str:
    names = ("ceiling of `--proxies auto`", "proxies made", "large objects", "small ones too", "large objects with as many as the ceiling")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    ours = {r["n"]: r for r in rows if (r["clusterer"], r["features"]) == OURS}
    for row in sorted((r for r in rows if r["clusterer"] == AUTO), key=lambda r: r["n"]):
        made = row["proxies"]["mean"]
        lines.append(f"| {row['n']} | {made:.1f} | {cell(row['recall'])} | {cell(row['small_recall'])} | {cell(ours[row['n']]['recall'])} |")
    return "\n".join(lines)


def _by_form(forms: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| 32 proxies saved as | {' | '.join(FORMS.values())} |", "|---" * (len(FORMS) + 1) + "|"]
    for name, row in forms.items():
        lines.append(f"| {name} | {row['file_bytes']:,.0f} | {row['tensor_bytes']:,.0f} | {100 * row['recall']:.1f} | {row['cosine']:.4f} |")
    return "\n".join(lines)


def cell(figure: Mapping | None) -> str:
    """A share with its interval, in per cent; a dash where there is none."""
    if figure is None:
        return "-"
    return f"{100 * figure['mean']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


PACKAGES = {
    "ours": "ours",
    "sklearn": "scikit-learn KMeans",
    "sklearn_minibatch": "MiniBatchKMeans",
    "faiss": "faiss",
    "fast_pytorch_kmeans": "fast-pytorch-kmeans",
}


def render_clusterer_speed(result: Mapping) -> str:
    """Markdown of `speed/clusterers.py`: k-means beside other packages by number of points, from the same centres and from their own.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        sizes, settings, summary = result["sizes"], result["settings"], result["summary"]
        names = [name for name in PACKAGES if name in next(iter(sizes.values()))["same_start"]]
        lines = [f"| points | start | {' | '.join(PACKAGES[n] for n in names)} |", "|---" * (len(names) + 2) + "|"]
        for count, kinds in sizes.items():
            for kind in ("same_start", "own_start"):
                cells = [f"{kinds[kind][n]['median_ms']:,.1f} ms" for n in names]
                lines.append(f"| {int(count):,} | {kind.partition('_')[0]} | {' | '.join(cells)} |")
        clips = summary["clips"]
        about = (
            f"{settings['clusters']} clusters of {settings['width']} numbers, {settings['rounds']} rounds, threads for each: {settings['threads']}; "
            "medians in turn; from the same start all but MiniBatchKMeans reach the same squared error. A round reaches "
            f"{summary['matmul_fraction']:.0%} of what one of its two matrix products would allow alone. The points of "
            f"{clips['points_to_proxies']['clips_per_s']:.0f} clips become proxies in a second. Measured on {result['machine']}, {result['date']}."
        )
    except (KeyError, TypeError, StopIteration) as error:
        raise BadInput(f"clusterer speed: lacks {error}; expected what `python speed/clusterers.py` writes") from None
    return "\n".join([*lines, "", about])


def plot_proxies(result: Mapping) -> str:
    """SVG: recall of large objects by number of proxies, a line per clusterer, those on frozen features dashed."""
    clean = [r for r in result["rows"] if not r["noise"] and not r["missing"]]
    counts = sorted({r["n"] for r in clean})
    found = {label(r): [next(x["recall"]["mean"] for x in clean if label(x) == label(r) and x["n"] == n) for n in counts] for r in clean}
    dashed = {label(r) for r in clean if r["features"] == "frozen"}
    return curves(counts, found, x_name="proxies", y_name="large objects that own a proxy", bold=f"{OURS[0]}, {OURS[1]} features", dashed=dashed)
