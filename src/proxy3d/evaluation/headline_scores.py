"""Scores of the headline study: what was answered, pointed at and judged true in each room, and what that says of all rooms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from proxy3d.evaluation.headline_tables import DULL
from proxy3d.evaluation.intervals import interval
from proxy3d.evaluation.metrics.answers import right
from proxy3d.evaluation.metrics.boxes import aligned_iou, f1_at
from proxy3d.spacespan.record import Record

VQA, NLVR = "vqa", "nlvr"
REF = ("ref_iou", "ref_acc_025", "ref_acc_050")
FIGURES = (VQA, *REF, NLVR)
Boxes = Sequence[Sequence[float]]


def task(record: Record) -> str:
    """3D-Ref: a phrase that names things to point at. NLVR-3D: a statement that is true or false. 3D-VQA: all else that words answer."""
    return "ref" if record.answer_type == "boxes" else NLVR if record.family == "statement" else VQA


def room_figures(scored: Sequence[tuple[Record, Mapping[str, float]]], families: Sequence[str]) -> dict[str, float]:
    """Means over the questions of one room, each beside how many it is a mean of (`<figure>_objects`); NaN where there are none.

    Families of questions are figures too, by the first of their scores.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for record, score in scored:
        for name, value in score.items():
            values[name].append(value)
        values[f"family {record.family}"].append(next(iter(score.values()), float("nan")))
    out = {}
    for name in (*FIGURES, "ref_f1_025", "ref_silent", *(f"family {f}" for f in families)):
        mine = [v for v in values[name] if np.isfinite(v)]
        out |= {name: float(np.mean(mine)) if mine else float("nan"), f"{name}_objects": len(mine)}
    return out


def score(record: Record, text: str, boxes: Boxes, true: Boxes, surest: Boxes) -> dict[str, float]:
    """What one answer is worth.

    IoU and Acc count phrases with exactly one target, by the one `surest` box, however unsure it is, as ScanRefer does. F1 counts all phrases,
    by the boxes that are sure enough, and so does `ref_silent`: the share of phrases with a target for which none is.
    """
    if task(record) != "ref":
        return {task(record): float(right(text, record.answer, record.answer_type))}
    some = {"ref_f1_025": f1_at(boxes, true, 0.25), "ref_silent": float(not len(boxes)) if len(true) else float("nan")}
    if len(true) != 1:
        return {"ref_acc_025": float("nan"), **some}
    iou = float(aligned_iou(np.array(surest), np.array(true)).max()) if len(surest) else 0.0
    return {"ref_acc_025": float(iou >= 0.25), "ref_acc_050": float(iou >= 0.5), "ref_iou": iou, **some}


def guessed(record: Record, guess: Callable[[Record], tuple[str, str]], seen: Boxes, true: Boxes) -> dict[str, dict[str, float]]:
    """What dull rules score on one question: a uniform guess, the commonest answer of its family, that of its subject; a true object at random."""
    if task(record) != "ref":
        shares = (record.chance or 0.0, *(float(right(text, record.answer, record.answer_type)) for text in guess(record)))
        return {rule: {task(record): share} for rule, share in zip(DULL, shares, strict=True)}
    if len(true) != 1 or not len(seen):
        return {}
    iou = aligned_iou(np.array(seen), np.array(true))[:, 0]
    found = {"ref_acc_025": float((iou >= 0.25).mean()), "ref_acc_050": float((iou >= 0.5).mean()), "ref_iou": float(iou.mean())}
    return {rule: found for rule in DULL}


def row(name: str, label: str, about: str, seeds: Sequence[Sequence[Mapping[str, float]]]) -> dict:
    """One line of the result: every figure that exists as {mean, low, high}, 95 % over seeds and rooms."""
    figures = {k: v for k, v in interval(seeds).items() if any(room[f"{k}_objects"] for rooms in seeds for room in rooms)}
    return {"variant": name, "tested": label, "about": about, "seeds": len(seeds), "figures": figures}
