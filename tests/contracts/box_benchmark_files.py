"""Five invented rows for each benchmark that compares boxes, letters or numbers, and the true answers to them."""

from __future__ import annotations

import json
from pathlib import Path

BOXES = {str(i): [[3 * i, 0, 0], [3 * i + 1, 1, 1]] for i in range(6)}


def _dump(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def scanrefer(folder: Path) -> dict:
    rows = [
        {"scene_id": "scene0001_00", "object_id": str(i), "object_name": "chair", "ann_id": "0", "description": f"chair {i}", "eval_type": "multiple"}
        for i in range(5)
    ]
    _dump(folder, "ScanRefer_filtered_val.json", rows)
    _dump(folder, "boxes.json", {"scene0001_00": BOXES})
    return {f"scene0001_00|{i}|0": BOXES[str(i)] for i in range(5)}


def multi3drefer(folder: Path) -> dict:
    targets = {"zt_w_d": [], "zt_wo_d": [], "st_w_d": [1], "st_wo_d": [2], "mt": [3, 4]}
    _dump(
        folder,
        "multi3drefer_val.json",
        [
            {"scene_id": "scene0001_00", "object_ids": ids, "ann_id": i, "description": f"phrase {i}", "eval_type": kind}
            for i, (kind, ids) in enumerate(targets.items())
        ],
    )
    _dump(folder, "boxes.json", {"scene0001_00": BOXES})
    return {f"scene0001_00|{i}": [BOXES[str(t)] for t in ids] for i, ids in enumerate(targets.values())}


def referit(name: str, folder: Path) -> dict:
    lines = ["scan_id,target_id,instance_type,utterance,tokens,stimulus_id"]
    for i in range(5):
        lines.append(f"scene0001_00,{i},chair,the {'left ' * (i % 2)}chair,\"['the', 'chair']\",scene0001_00-chair-{2 + i}-{i}-9")
    (folder / f"{name}_test.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _dump(folder, "boxes.json", {"scene0001_00": BOXES})
    # One answer for both variants: the object and its box.
    return {str(i + 1): {"target_id": i, "boxes": [BOXES[str(i)]]} for i in range(5)}


def vsi_bench(folder: Path) -> dict:
    kinds = ["object_counting", "object_abs_distance", "object_size_estimation", "room_size_estimation", "route_planning"]
    truths = ["3", "1.5", "120", "20.4", "B"]
    rows = [
        {"id": i, "dataset": "scannet", "scene_name": "scene0001_00", "question_type": kind, "question": f"question {i}", "ground_truth": truth}
        | ({"options": ["A. left", "B. right"]} if truth == "B" else {})
        for i, (kind, truth) in enumerate(zip(kinds, truths, strict=True))
    ]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return {str(i): truth for i, truth in enumerate(truths)}


def mmscan_vg(folder: Path) -> dict:
    truth = {f"VG_{i}": [[i, 0, 0, 1, 1, 1, 0.1 * j, 0.2, 0.3] for j in range(1 + i % 2)] for i in range(5)}
    rows = [
        {"sub_class": "VG_Single", "scan_id": "scene0001_00", "target_id": list(range(len(b))), "text": f"t {i}", "ID": i, "target_bboxes": b}
        for i, b in truth.items()
    ]
    _dump(folder, "MMScan_VG.json", {"val": rows})
    return truth


def spacespan(folder: Path) -> dict:
    box = {"centre_m": [0, 0, 0.5], "size_m": [1, 2, 1], "yaw_rad": 0.3}
    shared = {"room_id": "r", "split": "test", "subject": "chair"}
    words = [("existence", "Is there a chair?", "yes", "yes_no"), ("count", "How many?", "2", "number"), ("distance", "How far?", "1.5 m", "metres")]
    rows = [
        {"question_id": str(i), "family": family, "question": question, "answer": answer, "answer_type": kind, "boxes": [], **shared}
        for i, (family, question, answer, kind) in enumerate(words)
    ]
    for i, boxes in ((3, [box]), (4, [])):
        found = {"answer": str(len(boxes)), "answer_type": "boxes", "boxes": boxes, "targets": [7] * len(boxes)}
        rows.append({"question_id": str(i), "family": "ground_category", "question": "the chair", **found, **shared})
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return {"0": "Yes.", "1": "2", "2": "1.6 m", "3": [box], "4": []}


WRITERS = {
    "scanrefer": scanrefer,
    "multi3drefer": multi3drefer,
    "nr3d": lambda folder: referit("nr3d", folder),
    "sr3d": lambda folder: referit("sr3d", folder),
    "vsi_bench": vsi_bench,
    "mmscan_vg": mmscan_vg,
    "spacespan": spacespan,
}
