"""Tasks for lmms-eval: the YAML names functions that exist, and answers are scored as `proxy3d score` scores them, in the harness too where it is."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace

import benchmark_writers
import box_benchmark_files
import pytest

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks.box_files import shapes
from proxy3d.evaluation.lmms_eval import TASKS, boxes_as_text
from proxy3d.evaluation.lmms_eval_tasks import asking, scoring
from proxy3d.evaluation.score import ALL, Request, score
from proxy3d.values import Box

NAMES = ("scanqa", "sqa3d", "scan2cap", "scanrefer", "multi3drefer")
METRIC = re.compile(r"  - \{metric: (\S+), aggregation: !function (\S+), higher_is_better: true\}")


@pytest.fixture
def annotations(tmp_path, monkeypatch):
    """Every benchmark's invented files where the tasks look, and something to show of each scene."""
    for name in NAMES:
        (tmp_path / "data" / name).mkdir(parents=True)
        (benchmark_writers.WRITERS.get(name) or box_benchmark_files.WRITERS[name])(tmp_path / "data" / name)
    for scene in ("scene0000_00", "scene0001_00"):
        (tmp_path / "rooms" / scene).mkdir(parents=True)
    monkeypatch.setenv(asking.ANNOTATIONS, str(tmp_path / "data"))
    monkeypatch.setenv(asking.CAPTURES, str(tmp_path / "rooms"))
    asking._read.cache_clear()
    yield tmp_path
    asking._read.cache_clear()
    scoring.scored.cache_clear()


def answer_to(doc: dict, number: int) -> str:
    """Some right, some wrong, some that are no list where one is asked for."""
    if doc["benchmark"] in scoring.IN_BOXES:
        box = [[3 * number + 0.5, 0.5, 0.5, 1, 1, 1]]
        return ("[]", json.dumps(box), f"```json\n{json.dumps(box)}\n```", json.dumps([[3 * number + 0.5, 0.5, 0.5, 1, 1, 1.5]]), "none")[number % 5]
    return ("black", "By the window.", "4", "no", "a small mirror on the table")[number % 5]


def as_score_has_it(folder: Path, name: str) -> dict[str, float]:
    """Every figure of `proxy3d score --variant all` for these answers, null ones left out."""
    said = scoring.predictions(name, [(doc["id"], answer_to(doc, n)) for n, doc in enumerate(asking.rows(name))])
    (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")
    variants = score(Request(name, folder / "said.json", folder / "data" / name, ALL))["variants"]
    return {f"{v}/{m}": value for v, row in variants.items() for m, value in row["metrics"].items() if value is not None}


@pytest.mark.parametrize("name", NAMES)
def test_answers_score_as_on_the_command_line(annotations, name):
    docs = asking.rows(name)
    collected = [scoring.collected(doc, [answer_to(doc, n)]) for n, doc in enumerate(docs)]
    found = {metric: scoring.score([row[metric] for row in collected]) for metric in collected[0]}
    expected = as_score_has_it(annotations, name)
    assert found == {metric: expected[metric] for metric in found}
    assert {value for value in found.values() if value not in (0.0, 100.0)}, "the answers are too dull to tell rules apart"
    # Of captions the command line also says what other limits of IoU give, which are no different here.
    assert set(expected) - set(found) <= {m for m in expected if re.search(r"@0.25$|-precision|-recall", m) and name == "scan2cap"}


@pytest.mark.parametrize("name", NAMES)
def test_a_task_names_functions_that_are_there_and_every_metric(name):
    text = (TASKS / f"{name}.yaml").read_text(encoding="utf-8")
    named = METRIC.findall(text)
    assert [metric for metric, _ in named] == [f"{variant}/{metric}" for variant, metric in scoring.metrics_of(name)]
    functions = {}
    for module, function in re.findall(r"!function ([\w.]+)\.(\w+)", text):
        functions[function] = getattr(importlib.import_module(module), function)
    assert set(functions) == {"documents", "text", "visual", "collected", "score"} and all(map(callable, functions.values()))
    assert f"\ntask: proxy3d_{name}\n" in text and json.loads((TASKS / f"{name}.jsonl").read_text()) == {"benchmark": name}


def test_the_folder_is_printed_and_packed(capsys):
    runpy.run_path(str(TASKS.with_name("lmms_eval.py")), run_name="__main__")
    assert capsys.readouterr().out == f"{TASKS}\n"
    assert {f.stem for f in TASKS.glob("*.yaml")} == set(NAMES)
    tools = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]
    packed = {file for pattern in tools["setuptools"]["package-data"]["proxy3d"] for file in TASKS.parents[1].glob(pattern)}
    assert {file for file in TASKS.iterdir() if file.suffix in (".yaml", ".jsonl")} <= packed


def test_questions_hold_what_their_benchmark_needs(annotations):
    (first, *_), (boxed, *_) = asking.rows("sqa3d"), asking.rows("scan2cap")
    assert asking.text(first, {"post_prompt": " Shortly."}) == "I stand. What color is the lamp? Shortly."
    assert asking.text(boxed) == "centre [0.5, 0.5, 0.5], size [1.0, 1.0, 1.0]" and boxed["scene"] == "scene0000_00"
    assert not any(key in first for key in ("answers", "truth"))
    (annotations / "rooms" / "scene0000_00.mp4").write_bytes(b"")
    assert [Path(p).name for p in asking.visual(first, {"shows": "video"}) + asking.visual(first, {"shows": "capture"})] == [
        "scene0000_00.mp4",
        "scene0000_00",
    ]


def test_what_is_missing_is_named(annotations, monkeypatch):
    with pytest.raises(BadInput, match="scene0009_00: no such capture, and no scene0009_00.mp4"):
        asking.visual({"scene": "scene0009_00"})
    rows = json.loads((file := annotations / "data" / "scan2cap" / "ScanRefer_filtered_val.json").read_text())
    file.write_text(json.dumps([{k: v for k, v in row.items() if k != "bbox"} for row in rows]))
    with pytest.raises(BadInput, match="need bbox"):
        asking.rows("scan2cap")
    monkeypatch.setenv(asking.ANNOTATIONS, str(annotations / "rooms"))
    with pytest.raises(BadInput, match="published files of scanqa"):
        asking.rows("scanqa")
    for value in ("", "nowhere"):
        monkeypatch.setenv(asking.ANNOTATIONS, value)
        with pytest.raises(BadInput, match=asking.ANNOTATIONS):
            asking.rows("scanqa")


def test_our_model_writes_boxes_that_the_scorer_reads():
    def session(*boxes, metric=True):
        return SimpleNamespace(ground=lambda phrase: boxes, scene=SimpleNamespace(clip_id="room", scale=SimpleNamespace(is_metric=metric)))

    written = boxes_as_text(session(Box((1, 2, 0.5), (1, 1, 1)), Box((4, 2, 0.5), (2, 1, 1), 0.5)), "the chair")
    assert [shape.nine[:7] for shape in shapes(scoring.listed(written))] == [(1, 2, 0.5, 1, 1, 1, 0), (4, 2, 0.5, 2, 1, 1, 0.5)]
    assert scoring.listed(boxes_as_text(session(), "the chair")) == [] and scoring.listed("the [1] chair") == "the [1] chair"
    with pytest.raises(BadInput, match="no metric scale"):
        boxes_as_text(session(metric=False), "the chair")


@pytest.mark.parametrize("name", NAMES)
def test_the_harness_prints_what_the_command_line_prints(annotations, name, monkeypatch):
    """lmms-eval itself, with a model that looks its answers up."""
    pytest.importorskip("lmms_eval.evaluator", reason="lmms-eval is not installed: pip install lmms-eval", exc_type=ImportError)
    pytest.importorskip("datasets")
    from lmms_eval.api.model import lmms
    from lmms_eval.evaluator import simple_evaluate
    from lmms_eval.tasks import TaskManager

    answers = {doc["id"]: answer_to(doc, n) for n, doc in enumerate(asking.rows(name))}

    class Stub(lmms):
        def generate_until(self, requests):
            docs = [self.task_dict[task][split][number] for _, _, _, number, task, split in (request.args for request in requests)]
            assert all(request.args[2](doc) for request, doc in zip(requests, docs, strict=True))
            return [answers[doc["id"]] for doc in docs]

        def loglikelihood(self, requests): ...

        def generate_until_multi_round(self, requests): ...

    tasks = TaskManager(include_path=str(TASKS), include_defaults=False)
    found = simple_evaluate(model=Stub(), tasks=[f"proxy3d_{name}"], task_manager=tasks, batch_size=1)["results"][f"proxy3d_{name}"]
    expected = as_score_has_it(annotations, name)
    for variant, metric in scoring.metrics_of(name):
        assert found[f"{variant}/{metric},none"] == expected[f"{variant}/{metric}"]
