"""From a judged question to words: numbers are found where they end, candidates are spelled to their end, places are named by steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from proxy3d.answers.fusion import Fusion, SceneThings, word_distances
from proxy3d.answers.judge import FACT_DIM, ROLES, SOURCES, attention, facts, reading_order
from proxy3d.answers.language_models import LANGUAGE_MODELS
from proxy3d.answers.offers import Offers
from proxy3d.answers.question import answer_ids, worded
from proxy3d.spacespan.record import Record
from proxy3d.tokens.position import pose_numbers
from proxy3d.training.align import first_chosen
from proxy3d.training.lessons import as_question

AHEAD = torch.tensor([0.0, 1.0, 0.0, 1.5])  # a first camera that looks along y


@pytest.fixture(scope="module")
def host():
    return LANGUAGE_MODELS["tiny"]()


def test_a_number_has_its_value_where_its_last_digit_is(host):
    question = "What is 12.5 m ahead, 3 up?"
    asked = worded(host, question)
    found = {question[: asked.ends[i]]: v for i, v in enumerate(asked.value) if v == v}
    assert found == {"What is 12.5": 12.5, "What is 12.5 m ahead, 3": 3.0}


def test_no_number_no_value(host):
    assert all(v != v for v in worded(host, "Is there a table?").value)


def test_candidates_go_on_as_they_began_and_end_with_their_stop():
    offers = Offers(torch.zeros(9), [((1, 2, 3), 0.6), ((1, 4, 3), 0.2), ((5,), 0.2)])
    torch.testing.assert_close(offers.after(())[[1, 5]], torch.tensor([0.8, 0.2]))
    torch.testing.assert_close(offers.after((1,))[[2, 4]], torch.tensor([0.75, 0.25]))
    assert offers.after((1, 4)).argmax() == 3 and offers.after((1, 4)).sum() == 1


def test_after_a_word_that_may_be_whole_a_faint_candidate_is_not_pressed():
    offers = Offers(torch.zeros(9), [((1,), 0.9), ((1, 2), 0.1)])
    assert float(offers.after((1,)).sum()) == pytest.approx(0.1)


def test_words_of_its_own_are_offered_first_only_and_nothing_follows_what_nobody_offered():
    own = torch.zeros(9)
    own[7] = 0.5
    offers = Offers(own, [((1, 2), 0.5)])
    assert offers.after(())[7] == 0.5 and not offers.after((7,)).any() and not offers.after((8,)).any()


def test_a_length_is_spelled_in_tokens_that_say_it(host):
    *ids, stop = answer_ids(host, "1.8 m")
    assert stop == host.tokenizer.stop and host.tokenizer.decode(ids) == "1.8 m"


@pytest.mark.parametrize(
    "answer, kind, wanted",
    [
        ("yes", "yes_no", "yes"),
        ("no", "yes_no", "no"),
        ("1.8 m", "metres", "length"),
        ("18 m2", "square_metres", "area"),
        ("lamp", "category", "kind"),
        ("blue", "category", "colour"),
        ("glass", "category", "own"),
        ("3", "number", "own"),
    ],
)
def test_where_an_answer_comes_from(host, answer, kind, wanted):
    record = Record("q", "r", "train", "f", "What is it?", answer, kind, "s")
    assert first_chosen(as_question(record, host), ("lamp",), ("blue",)) == SOURCES.index(wanted)


def test_an_answer_that_the_question_offers_is_the_last_such_word(host):
    record = Record("q", "r", "train", "f", "By the lamp: the cup or the lamp?", "lamp", "choice", "s", choices=("cup", "lamp"))
    question = as_question(record, host)
    at = first_chosen(question, ("lamp",), ()) - len(SOURCES)
    assert question.wording.ids[at : at + len(question.answer) - 1] == question.answer[:-1]
    assert question.wording.ends[at] > record.question.index("or")


def test_roles_start_at_both_ends_of_a_sentence_and_never_at_its_padding():
    is_word = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    order = reading_order(is_word)
    assert order[0, -1, 0] == 1 and order[1, 2, 0] == 1 and not order[:, 0].any()
    shares = attention(order * torch.tensor([-4.0, 4.0]), torch.ones(2, 5), is_word)
    assert shares.argmax(1).tolist() == [[0, 4], [0, 2]] and not shares[1, 3:].any()


def test_the_nearest_words_of_a_sentence_are_told_apart():
    near = word_distances(6)[2]
    assert len(near.unique(dim=0)) == 6


def test_facts_are_of_each_thing_of_each_pair_and_of_one_who_stands_by_the_first():
    centre = torch.tensor([[[1.0, 2.0, 0.5], [-1.0, 3.0, 1.0], [0.0, 4.0, 0.2]]])
    size, sure, reach = torch.tensor([[[0.5, 0.6, 1.0], [1.0, 2.0, 0.4], [0.3, 0.3, 0.3]]]), torch.tensor([[0.9, 0.8, 0.7]]), torch.tensor([2.0, 4.0])
    found = facts(centre, size, sure, AHEAD, reach)
    assert found.shape == (1, FACT_DIM)
    alone, pairs, rest = found[:, : 9 * ROLES], found[:, 9 * ROLES : -6], found[:, -6:]
    order = [1, 0, 2]
    again = facts(centre[:, order], size[:, order], sure[:, order], AHEAD, reach)
    assert torch.equal(alone.view(3, 9)[order], again[:, : 9 * ROLES].view(3, 9))
    assert pairs[0, 0] == -2 and again[0, 9 * ROLES] == 2, "to the right of the first camera, metres"
    torch.testing.assert_close(rest[:, :4], pose_numbers(centre[:, 0], centre[:, 1], centre[:, 2:])[:, 0])
    torch.testing.assert_close(rest[0, 4:].exp(), reach)


def test_one_who_stands_by_the_door_and_faces_the_desk_has_the_lamp_to_the_right():
    door, desk, lamp = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 4.0, 0.5]), torch.tensor([[3.0, 2.0, 1.5], [1.0, -1.0, 0.0]])
    right, ahead, sine, cosine = pose_numbers(door, desk, lamp).T
    torch.testing.assert_close(right, torch.tensor([2.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(ahead, torch.tensor([1.0, -2.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(sine, torch.tensor([2 / 5**0.5, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(cosine, torch.tensor([1 / 5**0.5, -1.0]), atol=1e-3, rtol=0)
    assert pose_numbers(door, door, lamp)[:, 0].abs().max() < 0.1, "no heading where both places are one"


def test_a_spot_names_what_stands_there():
    fusion = Fusion(8, 8, 1, 2, kinds=1, colours=1)
    centre = torch.tensor([[1.0, 2.0, 0.4], [-1.0, 2.0, 0.4], [1.0, 2.0, 2.4]])
    things = SceneThings(centre, torch.full((3, 3), 0.5), torch.ones(3, 1), torch.ones(3, 1))
    # As if the words before the numbers had said: right, ahead, up.
    logits = fusion._near(torch.tensor([[1.1, 1.9, 0.5], [-1.0, 2.0, 0.4], [1.0, 2.0, 2.3], [0.0, 5.0, 0.0]]), things, AHEAD)
    assert logits[:3].argmax(1).tolist() == [0, 1, 2] and bool((logits[:3].amax(1) > 0).all()) and not bool((logits[3] > 0).any())
    turned = replace(things, centre_room_m=things.centre_room_m[:, [1, 0, 2]] * torch.tensor([1.0, -1.0, 1.0]))
    along_x = torch.tensor([1.0, 0.0, 0.0, 1.5])
    torch.testing.assert_close(fusion._near(torch.tensor([[1.1, 1.9, 0.5]]), turned, along_x), logits[:1])
