"""What `results/headline.json` says, as tables and a plot for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy3d.errors import BadInput
from proxy3d.evaluation.headline_variants import COUNTS, START, VARIANTS
from proxy3d.evaluation.plots import curves
from proxy3d.evaluation.proxy_tables import cell
from proxy3d.presets import AUTO

FIGURES = {"vqa": "3D-VQA", "ref_iou": "3D-Ref IoU", "ref_acc_025": "Acc@0.25", "ref_acc_050": "Acc@0.5", "nlvr": "NLVR-3D"}
SETS = {"ref_f1_025": "F1@0.25"}  # of all phrases, of whatever number of things
DULL = ("chance", "majority", "majority of its subject")  # rules without a model, so without seeds
MAIN = ("dense", "ours", "blind", *DULL, "oracle", START)
GROUPINGS = ("ours_32", "voxel_32", "farthest_32", "uniform_32", "frames")
WAYS = ("dense", *COUNTS, *GROUPINGS)  # what is timed, in the order of the page
STAGES = {
    "tokens": "scene tokens",
    "frozen_encoders": "frozen encoders, ms",
    "proxy_encoder": "proxy encoder, ms",
    "grouping": "grouping, ms",
    "prefill": "reading the scene, ms",
    "question": "a question, ms",
    "clip_to_answer": "clip to answer, ms",
}


def render_headline(result: Mapping) -> str:
    """Markdown: dense against proxies and the baselines, other ways to group, ours with one thing taken away, and what it all costs.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rows = {name: [r for r in result["rows"] if r["variant"] == name] for name in dict.fromkeys(r["variant"] for r in result["rows"])}
        rest = [name for name in rows if name not in (*MAIN, *GROUPINGS)]
        groups = {"shown": MAIN, "at most 32 tokens": GROUPINGS, "ours at 32 with one change": ("ours_32", *rest)}
        most = max(r["seeds"] for r in result["rows"])
        tables = [table for head, names in groups.items() if (table := _table(head, [r for n in names for r in rows.get(n, [])], most))]
        machines = "; ".join(sorted({part["machine"] for part in result["training"].values()}))
        about = f"In per cent, with 95 % intervals over {result['rooms']} rooms and the seeds that a row has; {_seeds(result['rows'])}; {machines}."
        parts = [*tables, about, *_words(result["summary"])]
        if result["latency"]:
            parts.append(_latency(result["latency"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"headline: lacks {error}; expected what `python -m proxy3d.evaluation.headline` writes") from None
    return "\n\n".join(parts)


def render_unmeasured(result: Mapping) -> str:
    """One sentence: which models of the whole study have no row.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        there = {row["variant"] for row in result["rows"]}
    except (KeyError, TypeError) as error:
        raise BadInput(f"headline: lacks {error}; expected what `python -m proxy3d.evaluation.headline` writes") from None
    missing = [variant.about for name, variant in VARIANTS.items() if name not in there and name != START]
    return f"Not measured yet: {'; '.join(missing)}." if missing else "All models of the study are in the tables."


def _seeds(rows: Sequence[Mapping]) -> str:
    """How many seeds the trained models have: a range while some are not finished."""
    counts = [r["seeds"] for r in rows if r["variant"] not in DULL]
    low, high = min(counts), max(counts)
    return f"{low} to {high} seeds" if low < high else f"{high} seed{'s' * (high > 1)}"


def _table(head: str, rows: Sequence[Mapping], most: int) -> str:
    if not rows:
        return ""
    columns = FIGURES | SETS
    lines = [f"| {head} | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        fewer = f", {row['seeds']} seed{'s' * (row['seeds'] > 1)}" if row["seeds"] < most and row["variant"] not in DULL else ""
        lines.append(f"| {_name(row)}{fewer} | {' | '.join(cell(row['figures'].get(key)) for key in columns)} |")
    return "\n".join(lines)


def _name(row: Mapping) -> str:
    if row["variant"] != "ours":
        return row["about"]
    if row["tested"] != AUTO:
        return f"**{row['tested'][1:]} proxies**"
    tokens = row["figures"].get("tokens")
    return "**proxies, as many as needed**" + (f" ({tokens['mean']:.0f} on average)" if tokens else "")


def _words(summary: Mapping) -> list[str]:
    said, kept = [], summary["p16_of_best_over_blind"]
    for name, about in (("p32_less_dense", ""), ("ours_32_less_dense", " of the model that knows no other number")):
        if all(summary[name].values()):
            gains = ", ".join(f"{label} {cell(summary[name][k])}" for k, label in FIGURES.items())
            said.append(f"32 proxies{about} less every patch, in the same rooms: {gains} points.")
    if shares := [f"{label} {100 * kept[k]:.0f} %" for k, label in FIGURES.items() if kept[k] is not None]:
        lost = [label for k, label in FIGURES.items() if kept[k] is None]
        rest = f" Left out, as no number of them is clearly above nothing shown: {', '.join(lost)}." * bool(lost)
        said.append(f"Of what the best number of proxies adds to nothing shown, 16 keep: {', '.join(shares)}.{rest}")
    if summary["grouping_gain_acc_at_025"] is not None:
        gain = cell(summary["grouping_gain_acc_at_025"])
        said.append(f"Grouping by meaning less grouping by position alone, 32 of each: {gain} points of Acc@0.25.")
    return said


def _latency(found: Mapping) -> str:
    columns = [*STAGES.values(), "memory beside the loaded models, MB"]
    lines = [f"| shown | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, way in sorted(found["ways"].items(), key=lambda item: WAYS.index(item[0])):
        medians = [format(way[key]["median"], ".0f") for key in STAGES]
        lines.append(f"| {_way(name)} | {' | '.join(medians)} | {'-' if way['peak_mb'] is None else format(way['peak_mb'], '.0f')} |")
    ratio = found["latency_ratio_vs_dense"]
    about = (
        f"Medians of {found['rounds']} rounds in turn over {found['clips']} clips of the test rooms; {found['machine']}. From clip to answer every "
        f"patch takes {ratio['median']:.1f} times as long as 32 proxies ({ratio['low']:.1f} to {ratio['high']:.1f}, the middle half of the rounds)."
    )
    return "\n".join([*lines, "", about])


def _way(name: str) -> str:
    """What is timed, in the words of the other tables."""
    if name in VARIANTS:
        return VARIANTS[name].about
    return "proxies, as many as needed" if name == AUTO else f"{name[1:]} proxies"


def plot_headline(result: Mapping) -> str:
    """SVG: each figure by number of proxies, and what every patch gives as a level line."""
    summary, counts = result["summary"], (4, 8, 16, 32, 64)
    series: dict[str, list[float]] = {}
    for key in ("vqa", "ref_acc_025", "nlvr"):
        found = [summary[key][f"p{n}"] for n in counts]
        if all(found):
            series[FIGURES[key]] = [f["mean"] for f in found]
        if summary[key]["dense"]:
            series[f"{FIGURES[key]}, every patch"] = [summary[key]["dense"]["mean"]] * len(counts)
    return curves(counts, series, x_name="proxies", y_name="right", bold=FIGURES["vqa"])
