"""Every benchmark of boxes, letters and numbers: the truth scores best, nothing scores worst, damage is counted, and nothing is ever run."""

from __future__ import annotations

import json
import math

import pytest
from box_benchmark_files import WRITERS

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import BENCHMARKS

CASES = [(name, variant) for name in WRITERS for variant in BENCHMARKS[name]().variants]


@pytest.fixture(params=WRITERS)
def world(request, tmp_path):
    truth = WRITERS[request.param](tmp_path)
    benchmark = BENCHMARKS[request.param]()
    return benchmark, benchmark.examples(tmp_path), truth, tmp_path


def written(folder, content, name="predictions.json"):
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def headline(scored):
    return [v for v in scored.metrics.values() if v is not None]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_the_truth_scores_best_and_nothing_worst(name, variant, tmp_path):
    truth, benchmark = WRITERS[name](tmp_path), BENCHMARKS[name]()
    examples = benchmark.examples(tmp_path)
    best = benchmark.score(examples, benchmark.predictions(written(tmp_path, truth, "p.json"), examples).found, variant)
    worst = benchmark.score(examples, {}, variant)
    assert headline(best) and min(headline(best)) == pytest.approx(100) and max(headline(worst)) == 0, (best.metrics, worst.metrics)
    assert best == benchmark.score(examples, benchmark.predictions(tmp_path / "p.json", examples).found, variant), "the same twice"
    for scored in (best, *benchmark.chance(examples, variant).values()):
        assert all(0 <= v <= 100 for v in headline(scored)) and scored.n <= len(examples)
        assert all("n" in row for row in scored.by_type.values())


def test_a_benchmark_says_what_it_is(world):
    benchmark, examples, truth, _ = world
    assert benchmark.licence and benchmark.citation and set(benchmark.defects) <= set(benchmark.variants)
    assert len({e.id for e in examples}) == len(examples) == len(truth) and all(e.prompt for e in examples)
    assert all("\n" not in why for why in benchmark.defects.values())
    with pytest.raises(BadInput, match="known: "):
        benchmark.score(examples, {}, "nobody's")


def test_missing_unknown_and_doubled_ids_are_counted_and_named(world):
    benchmark, examples, truth, folder = world
    first, second, *_ = truth
    text = "{" + ", ".join(f"{json.dumps(k)}: {json.dumps(truth[k])}" for k in (first, first, second)) + ', "of nobody": "x"}'
    read = benchmark.predictions(written(folder, text, "p.json"), examples)
    assert sorted(read.troubles.values()) == [1, 1, len(examples) - 2] and len(read.found) == 2 and len(read.named) >= 3


BAD = [
    float("nan"), float("inf"), None, True, {}, [[]], [[1, 2]], {"boxes": "all"}, {"boxes": [[1, 2, 3, 4, 5]]}, {"boxes": [{"centre_m": [0, 0]}]},
    [[float("nan")] * 6], [[0, 0, 0, -1, 1, 1]], [[0, 0, 0, 1e300, 1, 1]], [[[1, 1, 1], [0, 0, 0]]], {"text": []}, {"text": {"a": 1}}, [[True] * 6],
    {"object_ids": ["x"]}, {"scores": ["high"]}, {"boxes": [[0] * 9], "scores": [float("nan")]}, '__import__("os").abort()', "\x00", "9" * 4000,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad)[:20])
def test_damaged_predictions_never_crash_and_never_score_nan(world, bad):
    benchmark, examples, truth, folder = world
    read = benchmark.predictions(written(folder, {**truth, next(iter(truth)): bad}, "p.json"), examples)
    for found in (read.found, {**truth, next(iter(truth)): bad}):
        for variant in benchmark.variants:
            assert all(math.isfinite(v) for v in headline(benchmark.score(examples, found, variant)))


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "nonsense", "3", "[]", "{}", "[" * 3000])
def test_a_file_that_is_no_predictions_is_refused_in_one_line(world, text):
    benchmark, examples, _, folder = world
    with pytest.raises(BadInput) as refused:
        benchmark.predictions(written(folder, text, "p.json"), examples)
    assert "\n" not in str(refused.value)


def test_rows_and_json_lines_say_the_same_as_an_object(world):
    benchmark, examples, truth, folder = world
    rows = [{"id": k, **(v if isinstance(v, dict) else {"text": v} if isinstance(v, str) else {"boxes": v})} for k, v in truth.items()]
    files = [written(folder, truth, "p.json"), written(folder, rows, "q.json"), written(folder, "\n".join(map(json.dumps, rows)), "r.jsonl")]
    scores = [benchmark.score(examples, benchmark.predictions(f, examples).found, benchmark.variants[0]) for f in files]
    assert scores[0] == scores[1] == scores[2]


def test_annotations_that_are_none_are_refused(world, tmp_path):
    benchmark, *_ = world
    for name in ("nothing_there", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(BadInput):
            benchmark.examples(tmp_path / name)


def test_multi3drefer_takes_the_evaluators_folders(tmp_path):
    """One {scene}.json per scene with K x 8 x 3 corners."""
    truth, benchmark = WRITERS["multi3drefer"](tmp_path), BENCHMARKS["multi3drefer"]()
    examples, out = benchmark.examples(tmp_path), tmp_path / "out"
    out.mkdir()
    corners = {e.id: [s.corners for s in e.truth.boxes] for e in examples}
    written(out, [{"ann_id": int(k.split("|")[1]), "aabb": v} for k, v in corners.items()], "scene0001_00.json")
    read = benchmark.predictions(out, examples)
    assert not read.troubles and len(read.found) == len(truth)
    assert benchmark.score(examples, read.found, "official").metrics["F1@0.5"] == 100
