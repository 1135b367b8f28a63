"""What `results/proxies.json` says, as tables and a plot for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy3d.errors import BadInput
from proxy3d.evaluation.plots import curves

LEARNED = "learned"
OURS = ("soft_kmeans", LEARNED)


def ours_of(result: Mapping) -> tuple[str, str]:
    """Clusterer and features of the row that is ours; results from before there was a choice do not say."""
    return result.get("ours", OURS[0]), LEARNED


FIGURES = {"recall": "large objects", "small_recall": "small ones too", "purity": "purity", "box_iou": "box IoU", "steadiness": "steadiness"}


def label(row: Mapping) -> str:
    """ "soft_kmeans, learned features" """
    return f"{row['clusterer']}, {row['features']} features"


def render_proxies(result: Mapping) -> str:
    """Markdown: every clusterer at 16 and 32 proxies, then ours and the best rival under worse depth.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rows, rooms, ours = result["rows"], result["rooms"], ours_of(result)
        clean = [r for r in rows if not r["noise"] and not r["missing"]]
        parts = [_by_clusterer([r for r in clean if r["n"] == n], n, ours) for n in (16, 32)]
        parts.append(_by_sensor(rows, ours))
        seeds = f"{len(result['seeds'])} seeds of the encoder" if len(result["seeds"]) > 1 else "one seed of the encoder"
        about = f"In per cent, with 95 % intervals over {rooms} rooms and {seeds}; {result['run']['machine']}."
    except (KeyError, TypeError, IndexError) as error:
        raise BadInput(f"proxies: lacks {error}; expected what `python -m proxy3d.evaluation.proxy_report` writes") from None
    return "\n\n".join([*parts, about])


def _by_clusterer(rows: Sequence[Mapping], n: int, ours: tuple[str, str]) -> str:
    rows = sorted(rows, key=lambda r: -r["recall"]["mean"])
    lines = [f"| {n} proxies | {' | '.join(FIGURES.values())} |", "|---" * (len(FIGURES) + 1) + "|"]
    for row in rows:
        name = f"**{label(row)}**" if (row["clusterer"], row["features"]) == ours else label(row)
        lines.append(f"| {name} | {' | '.join(_cell(row.get(key)) for key in FIGURES)} |")
    return "\n".join(lines)


def _by_sensor(rows: Sequence[Mapping], ours: tuple[str, str]) -> str:
    sensors = sorted({(r["noise"], r["missing"]) for r in rows})
    lines = ["| depth | large objects at 16 | at 32 | small ones too at 32 | best rival at 32 |", "|---|---|---|---|---|"]
    for noise, missing in sensors:
        here = {(r["clusterer"], r["features"], r["n"]): r for r in rows if (r["noise"], r["missing"]) == (noise, missing)}
        rival = max((r for key, r in here.items() if key[:2] != ours and key[2] == 32), key=lambda r: r["recall"]["mean"])
        name = f"{noise:.0%} noise" if noise else f"{missing:.0%} missing" if missing else "exact"
        own = [here[(*ours, 16)]["recall"], here[(*ours, 32)]["recall"], here[(*ours, 32)]["small_recall"]]
        lines.append(f"| {name} | {' | '.join(_cell(v) for v in own)} | {_cell(rival['recall'])} ({label(rival)}) |")
    return "\n".join(lines)


def _cell(figure: Mapping | None) -> str:
    if figure is None:
        return "-"
    return f"{100 * figure['mean']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def plot_proxies(result: Mapping) -> str:
    """SVG: recall of large objects by number of proxies, a line per clusterer."""
    clean = [r for r in result["rows"] if not r["noise"] and not r["missing"]]
    counts = sorted({r["n"] for r in clean})
    found = {label(r): [next(x["recall"]["mean"] for x in clean if label(x) == label(r) and x["n"] == n) for n in counts] for r in clean}
    return curves(counts, found, x_name="proxies", y_name="large objects that own a proxy", bold="{}, {} features".format(*ours_of(result)))
