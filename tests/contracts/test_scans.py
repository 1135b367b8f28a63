"""Files of scanned rooms as people have them: what is broken costs itself and says why, and the command line writes whole files or none."""

from __future__ import annotations

import copy
import json
import math
import sys
from pathlib import Path

import pytest
from cli_world import typed

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped, read_records
from proxy3d.spacespan.room import Room, read_rooms
from proxy3d.spacespan.scans.meta_info import Scanned, read
from proxy3d.spacespan.symbols import NAMES, Symbol, symbols
from random_rooms import plain_room, thing
from scanned_rooms import two_scenes, written


def parted(path: Path) -> tuple[list[Scanned], list[Dropped]]:
    rows = list(read(path))
    return [row for row in rows if isinstance(row, Scanned)], [row for row in rows if isinstance(row, Dropped)]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("room_size", None, "no room_size"),
        ("room_size", float("nan"), "room_size: expected a finite number"),
        ("room_size", 0, "expected square metres above 0"),
        ("object_bbox", [], "object_bbox: expected boxes by category"),
        ("object_bbox", {}, "no usable box"),
        ("object_counts", 3, "object_counts: expected an object"),
        ("dataset", " ", "dataset is empty"),
    ],
)
def test_a_broken_room_is_left_out_with_its_reason_and_no_other(key, value, reason, tmp_path):
    scenes = two_scenes()
    scenes["scene0900_00"][key] = value
    scans, dropped = parted(written(tmp_path, scenes))
    assert [scan.room.room_id for scan in scans] == ["scene0901_00"]
    assert len(dropped) == 1 and reason in dropped[0].reason and dropped[0].where.endswith("scene0900_00")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("centroid", [0, 0, float("nan")], "centroid: expected 3 finite numbers"),
        ("centroid", [0, 0], "centroid: expected 3 finite numbers"),
        ("axesLengths", [1, 0, 1], "not longer than 0"),
        ("axesLengths", None, "no axesLengths"),
        ("axesLengths", "1 1 1", "axesLengths: expected 3 numbers"),
        ("normalizedAxes", [1, 0, 0, 0, 1, 0, 0, 1, 0], "three unit vectors at right angles"),
        ("max", [9, 9, 9], "min and max are not those"),
        ("min", [True, 0, 0], "min: expected 3 finite numbers"),
    ],
)
def test_a_broken_box_is_left_out_and_its_category_is_never_asked_about(key, value, reason, tmp_path):
    scenes = two_scenes()
    scenes["scene0901_00"]["object_bbox"]["piano"][0][key] = value
    scans, dropped = parted(written(tmp_path, scenes))
    assert len(scans) == 2 and scans[1].room.unsure == ("piano",)
    assert [row.where.rpartition(", ")[2] for row in dropped] == ["printer 2", "piano 1"] and reason in dropped[1].reason


def test_a_count_that_differs_from_the_boxes_makes_a_category_unsure(tmp_path):
    scenes = two_scenes()
    scenes["scene0900_00"]["object_counts"]["chair"] = 3
    scans, dropped = parted(written(tmp_path, scenes))
    assert scans[0].room.unsure == ("chair",) and dropped[-1].reason == "not asked about: 3 counted, 2 different boxes"


def test_names_that_come_twice_count_once(tmp_path):
    one = json.dumps(two_scenes()["scene0901_00"])
    scans, dropped = parted(written(tmp_path, f'{{"scene0901_00": {one}, "scene0901_00": {one}}}'))
    assert len(scans) == 1 and "comes twice in the file" in dropped[0].reason
    written(tmp_path, two_scenes(), "other_meta_info_val.json")
    scans, dropped = parted(tmp_path)
    assert len(scans) == 2 and "came before, in another file" in {row.reason.removeprefix("this scene ") for row in dropped}


@pytest.mark.parametrize(
    "content", ["", "3", "[]", "{}", '{"scene0900_00": {"room_size": 3', "[" * 100_000, b"\xff\xfe\x00", '{"caf\xe9": 1}'.encode("latin-1")]
)
def test_a_broken_file_gives_one_line_alone_and_a_reason_among_others(content, tmp_path):
    file = tmp_path / "scannet_meta_info_val.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadInput, match=f"{file.name}.*(expected|not JSON)") as caught:
        list(read(file))
    assert "\n" not in str(caught.value)
    written(tmp_path, two_scenes(), "good_meta_info_val.json")
    scans, dropped = parted(tmp_path)
    assert len(scans) == 2 and any(row.where == file.name for row in dropped)


def test_the_command_line_writes_records_rooms_and_what_was_left_out(tmp_path, capsys):
    scenes = two_scenes()
    for i in range(2, 6):  # more of the same, so that balance leaves something
        scenes[f"scene090{i}_00"] = copy.deepcopy(scenes[f"scene090{i % 2}_00"])
    file, out = written(tmp_path / "meta", scenes), tmp_path / "vsi_rooms.jsonl"
    done = typed(capsys, f"data real {tmp_path / 'meta'} -o {out} --json")
    result = json.loads(done.out)
    records, rooms = read_records(out), read_rooms(tmp_path / "vsi_rooms.rooms.jsonl")
    assert done.status == 0 and result["rooms"] == len(rooms) == 6 and result["records"] == len(records) > 50
    assert result["reasons"] == {"the same box as one before": 3} and all(row["equal"] == 1 for row in result["agreement"].values())
    assert {(r.source, r.licence, r.split) for r in records} == {("vsi_rooms", "Apache-2.0", "test")}
    assert len({r.question_id for r in records}) == len(records) and all(Room.from_json(room.to_json()) == room for room in rooms)
    before = out.read_bytes()
    assert typed(capsys, f"data real {file} -o {out}").status == 2
    assert typed(capsys, f"data real {file} -o {out} --force").status == 0 and out.read_bytes() == before
    assert typed(capsys, f"data real {file} -o {tmp_path / 'x.jsonl'} --per-family 0").status == 2
    assert typed(capsys, f"data check {out}").status == 0
    # Said to be training data, they are found out, whichever of the three files the list is.
    (tmp_path / "train.jsonl").write_text(out.read_text().replace('"split":"test"', '"split":"train"').replace("vsi_rooms", "mine"))
    for places in (file, out, tmp_path / "vsi_rooms.rooms.jsonl"):
        told = typed(capsys, f"data check {tmp_path / 'train.jsonl'} --against {places}")
        assert told.status == 2 and f"{len(records)} training records of an evaluated place" in told.err


def test_nothing_to_read_gives_one_line_and_leaves_nothing_behind(tmp_path, capsys):
    scenes = {"scene0900_00": {}}
    told = typed(capsys, f"data real {written(tmp_path / 'meta', scenes)} -o {tmp_path / 'out' / 'x.jsonl'}")
    assert told.status == 2 and "no room can be used; the first says: no room_size" in told.err and told.err.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(BadInput, match="line 1: not a room"):
        read_rooms(written(tmp_path, "{}", "x.rooms.jsonl"))


# --- symbols ---------------------------------------------------------------------------------------------------------


def test_symbols_are_the_objects_of_any_room_with_names_that_a_seed_shuffles(tmp_path):
    scans, _ = parted(written(tmp_path, two_scenes()))
    plain, drawn = symbols(scans[0].room), symbols(scans[0].room, rng_seed=1)
    assert [s.name for s in plain] == [f"<OBJ{i:03d}>" for i in range(7)] and drawn == symbols(scans[0].room, rng_seed=1)
    assert [(s.category, s.object_id, s.box) for s in plain] == [(s.category, s.object_id, s.box) for s in drawn]
    assert len({s.identifier for s in drawn}) == 7 and drawn != symbols(scans[0].room, rng_seed=2)


def test_of_more_than_a_hundred_objects_the_largest_get_names():
    room = plain_room(*(thing(i, "cup", (0, 0, 1), (1, 1, math.sqrt(i))) for i in range(1, NAMES + 6)))
    assert {s.object_id for s in symbols(room, rng_seed=0)} == set(range(6, NAMES + 6))
    with pytest.raises(ValueError, match="identifier"):
        Symbol("cup", NAMES, 1, room.objects[0].box)
