"""Captions count only where the object was found: each variant's rule at the border, for lost objects and for proposals."""

from __future__ import annotations

import json

import pytest
from benchmark_writers import WRITERS

from proxy3d.evaluation.benchmarks.scan2cap import RULES, Scan2Cap, bare, spaced
from proxy3d.evaluation.benchmarks.scan2cap_files import Caption

KEYS = tuple(f"scene0000_00|{n}" for n in range(3))


@pytest.fixture
def world(tmp_path):
    return WRITERS["scan2cap"](tmp_path)


@pytest.fixture
def examples(world):
    return Scan2Cap().examples(world.annotations)


def captions(examples, **more):
    return {e.id: Caption(e.truth.captions[0], **more) for e in examples}


def test_an_iou_of_exactly_one_half_is_lost_only_under_the_legacy_rule(examples):
    full = {v: Scan2Cap().score(examples, captions(examples), v).metrics["CIDEr"] for v in Scan2Cap.variants}
    for variant, whole in full.items():
        at_half = Scan2Cap().score(examples, captions(examples, iou=0.5), variant).metrics["CIDEr"]
        assert at_half == (0 if variant == "official-legacy" else whole), variant
        below = Scan2Cap().score(examples, captions(examples, iou=0.49), variant).metrics
        assert below["CIDEr"] == 0 and below["CIDEr@0.25"] == whole


def test_lost_objects_earn_for_the_marks_everywhere_but_in_the_2022_script(examples):
    lost = {v: Scan2Cap().score(examples, captions(examples, iou=0.0), v).metrics["ROUGE-L"] for v in Scan2Cap.variants}
    assert lost.pop("official-2022") == 0 < min(lost.values()) and lost["leo"] == lost["official-legacy"]
    assert spaced("") == RULES["video3dllm"].nothing == "sos  eos" and bare("sos a b eos") == "a b" and bare("sos eos") == ""


def test_leo_leaves_out_what_was_not_predicted_and_the_others_do_not(examples):
    found = {KEYS[0]: Caption(examples[0].truth.captions[0])}
    scored = {v: Scan2Cap().score(examples, found, v) for v in Scan2Cap.variants}
    assert scored["leo"].n == 1 and {row.n for v, row in scored.items() if v != "leo"} == {3}


def test_the_2022_script_divides_by_predictions_and_by_objects(examples):
    found = captions(examples) | {"scene0000_00|#9": Caption("one box too many")}
    metrics = Scan2Cap().score(examples, found, "official-2022").metrics
    assert metrics["ROUGE-L-precision"] == pytest.approx(metrics["ROUGE-L-recall"] * 3 / 4)
    p, r = metrics["ROUGE-L-precision"], metrics["ROUGE-L-recall"]
    assert metrics["ROUGE-L"] == pytest.approx(2 * p * r / (p + r)) and metrics["mAP"] is None


def test_proposals_of_a_scene_are_matched_one_to_one_and_written_back(world, examples, tmp_path):
    benchmark, (low, high) = Scan2Cap(), examples[0].truth.box
    corners = [[(low, high)[i][0], (low, high)[j][1], (low, high)[k][2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    one = {"caption": "sos this is a black lamp . it is by the door . eos", "box": corners, "sem_prob": [1.0], "obj_prob": [0, 1]}
    file = tmp_path / "scenes.json"
    file.write_text(json.dumps({"scene0000_00": [one, one, {"caption": "no box"}, 7], "scene9999_00": [one]}))
    found = benchmark.predictions(file, examples)
    assert len(found.found) == 2 and sum(found.troubles.values()) == 3
    dense = benchmark.score(examples, found.found, "official-2022").metrics
    assert 0 < dense["CIDEr-recall"] < dense["CIDEr-precision"]  # one object of three, one proposal of two
    assert benchmark.score(examples, found.found, "video3dllm").metrics["CIDEr"] > 0
    uploaded = json.loads(benchmark.upload(examples, found.found))
    assert uploaded["scene0000_00"][0] == one
    assert benchmark.upload(examples, captions(examples)) is None


@pytest.mark.parametrize(
    "row",
    [
        {"scene_id": "scene0000_00", "object_id": 1, "caption": "a sofa"},
        {"sample_id": "scene0000_00|1|sofa", "pred_response": "a sofa"},
        {"scene_id": "scene0000_00", "gt_id": 1, "pred": "a sofa", "iou": 0.7},
        {"key": "scene0000_00|1", "caption": ["a sofa"], "box": [3.5, 0.5, 0.5, 1, 1, 1]},
    ],
    ids=str,
)
def test_rows_of_peers_name_their_object(row, examples, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row))
    (caption,) = Scan2Cap().predictions(file, examples).found.items()
    assert caption[0] == KEYS[1] and caption[1].text == "a sofa"


def test_a_corpus_serves_as_annotations(tmp_path):
    file = tmp_path / "scan2cap_val_corpus.json"
    file.write_text(json.dumps({"scene0000_00|1|sofa": ["sos the sofa . eos"], "scene0000_00|2|lamp": ["sos a lamp . eos"]}))
    examples = Scan2Cap().examples(file)
    assert [e.id for e in examples] == ["scene0000_00|1", "scene0000_00|2"] and examples[0].truth.captions == ("the sofa .",)
    found = {e.id: Caption(f"sos {e.truth.captions[0]} eos") for e in examples}
    for variant in set(Scan2Cap.variants) - {"leo"}:  # LEO puts blanks around stops that have theirs already, in captions alone
        assert Scan2Cap().score(examples, found, variant).metrics["ROUGE-L"] == pytest.approx(100), variant
