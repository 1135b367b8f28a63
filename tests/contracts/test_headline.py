"""The headline study from rooms to a page: parts that can be killed, one result, and bad input in one line."""

from __future__ import annotations

import copy
import json
import sys
import xml.etree.ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.errors import BadInput
from proxy3d.evaluation import headline, headline_latency
from proxy3d.evaluation.headline import StudySettings, main, study
from proxy3d.evaluation.headline_data import load_study
from proxy3d.evaluation.headline_latency import WAYS, latency
from proxy3d.evaluation.headline_merge import LATENCY, by_figure, by_room, latency_of, merged, over_blind, part_file, same_settings, summary
from proxy3d.evaluation.headline_scores import DULL, FIGURES, room_figures, row, score
from proxy3d.evaluation.headline_tables import plot_headline, render_headline, render_unmeasured
from proxy3d.evaluation.headline_variants import VARIANTS, chosen_variants
from proxy3d.proxies.clusterers.set_encoder import SetEncoder
from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
from proxy3d.proxies.encoder import ProxyEncoder
from proxy3d.spacespan.record import Record
from proxy3d.training.recipes import RECIPES
from proxy3d.weights import load_weights, save_weights

TINY = StudySettings(steps=3, start=2, questions=6, layers=2, width=16, heads=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("headline")
    cast_data_set(folder / "rooms", {"train": 2, "val": 1, "test": 2})
    torch.manual_seed(0)
    encoder = ProxyEncoder(RECIPES["tiny"].encoder)
    facts = {"run": {"settings": {"semantic": "tiny"}}}
    save_weights(folder / "weights.safetensors", encoder=encoder, clusterer=SoftKMeans(encoder.settings.out_dim), reader=None, facts=facts)
    return folder


def run(world, work, only, **more):
    return study(world / "rooms", str(world / "weights.safetensors"), work / "out.json", work, only=only, **{"settings": TINY, "seeds": 1, **more})


@pytest.fixture(scope="module")
def result(world, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    run(world, work, "dense,blind")
    return work, run(world, work, "ours,ours_32,no_grouping,oracle")


@pytest.mark.slow
def test_parts_of_several_calls_are_one_result(result):
    work, found = result
    assert json.loads((work / "out.json").read_text())["summary"].keys() == found["summary"].keys()
    assert {r["variant"] for r in found["rows"]} >= {"dense", "ours", "blind", "oracle", "no_grouping", "chance", "majority"}
    summary = found["summary"]
    for key in ("vqa", "ref_iou", "ref_acc_025", "ref_acc_050", "nlvr"):
        assert set(summary[key]) >= {"dense", "p4", "p8", "p16", "p32", "p64", "auto", "blind", "majority", "oracle"}
    assert all(figure["low"] <= figure["mean"] <= figure["high"] for figure in summary["vqa"].values())
    assert set(summary["grouping_gain_acc_at_025"]) == {"mean", "low", "high"} and summary["latency_ratio_vs_dense"] is None
    assert found["training"]["dense-0"]["questions_per_second"] > 0 and found["rooms"] == 2


@pytest.mark.slow
def test_what_is_done_is_not_done_again_and_what_is_lost_comes_out_the_same(world, result, monkeypatch):
    work, found = result
    part = part_file(work / "out", "dense", 0)
    before, when = json.loads(part.read_text()), part.stat().st_mtime_ns
    start = work / "symbols-0" / "answers.safetensors"
    start.unlink()
    run(world, work, "dense,blind")
    assert part.stat().st_mtime_ns == when and not start.exists(), "where all parts are finished nothing needs the start"
    part.unlink()  # as if it had been killed between training and testing
    run(world, work, "dense")
    after = json.loads(part.read_text())
    assert after["tested"] == before["tested"] and after["run"]["start"] == before["run"]["start"]


def test_what_cannot_be_meant_is_refused_in_one_line(world, tmp_path):
    headline.write_result(tmp_path / "settings.json", {"study": {"steps": 3}, "weights": "a"})
    headline.same_makings(tmp_path / "settings.json", {"study": {"steps": 3}, "weights": "a"})
    with pytest.raises(BadInput, match="begun with other settings .weights: a, now b.; delete it, or use another --work and -o") as error:
        headline.same_makings(tmp_path / "settings.json", {"study": {"steps": 3}, "weights": "b"})
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="no variant is called 'sparse'; known: symbols, dense, ours") as error:
        run(world, tmp_path, "dense,sparse")
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="no finished part"):
        merged(tmp_path, None)


def test_missing_rooms_and_weights_end_the_command_with_2(world, tmp_path, capsys):
    there = ["--work", str(tmp_path), "-o", str(tmp_path / "out.json")]
    assert main(["--rooms", str(tmp_path), "--weights", str(world / "weights.safetensors"), *there]) == 2
    assert main(["--rooms", str(world / "rooms"), "--weights", str(tmp_path / "no.safetensors"), *there]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_no_steps_no_rounds_and_another_clusterer_are_refused_in_one_line(world, tmp_path, capsys):
    same, encoder = ["--rooms", str(world / "rooms"), "--weights"], ProxyEncoder(RECIPES["tiny"].encoder)
    assert main([*same, str(world / "weights.safetensors"), "--work", str(tmp_path), "--steps", "0"]) == 2
    assert headline_latency.main([*same, str(world / "weights.safetensors"), "--rounds", "0", "-o", str(tmp_path / LATENCY)]) == 2
    other = tmp_path / "other.safetensors"
    save_weights(other, encoder=encoder, clusterer=SetEncoder(encoder.settings.out_dim), reader=None, facts={})
    assert main([*same, str(other), "--work", str(tmp_path)]) == 2
    steps, rounds, clusterer = capsys.readouterr().err.splitlines()
    for option, least in (("--seeds", 1), ("--start-steps", 0)):
        assert main([*same, str(world / "weights.safetensors"), "--work", str(tmp_path), option, "-1"]) == 2
        assert capsys.readouterr().err == f"{option} -1: expected at least {least}\n"
    assert steps == "--steps 0: expected at least 1" and rounds == "--rounds 0: expected at least 1"
    assert str(other) in clusterer and "'set_encoder'; the study needs 'soft_kmeans'" in clusterer


@pytest.mark.parametrize(("seed", "other"), [(0, {"rooms": 2}), (0, {"weights": "b"}), (1, {"rooms": 2}), (1, {"study": {"steps": 4}})])
def test_parts_made_with_other_settings_are_not_put_together(tmp_path, seed, other):
    made_of = {"study": {"steps": 3}, "weights": "a", "data": "d", "rooms": 4}
    for name, number, settings in (("blind", 0, made_of), ("dense", seed, {**made_of, **other})):
        part = {"variant": name, "seed": number, "settings": settings, "run": {"bf16": False}, "tested": {"own": {"rooms": [], "figures": {}}}}
        headline.write_result(part_file(tmp_path, name, number), part)
    with pytest.raises(BadInput, match=f"dense-{seed} and blind-0 were made with different settings .{next(iter(other))}.") as error:
        merged(tmp_path, None)
    assert "\n" not in str(error.value)


def test_parts_must_share_a_precision_and_a_start_that_the_start_itself_has_not(tmp_path):
    def part(name, **run):
        return {"variant": name, "seed": 0, "settings": {"rooms": 4}, "run": {"bf16": False, "start": "abc", **run}}

    start = {**part("symbols"), "run": {"bf16": False}}
    same_settings(tmp_path, [part("dense"), start, part("blind")])
    same_settings(tmp_path, [{**part(name), "run": {"bf16": True}} for name in ("dense", "symbols")])
    for other, what in ((part("ours", bf16=True), "bf16"), (part("ours", start="abd"), "start"), ({**part("ours"), "run": {"bf16": False}}, "start")):
        with pytest.raises(BadInput, match=f"ours-0 and dense-0 were made with different settings .{what}."):
            same_settings(tmp_path, [start, part("dense"), other])


def test_times_of_other_weights_are_not_taken(tmp_path):
    assert latency_of(tmp_path, "a") is None
    (tmp_path / LATENCY).write_text(json.dumps({"weights": "a"}))
    assert latency_of(tmp_path, "a") == {"weights": "a"}
    with pytest.raises(BadInput, match="measured with other weights than the parts beside it"):
        latency_of(tmp_path, "b")


def test_a_part_in_columns_is_the_part_by_room():
    tested = {"own": {"room_1": {"vqa": 0.5, "nlvr": None}, "room_2": {"vqa": 1.0, "nlvr": 0.25}}}
    found = by_room(by_figure(tested)["own"])
    assert list(found) == ["room_1", "room_2"] and np.isnan(found["room_1"]["nlvr"])
    assert (found["room_1"]["vqa"], found["room_2"]) == (0.5, tested["own"]["room_2"])


def test_rooms_made_anew_are_looked_at_anew(world, tmp_path):
    weights, data = load_weights(str(world / "weights.safetensors")), load_study(world / "rooms")
    (tmp_path / "spacespan.json").write_text('{"seed": 1}')
    folders = [headline.looks_of(tmp_path, weights, d).folder for d in (data, data, replace(data, folder=tmp_path))]
    assert folders[0] == folders[1] != folders[2]


@pytest.fixture
def invented():
    """A result as a finished study would give it: everything is right in more rooms the more proxies there are."""
    keys = [(name, label) for name, variant in VARIANTS.items() for label in variant.tested] + [("chance", "own"), ("majority", "own")]
    parts = {}
    for number, key in enumerate(keys):
        share = {"p4": 0.1, "p16": 0.6, "p64": 0.8}.get(key[1], number / 100)
        room = {figure: share for figure in FIGURES} | {f"{figure}_objects": 2 for figure in FIGURES}
        parts[key] = [[room, room], [room, room]]
    rows = [row(*key, VARIANTS[key[0]].about if key[0] in VARIANTS else key[0], seeds) for key, seeds in parts.items()]
    training = {"dense-0": {"machine": "a machine"}, "dense-1": {"machine": "another"}, "ours-0": {"machine": "a machine"}}
    return {"rows": rows, "summary": summary(parts, None), "rooms": 2, "latency": None, "training": training, "run": {"machine": "a third"}}


def test_the_summary_is_what_was_measured(invented):
    found = invented["summary"]
    for key in FIGURES:
        assert set(found[key]) >= {"dense", "p4", "p8", "p16", "p32", "p64", "auto", "blind", "majority", "oracle"}
        assert found[key]["p64"] == {"mean": 0.8, "low": 0.8, "high": 0.8}
    assert found["p16_of_best"]["vqa"] == pytest.approx(0.75) == found["p16_of_best"]["mean"]
    own = {r["variant"]: r["figures"]["ref_acc_025"]["mean"] for r in invented["rows"] if r["tested"] == "own"}
    assert found["grouping_gain_acc_at_025"]["mean"] == pytest.approx(own["ours_32"] - own["no_grouping"])
    assert found["p16_of_best_over_blind"]["vqa"] == pytest.approx((0.6 - own["blind"]) / (0.8 - own["blind"]))
    assert found["ours_32_less_dense"]["vqa"]["mean"] == pytest.approx(own["ours_32"] - found["vqa"]["dense"]["mean"])
    assert found["p32_less_dense"]["nlvr"]["mean"] == pytest.approx(found["nlvr"]["p32"]["mean"] - found["nlvr"]["dense"]["mean"])


def test_a_figure_that_no_room_has_is_null():
    room = {figure: float("nan") for figure in FIGURES} | {f"{figure}_objects": 0 for figure in FIGURES} | {"vqa": 0.5, "vqa_objects": 2}
    found = summary({("ours", name): [[room, room]] for name in ("p16", "p32")}, None)
    assert found["p16_of_best"] == {**dict.fromkeys(FIGURES), "vqa": 1.0, "mean": 1.0} and found["nlvr"]["p16"] is None
    assert found["p16_of_best_over_blind"] == dict.fromkeys(FIGURES), "nothing shown was not tested"


def test_what_is_not_clearly_better_than_nothing_shown_is_not_a_share_of_it():
    def figure(mean):
        return {"mean": mean, "low": mean - 0.05, "high": mean + 0.05}

    shown = {"blind": figure(0.4), "p4": figure(0.42), "p8": None, "p16": figure(0.55), "p32": figure(0.6), "p64": None, "auto": None}
    assert over_blind(shown) == pytest.approx(0.75) and over_blind({**shown, "p32": figure(0.45), "p16": figure(0.44)}) is None


def test_a_study_that_is_not_finished_says_how_many_seeds_its_rows_have(invented):
    for line in invented["rows"]:
        line["seeds"] = 1 if line["variant"] in DULL else 3
    assert "row has; 3 seeds;" in render_headline(invented) and "every patch a token |" in render_headline(invented)
    next(line for line in invented["rows"] if line["variant"] == "dense")["seeds"] = 2
    assert "row has; 2 to 3 seeds;" in render_headline(invented) and "| every patch a token, 2 seeds |" in render_headline(invented)
    assert render_unmeasured(invented) == "All models of the study are in the tables."
    kept = [line for line in invented["rows"] if line["variant"] not in ("dense", "frames")]
    assert render_unmeasured({"rows": kept}) == "Not measured yet: every patch a token; one token per frame."
    with pytest.raises(BadInput, match="lacks 'rows'"):
        render_unmeasured({})


def test_the_page_and_the_plot_show_what_was_measured_and_refuse_what_lacks(invented):
    text = render_headline(invented)
    assert "| every patch a token | 1.0 (1.0 to 1.0) |" in text and "| **16 proxies** | 60.0 (60.0 to 60.0) |" in text
    auto = next(r for r in invented["rows"] if r["tested"] == "auto")
    auto["figures"]["tokens"] = {"mean": 21.4, "low": 20.0, "high": 23.0}
    assert "| **proxies, as many as needed** |" in text and "as many as needed** (21 on average) |" in render_headline(invented)
    assert "| grouped by position alone |" in text and "over 2 rooms and the seeds that a row has; 2 seeds; a machine; another." in text
    assert "32 proxies less every patch, in the same rooms: 3D-VQA 4.0 (4.0 to 4.0), " in text and "that knows no other number less every" in text
    lines = [e for e in xml.etree.ElementTree.fromstring(plot_headline(invented)).iter() if e.tag.endswith("polyline")]
    assert len(lines) == 6, "three figures by number of proxies, and three level lines"
    for lacking in ("rows", "summary", "training", "latency"):
        broken = copy.deepcopy(invented)
        del broken[lacking]
        with pytest.raises(BadInput, match="lacks"):
            render_headline(broken)


@pytest.mark.slow
def test_latency_is_measured_side_by_side_and_lands_on_the_page(world, result):
    found = latency(world / "rooms" / "test", str(world / "weights.safetensors"), clips=1, rounds=2)
    assert set(found["ways"]) == set(WAYS) and found["ways"]["p32"]["tokens"]["median"] == 33 < found["ways"]["dense"]["tokens"]["median"]
    page = render_headline({**result[1], "latency": found})
    assert "times as long as 32 proxies" in page and "| proxies, as many as needed | " in page and "| one token per frame | " in page
    assert found["ways"]["frames"]["tokens"]["median"] < found["ways"]["p16"]["tokens"]["median"] == 17


def phrase(targets):
    from proxy3d.values import Box

    boxes = tuple(Box((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) for _ in targets)
    return Record("q", "r", "test", "ground_category", "the cup", str(len(targets)), "boxes", "cup", targets=targets, boxes=boxes)


def test_pointing_is_scored_by_its_surest_box_and_only_where_one_thing_is_meant():
    here, near, far = [0, 0, 0, 1, 1, 1], [0.5, 0, 0, 1, 1, 1], [5, 0, 0, 1, 1, 1]
    found = score(phrase((1,)), "", [near, here], [here], [near])
    assert found["ref_iou"] == pytest.approx(1 / 3) and (found["ref_acc_025"], found["ref_acc_050"]) == (1, 0)
    assert score(phrase((1,)), "", [far], [here], [far])["ref_acc_025"] == 0
    unsure = score(phrase((1,)), "", [], [here], [here])
    assert unsure == {"ref_acc_025": 1, "ref_acc_050": 1, "ref_iou": 1, "ref_f1_025": 0, "ref_silent": 1}, "however unsure it is"
    nothing = score(phrase(()), "", [], [], [far])
    assert np.isnan(nothing["ref_acc_025"]) and nothing["ref_f1_025"] == 1 and np.isnan(nothing["ref_silent"])


def test_rooms_weigh_by_their_questions():
    said = Record("q", "r", "test", "count", "How many?", "2", "number", "cup")
    one = room_figures([(said, {"vqa": 1.0})], ["count"])
    two = room_figures([(said, {"vqa": 0.0})] * 3, ["count"])
    assert one["vqa_objects"] == 1 and np.isnan(one["nlvr"]) and two["family count"] == 0
    figures = row("x", "own", "", [[one, two], [one, two]])["figures"]
    assert figures["vqa"]["mean"] == 0.25 and "nlvr" not in figures


def test_the_default_is_everything_and_every_variant_is_tested_on_something():
    assert list(chosen_variants(None)) == list(VARIANTS) and all(v.tested and v.representation.groupings for v in VARIANTS.values())
    names, answers = (one.stage for one in headline.stages(1200))
    assert answers.steps == 1200 == 3 * names.steps
