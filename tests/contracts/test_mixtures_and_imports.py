"""Records from anywhere: what a record refuses, what is drawn from many, and what the command line says about files of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from cli_world import typed
from question_writers import WRITTEN, write

from proxy3d.errors import BadInput
from proxy3d.spacespan.mixture import SPACESPAN_318K, Mixture, draw, evaluation_places, leaks, mix
from proxy3d.spacespan.places import place_of, room_of, shared_places
from proxy3d.spacespan.record import Record, read_records, write_records
from proxy3d.spacespan.sources import SOURCES
from proxy3d.values import Box

UNIT = ((1.0, 0.0, 0.0, 2.0), (0.0, 1.0, 0.0, 3.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
GOOD = Record("q", "room", "train", "made", "What is it?", "a stool", "text", "")


# --- the record ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"room_id": " "}, "room_id"),
        ({"split": ""}, "split"),
        ({"question": 3}, "question"),
        ({"answers": ("a lamp", "a stool")}, "answers"),
        ({"answers": ("a stool", "")}, "answers"),
        ({"answer": "", "answers": ()}, "answers"),
        ({"answer_type": "hidden"}, "answers"),
        ({"media": ("/clips/a.mp4",)}, "media"),
        ({"media": ("../a.mp4",)}, "media"),
        ({"media": ("c:/a.mp4",)}, "media"),
        ({"media": ("clips\\a.mp4",)}, "media"),
        ({"answer_type": "number"}, "answer"),
        ({"answer_type": "number", "answer": "nan", "answers": ()}, "answer"),
        ({"answer_type": "objects", "targets": (1, 2), "answer": "1", "answers": ()}, "answer"),
        ({"answer_type": "boxes", "boxes": (Box((float("nan"), 0, 0), (1, 1, 1)),)}, "boxes"),
        ({"answer_type": "boxes", "boxes": (Box((0, 0, 0), (1, 1, 1)),) * 2, "targets": (1,)}, "boxes"),
        ({"world_from_agent": UNIT[:3]}, "world_from_agent"),
        ({"world_from_agent": ((2.0, 0.0, 0.0, 2.0), *UNIT[1:])}, "world_from_agent"),
        ({"world_from_agent": ((float("nan"), 0.0, 0.0, 2.0), *UNIT[1:])}, "world_from_agent"),
        ({"subject": "\ud800"}, "* expected text that UTF-8 can write"),
    ],
)
def test_a_record_of_any_source_checks_itself(change, message):
    with pytest.raises(ValueError, match=rf"Record\W?{message}" if "*" not in message else "surrogate"):
        replace(GOOD, **change)


def test_a_full_record_comes_back_from_its_line():
    full = replace(
        GOOD,
        answers=("a stool", "stool"),
        source="made",
        licence="CC0",
        unit="m",
        situation="By the door.",
        world_from_agent=UNIT,
        media=("a/b.mp4",),
        targets=(3,),
    )
    assert Record.from_json(full.to_json()) == full


def test_lines_written_before_records_had_a_source_still_load_and_keep_their_bytes():
    line = (
        '{"question_id":"train-000017-count-0","room_id":"train-000017","split":"train","family":"count","question":"How many?","answer":"2",'
        '"answer_type":"number","subject":"sofa","choices":[],"targets":[1,4],"boxes":[],"chance":null}'
    )
    record = Record.from_json(line)
    assert record.answers == ("2",) and record.source == "" and record.to_json() == line


def test_boxes_without_ids_and_hidden_answers_are_records():
    boxed = replace(GOOD, answer_type="boxes", answer="1", answers=(), boxes=(Box((0, 0, 0), (1, 1, 1)),))
    hidden = replace(GOOD, answer_type="hidden", answer="", answers=())
    assert Record.from_json(boxed.to_json()) == boxed and Record.from_json(hidden.to_json()) == hidden


def test_a_question_with_strange_line_ends_is_still_one_line(tmp_path):
    strange = replace(GOOD, question="What\u2028is\x85it?")
    write_records(tmp_path / "r.jsonl", [strange, GOOD])
    assert read_records(tmp_path / "r.jsonl") == [strange, GOOD]


def test_a_file_of_records_is_written_whole_or_not_at_all(tmp_path):
    def failing():
        yield GOOD
        raise BadInput("the source broke off")

    with pytest.raises(BadInput):
        write_records(tmp_path / "r.jsonl", failing())
    assert not list(tmp_path.iterdir())


def test_records_that_are_not_utf8_are_refused_in_one_line(tmp_path):
    (tmp_path / "r.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="expected UTF-8"):
        read_records(tmp_path / "r.jsonl")


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "room", "place"),
    [
        ("scannet/scene0011_01.mp4", "scene0011_01", "scene0011"),
        ("scannet/images/scene0012_01/image_color/133.jpg", "scene0012_01", "scene0012"),
        ("arkitscenes/41069025.mp4", "41069025", "41069025"),
        ("0a1b2c3d4e/frame_01.png", "0a1b2c3d4e", "0a1b2c3d4e"),
        ("spar/scannetpp/images/0a1b2c3d4e/image_color/1.jpg", "0a1b2c3d4e", "0a1b2c3d4e"),
        ("frames/picture_01.jpg", "picture_01", "picture_01"),
        ("1mp3d_0001_region8", "1mp3d_0001_region8", "1mp3d_0001_region8"),
    ],
)
def test_a_path_names_its_room_and_its_place(path, room, place):
    assert room_of(path) == room and place_of(room) == place


def record(i: int, source: str = "scanqa", split: str = "train", room: str | None = None, **more) -> Record:
    more = {"family": source, **more}
    return Record(
        f"{source}/{split}-{i}", room or f"scene{i:04d}_00", split, question="?", answer="x", answer_type="text", subject="", source=source, **more
    )


def test_two_scans_of_one_room_are_one_place_for_splits():
    apart = [record(1), record(2, split="val"), record(2, split="test", source="vsi_bench")]
    assert not list(shared_places(apart))  # VSI-Bench tests on what ScanNet calls validation
    again = record(3, split="val", room="scene0001_02")
    assert list(shared_places([*apart, again])) == [("scene0001", "scanqa train", "scanqa val")]
    assert list(shared_places([record(1), record(1, source="vsi_bench", split="test")])) == [("scene0001", "scanqa train", "vsi_bench test")]
    assert not list(shared_places([record(1), record(1, split="all", source="nr3d")]))


# --- mixtures --------------------------------------------------------------------------------------------------------

POOL = [record(i, source) for source in ("scanqa", "sqa3d", "scan2cap") for i in range(40)] + [record(99, split="val")]


def test_a_draw_has_exact_counts_and_depends_on_nothing_but_ids_and_seed():
    mixture = Mixture({"scanqa": 3, "sqa3d": 1}, seed=5, total=22)
    drawn = draw(mixture, POOL)
    assert Counter(r.source for r in drawn) in ({"scanqa": 16, "sqa3d": 6}, {"scanqa": 17, "sqa3d": 5})
    assert draw(mixture, reversed(POOL)) == drawn
    fewer = draw(replace(mixture, shares={"scanqa": 3}, total=10), POOL)
    assert {r.question_id for r in fewer} <= {r.question_id for r in drawn}
    assert draw(replace(mixture, seed=6), POOL) != drawn
    assert all(r.split == "train" for r in drawn) and len({r.question_id for r in drawn}) == 22


def test_without_a_total_the_scarcest_share_decides():
    pool = [r for r in POOL if r.source != "sqa3d" or int(r.question_id.rpartition("-")[2]) < 7]
    assert Counter(r.source for r in draw(Mixture({"scanqa": 3, "sqa3d": 1}), pool)) == {"scanqa": 21, "sqa3d": 7}


def test_a_share_may_be_one_family_of_a_source():
    pool = [record(i, "mmscan", family="mmscan_vg" if i % 2 else "mmscan_qa") for i in range(20)]
    assert {r.family for r in draw(Mixture({"mmscan_vg": 1}), pool)} == {"mmscan_vg"}


def test_too_few_records_say_how_many_there_are():
    with pytest.raises(BadInput, match="scanqa has 40 of 150.*lower total to 53"):
        draw(Mixture({"scanqa": 3, "sqa3d": 1}, total=200), POOL)
    with pytest.raises(BadInput, match="a share has none"):
        draw(Mixture({"spar": 1}), POOL)


def test_the_proportions_of_the_paper_are_of_sources_that_we_read_and_add_up():
    known = set(SOURCES) | {"mmscan_vg", "mmscan_qa"}
    whole = sum(SPACESPAN_318K.shares.values())
    assert set(SPACESPAN_318K.shares) <= known and len(SPACESPAN_318K.shares) == 8
    assert [round(100 * share / whole) for share in SPACESPAN_318K.shares.values()] == [26, 13, 13, 10, 10, 10, 10, 10]


@pytest.mark.parametrize(
    "text", ["[]", "{", "{}", '{"shares": {}}', '{"shares": {"scanqa": 0}}', '{"shares": {"scanqa": "x"}}', '{"shares": {"scanqa": 1}, "total": -1}',
             '{"shares": {"scanqa": 1}, "seed": "x"}', '{"shares": {"scanqa": 1}, "sede": 1}', '{"shares": {"scanqa": NaN}}']
)  # fmt: skip
def test_what_is_no_mixture_is_refused_in_one_line(text, tmp_path):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(BadInput, match="m.json") as caught:
        Mixture.load(tmp_path / "m.json")
    assert "\n" not in str(caught.value)


def test_a_mixture_comes_back_from_its_file(tmp_path):
    (tmp_path / "m.json").write_text(SPACESPAN_318K.to_json())
    assert Mixture.load(tmp_path / "m.json") == SPACESPAN_318K


def evaluation_files(folder: Path) -> list[Path]:
    """Every form in which somebody lists the scenes of an evaluation set."""
    write_records(folder / "e.jsonl", [record(3, split="test")])
    texts = {
        "exclude_list.txt": "scene0003_01.mp4\n\n",
        "meta.json": '{"scene0003_00": {"dataset": "scannet"}}',
        "names.json": '["scene0003_02"]',
        "rows.json": '[{"scene_id": "scene0003_00"}]',
        "vsi.json": '[{"scene_name": "scene0003_00"}]',
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in ("e.jsonl", *texts)]


def test_every_list_of_evaluation_scenes_finds_the_leak(tmp_path):
    shown = replace(record(5), media=("scannet/scene0003_00/1.jpg",))
    for file in evaluation_files(tmp_path):
        places = evaluation_places([file])
        assert places == {"scene0003": file.name}
        found = leaks([record(3, room="scene0003_04"), record(4), shown, record(3, split="val"), record(3, split="all")], places)
        assert [r.question_id for r, _ in found] == ["scanqa/train-3", "scanqa/train-5", "scanqa/all-3"]


@pytest.mark.parametrize(("name", "text"), [("a.txt", "\n"), ("a.json", "{}"), ("a.json", "[3]"), ("a.json", '{"questions": []}'), ("a.jsonl", "")])
def test_a_list_without_scenes_is_refused_because_it_would_find_no_leak(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match="expected names of scenes"):
        evaluation_places([tmp_path / name])
    with pytest.raises(BadInput, match="no such file"):
        evaluation_places([tmp_path / "absent.txt"])


def test_a_mix_leaves_evaluation_out_and_its_manifest_says_what_it_was_made_from(tmp_path):
    write_records(tmp_path / "pool.jsonl", POOL)
    (tmp_path / "exclude_list.txt").write_text("scene0003_00.mp4\nscene0004_00.mp4\n")
    result = mix(Mixture({"scanqa": 1}), [tmp_path / "pool.jsonl"], tmp_path / "out.jsonl", against=[tmp_path / "exclude_list.txt"])
    drawn = read_records(tmp_path / "out.jsonl")
    assert len(drawn) == 38 == result["records"] and not {"scene0003_00", "scene0004_00"} & {r.room_id for r in drawn}
    manifest = json.loads((tmp_path / "out.manifest.json").read_text())
    digest = hashlib.sha256((tmp_path / "pool.jsonl").read_bytes()).hexdigest()
    assert manifest["inputs"][str(tmp_path / "pool.jsonl")] == digest and len(manifest["inputs"]) == 2
    assert manifest["left_out_for_evaluation"] == 6  # of three sources
    with pytest.raises(BadInput, match="--force"):
        mix(Mixture({"scanqa": 1}), [tmp_path / "pool.jsonl"], tmp_path / "out.jsonl")


# --- the command line ------------------------------------------------------------------------------------------------


def test_import_writes_records_and_what_was_dropped(tmp_path, capsys):
    written = WRITTEN["scanqa"]
    write("scanqa", tmp_path / "in", [*written.rows, written.broken])
    line = f"data import scanqa {tmp_path / 'in'} -o {tmp_path / 'out' / 'scanqa.jsonl'}"
    done = typed(capsys, line)
    assert done.status == 0 and "5 records of 5 rooms, licence CC BY-NC-SA 3.0" in done.out and "train    5" in done.out
    assert "1 rows dropped" in done.out and "1 no answers" in done.out
    assert len(read_records(tmp_path / "out" / "scanqa.jsonl")) == 5
    (row,) = (tmp_path / "out" / "scanqa.dropped.jsonl").read_text().splitlines()
    assert json.loads(row) == {"source": "scanqa", "where": "ScanQA_v1.0_train.json, row 6", "reason": "no answers"}
    again = typed(capsys, line)
    assert again.status == 2 and "--force" in again.err
    forced = typed(capsys, f"{line} --force --json")
    assert forced.status == 0 and json.loads(forced.out)["reasons"] == {"no answers": 1}


def test_import_drops_questions_whose_clip_is_missing(tmp_path, capsys):
    write("vsi_bench", tmp_path / "in")
    (tmp_path / "clips" / "scannet").mkdir(parents=True)
    (tmp_path / "clips" / "scannet" / "scene0900_00.mp4").touch()
    done = typed(capsys, f"data import vsi_bench {tmp_path / 'in'} -o {tmp_path / 'v.jsonl'} --media {tmp_path / 'clips'} --json")
    assert json.loads(done.out)["records"] == 1 and json.loads(done.out)["dropped"] == 4


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("data import kcanqa {0} -o {0}/x.jsonl", "no source is called 'kcanqa'. Known: chatscene"),
        ("data import scanqa {0} -o {0}/x.jsonl", "expected ScanQA_v1.0_*.json"),
        ("data import scanqa {0}/absent -o {0}/x.jsonl", "no such file or folder"),
        ("data import scanqa {0}/empty.json -o {0}/x.jsonl", "no row of scanqa can be used; the first says: there is none"),
        ("data import scanqa {0} -o {0}", "is a folder"),
        ("data import scanqa {0} -o {0}/empty.json/x.jsonl", "is no folder"),
        ("data import scanqa {0} -o {0}/x.jsonl --media {0}/absent", "--media"),
        ("data import scanqa", "type proxy3d data import scanqa FOLDER"),
        ("data check {0}/absent.jsonl", "no such file"),
        ("data check {0}/empty.json", "not a question record"),
        ("data check", "type proxy3d data check"),
        ("data mix {0}/absent.json {0}/x.jsonl -o {0}/y.jsonl", "cannot be read"),
        ("data mix spacespan-318k {0}/absent.jsonl -o {0}/y.jsonl", "no such file"),
    ],
)
def test_what_cannot_be_imported_gives_one_line_and_leaves_nothing(line, says, tmp_path, capsys):
    (tmp_path / "empty.json").write_text("[]")
    done = typed(capsys, line.format(tmp_path))
    assert done.status == 2 and says in done.err and len(done.err.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["empty.json"]


def test_check_is_content_with_what_is_in_order(tmp_path, capsys):
    write_records(tmp_path / "a.jsonl", [record(1), record(2, split="val")])
    (tmp_path / "exclude_list.txt").write_text("scene0002_00.mp4\n")
    done = typed(capsys, f"data check {tmp_path / 'a.jsonl'} --against {tmp_path / 'exclude_list.txt'} --json")
    result = json.loads(done.out)
    assert done.status == 0 and result["records"] == 2 and result["evaluation_places"] == 1 and result["trouble"] == []


def test_check_lists_trouble_and_ends_with_status_2(tmp_path, capsys):
    write_records(tmp_path / "a.jsonl", [record(1), record(2)])
    write_records(tmp_path / "b.jsonl", [record(1), record(2, split="val", room="scene0002_01")])
    (tmp_path / "e.txt").write_text("scene0001_00\n")
    done = typed(capsys, f"data check {tmp_path / 'a.jsonl'} {tmp_path / 'b.jsonl'} --against {tmp_path / 'e.txt'} --json")
    result = json.loads(done.out)
    assert done.status == 2 and len(done.err.splitlines()) == 1 and "1 repeated ids, 1 places in two splits, 2 training records" in done.err
    assert (result["repeated_ids"], result["shared_places"], result["leaked_records"], result["leaked_places"]) == (1, 1, 2, 1)
    assert any(line.startswith("leak: scanqa/train-1 shows scene0001, listed in e.txt") for line in result["trouble"])


def test_mix_from_the_command_line(tmp_path, capsys):
    write_records(tmp_path / "pool.jsonl", POOL)
    (tmp_path / "m.json").write_text('{"shares": {"scanqa": 1, "sqa3d": 1}, "seed": 3, "total": 10}')
    done = typed(capsys, f"data mix {tmp_path / 'm.json'} {tmp_path / 'pool.jsonl'} -o {tmp_path / 'train.jsonl'}")
    assert done.status == 0 and "10 records, 0 left out" in done.out and len(read_records(tmp_path / "train.jsonl")) == 10
