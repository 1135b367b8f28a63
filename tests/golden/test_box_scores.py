"""Grounding scores worked out elsewhere: exact ties, assignments, which descriptions are unique, and what text means to each code base."""

from __future__ import annotations

import json

import numpy as np
import pytest

from proxy3d.evaluation.benchmarks import choosing
from proxy3d.evaluation.benchmarks.box_files import Said, shape
from proxy3d.evaluation.benchmarks.mmscan_vg import MMScanVG, grounding_top
from proxy3d.evaluation.benchmarks.multi3drefer import Multi3DRefer, Targets
from proxy3d.evaluation.benchmarks.nr3d import Nr3D
from proxy3d.evaluation.benchmarks.scanrefer import ScanRefer
from proxy3d.evaluation.benchmarks.truth_files import class_of, unique_queries
from proxy3d.evaluation.metrics.boxes import EXACT, M3DREF, SCAN2CAP, SCANREFER, assigned_f1, average_precision, greedy_hits, most_hits, span_iou
from proxy3d.evaluation.metrics.oriented import nine_dof_iou, turned_fixed_zxy, turned_zxy
from proxy3d.evaluation.scoring import Example

NAMES = {  # raw name -> name and id of nyu40, of a few
    "office chair": ("chair", 5), "armchair": ("chair", 5), "lamp": ("lamp", 35), "plant": ("otherfurniture", 39), "coffee table": ("table", 7),
    "end table": ("table", 7), "couch": ("sofa", 6), "sofa chair": ("chair", 5), "wall": ("wall", 1), "floor": ("floor", 2),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rounding", "passes"),
    [
        (EXACT, {0.5: True, 1: True, 2: True, 3: True}),
        (SCANREFER, {0.5: False, 1: False, 2: False, 3: False}),
        (M3DREF, {0.5: False, 1: False, 2: True, 3: True}),
        (SCAN2CAP, {0.5: False, 1: True, 2: True, 3: True}),
    ],
)
def test_what_is_added_to_the_union_decides_exact_ties(rounding, passes):
    cube = {s: (np.array([0, 0, 0, s, s, s]), np.array([0, 0, 0, s, s, s / 2])) for s in passes}
    assert {s: bool(span_iou(*pair, rounding)[0, 0] >= 0.5) for s, pair in cube.items()} == passes


def test_the_assignment_takes_the_greatest_sum_and_not_the_most_hits():
    iou = np.array([[0.9, 0.3], [0.3, 0.0]])
    assert assigned_f1(iou, 0.25) == 0.5 and most_hits(iou, 0.25) == 2


def targets(*truths):
    return [Example(str(i), kind, Targets("s", tuple(shape(b) for b in boxes))) for i, (kind, boxes) in enumerate(truths)]


UNIT = [[0, 0, 0], [1, 1, 1]]


def test_multi3drefer_goldens():
    """Three boxes for one object hit at .6 is 0.5; of nothing, all or nothing; no answer is not the answer "nothing"."""
    rows = targets(("ST w/o D", [UNIT]), ("ZT w/ D", []), ("ZT w/ D", []), ("ZT w/o D", []))
    found = {"0": [[[0, 0, 0], [1, 1, 0.6]], [[5, 5, 5], [6, 6, 6]], [[7, 7, 7], [8, 8, 8]]], "1": [UNIT], "2": []}
    scored = Multi3DRefer().score(rows, found, "official")
    assert scored.by_type["ST w/o D"]["F1@0.25"] == scored.by_type["ST w/o D"]["F1@0.5"] == 50
    assert scored.by_type["ZT w/ D"] == {"n": 2, "F1@0.25": 50, "F1@0.5": 50} and scored.by_type["ZT w/o D"]["F1@0.5"] == 0
    assert scored.metrics["F1@0.25"] == pytest.approx((50 + 0 + 100 + 0) / 4)


def test_a_box_named_twice_is_wrong_once():
    rows = [Example("0", "ST w/ D", Targets("s", (shape(UNIT),), (shape(UNIT), shape([[2, 2, 2], [3, 3, 3]]))))]
    once, twice, beyond = (Multi3DRefer().score(rows, {"0": t}, "chatscene").metrics["F1@0.5"] for t in ("<OBJ000>", "<OBJ000> <OBJ000>", "<OBJ777>"))
    assert (once, twice, beyond) == (100, pytest.approx(200 / 3), 0)


def test_uniqueness_counts_the_classes_of_what_is_described():
    pairs = [
        ("office_chair", "armchair"), ("lamp", "plant"), ("coffee_table", "end_table"), ("couch", "sofa_chair"), ("wall", "lamp"), ("gizmo", "lamp"),
    ]  # fmt: skip
    official = [unique_queries([("s", 1, a), ("s", 2, b)], NAMES) for a, b in pairs]
    assert official == [[False, False], [False, False], [False, False], [True, True], [False, False], [False, False]]
    m3dref = [unique_queries([("s", 1, a), ("s", 2, b)], NAMES, m3dref=True) for a, b in pairs]
    assert m3dref == [[False, False], [False, False], [False, False], [True, True], [True, True], [False, False]]
    assert unique_queries([("s", 1, "couch"), ("s", 1, "couch"), ("t", 2, "couch")], NAMES) == [True, True, True], "one object, described twice"
    assert class_of("gizmo", NAMES) == 17


def test_text_means_a_proposal_or_a_place_to_chatscene():
    assert choosing.named_object("It is <OBJ099> or <OBJ002>.", 50) == 2 and choosing.named_object("the chair", 50) == 0
    box = choosing.located("<LOC600><LOC450><LOC550><LOC600><LOC600><LOC700></LOCATION>")
    assert box.nine[:6] == (1.0, -0.5, 0.5, 1.0, 1.0, 2.0)
    assert choosing.located("<LOC600></LOCATION>") is None and choosing.located("<LOC600>" * 6) is None
    assert choosing.located("<LOC600><LOC450><LOC550><LOC400><LOC600><LOC700></LOCATION>") is None, "a size below 0 is no box"


def test_scores_mean_none_one_or_several_to_video3dllm():
    assert choosing.likely_objects([0.1, 0.0, 0.9], 2) == [] and choosing.likely_objects([0.9, 0.1, 0.0], 2) == [0]
    assert choosing.likely_objects([0.5, 0.5, 0.5, 0.4], 3) == [0, 1], "a third each: two reach 0.4"
    assert choosing.scored_object([0.0] * 60 + [1.0], 61) == 0, "only the first 50 are looked at"


def scanrefer_folder(folder, **row):
    names = "\n".join(f"0\t{raw}\t{raw}\t1\t{number}\tx\tx\t{name}" for raw, (name, number) in NAMES.items())
    head = "id\traw_category\tcategory\tcount\tnyu40id\teigen13id\tnyuClass\tnyu40class"
    (folder / "scannetv2-labels.combined.tsv").write_text(f"{head}\n{names}\n")
    rows = [
        {"scene_id": "s", "object_id": "1", "object_name": "office_chair", "ann_id": "0", "description": "a", "bbox": [0, 0, 0, 2, 2, 2], **row},
        {"scene_id": "s", "object_id": "2", "object_name": "armchair", "ann_id": "0", "description": "b", "bbox": [5, 0, 0, 2, 2, 2], **row},
        {"scene_id": "s", "object_id": "3", "object_name": "lamp", "ann_id": "0", "description": "c", "bbox": [9, 0, 0, 2, 2, 2], **row},
    ]
    (folder / "ScanRefer_filtered_val.json").write_text(json.dumps(rows))
    (folder / "proposals.json").write_text(json.dumps({"s": [[0, 0, 0, 2, 2, 2], [5, 0, 0, 2, 2, 1.2]]}))
    return ScanRefer().examples(folder)


def test_scanrefer_by_kind_with_and_without_others(tmp_path):
    rows = scanrefer_folder(tmp_path)
    assert [e.kind for e in rows] == ["multiple", "multiple", "unique"]
    scored = ScanRefer().score(rows, {"s|1|0": [[-1, -1, -1], [1, 1, 1]], "s|3|0": [[8, -1, -1], [10, 1, 0.2]]}, "official")
    assert scored.metrics == {"Acc@0.25": pytest.approx(200 / 3), "Acc@0.5": pytest.approx(200 / 3)}, "a missing answer counts"
    assert scored.by_type["multiple"] == {"n": 2, "Acc@0.25": 50, "Acc@0.5": 50} and scored.by_type["unique, others"]["n"] == 1
    assert scored.by_type["overall, not others"]["Acc@0.5"] == 50 and "unique, not others" not in scored.by_type
    upload = json.loads(ScanRefer().upload(rows, {"s|1|0": [[-1, -1, -1], [1, 1, 1]]}))
    assert upload[0]["unique_multiple"] == 1 and upload[2]["others"] == 1 and [-1, -1, -1] in upload[0]["bbox"] and len(upload[0]["bbox"]) == 8


def test_chatscene_falls_back_to_proposal_0(tmp_path):
    rows = scanrefer_folder(tmp_path)
    assert ScanRefer().score(rows, {"s|1|0": "I see none", "s|2|0": "<OBJ001>"}, "chatscene").metrics["Acc@0.5"] == pytest.approx(200 / 3)
    chosen = {"s|1|0": Said(ids=(0,)), "s|2|0": Said(scores=(0.1, 0.9))}
    assert ScanRefer().score(rows, chosen, "video3dllm").metrics["Acc@0.5"] == pytest.approx(200 / 3)


def test_vgllm_reads_json_of_a_frame_and_never_runs_it(tmp_path):
    camera = np.eye(4)
    camera[:3, 3] = [1, 0, 0]
    rows = scanrefer_folder(tmp_path, cam2global=[camera.tolist()], axis_align_matrix=np.eye(4).tolist())
    good = 'Sure:\n{"frame": 0, "bbox_3d": [-1, 0, 0, 2, 2, 2, 0, 0, 0]}\nDone'
    assert ScanRefer().score(rows, {"s|1|0": good}, "vgllm").metrics["Acc@0.5"] == pytest.approx(100 / 3)
    nan = '{"frame": 0, "bbox_3d": [NaN,0,0,1,1,1,0,0,0]}'
    for bad in ("", "no json", '{"frame": 7, "bbox_3d": []}', nan, '__import__("os").abort()', "{" * 999):
        assert ScanRefer().score(rows, {"s|1|0": bad}, "vgllm").metrics["Acc@0.25"] == 0


def test_vgllm_moves_and_compares_with_two_readings_of_the_angles():
    """With one angle they agree, so an unmoved box is itself; with two they do not."""
    one, two = [0, 0, 0, 3, 1, 1, 0.7, 0, 0], [0, 0, 0, 3, 1, 1, 0.7, 0.5, 0]
    for nine, alike in ((one, True), (two, False)):
        moved = choosing.framed_box(json.dumps({"frame": 0, "bbox_3d": nine}), [np.eye(4)])
        angles = np.array([nine[6:]])
        assert np.allclose(turned_zxy(angles), turned_fixed_zxy(angles)) is alike
        assert nine_dof_iou(np.array(moved.nine), np.array(nine))[0] == pytest.approx(1), "the same angles come back"
    turn = np.eye(4)
    turn[:3, :3] = turned_zxy(np.array([[0, 0, 0.6]]))[0]  # about y
    moved = choosing.framed_box(json.dumps({"frame": 0, "bbox_3d": two}), [turn])
    rightly = turn[:3, :3] @ turned_fixed_zxy(np.array([two[6:]]))[0]
    assert not np.allclose(turned_zxy(np.array([moved.nine[6:]]))[0], rightly), "read back about other axes"


def test_nr3d_splits_by_look_alikes_and_by_view(tmp_path):
    table = tmp_path / "nr3d_test.csv"
    table.write_text(
        "scan_id,target_id,instance_type,utterance,tokens,stimulus_id\n"
        "scene0000_00,3,chair,the chair on the left,\"['the', 'chair', 'on', 'the', 'left']\",scene0000_00-chair-2-3-4\n"
        "scene0000_00,4,chair,the red chair,\"['the', 'red', 'chair']\",scene0000_00-chair-3-4-3-5\n"
    )
    rows = Nr3D().examples(table)
    scored = Nr3D().score(rows, {"1": 3, "2": 3}, "official")
    kinds = {kind: row["accuracy"] for kind, row in scored.by_type.items()}
    assert kinds == {"easy": 100, "hard": 0, "view-dependent": 100, "view-independent": 0} and scored.metrics["accuracy"] == 50
    assert Nr3D().chance(rows, "official")["uniform guess among its kind"].metrics["accuracy"] == pytest.approx(100 * (1 / 2 + 1 / 3) / 2)
    (tmp_path / "boxes.json").write_text(json.dumps({"scene0000_00": {"3": UNIT, "4": [[2, 2, 2], [3, 3, 3]]}}))
    rows = Nr3D().examples(tmp_path)
    assert Nr3D().score(rows, {"1": [UNIT], "2": [[[2, 2, 2], [3, 3, 2.8]]]}, "m3dref").metrics["accuracy"] == 50, "0.8 is not 0.9"


def test_mmscan_is_greedy_by_score_and_looks_at_the_best_truth_only():
    iou = np.array([[0.9, 0.3], [0.8, 0.6], [0.1, 0.6]])
    assert greedy_hits(iou, 0.25).tolist() == [True, False, True], "the second wants what the first has"
    assert average_precision(np.array([True, False, True]), 2) == (pytest.approx(0.5 + 0.5 * 2 / 3), 1.0)
    assert average_precision(np.zeros(0, bool), 2) == (0.0, 0.0)
    assert grounding_top(iou, 0.25, 1) == 1.0 and grounding_top(np.array([[0.1, 0.1], [0.9, 0.1]]), 0.25, 1) == 0.0
    assert grounding_top(np.array([[0.1, 0.1], [0.9, 0.1]]), 0.25, 3) == 0.5


def test_mmscan_skips_phrases_for_nothing_and_pools_categories():
    one, other = shape([0, 0, 0, 1, 1, 1, 0.4, 0.3, 0.2]), shape([5, 0, 0, 1, 1, 1, 0, 0, 0])
    rows = [Example("a", "VG_Single", (one,)), Example("b", "VG_Single", (one, other)), Example("c", "VG_Single", ())]
    found = {"a": {"boxes": [list(one.nine)], "scores": [0.9]}, "b": {"boxes": [list(one.nine)], "scores": [0.2]}, "c": [list(one.nine)]}
    scored = MMScanVG().score(rows, found, "mmscan")
    assert scored.n == 2 and scored.metrics["AP@0.25"] == pytest.approx(75) and scored.metrics["AR@0.5"] == pytest.approx(75)
    assert scored.metrics["AP_C@0.5"] == pytest.approx(100 * 2 / 3) and scored.metrics["gTop-1@0.5"] == pytest.approx(75)
    assert MMScanVG().score(rows, {}, "mmscan").metrics["AR@0.25"] == 0
