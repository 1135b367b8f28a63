"""Every source reads its own format whole, drops what it cannot use with a reason, and never fails on what people's files hold."""

from __future__ import annotations

import copy
import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from question_writers import DIGESTS, WRITTEN, write

from proxy3d.cli import app
from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources import SOURCES

JUNK = [None, True, 3, -1.5, "", " ", "x", "\ud800", "'", float("nan"), float("inf"), 10**400, [], {}, [[]], [None], ["a", 1], {"a": 1}, [[[{}]]]]


@pytest.fixture(params=SOURCES)
def name(request):
    return request.param


def records(rows: list) -> list[Record]:
    return [row for row in rows if isinstance(row, Record)]


def dropped(rows: list) -> list[Dropped]:
    return [row for row in rows if isinstance(row, Dropped)]


def test_every_source_has_a_fixture_and_no_fixture_is_left_over():
    assert set(WRITTEN) == set(SOURCES)


def test_five_rows_come_out_whole(name, tmp_path):
    read, file = SOURCES[name], write(name, tmp_path)
    rows = list(read(file))
    assert not dropped(rows) and len(rows) == WRITTEN[name].records
    assert len({r.question_id for r in rows}) == len(rows)
    for record in rows:
        assert record.source == name and record.licence and record.question_id.startswith(f"{name}/")
        assert record.split in ("train", "val", "test", "all") and record.family.startswith(name)
        assert Record.from_json(record.to_json()) == record


def test_what_comes_out_is_the_same_each_time_from_the_file_and_from_its_folder(name, tmp_path):
    file = write(name, tmp_path / "deep" / "folder")
    lines = [row.to_json() for row in SOURCES[name](file)]
    assert lines == [row.to_json() for row in SOURCES[name](tmp_path)]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12] == DIGESTS[name], f"what {name} gives has changed"


def test_a_row_that_cannot_be_used_is_yielded_with_its_reason(name, tmp_path):
    written = WRITTEN[name]
    rows = list(SOURCES[name](write(name, tmp_path, [*written.rows, written.broken])))
    assert len(records(rows)) == written.records
    (row,) = dropped(rows)
    assert row.source == name and written.reason in row.reason and row.where and "\n" not in row.to_json()


def test_an_id_that_comes_twice_is_dropped_the_second_time(name, tmp_path):
    written = WRITTEN[name]
    rows = list(SOURCES[name](write(name, tmp_path, [*written.rows, written.rows[0]])))
    assert len({r.question_id for r in records(rows)}) == len(records(rows))
    by_position = {"nr3d", "sr3d", "vsi_590k", "sr_91k", "llava", "chatscene"}  # rows there have no ids of their own
    if name == "scan2cap":  # the row belongs to an object that is there: one caption more
        assert not dropped(rows)
    elif name in by_position:
        assert len(records(rows)) == written.records + 1
    else:
        assert [row.reason.endswith("came before") for row in dropped(rows)] == [True]


def places(value: object, way: tuple = ()) -> Iterator[tuple]:
    """The way to every value inside a row, however deep."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*way, key)
        yield from places(inner, (*way, key))


def changed(row: dict, way: tuple, junk: object) -> dict:
    """A copy of a row with one value replaced."""
    row = copy.deepcopy(row)
    holder = row
    for key in way[:-1]:
        holder = holder[key]
    holder[way[-1]] = junk
    return row


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_junk_in_any_place_costs_that_row_and_no_other(name, step, tmp_path):
    written = WRITTEN[name]
    text_only = written.file.endswith(("csv", "tsv"))
    for hit in range(5 if name == "llava" else 1):  # whose rows are of five styles
        for way in places(written.rows[hit]):
            for junk in JUNK[::step] if len(way) == 1 else JUNK[:: 3 * step]:
                if text_only and (not isinstance(junk, str) or junk == "\ud800"):
                    continue
                rows = list(written.rows)
                rows[hit] = changed(rows[hit], way, junk)
                found = list(SOURCES[name](write(name, tmp_path, rows)))
                assert written.records - 1 <= len(records(found)) <= written.records + 1, (way, junk)
                for row in found:
                    assert "\n" not in row.to_json()
                    row.to_json().encode()


def test_a_row_that_is_no_object_is_dropped(name, tmp_path):
    written = WRITTEN[name]
    if written.file.endswith("csv"):
        pytest.skip("every row of a table is one")
    rows = list(SOURCES[name](write(name, tmp_path, [*written.rows, 3])))
    assert len(records(rows)) == written.records and len(dropped(rows)) >= 1


@pytest.mark.parametrize(
    "content", [b"", b"3", b"null", b'"text"', b"[[[[", b'{"a": [1, 2', b"\xff\xfe\x00", '["caf\xe9"]'.encode("latin-1"), b"[" * 100_000]
)
def test_a_broken_file_gives_one_line(name, content, tmp_path):
    file = write(name, tmp_path)
    file.write_bytes(content)
    with pytest.raises(BadInput, match=f"{file.name}.*(expected|not JSON|not a table)") as caught:
        list(SOURCES[name](file))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_never_passes_for_a_whole_one(name, tmp_path):
    file = write(name, tmp_path)
    file.write_bytes(file.read_bytes()[:-25])
    try:
        rows = list(SOURCES[name](file))
    except BadInput as error:
        assert "\n" not in str(error)
    else:  # a table or JSON Lines: what came before the cut is still good
        assert len(records(rows)) == 4 and len(dropped(rows)) == 1


def test_what_is_not_there_gives_one_line(name, tmp_path):
    with pytest.raises(BadInput, match="no such file or folder; expected"):
        list(SOURCES[name](tmp_path / "absent"))
    with pytest.raises(BadInput, match="no question file in this folder; expected"):
        list(SOURCES[name](tmp_path))


def test_files_of_one_name_keep_their_rows_apart_and_folders_say_the_split(tmp_path):
    for folder in ("train/a", "val/a", "val/b"):
        write("vsi_590k", tmp_path / folder)
    rows = list(SOURCES["vsi_590k"](tmp_path))
    assert not dropped(rows) and len({r.question_id for r in rows}) == 15
    assert [r.split for r in rows] == ["train"] * 5 + ["val"] * 10


@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".npy"])
def test_pickles_are_never_opened(name, suffix, tmp_path):
    file = tmp_path / f"embodiedscan_infos_train{suffix}"
    file.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(BadInput, match="opening a pickle runs whatever is in it"):
        list(SOURCES[name](file))


def test_a_byte_order_mark_changes_nothing(name, tmp_path):
    file = write(name, tmp_path)
    before = list(SOURCES[name](file))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert list(SOURCES[name](file)) == before


PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_page_has_the_licence_that_records_have(name, tmp_path):
    (line,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    assert {r.licence for r in SOURCES[name](write(name, tmp_path))} == {line.split("|")[3].strip()}


def test_the_commands_of_the_page_are_ones_we_understand():
    typed = [line.partition("  #")[0] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("proxy3d ")]
    assert len(typed) == 9
    for line in typed:
        command, bound, *_ = app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
        assert command.__module__ == "proxy3d.cli" and bound is not None


def test_the_page_names_every_field_of_a_record():
    text = PAGE.read_text(encoding="utf-8")
    assert not [field.name for field in fields(Record) if f"`{field.name}`" not in text]


# --- what each source is known to trip people with ----------------------------------------------------------------------


def only(name, tmp_path, **change) -> Record:
    """The first row of a source, changed."""
    (row,) = SOURCES[name](write(name, tmp_path, [{**WRITTEN[name].rows[0], **change}]))
    return row


def test_scanqa_keeps_all_answers_as_often_as_they_were_given_and_hides_what_the_test_hides(tmp_path):
    record = only("scanqa", tmp_path)
    assert record.answer == "a tall plant" and record.answers == ("a tall plant", "plant", "a tall plant") and record.targets == (0, 7)
    rows = [{k: v for k, v in row.items() if k not in ("answers", "object_ids", "object_names")} for row in WRITTEN["scanqa"].rows]
    (tmp_path / "ScanQA_v1.0_test_w_obj.json").write_text(json.dumps(rows))
    hidden = list(SOURCES["scanqa"](tmp_path / "ScanQA_v1.0_test_w_obj.json"))
    assert [(r.split, r.answer_type, r.answer, r.answers) for r in hidden] == [("test", "hidden", "", ())] * 5


def test_scanqa_predictions_are_no_questions(tmp_path):
    rows = list(SOURCES["scanqa"](write("scanqa", tmp_path, [{"scene_id": "a", "question_id": "b", "answer_top10": [], "bbox": []}])))
    assert [row.reason for row in rows] == ["a prediction, not a question"]


def test_sqa3d_turns_first_and_then_moves(tmp_path):
    record = only("sqa3d", tmp_path)
    assert record.situation.startswith("I have just") and record.answer == "crate"
    # Quaternion (0, 0, 0.6, 0.8): a turn by 2 asin 0.6 about z, whose cosine is 0.28 and sine 0.96.
    assert record.world_from_agent == ((0.28, -0.96, 0, 0.5), (0.96, 0.28, 0, -1.25), (0, 0, 1, 0), (0, 0, 0, 1))


def test_sqa3d_types_go_by_how_a_question_starts(tmp_path):
    rows = list(SOURCES["sqa3d"](write("sqa3d", tmp_path)))
    assert [r.family for r in rows] == [f"sqa3d_{t}" for t in ("what", "is", "how", "can", "others")]
    assert only("sqa3d", tmp_path, question=" What's that?").family == "sqa3d_what"


def test_sqa3d_needs_both_files_and_says_which_row_has_no_partner(tmp_path):
    file = write("sqa3d", tmp_path)
    other = tmp_path / "v1_balanced_sqa_annotations_train_scannetv2.json"
    content = json.loads(other.read_text())
    content["annotations"][0]["question_id"] = 5
    content["annotations"][1]["scene_id"] = "scene0999_00"
    other.write_text(json.dumps(content))
    rows = list(SOURCES["sqa3d"](file))
    said = " ".join(row.reason for row in dropped(rows))
    assert len(records(rows)) == 3 and "no annotation has its question_id 900000" in said
    assert "different scenes" in said and "an annotation without a question" in said
    other.unlink()
    with pytest.raises(BadInput, match="of the same split beside it"):
        list(SOURCES["sqa3d"](file))


def test_scanrefer_has_a_box_where_the_file_has_corners(tmp_path):
    assert only("scanrefer", tmp_path).answer_type == "objects"
    corners = [[x, y, z] for x in (0, 2) for y in (1, 2) for z in (0, 0.5)]
    record = only("scanrefer", tmp_path, bbox=corners)
    assert record.answer_type == "boxes" and record.targets == (0,)
    assert record.boxes[0].centre_m == (1, 1.5, 0.25) and record.boxes[0].size_m == (2, 1, 0.5)


def test_multi3drefer_may_ask_for_nothing(tmp_path):
    record = only("multi3drefer", tmp_path)
    assert (record.answer, record.targets, record.family) == ("0", (), "multi3drefer_zt_wo_d")


def test_scan2cap_reads_both_kinds_of_corpus(tmp_path):
    corpus = {"scene0900_00|3|floor_lamp": ["sos a lamp . eos", "a lamp"], "scene0900_00|4": ["x"], "scene0900_00": ["y"]}
    (tmp_path / "scan2cap_val_corpus.json").write_text(json.dumps(corpus))
    lamp, bare, wrong = SOURCES["scan2cap"](tmp_path)
    assert lamp.answers == ("a lamp .", "a lamp") and lamp.targets == (3,) and lamp.subject == "floor lamp" and lamp.split == "val"
    assert bare.answers == ("x",) and "scene|object_id" in wrong.reason


def test_scan2cap_gathers_all_descriptions_of_an_object(tmp_path):
    first, *_ = SOURCES["scan2cap"](write("scan2cap", tmp_path))
    assert len(first.answers) == 2 and first.answer_type == "caption"
    rows = [*WRITTEN["scan2cap"].rows, {**WRITTEN["scan2cap"].rows[0], "description": " "}]
    found = list(SOURCES["scan2cap"](write("scan2cap", tmp_path, rows)))
    assert first in found and len(dropped(found)) == 1


def test_nr3d_by_scene_is_something_to_say(tmp_path):
    (tmp_path / "nr3d_captions_by_scene.json").write_text(json.dumps({"scene0900_00": [["stool", "by the door"], ["stool"]]}))
    good, bad = SOURCES["nr3d"](tmp_path)
    assert (good.answer, good.answer_type, good.subject, good.split) == ("by the door", "caption", "stool", "all")
    assert "label, utterance" in bad.reason


def test_nr3d_is_easy_up_to_two_of_a_kind(tmp_path):
    assert [r.family for r in SOURCES["nr3d"](write("nr3d", tmp_path))] == ["nr3d_easy"] * 2 + ["nr3d_hard"] * 3


def test_vsi_bench_says_units_and_accepts_words_for_letters(tmp_path):
    rows = list(SOURCES["vsi_bench"](write("vsi_bench", tmp_path)))
    assert [r.unit for r in rows] == [None, "m", "m2", None, None] and {r.split for r in rows} == {"test"}
    assert rows[3].answers == ("Turn right", "B") and rows[3].choices == ("Turn left", "Turn right") and rows[3].chance == 0.5
    assert rows[3].media == ("scannet/scene0903_00.mp4",)


@pytest.mark.parametrize(
    "options", ["['A. Turn left', \"B. Turn 'right'\"]", '["A. Turn left", "B. Turn \'right\'"]', "['A. Turn left', 'B. Turn \\'right\\'']"]
)
def test_vsi_bench_as_a_table_lists_options_as_text_that_is_never_run(options, tmp_path):
    head = "index\tquestion_type\tquestion\tcandidates\tanswer\tvideo\n"
    row = f"3\troute_planning\tWhere to?\t{json.dumps(options) if options[1] == chr(34) else options}\tB\tscannet/scene0903_00.mp4\n"
    cells = row.split("\t")
    cells[3] = '"' + options.replace('"', '""') + '"'
    (tmp_path / "VSI-Bench.tsv").write_text(head + "\t".join(cells))
    (record,) = SOURCES["vsi_bench"](tmp_path)
    assert record.answer == "Turn 'right'" and record.room_id == "scene0903_00"


def test_letters_go_only_where_every_option_has_its_own(tmp_path):
    row = {**WRITTEN["vsi_bench"].rows[3], "options": ["A.C. unit", "stool"], "ground_truth": "A"}
    (record,) = SOURCES["vsi_bench"](write("vsi_bench", tmp_path, [row]))
    assert record.choices == ("A.C. unit", "stool")
    (twice,) = SOURCES["vsi_bench"](write("vsi_bench", tmp_path, [{**row, "options": ["A. x", "B. x"]}]))
    assert twice.reason == "two options say the same"


def test_conversations_become_letters_numbers_and_words(tmp_path):
    rows = list(SOURCES["vsi_590k"](write("vsi_590k", tmp_path)))
    assert [r.answer_type for r in rows] == ["number", "yes_no", "choice", "number", "text"]
    assert rows[2].answers == ("crate", "B") and not any("<image>" in r.question for r in rows)
    assert rows[0].media == ("scannet/scene0900_00.mp4",) and rows[0].room_id == "scene0900_00" and rows[0].split == "train"


def test_several_turns_are_several_records(tmp_path):
    talk = {**WRITTEN["vsi_590k"].rows[0]}
    talk["conversation"] = talk.pop("conversations") * 2
    rows = list(SOURCES["vsi_590k"](write("vsi_590k", tmp_path, [talk])))
    assert len(records(rows)) == 2 and len({r.question_id for r in rows}) == 2


def test_spar_knows_its_room_from_its_pictures(tmp_path):
    record = only("spar", tmp_path)
    assert record.room_id == "scene0900_00" and len(record.media) == 2 and record.family == "spar_depth_prediction_oo"


def test_sr_91k_takes_the_truth_out_of_its_tags(tmp_path):
    rows = list(SOURCES["sr_91k"](write("sr_91k", tmp_path)))
    assert [r.answer for r in rows] == ["crate", "3", "EXIT", "Two rows of stools.", "1.25"]
    (tmp_path / "cognitive_map.jsonl").write_text('{"video_id": "x"}\n')
    assert list(SOURCES["sr_91k"](tmp_path)) == rows


def test_mmscan_finds_objects_and_keeps_the_split_of_the_file(tmp_path):
    assert [r.split for r in SOURCES["mmscan"](write("mmscan", tmp_path))] == ["train"] * 2 + ["val"] * 3
    row = {"sub_class": "VG", "scan_id": "1mp3d_0001_region8", "target_id": [1, 2], "target": ["stool", "stool"], "text": "Find both.", "ID": "v"}
    (tmp_path / "MMScan_VG.json").write_text(json.dumps({"val": [row]}))
    (record,) = SOURCES["mmscan"](tmp_path / "MMScan_VG.json")
    assert (record.family, record.answer, record.targets, record.room_id) == ("mmscan_vg", "2", (1, 2), "1mp3d_0001_region8")


def test_open_eqa_names_flats_and_scenes_and_passes_over_an_empty_answer(tmp_path):
    rows = list(SOURCES["open_eqa"](write("open_eqa", tmp_path)))
    assert [r.room_id for r in rows[:2]] == ["AAbbCCddEE1", "scene0901_00"]
    assert rows[0].answers == ("Under the desk", "Below the desk")


def test_llava_takes_the_boxes_of_every_style(tmp_path):
    rows = list(SOURCES["llava"](write("llava", tmp_path)))
    assert [(r.answer_type, len(r.boxes)) for r in rows] == [("boxes", 1), ("boxes", 2), ("boxes", 1), ("number", 0), ("text", 0)]
    assert rows[0].targets == (4,) and rows[1].room_id == "scene0901_00" and rows[3].room_id == "0a1b2c3d4e"
    assert rows[2].boxes[0].yaw_rad == 0.3 and rows[4].media == ("pcd/made_0001.ply",)


def test_llava_captions_and_several_answers(tmp_path):
    first = WRITTEN["llava"].rows[0]
    row = {k: v for k, v in first.items() if k != "box"}
    (caption,) = SOURCES["llava"](write("llava", tmp_path, [{**row, "box_input": first["box"], "annotations": ["a stool", "a low stool"]}]))
    assert caption.answer_type == "caption" and caption.answers == ("a stool", "a low stool") and not caption.boxes
    (several,) = SOURCES["llava"](write("llava", tmp_path, [{**row, "metadata": {"dataset": "scanqa", "answers": ["red", "dark red"]}}]))
    assert several.answers == ("<ground>", "red", "dark red") and several.family == "llava_scanqa"


def test_chatscene_identifiers_stay_words(tmp_path):
    record = only("chatscene", tmp_path)
    assert (record.answer, record.targets, record.family, record.split) == ("<OBJ010>.", (), "chatscene_scanrefer", "val")
    (tmp_path / "scan2cap_train.json").write_text(
        json.dumps([{"scene_id": "scene0900_00", "obj_id": 1, "prompt": "Describe.", "caption": "A stool."}])
    )
    (caption,) = SOURCES["chatscene"](tmp_path / "scan2cap_train.json")
    assert (caption.answer_type, caption.answer, caption.split) == ("caption", "A stool.", "train")


def test_dropped_is_one_line_with_a_reason():
    good = Dropped("scanqa", "row 1", "no answers")
    for reason in ("", "two\nlines"):
        with pytest.raises(ValueError, match="Dropped.reason"):
            replace(good, reason=reason)
