"""What `data make` promises of a whole data set, and what `data check-rooms`, `report` and `show` say of it; its rooms are cast, not rendered."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cli_world import typed

from cast_rooms import cast_data_set, cast_room
from proxy3d.errors import BadInput
from proxy3d.evaluation import spacespan_report
from proxy3d.extras import extra
from proxy3d.spacespan.checks import check_rooms, shared, unseen_questions
from proxy3d.spacespan.record import Record, read_records
from proxy3d.spacespan.rooms import engines, shards
from proxy3d.spacespan.rooms.photo import Corruption
from random_rooms import plain_room, thing

COUNTS = {"train": 3, "val": 1, "test": 2}


def build(out, counts=COUNTS, **settings):
    return cast_data_set(out, counts, **settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "rooms"
    build(out)
    return out


@pytest.fixture
def copy(made, tmp_path):
    """A data set that a test may damage."""
    return Path(shutil.copytree(made, tmp_path / "rooms"))


def edit_room(folder, **fields):
    room = json.loads((folder / "room.json").read_text())
    (folder / "room.json").write_text(json.dumps({**room, **fields}))


def test_a_second_run_and_a_run_after_a_stop_say_the_same(made, copy):
    said = (made / "spacespan.json").read_bytes()
    build(copy)
    assert (copy / "spacespan.json").read_bytes() == said
    for gone in ("train/train-000001", "test/test-000000"):
        shutil.rmtree(copy / gone)
    for gone in ("train/shard-00000.json", "train/dataset.json", "spacespan.json"):
        (copy / gone).unlink()
    (copy / "test" / "shard-00000.json").write_text('{"rooms": [{"index"')
    build(copy)
    assert (copy / "spacespan.json").read_bytes() == said


def test_the_hash_covers_pictures_depth_and_objects_of_every_room(made):
    facts = json.loads((made / "spacespan.json").read_text())
    assert set(facts) >= {"seed", "splits", "sha256", "version", "bank"} and set(facts["splits"]) == set(COUNTS)
    for name, split in facts["splits"].items():
        assert set(split) >= {"rooms", "questions", "sha256", "rooms_sha256", "queries", "queries_sha256"}
        written = (made / f"{name}.queries.jsonl").read_bytes()
        assert hashlib.sha256(written).hexdigest() == split["queries_sha256"] and written.count(b"\n") == split["queries"]
    before = shards.files_digest(made / "val" / "val-000000")
    for file in ("room.json", "color/00.jpg", "depth/01.png", "instance/02.png"):
        path = made / "val" / "val-000000" / file
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        assert shards.files_digest(made / "val" / "val-000000") != before, file
        path.write_bytes(kept)


def test_what_the_making_cost_is_kept_apart_from_what_was_made(made, copy):
    rooms = shards.read_shards(made / "train")
    assert [r.index for r in rooms] == list(range(3)) and all(r.seconds >= 0 and r.cpu_seconds >= 0 for r in rooms)
    assert "seconds" not in (made / "spacespan.json").read_text() + (made / "train" / "dataset.json").read_text()
    (copy / "train" / "shard-00000.json").unlink()  # then rooms are read, not made, and nobody knows what they cost
    build(copy)
    assert {r.seconds for r in shards.read_shards(copy / "train")} == {None}


def test_a_shard_is_written_when_its_last_room_is_there(tmp_path):
    ledger = shards.Ledger(tmp_path, 60)
    ledger.expect(range(48, 60))
    for i in (49, *range(50, 59)):
        ledger.add(shards.MadeRoom(i, f"{i}"))
    assert not list(tmp_path.iterdir())
    ledger.add(shards.MadeRoom(48, "48"))
    assert [p.name for p in tmp_path.iterdir()] == ["shard-00000.json"]
    assert [r.index for r in shards.read_shards(tmp_path)] == [48, 49]


def test_corrupted_rooms_are_not_mixed_with_clean_ones(copy):
    with pytest.raises(BadInput, match="corruption None instead of .*depth_noise.*name another folder"):
        build(copy, corruption=Corruption(depth_noise=1))


def test_an_engine_that_nobody_knows_or_has(copy, monkeypatch):
    with pytest.raises(BadInput, match="no engine is called 'rya'; known: processes, ray"):
        build(copy, engine="rya")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match="needs the package ray.*" + re.escape(extra("scale"))):
        list(engines.on_ray(str, [1, 2], 2))


# --- checks ----------------------------------------------------------------------------------------------------------


def test_exact_rooms_pass_every_check(made):
    found = check_rooms(made)
    assert found["troubles"] == 0 and found["trouble"] == []
    assert found["rooms"] == 6 and found["measured_rooms"] == 6 and found["room_kinds"] == 2
    assert found["depth_consistency_m_median"] < 0.001 and found["points_in_box_min"] > 0.99 and found["measured_boxes"] > 20
    assert check_rooms(made, sample=1)["measured_rooms"] == 3


DAMAGE = {
    "shifted box": (lambda d: shift_box(d / "test" / "test-000001"), "box holds"),
    "turned camera": (lambda d: turn_cameras(d / "test" / "test-000001"), "depth of two frames differs"),
    "pixels miscounted": (lambda d: recount(d / "val" / "val-000000"), "pixels are not those of the instance images"),
    "texture in two splits": (lambda d: edit_room(d / "val" / "val-000000", textures=[f"train-{i}" for i in range(4)]), "texture in train"),
    "seed in two splits": (lambda d: edit_room(d / "val" / "val-000000", seed=3), "seed in train and val"),
    "question about nobody's room": (lambda d: requestion(d, room_id="test-000009"), "is about a room that is not in test"),
    "query for nobody's room": (lambda d: requery(d), "is about a room that is not in test"),
    "question about what was not filmed": (lambda d: requestion(d, targets=[99]), "asks about what was never seen"),
}


def things_of(folder):
    return json.loads((folder / "room.json").read_text())["objects"]


def shift_box(folder):
    things = things_of(folder)
    largest = max(things, key=lambda o: o["pixels"][0])
    largest["centre_m"][0] += 0.6
    edit_room(folder, objects=things)


def turn_cameras(folder):
    """Tilt one camera up by 3 degrees; turned about the vertical, it would see the same floor."""
    pose = np.array(json.loads((folder / "room.json").read_text())["world_from_camera"])
    c, s = np.cos(0.05), np.sin(0.05)
    pose[1, :3, :3] = pose[1, :3, :3] @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    edit_room(folder, world_from_camera=pose.tolist())


def recount(folder):
    things = things_of(folder)
    things[0]["pixels"][0] += 1
    edit_room(folder, objects=things)


def requestion(folder, **fields):
    lines = (folder / "test.jsonl").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if '"answer_type":"metres"' in line)
    lines[at] = json.dumps({**json.loads(lines[at]), "answers": [], **fields})
    (folder / "test.jsonl").write_text("\n".join(lines) + "\n")


def requery(folder):
    file = folder / "test.queries.jsonl"
    first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([json.dumps({**json.loads(first), "rooms": ["test-000009"]}), *rest]) + "\n")


@pytest.mark.parametrize("what", DAMAGE)
def test_every_check_finds_what_it_is_for(copy, what):
    spoil, says = DAMAGE[what]
    spoil(copy)
    found = check_rooms(copy)
    assert found["troubles"] >= 1 and any(says in line for line in found["trouble"]), found["trouble"]
    assert found["changed_rooms"] == (0 if "question" in what or "query" in what else 1)


@pytest.mark.parametrize(
    "question, answer, rests_on_something",
    [
        ("How tall is the piano?", "1.2 m", False),
        ("Is there a piano?", "no", True),
        ("Is there a piano?", "yes", False),
        ("How tall is the desk?", "0.8 m", True),
        ("True or false: there is a piano.", "false", True),
        ("True or false: there is a piano.", "true", False),
        ("True or false: there is a desk or there is a piano.", "true", True),
        ("True or false: there are more desks than pianos.", "true", True),
        ("True or false: the desk is nearer to the desk than to the piano.", "true", False),
    ],
)
def test_a_question_may_name_what_nobody_saw_only_to_deny_it(question, answer, rests_on_something):
    """The piano stands in the room, behind the camera; the desk is in the picture."""
    room = plain_room(thing(1, "desk", (2, 2, 0.4)), thing(2, "piano", (4, 1, 0.5), pixels=(0, 10, 0)))
    kind = "yes_no" if answer in ("yes", "no") else "choice" if answer in ("true", "false") else "metres"
    choices = ("true", "false") if kind == "choice" else ()
    record = Record("q", room.room_id, "test", "height", question, answer, kind, "piano", choices=choices)
    found = list(unseen_questions({"test": {room.room_id: room}}, {"test": [record]}))
    assert (not found) == rests_on_something, found


def test_a_stretched_copy_is_the_model_it_was_made_of():
    train, test = (cast_room(seed, split, f"{split}-0").room for seed, split in ((0, "train"), (1, "test")))
    twin = replace(test.objects[0], model=f"{train.objects[0].model}~2")
    rooms = {"train": {"train-0": train}, "test": {"test-0": replace(test, objects=(twin, *test.objects[1:]))}}
    assert list(shared(rooms)) == [f"model in train and test: {train.objects[0].model}"]


def test_geometry_of_rooms_with_a_noisy_sensor_is_told_and_not_judged(copy):
    turn_cameras(copy / "test" / "test-000001")
    (copy / "test" / "shard-00000.json").unlink()
    facts = json.loads((copy / "spacespan.json").read_text())
    (copy / "spacespan.json").write_text(json.dumps({**facts, "corruption": {"depth_noise": 1.0}}))
    found = check_rooms(copy)
    assert found["troubles"] == 0 and not found["exact_depth"] and found["depth_consistency_m_worst_room"] > 0.01


def test_check_rooms_exits_by_what_it_finds(made, copy, capsys, tmp_path):
    back = typed(capsys, f"data check-rooms {made} --json")
    assert back.status == 0 and json.loads(back.out)["troubles"] == 0 and back.err == ""
    edit_room(copy / "val" / "val-000000", seed=3)
    back = typed(capsys, f"data check-rooms {copy}")
    assert back.status == 2 and "things are wrong; the list is above" in back.err and back.err.count("\n") == 1
    for line, says in ((f"{tmp_path}/gone", "no rooms in train/"), (f"{made} --sample 0", "--sample 0: expected at least 1")):
        back = typed(capsys, f"data check-rooms {line}")
        assert back.status == 2 and says in back.err
    (copy / "test" / "test-000000" / "depth" / "00.png").write_bytes(b"no picture")
    assert "a picture cannot be read" in typed(capsys, f"data check-rooms {copy}").err


# --- the report and what people look at --------------------------------------------------------------------------------


def test_the_report_has_a_row_for_every_family_with_all_its_baselines(made, tmp_path, capsys):
    line = f"data report {made} -o {tmp_path}/spacespan.json"
    assert typed(capsys, line).status == 0
    result = json.loads((tmp_path / "spacespan.json").read_text())
    summary = result["summary"]
    assert set(summary) >= {"rooms_per_minute_per_core", "bytes_per_room", "depth_consistency_m_median", "points_in_box_min", "families"}
    assert summary["rooms_per_minute_per_core"] > 0 and 1000 < summary["bytes_per_room"] < 1e6
    rows = {row["name"]: row for row in summary["families"]}
    assert all(set(row) >= {"name", "n", "chance", "majority", "prior", "blind", "oracle"} for row in rows.values())
    assert {row["blind"] for row in rows.values()} == {None}, "nobody was asked"
    assert 0.5 in {row["chance"] for row in rows.values()}
    assert rows["ground_category"]["majority"] is None and rows["ground_category"]["prior_number_of_boxes"] is not None
    assert {row["oracle"] for row in rows.values()} == {1.0}
    assert rows["statement"]["chance"] == rows["statement"]["majority"] == rows["statement"]["prior"] == 0.5
    assert rows["object_caption"]["chance"] is None and rows["scene_caption"]["n"] > 0
    queries = sum(len((made / f"{split}.queries.jsonl").read_text().splitlines()) for split in COUNTS)
    assert rows["retrieval"]["n_all"] == queries > 0 and rows["retrieval"]["majority"] is None and 0 < rows["retrieval"]["chance"] <= 1
    assert {"commit", "machine", "data", "sample"} <= set(result["run"]) and result["seeds"] == {"rooms": 0, "questions": 0}
    assert "--force" in typed(capsys, line).err


def test_a_blind_reader_is_asked_what_it_was_taught_and_nothing_else(made, monkeypatch):
    def always_yes(reader, numbers, questions):
        assert not numbers.feature.any() and not numbers.xyz_room_m.any(), "it sees nothing"
        return SimpleNamespace(text=["yes"] * len(questions))

    monkeypatch.setattr(spacespan_report, "answer_many", always_yes)
    taught = {"run": {"settings": {"families": ["left_right", "count"]}}}
    weights = SimpleNamespace(reader=SimpleNamespace(settings=SimpleNamespace(proxy_dim=4)), facts=taught)
    records = read_records(made / "train.jsonl")
    asked = [r.answer for r in records if r.family == "left_right"]
    shares = spacespan_report.blind_shares(weights, records)
    assert shares == {"left_right": asked.count("yes") / len(asked), "count": 0.0} and 0 < shares["left_right"] < 1


def test_weights_that_are_none_are_refused_before_anything_is_measured(made, tmp_path, capsys):
    back = typed(capsys, f"data report {made} -o {tmp_path}/s.json --blind {tmp_path}/gone.safetensors")
    assert back.status == 2 and "gone.safetensors" in back.err and back.err.count("\n") == 1 and not (tmp_path / "s.json").exists()


def test_a_contact_sheet_shows_every_kind(made, tmp_path, capsys):
    assert json.loads(typed(capsys, f"data show {made} -o {tmp_path}/sheet.png --rooms 6 --json").out)["rooms"] == 6
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG" and sheet.width > 3 * sheet.height / 2
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    assert "--force" in typed(capsys, f"data show {made} -o {tmp_path}/sheet.png").err
    assert "ends in .png" in typed(capsys, f"data show {made} -o {tmp_path}/sheet.html").err


def test_the_page_of_a_room_has_its_questions_with_boxes_and_answers(made, tmp_path, capsys):
    room = made / "test" / "test-000001"
    got = json.loads(typed(capsys, f"data show {room} -o {tmp_path}/room.html --json").out)
    records = [json.loads(line) for line in (made / "test.jsonl").read_text().splitlines() if '"room_id":"test-000001"' in line]

    class Data(HTMLParser):
        text, inside = "", False

        def handle_starttag(self, tag, attributes):
            self.inside = dict(attributes).get("id") == "data"

        def handle_data(self, data):
            self.text += data if self.inside else ""

    page = Data()
    page.feed((tmp_path / "room.html").read_text())
    data = json.loads(page.text)
    assert got["questions"] == len(records) > 5 and len(data["answers"]) == len(records) + 1
    assert [a["question"] for a in data["answers"][1:]] == [r["question"] for r in records]
    assert [len(a["boxes"]) for a in data["answers"][1:]] == [len(r["targets"]) for r in records]
    assert len(data["answers"][0]["boxes"]) == len(things_of(room)) and data["cloud"]["count"] > 1000 and data["proxies"] == []
    assert "ends in .html" in typed(capsys, f"data show {room} -o {tmp_path}/room.png").err


# --- engines -----------------------------------------------------------------------------------------------------------


def rendered(out, *more):
    """`data make` as people type it, in a process of its own."""
    command = [sys.executable, "-m", "proxy3d.cli", "data", "make", "-o", str(out), "--rooms", "3", "--val", "0", "--test", "2", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate(timeout=600)
    if "rooms cannot be drawn here" in err:
        pytest.skip(err)
    assert process.returncode == 0, err
    return out


@pytest.mark.slow
def test_any_number_of_workers_and_a_kill_in_the_middle_give_the_same_rooms(tmp_path):
    finished(rendered(tmp_path / "one", "--workers", "1"))
    finished(rendered(tmp_path / "two", "--workers", "2"))
    killed = rendered(tmp_path / "killed", "--workers", "2")
    while killed.poll() is None and not list(tmp_path.glob("killed/train/train-*/room.json")):
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    finished(rendered(tmp_path / "killed", "--workers", "2"))
    said = [(tmp_path / name / "spacespan.json").read_bytes() for name in ("one", "two", "killed")]
    assert said[0] == said[1] == said[2]
    assert check_rooms(tmp_path / "one")["troubles"] == 0


@pytest.mark.slow
def test_ray_makes_the_same_rooms(tmp_path):
    pytest.importorskip("ray", reason='needs Ray: pip install -e ".[scale]"')
    finished(rendered(tmp_path / "here", "--workers", "1"))
    finished(rendered(tmp_path / "there", "--workers", "2", "--engine", "ray"))
    assert (tmp_path / "here" / "spacespan.json").read_bytes() == (tmp_path / "there" / "spacespan.json").read_bytes()
