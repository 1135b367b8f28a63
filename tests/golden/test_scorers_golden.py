"""Scores worked out elsewhere: every table of captions and answers that the rules of other code bases were run on."""

from __future__ import annotations

import pytest

from proxy3d.evaluation.benchmarks.open_eqa import OpenEQA
from proxy3d.evaluation.benchmarks.sqa3d_localisation import METRICS, SQA3DLocalisation, guesses
from proxy3d.evaluation.metrics import matching
from proxy3d.evaluation.metrics.captions import caption_scores
from proxy3d.evaluation.metrics.matching import clean_answer
from proxy3d.evaluation.metrics.ptb import ptb
from proxy3d.evaluation.scoring import Example

CLEANED = {
    "  The  Left.  ": "left", "a 3 chairs": "three chairs", "the the chair": "the chair", "12 oclock": "twelve o'clock", "café": "caf",
    "3:30": "three:30", "2,3": "two,three", "chair.  Table": "chair table", "it’s": "its", "a": "a", "21": "21", "tv stand": "TV stand",
    "mat2": "mat", "no1": "no", "chair2d": "chair2d", "24": "24", "23": "twenty-three", "none": "zero", "o'  clock": "o'clock",
    "backwards": "backward",
}  # fmt: skip


@pytest.mark.parametrize("text", CLEANED)
def test_answers_are_cleaned_as_everybody_does(text):
    assert clean_answer(text) == CLEANED[text]


RULES = (matching.raw, matching.chatscene_raw, matching.leo, matching.llava3d, matching.mmscan)
ANSWERS = {  # said, references: exact officially; exact and refined under chatscene, leo, llava3d; refined under mmscan
    ("Brown.", "brown"): (0, (1, 1), (1, 1), (1, 1), 1),
    ("2", "2"): (1, (0, 0), (1, 1), (1, 1), 1),
    ("tv", "tv"): (1, (0, 0), (1, 1), (1, 1), 1),
    ("a brown chair", "brown chair"): (0, (1, 1), (1, 1), (1, 1), 1),
    ("brown", "dark brown", "brown"): (1, (1, 1), (0, 1), (1, 1), 1),
    ("", "brown"): (0, (0, 0), (0, 1), (0, 1), 0),
    (".", "brown"): (0, (0, 0), (0, 1), (0, 1), 0),
    ("no", "north wall"): (0, (0, 1), (0, 1), (0, 1), 1),
    ("0", "none"): (0, (0, 0), (1, 1), (1, 1), 1),
    ("two", "2"): (0, (0, 0), (1, 1), (1, 1), 1),
    ("black", "Black"): (0, (0, 0), (1, 1), (1, 1), 1),
    ("tan", "tan "): (0, (0, 1), (1, 1), (1, 1), 1),
    ("table 2", "table"): (0, (0, 1), (0, 1), (0, 1), 1),
    ("21", "21"): (1, (1, 1), (1, 1), (1, 1), 1),
}


@pytest.mark.parametrize("row", ANSWERS, ids=str)
def test_a_match_is_what_each_code_base_says(row):
    said, *references = row
    official, *pairs, mmscan = ANSWERS[row]
    found = [rule(said, references) for rule in RULES]
    assert found[0] == (bool(official), None)
    assert [tuple(map(int, pair)) for pair in found[1:4]] == pairs
    assert found[4][1] == bool(mmscan)


def test_nothing_said_is_wrong_under_mmscan_whatever_the_reference():
    assert all(matching.mmscan(said, ["no", "yes", "not there"]) == (False, False) for said in ("", ".", "</s>", "\n"))


def test_the_lenient_script_takes_nothing_for_an_answer_and_two_for_another_number():
    assert matching.lenient("", ["brown"])[0] and matching.lenient("in the brown corner", ["brown chair"])[0]
    assert not matching.lenient("2", ["2"])[0] and not matching.lenient("brown chair", ["brow"])[0]


SOS = [["sos a brown chair . eos"], ["sos white desk by the wall . eos"], ["sos black monitor on the desk . eos"], ["sos the door is open . eos"]]
TWO = [["brown", "dark brown"], ["on the left", "left"]]
CAPTIONS = {  # hypotheses, references: BLEU-1..4, ROUGE-L, CIDEr
    "lost objects": (["sos eos"] * 4, SOS, (0.072440, 0, 0, 0), 0.396128, 0),
    "lost objects, two blanks": (["sos  eos"] * 4, SOS, (0.072440, 0, 0, 0), 0.366127, 0),
    "half lost": ([SOS[0][0], SOS[1][0], "sos eos", "sos eos"], SOS, (0.542747, 0.502487, 0.515564, 0.522229), 0.691230, 5.0),
    "single words": (["brown", "right"], [["brown"], ["left"]], (0.5, 0.000707, 0.000079, 0.000027), 0.5, 1.25),
    "two references": (["brown", "to the left"], TWO, (0.75, 0.612372, 0.000007, 0.000004), 0.914966, 2.131356),
    "one empty": (["", "left"], TWO, (0.367879, 0.000368, 0.000037, 0.000012), 0.5, 0.966344),
    "one item": (["brown chair"], [["brown chair"]], (1, 1, 0.01, 0.001), 1, 0),
}


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions_score_what_the_coco_scorers_say(name):
    said, references, bleu, rouge, cider = CAPTIONS[name]
    found = caption_scores(said, references)
    assert [found[f"BLEU-{n}"] for n in (1, 2, 3, 4)] == pytest.approx(bleu, abs=6e-7)
    assert (found["ROUGE-L"], found["CIDEr"]) == pytest.approx((rouge, cider), abs=6e-7)
    assert found["METEOR"] is None


TOKENS = {
    "The chair (brown) is here.": "the chair -lrb- brown -rrb- is here", "what ?!": "what ?!", "and/or left-hand": "and/or left-hand",
    "it’s the student's": "it 's the student 's", "cannot don't": "can not do n't", "1,200 chairs, 3:30": "1,200 chairs 3:30",
    "end...table -- wide": "end table wide", "100% of $5": "100 % of $ 5", "mr. smith at 5 p.m.": "mr. smith at 5 p.m.", "": "", "...": "",
    "table.\nchair": "table chair", "/left": "/ left", "“soft”": "soft",
}  # fmt: skip


@pytest.mark.parametrize("text", TOKENS)
def test_words_are_those_of_the_official_tokeniser(text):
    assert ptb(text) == TOKENS[text]


@pytest.mark.parametrize("marks, score", [((5, 4, 5, 1, 5), 75.0), ((1, 1, 1, 1, 5), 20.0), ((0, 9, 1, 3, 5), 50.0)])
def test_marks_of_a_judge_become_the_published_score(marks, score):
    examples = [Example(str(number), "", None) for number in range(len(marks))]
    assert OpenEQA().score(examples, dict(zip("01234", marks, strict=True)), "official").metrics["LLM-match"] == score


def test_places_count_in_the_plane_and_turns_about_the_vertical_and_both_strictly():
    truth = guesses({"position": {"x": 0, "y": 0, "z": 0}, "rotation": {"_x": 0, "_y": 0, "_z": 0, "_w": 1}})
    examples = [Example("0", "", truth)]

    def scored(position, rotation):
        return SQA3DLocalisation().score(examples, {"0": guesses({"position": position, "rotation": rotation})}, "official").metrics

    turned = [0, 0, 2**-0.5, 2**-0.5]  # a quarter turn
    assert scored([0.3, 0.4, 9.0], turned) == {"position@0.5m": 0, "position@1m": 100, "rotation@15deg": 0, "rotation@30deg": 0}
    assert scored([0.3, 0.39, 9.0], [0, 0, 0, -1]) == dict.fromkeys(METRICS, 100)
    # The fourth guess does not count.
    far = [5, 5, 0]
    assert scored([far, far, far, [0, 0, 0]], [turned, [0, 0, 0.1, 0.995]])["position@1m"] == 0
    assert scored(far, [turned, [0, 0, 0.1, 0.995]])["rotation@15deg"] == 100
