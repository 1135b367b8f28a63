"""Every public benchmark: the truth scores best, nothing scores worst, and whatever is wrong with a file is counted and named."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from benchmark_writers import WRITERS
from box_benchmark_files import WRITERS as OF_BOXES
from cli_world import typed

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import BENCHMARKS
from proxy3d.evaluation.score import Request, hashes, score

CASES = [(name, variant) for name in BENCHMARKS if name in WRITERS for variant in BENCHMARKS[name].variants]


@pytest.fixture
def world(request, tmp_path):
    return replace(WRITERS[request.param](tmp_path), name=request.param)


def predicted(world, values, name="p.json"):
    file = world.annotations.parent / name
    file.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return file


def test_every_benchmark_has_a_writer():
    assert set(WRITERS) | set(OF_BOXES) == set(BENCHMARKS) and not set(WRITERS) & set(OF_BOXES)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_what_it_is(name):
    benchmark = BENCHMARKS[name]()
    assert benchmark.name == name and benchmark.licence and benchmark.citation
    assert benchmark.variants and len(set(benchmark.variants)) == len(benchmark.variants)
    assert set(benchmark.defects) <= set(benchmark.variants) and all("\n" not in line and len(line) > 5 for line in benchmark.defects.values())


def headline(scored):
    return next(iter(scored.metrics.values())) or 0.0


@pytest.mark.parametrize("world, variant", CASES, indirect=["world"], ids=map("-".join, CASES))
def test_the_truth_scores_best_and_nothing_scores_worst(world, variant):
    benchmark = BENCHMARKS[world.name]()
    examples = benchmark.examples(world.annotations)
    assert len({e.id for e in examples}) == len(examples) == len(world.right)
    scores = {}
    for name, values in (("right", world.right), ("wrong", world.wrong)):
        found = benchmark.predictions(predicted(world, values), examples)
        assert not found.troubles and set(found.found) == set(world.right)
        scores[name] = benchmark.score(examples, found.found, variant)
    nothing = benchmark.score(examples, {}, variant)
    dull = benchmark.chance(examples, variant)
    assert headline(nothing) <= headline(scores["wrong"]) < headline(scores["right"])
    assert dull and all(headline(row) <= headline(scores["right"]) for row in dull.values())
    for scored in (*scores.values(), nothing, *dull.values()):
        for row in (scored.metrics, *scored.by_type.values()):
            assert all(value is None or math.isfinite(value) and value >= 0 for value in row.values())
        assert not scored.by_type or sum(row["n"] for row in scored.by_type.values()) == scored.n
    again = benchmark.score(examples, benchmark.predictions(predicted(world, world.right), examples).found, variant)
    assert again == scores["right"]


@pytest.mark.parametrize("world, variant", CASES, indirect=["world"], ids=map("-".join, CASES))
def test_the_order_of_examples_and_predictions_does_not_matter(world, variant):
    benchmark = BENCHMARKS[world.name]()
    examples = benchmark.examples(world.annotations)
    mixed = {key: (world.right, world.wrong)[n % 2][key] for n, key in enumerate(world.right)}
    found = benchmark.predictions(predicted(world, mixed), examples).found
    forward = benchmark.score(examples, found, variant)
    backward = benchmark.score(examples[::-1], dict(reversed(found.items())), variant)
    for name, value in forward.metrics.items():
        assert backward.metrics[name] == (value if value is None else pytest.approx(value, abs=1e-9))


@pytest.mark.parametrize("world", WRITERS, indirect=True, ids=str)
def test_what_is_wrong_with_predictions_is_counted_and_named(world):
    benchmark = BENCHMARKS[world.name]()
    examples, (first, *others) = benchmark.examples(world.annotations), world.right
    for value in world.broken:
        found = benchmark.predictions(predicted(world, {first: value}), examples)
        assert not found.found and sum(found.troubles.values()) == len(world.right), (value, found.troubles)
        assert found.troubles["no prediction"] == len(others)
        assert all("\n" not in line and line.isascii() for line in found.named)
        scored = benchmark.score(examples, found.found, benchmark.variants[-1])
        assert all(v is None or math.isfinite(v) for v in scored.metrics.values())
    twice = f'{{{json.dumps(first)}: {json.dumps(world.right[first])}, {json.dumps(first)}: {json.dumps(world.wrong[first])}, "\\ud800x": 1}}'
    found = benchmark.predictions(predicted(world, twice), examples)
    assert found.troubles == {"id given twice; the first one counts": 1, "id of no example": 1, "no prediction": len(others)}
    (value,) = found.found.values()
    assert value == benchmark.predictions(predicted(world, {first: world.right[first]}), examples).found[first]


@pytest.mark.parametrize("world", WRITERS, indirect=True, ids=str)
def test_a_broken_line_costs_only_itself(world):
    benchmark = BENCHMARKS[world.name]()
    examples, (first, *others) = benchmark.examples(world.annotations), world.right
    value = world.right[first]
    key = {"mmscan_qa": "ID", "scan2cap": "sample_id"}.get(benchmark.name, "question_id")
    row = {key: first, **(value if isinstance(value, dict) else {"mark" if benchmark.name == "open_eqa" else "answer": value})}
    lines = [json.dumps(row), '{"question_id": ', "__import__('os').abort()", "[]", '"text"', "{}", json.dumps({key: True, "answer": "x"})]
    found = benchmark.predictions(predicted(world, "\n".join(lines), "p.jsonl"), examples)
    assert set(found.found) == {first}
    assert found.troubles["no prediction"] == len(others) and sum(found.troubles.values()) == len(others) + 6


@pytest.mark.parametrize("world", WRITERS, indirect=True, ids=str)
@pytest.mark.parametrize("content", ["", "{", "{}", "[]", "3", '{"nobody": "x"}', "[" * 100_000, '{"a": NaN', "\udcff"], ids=range(9))
def test_a_file_that_is_no_file_of_predictions_gives_one_line(world, content):
    file = world.annotations.parent / "p.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput) as caught:
        score(Request(world.name, file, annotations=world.annotations))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("world", WRITERS, indirect=True, ids=str)
def test_annotations_have_to_be_whole(world):
    text = world.annotations.read_text()
    file = predicted(world, world.right)
    for broken in (text[: len(text) // 2], "[]", "[7]", '{"a": 1}', '[{"question_id": "a"}]'):
        world.annotations.write_text(broken)
        with pytest.raises(BadInput):
            score(Request(world.name, file, annotations=world.annotations))


# --- what is typed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WRITERS, indirect=True, ids=str)
def test_one_json_object_of_the_stated_keys(world, capsys):
    name, file = world.name, predicted(world, world.right)
    line = ["score", name, "--annotations", str(world.annotations), "--predictions", str(file), "--json"]
    back = typed(capsys, line)
    assert (back.status, back.err) == (0, "")
    found = json.loads(back.out)
    assert found.keys() >= {"benchmark", "variant", "n", "metrics", "by_type", "chance", "troubles", "inputs", "commit", "machine"}
    assert (found["benchmark"], found["variant"]) == (name, BENCHMARKS[name].variants[0])
    assert set(found["inputs"]) >= {"p.json", world.annotations.name} and found["inputs"] == hashes(file, world.annotations)
    every = json.loads(typed(capsys, [*line, "--variant", "all"]).out)
    assert tuple(every["variants"]) == BENCHMARKS[name].variants and every["variant"] == "all"
    assert every["variants"][found["variant"]]["metrics"] == found["metrics"]
    table = typed(capsys, [*line[:-1], "--variant", "all"]).out
    assert all(variant in table for variant in BENCHMARKS[name].variants)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"benchmark": "scanqb"}, "known: scanqa"),
        ({"--variant": "offical"}, "known: official"),
        ({"--predictions": "nothing.json"}, "no such file"),
        ({"--predictions": "p.pkl"}, "pickle"),
        ({"--predictions": "p.txt"}, "expected"),
        ({"--annotations": "nothing"}, "no such file or folder"),
        ({"--annotations": "p.json"}, "expected"),
        ({"--annotations": None}, "--annotations is missing"),
        ({"--meteor": "nothing.jar"}, "meteor-1.5.jar"),
        ({"--upload": "p.json"}, "--force"),
    ],
    ids=str,
)
def test_bad_input_gives_one_line_and_status_2(change, says, tmp_path, monkeypatch, capsys):
    world = WRITERS["scanqa"](tmp_path)
    predicted(world, world.right)
    for name in ("p.pkl", "p.txt"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    flags = {"--annotations": world.annotations.name, "--predictions": "p.json"} | change
    words = ["score", flags.pop("benchmark", "scanqa"), *(word for flag, value in flags.items() if value for word in (flag, value))]
    before = sorted(p.name for p in tmp_path.iterdir())
    back = typed(capsys, words)
    assert back.status == 2 and back.err.count("\n") == 1 and says in back.err and not back.out
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_upload_has_ten_answers_and_a_line_for_every_question(tmp_path, capsys):
    world = WRITERS["scanqa"](tmp_path)
    file = predicted(world, dict(list(world.right.items())[:2]))
    line = ["score", "scanqa", "--annotations", str(world.annotations), "--predictions", str(file)]
    back = typed(capsys, [*line, "--upload", str(tmp_path / "up.json")])
    assert back.status == 0 and "3 x no prediction" in back.err
    rows = json.loads((tmp_path / "up.json").read_text())
    assert [row["question_id"] for row in rows] == list(world.right)
    assert all(set(row) == {"scene_id", "question_id", "answer_top10", "bbox"} for row in rows)
    assert rows[0]["answer_top10"] == ["black"] * 10 and rows[4]["answer_top10"] == [""] * 10
    assert typed(capsys, ["score", "sqa3d", "--predictions", str(file), "--upload", str(tmp_path / "x.json")]).status == 2
    assert not (tmp_path / "x.json").exists()


def test_any_of_ten_answers_counts_where_a_file_has_several(tmp_path):
    world = WRITERS["scanqa"](tmp_path)
    rows = [{"question_id": key, "answer_top10": ["zebra", answer]} for key, answer in world.right.items()]
    result = score(Request("scanqa", predicted(world, rows), annotations=world.annotations, variant="official"))
    assert (result["metrics"]["EM@1"], result["metrics"]["EM@10"]) == (0, 100)
    assert score(Request("scanqa", predicted(world, world.right), annotations=world.annotations))["metrics"]["EM@10"] is None


def test_the_report_has_every_rule_under_every_variant_and_a_place_for_each_speed(tmp_path, capsys):
    from proxy3d.evaluation.report import render_scorer_speed, render_variants
    from proxy3d.evaluation.scorers_report import RULES, main

    for name in ("scanqa", "sqa3d"):
        (tmp_path / name).mkdir()
        WRITERS[name](tmp_path / name)
    out, speed = tmp_path / "scorers.json", tmp_path / "speed.json"
    speed.write_text(json.dumps({"what": "boxes", "summary": {"oriented_iou_per_second": 123456.7}, "rounds": 5, "machine": "2 cores"}))
    assert main(["--data", str(tmp_path), "--speed", str(speed), "-o", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["summary"]["oriented_iou_per_second"] == 123456.7 and result["summary"]["cider_speedup_without"] is None
    assert set(result["benchmarks"]["scanqa"]["rules"]) == set(RULES) == set(result["summary"]["variants_spread"]["sqa3d"])
    assert result["summary"]["variants_spread"]["scanqa"]["first reference, capital and full stop"]["EM@1"] == 100
    assert {"scanqa/ScanQA_v1.0_val.json"} < set(result["inputs"]) and result["commit"]
    text = render_variants(result)
    assert "| empty answer | EM-R | - | - | 100.0 | 100.0 | 0.0 | 0.0 | 100.0 |" in text
    speeds = render_scorer_speed(result)
    assert "123,457" in speeds and "| - |" in speeds and "boxes: medians of 5 pairs" in speeds
    for render in (render_variants, render_scorer_speed):
        with pytest.raises(BadInput, match="scorers_report"):
            render({"summary": {}})
    capsys.readouterr()
    speed.write_text("[]")
    assert main(["--data", str(tmp_path), "--speed", str(speed), "-o", str(out)]) == 2
    assert main(["--data", str(tmp_path / "nothing"), "-o", str(out)]) == 2 and capsys.readouterr().err.count("\n") == 2
