"""A run of `evaluate` survives being killed, mixes nothing, says how it asked, and has a page that needs nothing but itself."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_world import untrained_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d.answers import batch
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.evaluation import answers_by_form, honesty, plain_questions, run
from proxy3d.evaluation import page as pages
from proxy3d.evaluation.answers_file import KeptAnswers
from proxy3d.evaluation.benchmarks import spacespan
from proxy3d.evaluation.plots import bars, histogram
from proxy3d.pipeline import Pipeline
from proxy3d.presets import preset
from proxy3d.spacespan.record import Record, write_records
from proxy3d.spacespan.room import Room
from proxy3d.values import Box
from random_rooms import plain_room, thing

SETTINGS = {"weights": "a", "scorer": "spacespan-v1"}


def test_answers_of_a_killed_run_are_kept_but_for_the_torn_line(tmp_path):
    kept = KeptAnswers(tmp_path / "r.json", SETTINGS)
    assert not list(tmp_path.iterdir()), "nothing is written before there is something to keep"
    kept.keep("one", [{"x": 1}]), kept.keep("two", [{"x": 2}, {"x": 3}])
    with kept.part.open("a") as file:
        file.write('{"room": "three", "rows": [{"x"')
    again = KeptAnswers(tmp_path / "r.json", SETTINGS)
    assert again.rooms == {"one": [{"x": 1}], "two": [{"x": 2}, {"x": 3}]} and again.found == 2
    again.keep("three", [{"x": 4}])
    again.finish(["one", "two", "three"])
    assert [json.loads(line)["x"] for line in (tmp_path / "r.answers.jsonl").read_text().split("\n") if line] == [1, 2, 3, 4]
    assert [f.name for f in tmp_path.iterdir()] == ["r.answers.jsonl"]


def test_answers_of_other_settings_are_never_mixed_in(tmp_path):
    KeptAnswers(tmp_path / "r.json", SETTINGS).keep("one", [])
    with pytest.raises(BadInput, match="another weights lies there"):
        KeptAnswers(tmp_path / "r.json", {**SETTINGS, "weights": "b"})


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Two rooms of two questions, seen through one small clip, and a tiny model that nobody trained and that is cut short."""
    monkeypatch.setattr(batch, "LONGEST_ANSWER", 1)
    things = (thing(1, "table", (0, 1, 0.4), (1.0, 0.6, 0.8)), thing(2, "chair", (1, 1, 0.4), (0.5, 0.5, 0.8)))
    clip = synthetic_clip(seed=0, frames=2, size_px=(48, 36))[0]
    records = []
    for name in ("test-0", "test-1"):
        (tmp_path / "rooms" / "test" / name / "color").mkdir(parents=True)
        (tmp_path / "rooms" / "test" / name / "color" / "00.jpg").write_bytes(b"\xff\xd8 a picture")
        shared = {"room_id": name, "split": "test", "subject": "table", "targets": (1,)}
        height = {"family": "height", "question": "How tall is the table, <b>please</b>?", "answer": "0.8 m", "answer_type": "metres"}
        boxes = (Box((0, 1, 0.4), (1, 0.6, 0.8)),)
        ground = {"family": "ground_category", "question": "the table", "answer": "1", "answer_type": "boxes", "boxes": boxes}
        records += [Record(f"{name}-h", **height, **shared), Record(f"{name}-g", **ground, **shared)]
    write_records(tmp_path / "rooms" / "test.jsonl", records)
    write_records(tmp_path / "rooms" / "train.jsonl", records)
    room = plain_room(*things)
    asked = []
    monkeypatch.setattr(spacespan, "load_clip", lambda folder: (asked.append(folder.name), (room, clip, None))[1])
    monkeypatch.setattr(Room, "load", staticmethod(lambda folder: room))
    weights = untrained_weights(tmp_path / "w.safetensors", 1)
    return SimpleNamespace(rooms=tmp_path / "rooms", pipeline=Pipeline(preset("tiny", weights=str(weights), frames=2)), asked=asked, folder=tmp_path)


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(world, monkeypatch):
    whole = run.evaluate("spacespan", world.pipeline, world.rooms, out=world.folder / "whole.json")
    assert world.asked == ["test-0", "test-1"] and whole["n"] == 4 and whole["run"]["rooms_from_an_earlier_run"] == 0
    before = spacespan.room_rows
    calls = []

    def killed(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return before(*given)

    monkeypatch.setattr(spacespan, "room_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        run.evaluate("spacespan", world.pipeline, world.rooms, out=world.folder / "cut.json")
    assert (world.folder / "cut.answers.part.jsonl").is_file() and not (world.folder / "cut.json").exists()
    world.asked.clear()
    cut = run.evaluate("spacespan", world.pipeline, world.rooms, out=world.folder / "cut.json")
    assert world.asked == ["test-1"] and cut["run"]["rooms_from_an_earlier_run"] == 1
    assert cut["summary"] == pytest.approx(whole["summary"], nan_ok=True) and cut["run"]["answers_sha256"] == whole["run"]["answers_sha256"]
    assert (world.folder / "cut.answers.jsonl").read_bytes() == (world.folder / "whole.answers.jsonl").read_bytes()


def test_a_run_says_how_it_asked_and_its_page_needs_nothing_but_itself(world):
    result = run.evaluate("spacespan", world.pipeline, world.rooms, out=world.folder / "r.json")
    told = json.loads((world.folder / "r.json").read_text())["run"]
    assert "{question}" in told["prompt"] and told["frames"] == 2 and told["decoding"] == "greedy" and len(told["answers_sha256"]) == 64
    assert told["weights"] == world.pipeline.weights.hash and result["variant"] == "spacespan-v1" and "seed" in told

    for room in (world.rooms / "test").iterdir():
        (room / "room.json").write_text(json.dumps({"objects": [{"id": 1, "pixels": [9]}]}))
    assert pages.main([str(world.folder / "r.json"), "-o", str(world.folder / "p.html"), "--rooms", str(world.rooms)]) == 0
    text = (world.folder / "p.html").read_text()
    assert not re.search(r"(src|href)=.(?!data:)", text) and "<script" not in text
    assert text.count("data:image/jpeg;base64,") == text.count('class="card"') == 4
    assert "&lt;b&gt;please&lt;/b&gt;" in text and "<b>please" not in text and text.count("<svg") == text.count("</svg>") >= 1


def test_a_result_without_answers_has_a_page_that_says_so(tmp_path):
    shipped = Path(__file__).resolve().parents[2] / "results" / "laptop_model.json"
    (tmp_path / "r.json").write_text(shipped.read_text(encoding="utf-8"))  # its answers, if they are still there, stay behind
    pages.write_page(tmp_path / "r.json", tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert "no .answers.jsonl lies beside" in text and "direction" not in text.split("<h2>")[0] and text.count("<svg") == 2


def test_a_scored_file_has_a_page_too():
    row = {"n": 2, "Acc@0.25": 50.0, "Acc@0.5": None}
    text = pages.page({"benchmark": "scanrefer", "variant": "official", "n": 2, "metrics": row, "by_type": {"unique": row}, "chance": {"dull": row}})
    assert "50.00" in text and "chance: dull" in text and "<td>-</td>" in text and "scanrefer (official)" in text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"benchmark": "x"}', "{"])
def test_what_is_no_result_has_no_page(tmp_path, text, capsys):
    (tmp_path / "r.json").write_text(text)
    assert pages.main([str(tmp_path / "r.json"), "-o", str(tmp_path / "p.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "p.html").exists()


def test_answers_that_are_damaged_are_named(tmp_path):
    (tmp_path / "r.answers.jsonl").write_text('{"answer_type": "boxes"}\n')
    with pytest.raises(BadInput, match="expected the answers that"):
        pages.read_answers(tmp_path / "r.json")


def test_a_room_that_lies_elsewhere_gives_no_picture(tmp_path):
    row = {"split": "..", "room_id": "../../etc", "targets": []}
    assert pages.picture_of(row, tmp_path) is None and pages.picture_of({**row, "split": "test", "room_id": "gone"}, tmp_path) is None


def test_plots_hold_every_value_and_escape_names():
    text = bars(["a<b"], {"model": [0.5], "blind": [None]})
    assert "a&lt;b" in text and text.count("50.0") >= 1
    assert sum(int(n) for n in re.findall(r'fill="#4a535d">(\d+)<', histogram([0.0, 0.1, -5, 7, 0.1]))) == 5


def test_plain_questions_are_answered_and_scored_by_the_one_rule(world, monkeypatch, tmp_path):
    pipeline = world.pipeline
    held = {"capture": "a", "made": "b", "questions": [{"question": "Is there a bed?", "answers": ["no"]}, {"question": "How high?", "metres": 0.8}]}
    (tmp_path / "q.json").write_text(json.dumps(held))
    monkeypatch.setattr(plain_questions, "QUESTIONS", tmp_path / "q.json")
    scene = pipeline.encode_clip(synthetic_clip(seed=0, frames=2, size_px=(48, 36))[0])
    monkeypatch.setattr(plain_questions, "load_or_encode", lambda *a: (scene, 0.0, 0.0))
    found = plain_questions.asked(tmp_path, pipeline, pipeline.weights)
    assert found["summary"]["asked"] == 2 and all({"said", "right", "blind_said"} <= set(row) for row in found["answers"])
    scored = [plain_questions.is_right(said, held["questions"][i]) for i, said in ((0, "No."), (0, "yes"), (1, "0.9 m"), (1, "1.1 m"), (1, "high"))]
    assert scored == [True, False, True, False, False]


def test_the_shipped_plain_questions_are_twenty_and_each_can_be_right():
    held = json.loads(plain_questions.QUESTIONS.read_text(encoding="utf-8"))["questions"]
    assert len({q["question"] for q in held}) == 20
    assert all(plain_questions.is_right(q["answers"][0] if "answers" in q else f"{q['metres']} m", q) for q in held)


def test_the_same_questions_are_asked_of_every_form_and_exact_scenes_lose_nothing(world, monkeypatch):
    monkeypatch.setattr(answers_by_form, "load_clip", spacespan.load_clip)  # the world's one small clip
    found = answers_by_form.answers_by_form(world.rooms, world.pipeline, forms=("float32", "int8"))
    assert found["rooms"] == 2 and found["questions"] == 4 and set(found["summary"]) == {"accuracy_lost_int8", "acc_at_025_lost_int8"}
    assert found["forms"]["float32"]["other_answers"] == 0 and found["forms"]["int8"]["file_bytes"] < found["forms"]["float32"]["file_bytes"]
    text = answers_by_form.render_answers_by_form(found)
    assert text.count("| `int8` |") == 1 and "2 test rooms" in text
    with pytest.raises(BadInput, match="lacks 'rooms'"):
        answers_by_form.render_answers_by_form({k: v for k, v in found.items() if k != "rooms"})


def test_honesty_needs_calibrated_weights_and_swaps_one_thing_for_an_absent_one(world, tmp_path):
    with pytest.raises(BadInput, match="never calibrated"):
        honesty.honesty(world.rooms, world.pipeline)
    record = Record("q1", "r", "test", "f", "How far is the cup from the table?", "1.0 m", "metres", "cup")
    kinds = ("armchair", "chair", "cup", "lamp", "mug", "table")
    swapped = honesty.with_absent(record, kinds, {"cup", "table", "armchair"})
    assert swapped == honesty.with_absent(record, kinds, {"cup", "table", "armchair"}), "the same each time"
    assert swapped in ("How far is the lamp from the table?", "How far is the cup from the lamp?"), "a mug may be called a cup, an armchair a chair"
    assert honesty.with_absent(Record("q", "r", "test", "f", "How large is it?", "9 m2", "square_metres", ""), kinds, {"cup"}) is None
