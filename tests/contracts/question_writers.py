"""Question files in the exact format of each source, with five invented rows, and one row more that must be dropped."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """How a source writes its rows, and what should come of them."""

    file: str
    rows: tuple[dict, ...]
    broken: dict  # a sixth row
    reason: str  # what is said of it
    write: Callable[[Path, list], None]
    records: int = 5


def json_list(file: Path, rows: list) -> None:
    file.write_text(json.dumps(rows), encoding="utf-8")


def json_lines(file: Path, rows: list) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def table(file: Path, rows: list) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if file.suffix == ".tsv" else ",", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def by_split(file: Path, rows: list) -> None:
    file.write_text(json.dumps({"train": rows[:2], "val": rows[2:]}), encoding="utf-8")


ANNOTATED = ("answers", "position", "rotation", "question_type", "answer_type")


def question_and_annotation_files(file: Path, rows: list) -> None:
    """SQA3D's two files from rows that hold what belongs to both."""
    dicts = [row if isinstance(row, dict) else {} for row in rows]
    questions = [{k: v for k, v in row.items() if k not in ANNOTATED} for row in dicts]
    annotations = [{k: row[k] for k in ("scene_id", "question_id", *ANNOTATED) if k in row} for row in dicts]
    file.write_text(json.dumps({"questions": questions}), encoding="utf-8")
    other = file.with_name(file.name.replace("questions", "sqa_annotations"))
    other.write_text(json.dumps({"annotations": annotations}), encoding="utf-8")


def without(row: dict, key: str) -> dict:
    return {k: v for k, v in row.items() if k != key}


SCENES = [f"scene090{i}_00" for i in range(5)]
THINGS = ["floor_lamp", "stool", "desk", "stool", "crate"]


def five(make: Callable[[int], dict]) -> tuple[dict, ...]:
    return tuple(make(i) for i in range(5))


scanqa = five(
    lambda i: {
        "scene_id": SCENES[i],
        "question_id": f"train-scene090{i}-0",
        "question": f"What stands {i} steps behind the {THINGS[i]}?",
        "answers": ["a tall plant", "plant", "a tall plant"],
        "object_ids": [i, 7],
        "object_names": [THINGS[i], "plant"],
    }
)
sqa3d = five(
    lambda i: {
        "scene_id": SCENES[i],
        "situation": "I have just sat down and the window is to my left.",
        "alternative_situation": ["Sitting, window left.", "The window is on my left side."],
        "question": ["What is behind me?", "Is it dark?", "How many lamps?", "Can I pass?", "Where is the cat?"][i],
        "question_id": 900000 + i,
        "question_type": "N/A",
        "answer_type": "other",
        "answers": [{"answer": ["crate", "no", "two", "yes", "outside"][i], "answer_confidence": "yes", "answer_id": 1}],
        "position": {"x": 0.5, "y": -1.25, "z": 0},
        "rotation": {"_x": 0, "_y": 0, "_z": 0.6, "_w": 0.8},
    }
)
scanrefer = five(
    lambda i: {
        "scene_id": SCENES[i // 2],
        "object_id": str(i // 2),
        "object_name": THINGS[i // 2],
        "ann_id": str(i % 2),
        "description": f"It is the {i}th thing that people pass on their way in.",
        "token": ["it", "is"],
    }
)
multi3drefer = five(
    lambda i: {
        "scene_id": SCENES[0],
        "object_ids": list(range(i)),
        "object_name": THINGS[i],
        "ann_id": i,
        "description": f"All {i} of the things that could be carried away.",
        "eval_type": ["zt_wo_d", "st_w_d", "mt", "mt", "mt"][i],
    }
)
nr3d = five(
    lambda i: {
        "scan_id": SCENES[i],
        "target_id": str(i),
        "instance_type": "stool",
        "utterance": f'The stool, "number {i}", nearest the door',
        "tokens": "['the', 'stool']",
        "stimulus_id": f"{SCENES[i]}-stool-{i + 1}-{i}" + "-8" * i,
    }
)
VSI_TYPES = ["object_counting", "object_abs_distance", "room_size_estimation", "object_rel_distance", "route_planning"]
vsi_bench = five(
    lambda i: {
        "id": i,
        "dataset": "scannet",
        "scene_name": SCENES[i],
        "question_type": VSI_TYPES[i],
        "question": f"How would you answer question {i}?",
        "ground_truth": ["4", "1.5", "22.5", "B", "A"][i],
        "options": None if i < 3 else ["A. Turn left", "B. Turn right"],
    }
)


def said(ask: str, answer: str) -> list[dict]:
    return [{"from": "human", "value": f"<image>\n{ask}"}, {"from": "gpt", "value": answer}]


TALKS = [
    said("How many stools are in this room?", "3"),
    said("Is the crate open?", "Yes"),
    said("Which is nearer?\nA. stool\nB. crate", "B"),
    said("How high is the desk, in metres?", "0.75"),
    said("What is on the desk?", "A crate, upside down."),
]
vsi_590k = five(lambda i: {"conversations": TALKS[i], "video": f"scannet/{SCENES[i]}.mp4"})
spar = five(
    lambda i: {
        "id": f"made_{i}",
        "conversations": TALKS[i],
        "images": [f"scannet/images/{SCENES[i]}/image_color/{n}.jpg" for n in (3, 14)],
        "spar_info": '{"type": "depth_prediction_oo", "red_point": [[1, 2]]}',
    }
)
SPACER = [("multiple choice", "<answer>B</answer>"), ("numerical", "<answer>3</answer>"), ("OCR", "<answer>EXIT</answer>")]
SPACER += [("free-form", "<answer>Two rows of stools.</answer>"), ("regression", "<answer>1.25</answer>")]
sr_91k = five(
    lambda i: {
        "problem": f"Question {i} about this room?",
        "options": ["A. stool", "B. crate"] if i == 0 else [],
        "problem_type": SPACER[i][0],
        "data_type": "video",
        "data_source": "SR_dataset",
        "path": f"./scannet/{SCENES[i]}.mp4",
        "solution": SPACER[i][1],
    }
)
mmscan = five(
    lambda i: {
        "sub_class": "made_up",
        "scan_id": SCENES[i],
        "question": f"What is stool {i} used for?",
        "answers": ["to sit on", "sitting"],
        "object_ids": [i],
        "object_names": ["stool"],
        "input_bboxes_id": [],
        "input_bboxes": [],
        "ID": f"MADE__{i}",
    }
)
open_eqa = five(
    lambda i: {
        "question": f"Where did I leave thing {i}?",
        "answer": "Under the desk",
        "extra_answers": ["Below the desk", ""],
        "category": "object localization",
        "question_id": f"00000000-0000-4000-8000-00000000000{i}",
        "episode_history": f"scannet-v0/00{i}-scannet-{SCENES[i]}" if i else "hm3d-v0/000-hm3d-AAbbCCddEE1",
    }
)
llava = (
    {  # Video-3D-LLM, 3DRS
        "id": 0,
        "video": f"scannet/{SCENES[0]}",
        "conversations": said("Find the stool.", "<ground>"),
        "metadata": {"dataset": "scanrefer", "object_id": "4", "ann_id": "0"},
        "box": [0.0, 1.0, 0.5, 0.4, 0.4, 1.0],
    },
    {  # LLaVA-3D
        "id": 1,
        "video": [f"scannet/{SCENES[1]}/0.jpg", f"scannet/{SCENES[1]}/20.jpg"],
        "target": {"boxes": [[0.0, 1.0, 0.5, 0.4, 0.4, 1.0], [2.0, 1.0, 0.5, 0.4, 0.4, 1.0]]},
        "conversations": [{"from": "human", "value": "<image>\nFind the stools."}, {"from": "gpt", "value": "Here.", "boxes_seq": [[0, 1]]}],
    },
    {  # VG-LLM
        "images": [f"scannet/{SCENES[2]}/0.jpg"],
        "prompt": "Locate the crate.",
        "gt_bbox": [0.0, 1.0, 0.5, 0.4, 0.4, 1.0, 0.3, 0.0, 0.0],
        "cam2global": [],
        "axis_align_matrix": [],
    },
    {  # VLM-3R
        "id": "00000000-0000-4000-8000-000000000000",
        "data_source": "scannetpp",
        "scene_name": "0a1b2c3d4e",
        "question_type": "object_counting",
        "video": "scannetpp/0a1b2c3d4e.mp4",
        "conversations": TALKS[0],
    },
    {  # SpatialLM
        "conversations": said("<point_cloud>Detect walls.", "wall_0=Wall(1,2,3,4,5,6)"),
        "point_clouds": ["pcd/made_0001.ply"],
    },
)
chatscene = five(
    lambda i: {
        "scene_id": SCENES[i],
        "obj_id": i,
        "pred_id": i + 10,
        "qid": f"{i}",
        "prompt": f"What fits 'number {i}'? Give its id.",
        "ref_captions": [f"<OBJ01{i}>."],
        "type_info": "multiple",
        "iou": 0.8,
    }
)

WRITTEN: dict[str, Written] = {
    "scanqa": Written("ScanQA_v1.0_train.json", scanqa, {**scanqa[0], "question_id": "x", "answers": []}, "no answers", json_list),
    "sqa3d": Written(
        "v1_balanced_questions_train_scannetv2.json",
        sqa3d,
        {**sqa3d[0], "question_id": 7, "rotation": {"_x": 0, "_y": 0, "_z": 0, "_w": 0}},
        "quaternion of length 0",
        question_and_annotation_files,
    ),
    "scanrefer": Written(
        "ScanRefer_filtered_train.json", scanrefer, {**scanrefer[0], "ann_id": "9", "bbox": [[0, 0, float("nan")]] * 8}, "finite numbers", json_list
    ),
    "multi3drefer": Written("multi3drefer_val.json", multi3drefer, {**multi3drefer[0], "ann_id": 9, "object_ids": ["a"]}, "whole numbers", json_list),
    "scan2cap": Written("ScanRefer_filtered_val.json", scanrefer, without(scanrefer[0], "object_id"), "object_id", json_list, records=3),
    "nr3d": Written("nr3d_test.csv", nr3d, {**nr3d[0], "stimulus_id": "stool"}, "stimulus_id: expected", table),
    "sr3d": Written("sr3d_train.csv", nr3d, {**nr3d[0], "utterance": " "}, "utterance is empty", table),
    "vsi_bench": Written("test.jsonl", vsi_bench, {**vsi_bench[3], "id": 9, "ground_truth": "C"}, "none of the 2 options", json_lines),
    "vsi_590k": Written("vsi_590k.jsonl", vsi_590k, without(vsi_590k[0], "video"), "no video or image", json_lines),
    "sr_91k": Written("SR-91k.jsonl", sr_91k, {**sr_91k[0], "data_source": "CLEVRER"}, "not SR_dataset", json_lines),
    "mmscan": Written("MMScan_QA.json", mmscan, {**mmscan[0], "ID": "x", "question": 3}, "question: expected text, got int", by_split),
    "spar": Written("train.jsonl", spar, {**spar[0], "id": "x", "spar_info": "{'type': 1}"}, "spar_info: expected JSON", json_lines),
    "open_eqa": Written("open-eqa-v0.json", open_eqa, without(open_eqa[0], "answer"), "no answer", json_list),
    "llava": Written("made_train.json", llava, {**llava[2], "gt_bbox": [0, 0, 0, 1, 1, 1, 0, 0.5, 0]}, "a tilted box", json_list),
    "chatscene": Written("scanrefer_val.json", chatscene, {**chatscene[0], "ref_captions": []}, "no ref_captions", json_list),
}

# Of the records that come out. A change here means that what a source gives has changed: it has to be meant.
DIGESTS = {
    "scanqa": "43d18ec80a01",
    "sqa3d": "0c9cb0e2c62f",
    "scanrefer": "e8038e9a2382",
    "multi3drefer": "f42346ef37d2",
    "scan2cap": "38956c938398",
    "nr3d": "a2f39ebb9c11",
    "sr3d": "bbf57939e493",
    "vsi_bench": "2b20a61fe452",
    "vsi_590k": "a1963c14a60c",
    "sr_91k": "7ca050d587ea",
    "mmscan": "26af05525661",
    "spar": "c89ea019ceed",
    "open_eqa": "9d3e3b83bed5",
    "llava": "5d208b1c59de",
    "chatscene": "be9e98d9b689",
}


def write(name: str, folder: Path, rows: list | None = None) -> Path:
    """The question file of a source in a folder, with its five rows or others."""
    written = WRITTEN[name]
    folder.mkdir(parents=True, exist_ok=True)
    written.write(folder / written.file, list(written.rows) if rows is None else rows)
    return folder / written.file
