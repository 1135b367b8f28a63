"""What holds for routes, sizes, situations, statements, captions and queries: margins, poses, twins, and that other readings notice a lie."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice, permutations
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d.answers.nouns import asks_of_no_thing
from proxy3d.errors import BadInput
from proxy3d.spacespan.checks import unseen_queries, unseen_questions
from proxy3d.spacespan.facts import Facts
from proxy3d.spacespan.oracle import agrees, query_agrees
from proxy3d.spacespan.questions import FAMILIES, SPLIT_FAMILIES, Query, Vocabulary, ask_across, ask_queries, balance, read_queries
from proxy3d.spacespan.questions.balance import LATER
from proxy3d.spacespan.questions.distances import WHAT_IS_AT as PLACE
from proxy3d.spacespan.questions.routes import TURNS, turn_at
from proxy3d.spacespan.questions.size_order import fair, offered
from proxy3d.spacespan.questions.sizes import ROOM
from proxy3d.spacespan.questions.view import View
from proxy3d.spacespan.record import Record, write_records
from proxy3d.spacespan.solver import solve
from random_rooms import plain_room, random_room, thing

ROOMS = [random_room(seed) for seed in range(2000, 2040)]
BY_ID = {room.room_id: room for room in ROOMS}


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.of(ROOMS)


@pytest.fixture(scope="module")
def asked(vocabulary):
    """At most three questions of each later family about each room."""
    views = [View(room, vocabulary) for room in ROOMS]
    return {family: [r for view in views for r in islice(FAMILIES[family](view, Random(7)), 3)] for family in LATER}


@pytest.fixture(scope="module")
def statements(vocabulary):
    return ask_across(ROOMS, rng_seed=0, vocabulary=vocabulary)


@pytest.fixture(scope="module")
def queries(vocabulary):
    return ask_queries(ROOMS, rng_seed=0, vocabulary=vocabulary)


# --- routes and situations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("angle_deg", "turn"),
    [(0, None), (38, None), (42, "turn left"), (123, "turn left"), (138, None), (152, "turn back"), (-152, "turn back"), (-90, "turn right")],
)
def test_turns_keep_their_distance_from_each_other(angle_deg, turn):
    """From the bed along +y to the desk; what lies `angle_deg` to the left of straight on."""
    a, b = thing(1, "bed", (2, 0, 0.3)), thing(2, "desk", (2, 2, 0.4))
    way = math.radians(90 + angle_deg)
    assert turn_at(a, b, thing(3, "lamp", (2 + 1.5 * math.cos(way), 2 + 1.5 * math.sin(way), 0.5))) == turn


def test_routes_ask_for_every_turn_and_offer_the_right_one(asked):
    said = Counter(turn for r in asked["route_plan"] for turn in r.answer.split(" then "))
    assert set(said) == set(TURNS) and min(said.values()) > 0.15 * said.total()
    assert {r.chance for r in asked["route_plan"]} == {1 / 3, 1 / 4}


def test_a_route_that_starts_elsewhere_than_it_faces_is_refused():
    room = plain_room(*(thing(i, c, (i, i % 2 + 1, 0.5)) for i, c in enumerate(("bed", "desk", "lamp"), 1)))
    with pytest.raises(BadInput, match="something else than what one faces"):
        solve("You are at the bed facing the desk: 1. go forward until the lamp; 2. [please fill in]; 3. go forward until the desk.", room)


@pytest.mark.parametrize("family", ["situated_side", "situated_what", "situated_far"])
def test_a_pose_stands_where_the_words_say_and_a_moved_one_is_noticed(asked, vocabulary, family):
    assert asked[family]
    for r in asked[family]:
        assert r.question.startswith(r.situation) and agrees(r, BY_ID[r.room_id], vocabulary.categories), r.question
        rows = [list(row) for row in r.world_from_agent]
        away = [[*row[:3], row[3] + (2.5 if i < 2 else 0)] for i, row in enumerate(rows)]
        turned = [[-v for v in row[:2]] + row[2:] if i < 2 else row for i, row in enumerate(rows)]
        for pose in (away, turned):
            moved = replace(r, world_from_agent=tuple(map(tuple, pose)))
            assert not agrees(moved, BY_ID[r.room_id], vocabulary.categories)


def test_nobody_stands_in_a_wall_or_in_a_wardrobe(asked):
    for r in (r for family in ("situated_side", "situated_what", "situated_far") for r in asked[family]):
        room, (x, y) = BY_ID[r.room_id], (r.world_from_agent[0][3], r.world_from_agent[1][3])
        assert 0 < x < room.size_m[0] and 0 < y < room.size_m[1]
        inside = [o.category for o in room.objects if math.dist((x, y), o.centre_m[:2]) < min(o.size_m[:2]) / 2 - 0.01]
        assert not inside, r.question


# --- sizes -------------------------------------------------------------------------------------------------------------


def test_each_of_four_orders_is_right_equally_often_whatever_is_usual():
    """A reader who knows the odds of every order, and always takes the likeliest on offer, is right a quarter of the times."""
    rng = Random(0)
    orders = list(permutations(range(3)))
    usual = dict(zip(orders, (0.6, 0.15, 0.1, 0.08, 0.05, 0.02), strict=True))
    share = fair(usual)
    assert max(share.values()) <= sum(share.values()) / 4 + 1e-9
    right = total = 0
    for true in rng.choices(orders, [usual[o] for o in orders], k=15_000):
        if rng.random() < share[true] / usual[true]:
            four = offered(share, true, rng)
            assert true in four and len(set(four)) == 4
            right, total = right + (max(four, key=usual.get) == true), total + 1
    assert total > 2000 and abs(right / total - 0.25) < 0.03


def test_three_orders_that_ever_happen_are_too_few():
    assert fair({(0, 1, 2): 0.5, (0, 2, 1): 0.3, (1, 0, 2): 0.2}) == {}


def test_sizes_differ_by_their_ratio_and_other_sizes_change_the_answer(asked, vocabulary):
    for r in asked["size_order"]:
        room = BY_ID[r.room_id]
        assert agrees(r, room, vocabulary.categories), r.question
        upside_down = replace(room, objects=tuple(replace(o, size_m=tuple(1 / v for v in o.size_m)) for o in room.objects))
        assert "longest" in r.question or not agrees(r, upside_down, vocabulary.categories)


def test_things_of_one_kind_are_told_apart_by_colour():
    chairs = [thing(i, "chair", (i, 2, s / 2), (0.4, 0.4, s), colour=c) for i, (s, c) in enumerate(((0.5, "red"), (0.8, "blue"), (1.2, "white")), 1)]
    made = [r for seed in range(40) for r in FAMILIES["size_order"](View(plain_room(*chairs)), Random(seed))]
    heights = [r for r in made if "by height" in r.question]
    assert heights and all("red chair" in r.question and "white chair" in r.question for r in heights)
    for r in heights:
        order = re.search(rf"{r.answer}\) ([^;.]+)", r.question).group(1)
        assert order in ("red chair, blue chair, white chair", "white chair, blue chair, red chair")


# --- statements --------------------------------------------------------------------------------------------------------


def test_twins_say_the_same_and_are_true_in_one_room_alone(statements):
    pairs = defaultdict(list)
    for r in statements:
        pairs[r.question_id.rpartition("-")[2]].append(r)
    assert len(pairs) > 30
    for one, other in pairs.values():
        assert one.question == other.question and one.subject == other.subject and one.room_id != other.room_id
        assert {one.answer, other.answer} == {"true", "false"}
    assert len({re.sub(re.escape(r.subject), "*", r.question, flags=re.I) for r in statements}) >= 8
    assert max(Counter(r.room_id for r in statements).values()) <= 2


def test_statements_follow_from_words_and_boxes_and_not_from_those_of_the_twin(statements, vocabulary):
    assert all(agrees(r, BY_ID[r.room_id], vocabulary.categories) for r in statements)
    swapped = [replace(r, answer={"true": "false", "false": "true"}[r.answer], answers=()) for r in statements]
    assert not any(agrees(r, BY_ID[r.room_id], vocabulary.categories) for r in swapped)


def test_a_split_family_is_repeatable_and_needs_two_rooms_and_cameras(vocabulary, statements):
    assert ask_across(ROOMS, rng_seed=0, vocabulary=vocabulary) == statements
    assert list(SPLIT_FAMILIES) == ["statement"] and ask_across(ROOMS[:1], rng_seed=0, vocabulary=vocabulary) == []
    unfilmed = [replace(room, world_from_camera=()) for room in ROOMS[:4]]
    assert ask_across(unfilmed, rng_seed=0, vocabulary=vocabulary) == [] == ask_queries(unfilmed, rng_seed=0, vocabulary=vocabulary)


# --- captions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["object_caption", "scene_caption"])
def test_captions_are_true_and_a_lie_in_one_is_noticed(asked, vocabulary, family):
    lies = (("left", "right"), ("two", "three"), ("only", "sole"), (" a ", " a purple "))
    told = Counter()
    for r in asked[family]:
        assert len(r.answers) >= 2 and agrees(r, BY_ID[r.room_id], vocabulary.categories), r.answers
        for word, lie in lies:
            if re.search(word, r.answers[-1]):
                worse = (*r.answers[:-1], re.sub(word, lie, r.answers[-1], count=1))
                told[word] += 1
                assert not agrees(replace(r, answers=worse), BY_ID[r.room_id], vocabulary.categories), worse
    assert told["left"] and told[" a "]


def test_a_caption_that_fits_two_things_does_not_single_one_out(vocabulary):
    room = plain_room(thing(1, "chair", (1, 3, 0.5)), thing(2, "chair", (4, 3, 0.5)))
    question = "Describe what is 1.5 m to the left and 3.0 m ahead of the starting camera, 0.5 m above the floor."
    record = Record("q", room.room_id, "test", "object_caption", question, "This is a red chair.", "caption", "chair", targets=(1,))
    assert not agrees(record, room, ()) and agrees(record, replace(room, objects=room.objects[:1]), ())


# --- queries -----------------------------------------------------------------------------------------------------------


def test_queries_name_exactly_the_rooms_that_satisfy_them(queries, vocabulary):
    facts = {name: Facts(room) for name, room in BY_ID.items()}
    assert len(queries) >= 10 and all(1 <= len(q.rooms) <= 5 for q in queries)
    for q in queries:
        assert query_agrees(q, facts, vocabulary.categories), q.text
        other = next(name for name in BY_ID if name not in q.rooms)
        assert not query_agrees(replace(q, rooms=tuple(sorted((*q.rooms, other)))), facts, vocabulary.categories)


def test_a_room_in_doubt_keeps_a_query_from_being_asked(vocabulary):
    """A half seen lamp: no query may be about lamps alone, in whichever room it is satisfied."""
    sure, doubt = plain_room(thing(1, "lamp", (1, 3, 0.5))), plain_room(thing(1, "lamp", (1, 3, 0.5), pixels=(50, 0, 0)))
    rooms = [sure, replace(doubt, room_id="test-doubt")]
    known = Vocabulary(presence=(("lamp", 0.5),), colours=("red",))
    assert not [q for seed in range(20) for q in ask_queries(rooms, rng_seed=seed, vocabulary=known)]
    assert [q for seed in range(20) for q in ask_queries(rooms[:1], rng_seed=seed, vocabulary=known)]


def test_queries_survive_a_file_and_a_broken_line_is_named(queries, tmp_path):
    file = tmp_path / "test.queries.jsonl"
    write_records(file, queries)
    assert read_queries(file) == queries and read_queries(tmp_path / "none.jsonl") == []
    file.write_text(file.read_text() + json.dumps({"query_id": "q", "split": "test", "text": "A room where there is a lamp.", "rooms": []}) + "\n")
    with pytest.raises(BadInput, match=f"line {len(queries) + 1}: not a query.*at least one room"):
        read_queries(file)


# --- all of them -------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_or_told_of_what_was_never_seen(asked, statements, queries):
    records = [*statements, *(r for made in asked.values() for r in made)]
    assert not list(unseen_questions({"train": BY_ID}, {"train": records})) and not list(unseen_queries({"train": BY_ID}, {"train": queries}))
    empty = {name: replace(room, objects=()) for name, room in BY_ID.items()}
    assert len(list(unseen_questions({"train": empty}, {"train": records}))) > 0.8 * len(records)
    lamp = Query("q", "train", "A room where there is a zeppelin.", (ROOMS[0].room_id,))
    rooms = {ROOMS[0].room_id: plain_room(thing(1, "zeppelin", (1, 1, 1), pixels=(9, 0, 0)))}
    assert [family for family, _ in unseen_queries({"train": rooms}, {"train": [lamp]})] == ["retrieval"]


def test_no_question_that_is_taught_is_taken_to_be_about_nothing_known(vocabulary, statements):
    views, known = [View(room, vocabulary) for room in ROOMS], vocabulary.categories
    taught = [r for family in FAMILIES if "caption" not in family for view in views for r in islice(FAMILIES[family](view, Random(7)), 3)]
    assert len({r.family for r in taught}) > 20 and {"room_size", "what_is_at"} <= {r.family for r in taught}
    assert [r.question for r in (*taught, *statements) if asks_of_no_thing(r.question, known)] == []
    forms = (*ROOM, *(form.format(ahead="2 m", side="1 m to the left", up="1 m") for form in PLACE))
    assert [form for form in forms if asks_of_no_thing(form, known)] == []
    for other in ("How many unicorns are there?", "How many unicorns are in this room?", "asdf qwer", "Gibt es hier einen Tisch?"):
        assert asks_of_no_thing(other, known) and not asks_of_no_thing(other, ())


def test_what_is_kept_of_other_families_does_not_change_when_later_ones_come():
    old = [Record(f"q{i}", "r", "train", "taller", "?", ("bed", "desk")[i % 3 == 0], "choice", "height", choices=("bed", "desk")) for i in range(30)]
    new = [replace(r, family="route_plan", question_id=f"n{i}") for i, r in enumerate(old)]
    assert [r for r in balance([*old, *new]) if r.family == "taller"] == balance(old)
