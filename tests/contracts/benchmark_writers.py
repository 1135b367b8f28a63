"""A small invented annotation file for every public benchmark, with true predictions and values that are wrong in a known way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class World:
    """What a test needs to score a benchmark: `right` and `wrong` are {id: value} of the plain format, `broken` values that cannot be used."""

    annotations: Path
    right: dict[str, object]
    wrong: dict[str, object]
    broken: tuple[object, ...] = (None, 7, [], [1, 2], True, {"other": "x"}, float("nan"))
    name: str = ""


ASKED = {
    "What color is the lamp?": ("black", "dark black"),
    "Where is the sofa?": ("by the window", "under the window"),
    "How many stools are there?": ("four", "4"),
    "Is the door open?": ("yes", "yes it is"),
    "What is on the long table by the wall?": ("a small round mirror", "mirror"),
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def answers(ids: list[str]) -> tuple[dict[str, object], dict[str, object]]:
    """True answers, and answers that share no word and no letter order with any reference."""
    return dict(zip(ids, (own[0] for own in ASKED.values()), strict=True)), dict.fromkeys(ids, "zebra q")


def scanqa(folder: Path) -> World:
    ids = [f"val-scene0000-{n}" for n in range(len(ASKED))]
    rows = [
        {"scene_id": "scene0000_00", "question_id": own, "question": q, "answers": list(a), "object_ids": [1], "object_names": ["lamp"]}
        for own, (q, a) in zip(ids, ASKED.items(), strict=True)
    ]
    return World(write(folder / "ScanQA_v1.0_val.json", rows), *answers(ids))


def sqa3d(folder: Path) -> World:
    ids = [220602000000 + n for n in range(len(ASKED))]
    asked = [{"scene_id": "scene0000_00", "situation": "I stand.", "question": q, "question_id": own} for own, q in zip(ids, ASKED, strict=True)]
    said = [
        {"scene_id": "scene0000_00", "question_id": own, "answers": [{"answer": a[0], "answer_confidence": "yes", "answer_id": 1}], **pose(n)}
        for n, (own, a) in enumerate(zip(ids, ASKED.values(), strict=True))
    ]
    write(folder / "v1_balanced_sqa_annotations_test_scannetv2.json", {"annotations": said})
    return World(write(folder / "v1_balanced_questions_test_scannetv2.json", {"questions": asked}), *answers([str(own) for own in ids]))


def pose(n: int) -> dict:
    return {"position": {"x": n, "y": 2.0, "z": 0.1}, "rotation": {"_x": 0, "_y": 0, "_z": 0.5 * (n % 2), "_w": 1}}


def sqa3d_localisation(folder: Path) -> World:
    rows = [{"scene_id": "scene0000_00", "question_id": n, "situation": "I stand.", **pose(n)} for n in range(5)]
    right = {str(n): {"position": [n, 2, 0], "rotation": [0, 0, 0.5 * (n % 2), 1]} for n in range(5)}
    wrong = {str(n): {"position": [[99, 99, 0]], "rotation": [[0, 0, 1, 0]]} for n in range(5)}
    nan = float("nan")
    broken = (None, "here", {"position": [1, 2]}, {"position": [nan, 0, 0]}, {"rotation": [0, 0, 0, 0]}, {}, [1, 2, 3])
    return World(write(folder / "v1_balanced_localization_test_scannetv2.json", {"annotations": rows}), right, wrong, broken)


def scan2cap(folder: Path) -> World:
    said = ("this is a black lamp. it is by the door.", "the sofa is under the window.", "a small stool, left of the table.")
    rows = []
    for n, text in enumerate(said):
        corners = [[n * 3 + x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
        for ann in range(2):
            words = text if ann == 0 else f"it is object {n} " + text
            row = {"scene_id": "scene0000_00", "object_id": str(n), "object_name": ("lamp", "sofa", "stool")[n], "ann_id": str(ann)}
            rows.append({**row, "description": words, "token": words.replace(".", " .").replace(",", " ,").split(), "bbox": corners})
    right = {f"scene0000_00|{n}": {"caption": f"sos {text} eos", "box": [[n * 3, 0, 0], [n * 3 + 1, 1, 1]]} for n, text in enumerate(said)}
    wrong = {key: {"caption": "zebra q", "box": [[50, 50, 50], [51, 51, 51]]} for key in right}
    nan = float("nan")
    boxes = ([nan] * 6, "large", [0, 0, 0, 1, 1, -1], [[0, 0, 0], [1, 1]])
    broken = (None, 7, *({"caption": "a", "box": box} for box in boxes), {"caption": "a", "iou": nan}, {"box": [0, 0, 0, 1, 1, 1]})
    return World(write(folder / "ScanRefer_filtered_val.json", rows), right, wrong, broken)


def open_eqa(folder: Path) -> World:
    ids = [f"aaaa-{n}" for n in range(len(ASKED))]
    rows = [
        {"question": q, "answer": a[0], "category": "object state recognition", "question_id": own, "episode_history": "hm3d-v0/000-hm3d-X"}
        for own, (q, a) in zip(ids, ASKED.items(), strict=True)
    ]
    broken = ("five", [], [1, 2], True, {"other": "x"}, float("nan"), {"mark": "Your mark: none"})
    return World(write(folder / "open-eqa-v0.json", rows), dict.fromkeys(ids, 5), dict.fromkeys(ids, 1), broken)


def mmscan_qa(folder: Path) -> World:
    ids = [f"QA_{n}" for n in range(len(ASKED))]
    rows = [
        {"ID": own, "sub_class": "QA_Single_EQ", "scan_id": "scene0000_00", "question": q, "answers": list(a)}
        for own, (q, a) in zip(ids, ASKED.items(), strict=True)
    ]
    return World(write(folder / "MMScan_QA.json", {"train": [], "val": rows}), *answers(ids))


WRITERS: dict[str, Callable[[Path], World]] = {
    "scanqa": scanqa,
    "sqa3d": sqa3d,
    "sqa3d_localisation": sqa3d_localisation,
    "scan2cap": scan2cap,
    "open_eqa": open_eqa,
    "mmscan_qa": mmscan_qa,
}
