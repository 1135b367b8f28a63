"""VSI-Bench to the bit: what each public scorer reads in an answer, and how much of a number it gives."""

from __future__ import annotations

import json

import numpy as np
import pytest

from proxy3d.evaluation.benchmarks.vsi_bench import DIRECTION, VSIBench
from proxy3d.evaluation.metrics.relative_accuracy import SINGLE, TOLERANCES, mean_relative_accuracy, mean_relative_accuracy_single
from proxy3d.evaluation.metrics.vsi_answers import READERS
from proxy3d.evaluation.scoring import Example

NAMES = ("official", "lmms-eval", "vlmevalkit", "spacer", "spatial-mllm")
NUMBERS = {
    "3.5 meters": (3.5, 3.5, 3.5, 3.5, None),
    "about 3": (None, 3, 3, 3, None),
    "three": (None, 3, 3, 3, None),
    "two or 3": (None, 2, 3, 2, None),
    "4 or 5": (4, 4, 5, 4, None),
    "twenty-one": (None, 21, -1, 1, None),
    "two hundred and five": (None, 205, 5, 2, None),
    "1,200": (None, 1, 200, 1, 1200),
    ".5": (0.5, 5, 0.5, 5, 0.5),
    "1e2": (100, 1, 100, 1, 100),
    "-2": (-2, -2, -2, 2, -2),
    "a": (None, None, None, 1, None),
    "3\nchairs": (None, 3, 3, 3, None),
    " 3": (None, 3, 3, 3, 3),
}
LETTERS = {
    "C. left": "CCCC-",
    "C) left": "--C--",
    "(C)": "--C--",
    "**C**": "--C--",
    " C": "--CCC",
    "The answer is C.": "--C--",
    "Answer: C": "--CC-",
    "A chair": "AAAA-",
    "B or C": "BB-B-",
    "<answer>C</answer>": "--C-C",
}
# predicted, true, official, spatial-mllm
ACCURACY = [
    (2, 2, 1.0, 1.0), (1, 2, 0.1, 0.0), (3, 2, 0.1, 0.0), (5, 4, 0.6, 0.5), (3, 4, 0.6, 0.5), (3, 5, 0.3, 0.2), (7, 5, 0.3, 0.2),
    (7, 10, 0.5, 0.4), (13, 20, 0.4, 0.4), (11, 20, 0.1, 0.1), (4, 5, 0.6, 0.6), (17, 20, 0.8, 0.7), (9, 10, 0.9, 0.9), (2.2, 2, 0.9, 0.8),
    (95, 100, 1.0, 1.0), (1.9, 2, 1.0, 0.9), (0, 2, 0.0, 0.0), (4, 2, 0.0, 0.0),
]  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read_as_each_scorer_reads_them(text):
    assert tuple(READERS[name].number(text) for name in NAMES) == NUMBERS[text]


@pytest.mark.parametrize("text", LETTERS)
def test_letters_are_read_as_each_scorer_reads_them(text):
    read = [(READERS[name].choice(text) or "").upper() for name in NAMES]
    assert "".join(r if len(r) == 1 else "-" for r in read) == LETTERS[text]


def test_tolerances_are_the_doubles_of_the_public_code():
    text = "0.5, 0.44999999999999996, 0.4, 0.35, 0.30000000000000004, 0.25, 0.19999999999999996, 0.15000000000000002"
    assert ", ".join(map(repr, TOLERANCES)) == text + ", 0.10000000000000009, 0.050000000000000044"
    assert [float(v) for v in SINGLE][1] == 0.44999998807907104 and all(v.dtype == np.float32 for v in SINGLE)
    meets = {error: error <= tolerance for error, tolerance in zip((0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05), TOLERANCES, strict=True)}
    assert [error for error, met in meets.items() if not met] == [0.45, 0.2]


def test_relative_accuracy_of_the_golden_table():
    got = [(p, t, mean_relative_accuracy(p, t), mean_relative_accuracy_single(p, t)) for p, t, *_ in ACCURACY]
    assert got == ACCURACY


def test_float32_and_strictly_below_costs_a_step_on_44_of_820_pairs():
    pairs = [(p, t) for t in range(1, 21) for p in range(41)]
    differ = [mean_relative_accuracy(p, t) - mean_relative_accuracy_single(p, t) for p, t in pairs]
    assert len(pairs) == 820 and sum(abs(d) > 1e-12 for d in differ) == 44 and all(abs(d - 0.1) < 1e-9 or d == 0 for d in differ)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "infinity", "", " ", "NaN meters", "9" * 5000, "[" * 4000, "<answer>" * 900])
def test_text_that_is_no_number_scores_0_and_never_fails(text):
    rows = [Example("a", "object_counting", truth("2")), Example("b", "route_planning", truth("A"))]
    for variant in VSIBench().variants:
        assert VSIBench().score(rows, {"a": text, "b": text}, variant).metrics["overall"] == 0, variant


def truth(text):
    from proxy3d.evaluation.benchmarks.vsi_bench import Asked

    return Asked(text, ("A. left", "B. right") if text.isalpha() else ())


def rows_of(counts):
    kinds = [kind for kind, n in counts.items() for _ in range(n)]
    return [Example(str(i), kind, truth("2" if kind.endswith(("counting", "estimation", "abs_distance")) else "A")) for i, kind in enumerate(kinds)]


def test_overall_is_the_mean_of_kinds_with_direction_as_the_mean_of_its_levels():
    rows = rows_of({f"{DIRECTION}_easy": 3, f"{DIRECTION}_medium": 2, f"{DIRECTION}_hard": 1, "object_counting": 5, "route_planning": 1})
    found = {e.id: "A" if e.kind.endswith("easy") else "4" for e in rows}  # easy all right, everything else wrong
    scored = VSIBench().score(rows, found, "official")
    assert scored.by_type[DIRECTION]["score"] == pytest.approx(100 / 3) and scored.metrics["overall"] == pytest.approx(100 / 9)
    assert VSIBench().score(rows, found, "mra-11").metrics["overall"] == pytest.approx(100 / 5)
    without = [e for e in rows if not e.kind.endswith("hard")]
    assert VSIBench().score(without, found, "official").metrics["overall"] is None
    assert VSIBench().score(rows, found, "spatial-mllm").metrics["micro"] == pytest.approx(100 * 3 / 12)


def test_an_eleventh_tolerance_lowers_a_score_that_is_not_exact():
    rows = rows_of({"object_counting": 1})
    assert VSIBench().score(rows, {"0": "2.02"}, "official").metrics["MRA"] == 100
    assert VSIBench().score(rows, {"0": "2.02"}, "mra-11").metrics["MRA"] == pytest.approx(100 * 10 / 11)
    assert VSIBench().score(rows, {"0": "2"}, "mra-11").metrics["MRA"] == 100


def test_a_truth_of_0_divides_by_nothing():
    row = [Example("a", "object_counting", truth("0"))]
    scores = {v: VSIBench().score(row, {"a": "0"}, v).metrics["MRA"] for v in VSIBench().variants}
    assert scores["official"] == 0 and scores["vlmevalkit"] == 100


def test_lmms_eval_rounds_each_kind_to_six_digits():
    rows = rows_of({"route_planning": 3})
    assert VSIBench().score(rows, {"0": "A"}, "lmms-eval").by_type["route_planning"]["score"] == pytest.approx(33.3333, abs=1e-12)


def test_a_table_that_lists_options_as_text_is_read_and_never_run(tmp_path):
    file = tmp_path / "VSI-Bench.tsv"
    head = "index\tquestion\tanswer\tcandidates\tquestion_type\tvideo"
    file.write_text(f"{head}\n7\tWhere?\tB\t['A. it\\'s left', 'B. __import__(\"os\")']\troute_planning\tscannet/scene0593_00.mp4\n")
    (example,) = VSIBench().examples(file)
    assert example.id == "7" and example.truth.options == ("A. it's left", 'B. __import__("os")') and example.truth.scene == "scene0593_00"


def test_chance_says_what_it_was_fitted_on(tmp_path):
    rows = [
        {"id": 1, "question_type": "object_counting", "question": "How many?", "ground_truth": "2", "scene_name": "s"},
        {"id": 2, "question_type": "object_counting", "question": "How many?", "ground_truth": "2", "scene_name": "s"},
        {"id": 3, "question_type": "object_counting", "question": "How many?", "ground_truth": "4", "scene_name": "s"},
        {"id": 4, "question_type": "route_planning", "question": "Q", "ground_truth": "A", "options": ["A. x", "B. y", "C. z"], "scene_name": "s"},
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    chance = VSIBench().chance(VSIBench().examples(tmp_path), "official")
    uniform, common, best = chance.values()
    assert uniform.metrics["overall"] == pytest.approx(100 / 3)
    assert common.by_type["object_counting"]["score"] == pytest.approx(100 * (1 + 1 + 0.1) / 3) and common.metrics["accuracy"] == 100
    assert best.metrics["MRA"] >= common.metrics["MRA"] and all("fitted on" in name or "uniform" in name for name in chance)
