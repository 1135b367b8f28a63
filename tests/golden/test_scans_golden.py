"""Scanned rooms: answers of two invented rooms worked out by hand, and the published meta info beside its official answers."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d.errors import BadInput
from proxy3d.spacespan.mixture import evaluation_places, leaks
from proxy3d.spacespan.questions import FAMILIES, Vocabulary, ask_about
from proxy3d.spacespan.questions.directions import clockwise_deg, part_of
from proxy3d.spacespan.record import Dropped, read_records
from proxy3d.spacespan.room import read_rooms
from proxy3d.spacespan.scans.agreement import agreement
from proxy3d.spacespan.scans.make import ask_scans, asked
from proxy3d.spacespan.scans.meta_info import Scanned, read
from proxy3d.spacespan.scans.upright import MeasuredBox, upright
from proxy3d.spacespan.solver import solve
from scanned_rooms import two_scenes, written


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    rows = list(read(written(tmp_path_factory.mktemp("meta"), two_scenes())))
    return [row for row in rows if isinstance(row, Scanned)]


@pytest.fixture(scope="module")
def everything(scans):
    """All that can be asked about the two rooms, over many draws."""
    rooms = [scan.room for scan in scans]
    vocabulary = Vocabulary.of(rooms)
    return [r for seed in range(6) for room in rooms for r in ask_about(room, rng_seed=seed, per_family=20, vocabulary=vocabulary)]


def test_a_scan_becomes_a_room_whose_floor_is_at_zero(scans):
    room = scans[0].room
    assert (room.room_id, room.split, room.kind, room.floor_z_m, room.floor_m2) == ("scene0900_00", "test", "scannet", -1.0, 17.6)
    assert [o.category for o in room.objects] == ["table", "monitor", "chair", "chair", "door", "sofa", "printer"] and not room.filmed
    table, monitor, _, _, door, sofa, _ = room.objects
    assert monitor.centre_m == pytest.approx((0.4, 0, 0.97)) and (monitor.relation, monitor.support) == ("on", table.id)
    assert door.yaw_rad == pytest.approx(-math.pi / 2) and door.size_m == (0.9, 0.1, 2.0) and door.relation == "floor"
    # The side that leans by 36.87 degrees is the height; the longest side lies along x, and no length has changed.
    assert sofa.size_m == (2.1, 0.9, 0.8) and sofa.yaw_rad == pytest.approx(0) and not sofa.upright
    assert scans[0].upright[5].lean_deg == pytest.approx(36.87, abs=0.01)


def test_the_overlap_of_a_leaning_box_is_right_by_hand(scans):
    # A cube on its edge: the square and the same square turned by 45 degrees share a regular octagon of area 2 (sqrt 2 - 1).
    half, octagon = math.sqrt(0.5), 2 * (math.sqrt(2) - 1)
    cube = upright(MeasuredBox(np.zeros(3), np.ones(3), np.array([[1, 0, 0], [0, half, half], [0, -half, half]])))
    assert cube.overlap == pytest.approx(octagon / (2 - octagon), abs=0.03) and cube.lean_deg == pytest.approx(45) and not cube.stands
    assert scans[0].upright[0].overlap == 1.0 and scans[0].upright[0].stands


BY_HAND = [
    ("How many chairs are there?", "2"),
    ("How many printers are in the room?", "1"),  # listed twice, counted once
    ("How far apart are the table and the door?", "3.1 m"),  # centres 0.36 and 1.0 m up: sqrt(9 + 0.64^2) = 3.0675
    ("How tall is the table?", "0.7 m"),
    ("How long is the longest side of the sofa?", "2.1 m"),
    ("How long is the longest side of the door?", "2.0 m"),
    ("How large is this room?", "18 m2"),
    ("Which is taller, the door or the table?", "door"),
    ("Which is nearer to the table, the door or the printer?", "printer"),  # 2.83 m against 3 m
    ("What is nearest to the sofa: the printer, the table or the door?", "printer"),  # 2.24, 3, 4.24 m
    ("Is the monitor on the table?", "yes"),
    ("Is there a piano?", "no"),
    # Facing +x from the table, the sofa at (0, -3) lies to the right; the printer at (2, -2) in front and to the right.
    ("If I am standing by the table and facing the door, is the sofa to the left or to the right?", "to the right"),
    (
        "If I am standing by the table and facing the door, is the printer to the front left, to the front right, behind and to the left "
        "or behind and to the right?",
        "to the front right",
    ),
]


@pytest.mark.parametrize(("question", "answer"), BY_HAND)
def test_the_solver_answers_about_a_scan_as_a_person_with_a_ruler(scans, question, answer):
    assert solve(question, scans[0].room, lexicon=["piano"]).answer == answer


def test_the_generator_knows_the_same_facts(everything):
    said = {(r.room_id[-4:], r.family, r.subject, r.answer) for r in everything}
    assert {
        ("0_00", "count", "chair", "2"),
        ("0_00", "count", "printer", "1"),
        ("0_00", "distance", "door / table", "3.1 m"),
        ("0_00", "height", "table", "0.7 m"),
        ("0_00", "longest_side", "sofa", "2.1 m"),
        ("0_00", "room_size", "room", "18 m2"),
        ("0_00", "support", "monitor on table", "yes"),
        ("1_00", "support", "monitor on table", "no"),
        ("0_00", "existence", "piano", "no"),
        ("1_00", "existence", "piano", "yes"),
        ("0_00", "ground_category", "chair", "2"),
        ("0_00", "ground_support", "monitor on table", "1"),
        ("0_00", "ground_superlative", "tallest chair", "1"),
    } <= said


def test_nothing_is_asked_that_needs_a_picture_and_no_answer_rests_on_a_leaning_box(everything):
    needs_pictures = {"left_right", "what_is_at", "appearance_order", "colour", "ground_colour", "object_caption", "scene_caption"}
    needs_more_things = {"size_order", "situated_what"}  # than these two rooms have
    assert {r.family for r in everything} == set(FAMILIES) - needs_pictures - needs_more_things
    assert not [r.question for r in everything if "clip" in r.question or "camera" in r.question]
    about_the_sofa = {r.family for r in everything if 6 in r.targets and r.room_id == "scene0900_00"}
    assert {"count", "longest_side", "distance"} <= about_the_sofa
    assert not about_the_sofa & {"height", "taller", "support", "ground_category"}


def test_another_road_leads_to_every_answer(scans, everything):
    rooms = {scan.room.room_id: scan.room for scan in scans}
    lexicon = {o.category for room in rooms.values() for o in room.objects}
    for r in {(r.room_id, r.question): r for r in everything}.values():
        solved = solve(r.question, rooms[r.room_id], lexicon=lexicon)
        assert solved.answer == r.answer and (r.answer_type != "boxes" or solved.targets == r.targets), r.question


def test_agreement_by_hand(scans, everything):
    found = agreement(everything, scans)
    assert {family: row["equal"] for family, row in found.items()} == dict.fromkeys(
        ("count", "existence", "ground_category", "longest_side", "room_size"), 1.0
    )
    counts = {"chair": 3, "printer": 1}
    wrong = agreement([r for r in everything if r.subject == "chair" and r.family == "count"][:4], [Scanned(scans[0].room, counts, {}, ())])
    assert wrong["count"]["equal"] == 0 and wrong["count"]["relative_difference_median"] == pytest.approx(1 / 3, abs=1e-6)
    assert wrong["count"]["different"][0].endswith("2 here, 3 there")


# --- the published rooms ---------------------------------------------------------------------------------------------

META_INFO = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "vsibench_meta_info"


@pytest.fixture(scope="module")
def published():
    if not META_INFO.exists():
        pytest.skip(f"no published rooms beside this checkout: {META_INFO}")
    return list(read(META_INFO))


@pytest.mark.data
def test_all_288_published_rooms_are_read_and_what_is_left_out_has_its_reason(published):
    rooms = [row.room for row in published if isinstance(row, Scanned)]
    assert Counter(room.kind for room in rooms) == {"arkitscenes": 150, "scannet": 88, "scannetpp": 50}
    assert sum(len(room.objects) for room in rooms) == 3_197 - 12
    reasons = Counter(row.reason.partition(":")[0] for row in published if isinstance(row, Dropped))
    assert reasons == {"the same box as one before": 12, "not asked about": 3}
    assert {room.room_id: room.unsure for room in rooms if room.unsure} == {"scene0474_04": ("chair",), "scene0500_00": ("chair", "window")}
    assert all(abs(min(o.centre_m[2] - o.size_m[2] / 2 for o in room.objects)) < 1 for room in rooms)


@pytest.mark.data
def test_every_published_number_that_is_asked_for_is_the_official_one(published):
    scans = [row for row in published if isinstance(row, Scanned)]
    records = asked(scans, seed=0, per_family=4)
    found = agreement(records, scans)
    assert set(found) == {"count", "existence", "ground_category", "longest_side", "room_size"}
    assert all(row["equal"] == 1 and row["relative_difference_median"] < 0.02 for row in found.values()), found
    rooms, lexicon = {scan.room.room_id: scan.room for scan in scans}, {o.category for scan in scans for o in scan.room.objects}
    for r in records:
        solved = solve(r.question, rooms[r.room_id], lexicon=lexicon)
        assert solved.answer == r.answer and (r.answer_type != "boxes" or solved.targets == r.targets), r.question


# VSI-Bench's answers about three rooms: object sizes in cm, floor in m2, counts, and directions (level, by, facing, asked, answer).
OFFICIAL_CM = {
    "scene0593_00": {"sofa": 182, "printer": 54, "backpack": 54, "fan": 124, "door": 152, "table": 108},
    "scene0207_02": {"bed": 228, "chair": 94, "sofa": 200, "counter": 155, "refrigerator": 151, "pillow": 78, "monitor": 56, "printer": 40}
    | {"nightstand": 49, "closet": 219, "microwave": 46, "mirror": 113, "radiator": 95, "trash bin": 62},
    "scene0231_00": {"sofa": 196, "counter": 542, "refrigerator": 173, "pillow": 39, "plant": 49, "backpack": 60, "microwave": 64}
    | {"clock": 27, "door": 165},
}
OFFICIAL_M2 = {"scene0593_00": 20.7, "scene0207_02": 30.2, "scene0231_00": 39.3}
OFFICIAL_COUNT = {
    "scene0593_00": {"window": 2, "trash bin": 2},
    "scene0207_02": {"window": 2, "towel": 2, "backpack": 2, "door": 2, "table": 2},
    "scene0231_00": {"chair": 6, "window": 3, "lamp": 2, "trash bin": 2, "table": 2},
}
OFFICIAL_DIRECTIONS = [
    ("scene0593_00", "hard", "backpack", "fan", "door", "front right"),
    ("scene0593_00", "hard", "printer", "table", "door", "front left"),
    ("scene0593_00", "easy", "printer", "backpack", "table", "right"),
    ("scene0593_00", "medium", "backpack", "door", "fan", "left"),
    ("scene0593_00", "medium", "door", "fan", "table", "left"),
    ("scene0207_02", "hard", "printer", "pillow", "radiator", "behind left"),
    ("scene0207_02", "medium", "closet", "radiator", "trash bin", "left"),
    ("scene0231_00", "hard", "counter", "sofa", "backpack", "front right"),
    ("scene0231_00", "hard", "sofa", "counter", "clock", "front left"),
]


@pytest.mark.data
def test_three_rooms_have_the_answers_of_the_benchmark(published):
    scans = {row.room.room_id: row for row in published if isinstance(row, Scanned)}
    for name, official in OFFICIAL_CM.items():
        scan, there = scans[name], Counter(o.category for o in scans[name].room.objects)
        assert {c: scan.longest_cm[c] for c in official} == {c: (cm,) for c, cm in official.items()}
        assert round(scan.room.floor_m2, 1) == OFFICIAL_M2[name]
        assert {c: there[c] for c in OFFICIAL_COUNT[name]} == OFFICIAL_COUNT[name]
    for name, level, *things, answer in OFFICIAL_DIRECTIONS:
        by, facing, asked_for = (next(o for o in scans[name].room.objects if o.category == c) for c in things)
        assert part_of(f"direction_{level}", clockwise_deg(by, facing, asked_for)) == answer, (name, level, things)


@pytest.mark.data
def test_what_is_said_to_be_absent_is_not_named_by_others(published):
    """ScanQA and Nr3D name things in 47 of these rooms: of what VSI-Bench knows but does not list there, people name almost nothing."""
    scanqa, nr3d = META_INFO.parent / "scanqa" / "ScanQA_v1.0_val.json", sorted((META_INFO.parent / "sqa3d").rglob("*nr3d*by_scene*.json"))
    if not scanqa.exists() or not nr3d:
        pytest.skip(f"no ScanQA and Nr3D beside this checkout: {META_INFO.parent}")
    named = {(q["scene_id"], name) for q in json.loads(scanqa.read_text(encoding="utf-8")) for name in q["object_names"]}
    named |= {(scene, label) for scene, rows in json.loads(nr3d[0].read_text(encoding="utf-8")).items() for label, _ in rows}
    named = {(scene, name.replace("_", " ").replace("trash can", "trash bin")) for scene, name in named}
    rooms = {row.room.room_id: row for row in published if isinstance(row, Scanned) and row.room.kind == "scannet"}
    known, told = {category for scan in rooms.values() for category in scan.counts}, rooms.keys() & {scene for scene, _ in named}
    absent = {(name, category) for name in told for category in known - set(rooms[name].counts)}
    assert (len(told), len(absent), len(absent & named)) == (47, 1_259, 2)


@pytest.mark.data
def test_published_rooms_are_places_of_evaluation_wherever_they_turn_up(published, tmp_path):
    out = tmp_path / "vsi_rooms.jsonl"
    ask_scans(META_INFO / "data" / "meta_info" / "scannet_meta_info_val.json", out, per_family=1)
    records = read_records(out)
    meta = evaluation_places(sorted(META_INFO.rglob("*meta_info*.json")))
    assert {r.split for r in records} == {"test"} and len(leaks(records, meta, ("test",))) == len(records)
    rooms_file = out.with_name("vsi_rooms.rooms.jsonl")
    assert set(evaluation_places([rooms_file])) == {room.room_id[:9] for room in read_rooms(rooms_file)} >= set(evaluation_places([out]))
    with pytest.raises(BadInput, match="exists; type --force"):
        ask_scans(META_INFO, out)
