"""What every family of questions offers: many phrasings in plain English, valid records, and files that survive a round trip."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d import english as words
from proxy3d.errors import BadInput
from proxy3d.spacespan.questions import FAMILIES, Vocabulary, ask_about, askable_categories
from proxy3d.spacespan.questions.view import View
from proxy3d.spacespan.record import Record, read_records, write_records
from proxy3d.spacespan.solver import parse, solve
from proxy3d.values import Box
from random_rooms import random_room

RARE = ("size_order", "situated_what")  # few rooms allow them: those that do are asked more often


@pytest.fixture(scope="module")
def asked():
    rooms = [random_room(seed) for seed in range(500, 560)]
    vocabulary = Vocabulary.of(rooms)
    records = [r for room in rooms for r in ask_about(room, rng_seed=0, per_family=3, vocabulary=vocabulary)]
    found = {family: [r for r in records if r.family == family] for family in FAMILIES}
    for family in RARE:
        fit = [room for room in rooms if any(r.room_id == room.room_id for r in found[family])]
        drawn = [(seed, room, FAMILIES[family](View(room, vocabulary), Random(seed))) for room in fit for seed in range(12)]
        found[family] += [replace(r, question_id=f"{room.room_id}-{seed}-{i}") for seed, room, made in drawn for i, r in enumerate(islice(made, 3))]
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_at_least_eight_phrasings(asked, family):
    categories = {c for records in asked.values() for r in records for c in r.subject.split()} | {"coffee table", "desk lamp", "trash can"}
    bare = {re.sub(r"[\d.]+ m\b", "# m", parse(r.question, categories)[0]) for r in asked[family]}
    assert len(bare) >= 8, sorted(bare)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_speaks_plain_english(asked, family):
    for record in asked[family]:
        text = record.question
        assert not re.search(r"\b(a [aeio]|an [^aeiou])|  |[{}]|\b(\w+) \2\b|sofaes|shelfs|boxs", text), text
        assert text[-1] in "?." and text[0].isupper() or (record.answer_type == "boxes" and text.startswith(("the ", "all ", "every ", "each "))), (
            text
        )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_gives_valid_records(asked, family):
    records = asked[family]
    assert len(records) >= 20 and len({r.question_id for r in records}) == len(records)
    for record in records:
        assert record.family == family and record.subject and record.split == "train" and record.question_id.startswith(record.room_id)
        assert record.targets or record.answer in ("no", "0")
        assert len(set(record.choices)) == len(record.choices)
        if record.answer_type == "metres":
            assert re.fullmatch(r"\d+\.\d m", record.answer) and record.chance is None
        if record.answer_type in ("yes_no", "choice"):
            assert record.chance == 1 / len(record.choices or ("yes", "no"))
        if record.answer_type == "category":
            assert 0 < record.chance < 0.3


def test_grounding_asks_for_none_one_and_several(asked):
    sizes = [len(r.boxes) for r in asked["ground_category"]]
    assert 0.1 < sizes.count(0) / len(sizes) < 0.3 and 1 in sizes and max(sizes) >= 2
    assert any(len(r.boxes) > 1 for r in asked["ground_colour"]) and any(len(r.boxes) > 1 for r in asked["ground_support"])


def test_yes_and_no_are_both_asked(asked):
    for family in ("existence", "support", "left_right"):
        assert {r.answer for r in asked[family]} == {"yes", "no"}


def test_records_survive_a_file(asked, tmp_path):
    records = [r for group in asked.values() for r in group]
    write_records(tmp_path / "records.jsonl", records)
    assert read_records(tmp_path / "records.jsonl") == records


def test_a_broken_line_is_named(asked, tmp_path):
    file = tmp_path / "records.jsonl"
    file.write_text(asked["count"][0].to_json() + '\n{"question": "Is there a bed?"}\n')
    with pytest.raises(BadInput, match="line 2: not a question record"):
        read_records(file)
    with pytest.raises(BadInput, match="no such file"):
        read_records(tmp_path / "absent.jsonl")


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '{"boxes": 3}', '{"boxes": []}', '{"boxes": [{"centre_m": [1]}]}'])
def test_what_is_not_a_record_is_refused_in_one_line(text):
    with pytest.raises(BadInput) as caught:
        Record.from_json(text)
    assert "\n" not in str(caught.value) and "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_type": "essay"}, "answer_type"),
        ({"answer": "maybe"}, "answer"),
        ({"answer_type": "choice", "choices": ("bed", "desk")}, "answer"),
        ({"answer_type": "choice", "choices": ()}, "choices"),
        ({"boxes": (Box((0, 0, 0), (1, 1, 1)),)}, "boxes"),
        ({"answer_type": "boxes", "targets": (1,)}, "boxes"),
    ],
)
def test_a_record_checks_itself(change, message):
    good = Record("q", "room", "train", "existence", "Is there a bed?", "yes", "yes_no", "bed")
    with pytest.raises(ValueError, match=f"Record.{message}"):
        replace(good, **change)


def test_askable_categories_are_those_seen_often_enough():
    rooms = [random_room(seed) for seed in range(30)]
    often, ever = askable_categories(rooms, at_least=10), askable_categories(rooms, at_least=1)
    seen = {c: sum(any(o.category == c and max(o.pixels) >= 60 and sum(o.pixels) >= 120 for o in room.objects) for room in rooms) for c in ever}
    assert list(ever) == sorted(ever) and set(often) == {c for c in ever if seen[c] >= 10} and len(often) < len(ever)


@pytest.mark.parametrize("category", ["hourglass", "umbrella", "urinal", "upper cabinet", "oven", "bed"])
def test_a_noun_is_found_again_behind_its_article(category):
    assert parse(f"Is there {words.with_article(category)}?", [category])[1] == [category]


@pytest.mark.parametrize(("question", "reason"), [("What colour is the zeppelin?", "zeppelin"), ("How tall is the chair?", "the chair")])
def test_the_solver_refuses_what_means_no_single_thing(question, reason):
    room = replace(random_room(0), objects=())
    with pytest.raises(BadInput, match=reason):
        solve(question, room, lexicon=["chair", "zeppelin"])
