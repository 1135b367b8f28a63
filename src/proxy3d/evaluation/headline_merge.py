"""Finished parts of the headline study put together: a row per model and test, the summary that pages quote, and what cost what."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from proxy3d.errors import BadInput
from proxy3d.evaluation.headline_data import StudyData, train_records
from proxy3d.evaluation.headline_scores import DULL, FIGURES, guessed, room_figures, row
from proxy3d.evaluation.headline_variants import COUNTS, OWN, START, VARIANTS
from proxy3d.evaluation.intervals import difference
from proxy3d.evaluation.metrics.answers import VARIANT
from proxy3d.spacespan.questions import majority
from proxy3d.training.lessons import room_boxes
from proxy3d.training.recipes import data_hash, machine

LATENCY = "latency.json"  # among the finished parts, written by headline_latency
MIN_PIXELS = 60  # an object that somebody could mean
Parts = dict[tuple[str, str], list[list[dict[str, float]]]]  # (variant, test) -> seeds -> rooms -> figures


def part_file(parts: Path, name: str, seed: int) -> Path:
    """Where the result of one variant and seed lies."""
    return Path(parts) / f"{name}-{seed}.json"


def by_figure(tested: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> dict:
    """Figures of each room as columns, which take less space: {test: {room: {figure: value}}} -> {test: {"rooms": [], figure: []}}."""
    out = {}
    for label, rooms in tested.items():
        names = next(iter(rooms.values())) if rooms else {}
        out[label] = {"rooms": list(rooms), "figures": {name: [room[name] for room in rooms.values()] for name in names}}
    return out


def by_room(columns: Mapping) -> dict[str, dict[str, float]]:
    """The reverse for one test. JSON has no NaN: a figure that does not exist is null there."""
    rows = zip(*columns["figures"].values(), strict=True)
    values = [[float("nan") if value is None else value for value in row] for row in rows]
    return {room: dict(zip(columns["figures"], row, strict=True)) for room, row in zip(columns["rooms"], values, strict=True)}


def merged(folder: Path, data: StudyData) -> dict:
    """The result of a study as far as it has gone.

    Raises:
        BadInput: no part is finished, two were made with different settings, or a time was taken with weights of none of them.
    """
    found = [json.loads(f.read_text(encoding="utf-8")) for f in sorted(folder.glob("*-[0-9]*.json"))]
    if not found:
        raise BadInput(f"{folder}: no finished part; expected {part_file(folder, '<variant>', 0)}")
    same_settings(folder, found)
    ids = sorted(next(iter(found[0]["tested"].values()))["rooms"])
    parts: Parts = defaultdict(list)
    latency = latency_of(folder, found[0]["settings"]["weights"])
    for part in sorted(found, key=lambda p: (p["variant"], p["seed"])):
        for label, columns in part["tested"].items():
            rooms = by_room(columns)
            if sorted(rooms) != ids:
                raise BadInput(f"{folder}: {part['variant']}-{part['seed']} was tested on other rooms than {found[0]['variant']}-{found[0]['seed']}")
            parts[part["variant"], label].append([rooms[i] for i in ids])
    parts |= dull_rules(data, ids)
    order = [(name, label) for name, variant in VARIANTS.items() for label in variant.tested]
    keys = [k for k in order if k in parts] + [k for k in parts if k not in order]
    return {
        "benchmark": "headline",
        "split": "test",
        "variant": VARIANT,
        "rooms": len(ids),
        "rows": [row(*key, VARIANTS[key[0]].about if key[0] in VARIANTS else key[0], parts[key]) for key in keys],
        "summary": summary(parts, latency),
        "latency": latency,
        "training": {f"{p['variant']}-{p['seed']}": {k: v for k, v in p["run"].items() if k != "loss"} for p in found},
        "settings": found[0]["settings"],
        "run": {"data": data_hash(data.folder), **machine()},
    }


def same_settings(folder: Path, found: Sequence[Mapping]) -> None:
    """Raises BadInput unless all parts were made with the same settings, in the same precision, and go on from the same start."""
    first = next((part for part in found if "start" in part["run"]), found[0])
    for part in found:
        ours, theirs = ({**p["settings"], "bf16": p["run"]["bf16"], "start": p["run"].get("start")} for p in (part, first))
        if part["variant"] == START:
            del ours["start"], theirs["start"]
        if other := sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)):
            pair = f"{part['variant']}-{part['seed']} and {first['variant']}-{first['seed']}"
            raise BadInput(f"{folder}: {pair} were made with different settings ({', '.join(other)}); delete one, or use another -o")


def latency_of(folder: Path, weights: str) -> dict | None:
    """What headline_latency measured, if it did.

    Raises:
        BadInput: it measured other weights.
    """
    file = folder / LATENCY
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    if found["weights"] != weights:
        raise BadInput(f"{file}: measured with other weights than the parts beside it; delete it, or measure theirs")
    return found


def dull_rules(data: StudyData, ids: list[str]) -> Parts:
    """Figures of the same rooms without any model."""
    guess = majority(train_records(data))
    rooms = {room.room_id: room for room in data.rooms["test"]}
    families = sorted({r.family for mine in data.records["test"].values() for r in mine})
    scored: dict[str, list[dict[str, float]]] = defaultdict(list)
    for name in ids:
        # Only overlaps of true boxes with each other count here, so any common axes do.
        boxes = room_boxes(rooms[name], torch.eye(4)).tolist()
        seen = [boxes[o.id] for o in rooms[name].objects if max(o.pixels) >= MIN_PIXELS]
        here = defaultdict(list)
        for record in data.records["test"][name]:
            for rule, value in guessed(record, guess, seen, [boxes[t] for t in record.targets]).items():
                here[rule].append((record, value))
        for rule in DULL:
            scored[rule].append(room_figures(here[rule], families))
    return {(rule, OWN): [rows] for rule, rows in scored.items()}


def over_blind(figure: Mapping[str, Mapping[str, float] | None]) -> float | None:
    """How much 16 proxies keep of what the best number of them adds to nothing shown; None where that is not clearly more than nothing."""
    counts, blind = [figure[n] for n in COUNTS if figure[n]], figure["blind"]
    if not (counts and blind and figure["p16"]):
        return None
    best = max(counts, key=lambda c: c["mean"])
    return (figure["p16"]["mean"] - blind["mean"]) / (best["mean"] - blind["mean"]) if best["low"] > blind["high"] else None


def summary(parts: Parts, latency: Mapping | None) -> dict:
    """The figures that other pages quote; null where a part is not finished."""
    columns = {
        "dense": ("dense", OWN),
        **{name: ("ours", name) for name in COUNTS},
        **{name: (name, OWN) for name in ("blind", "majority", "oracle", "chance")},
    }
    rows = {name: row(*key, "", parts[key])["figures"] if key in parts else None for name, key in columns.items()}
    out: dict = {figure: {name: found.get(figure) if found else None for name, found in rows.items()} for figure in FIGURES}
    best = {f: max((out[f][n]["mean"] for n in COUNTS if out[f][n]), default=0.0) for f in FIGURES}
    out["p16_of_best"] = {f: out[f]["p16"]["mean"] / best[f] if out[f]["p16"] and best[f] else None for f in FIGURES}
    shares = [v for f, v in out["p16_of_best"].items() if f in ("vqa", "ref_iou", "nlvr") and v is not None and np.isfinite(v)]
    out["p16_of_best"]["mean"] = float(np.mean(shares)) if shares else None
    out["p16_of_best_over_blind"] = {f: over_blind(out[f]) for f in FIGURES}
    pair = (parts.get(("ours_32", OWN)), parts.get(("no_grouping", OWN)))
    out["grouping_gain_acc_at_025"] = difference(*pair, "ref_acc_025") if all(pair) else None
    for name, ours in (("p32_less_dense", ("ours", "p32")), ("ours_32_less_dense", ("ours_32", OWN))):
        pair = (parts.get(ours), parts.get(("dense", OWN)))
        out[name] = {f: difference(*pair, f) if all(pair) else None for f in FIGURES}
    for key in ("latency_ratio_vs_dense", "ms_per_question", "ms_per_clip"):
        out[key] = latency[key] if latency else None
    return out
