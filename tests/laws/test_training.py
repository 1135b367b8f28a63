"""What training keeps to: a stopped run is the same run, only what a stage names moves, and words are taught by what they name."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from proxy3d.answers.nouns import named_things
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.pipeline import Pipeline
from proxy3d.presets import preset
from proxy3d.proxies.clusterers import LEARNED, SoftKMeans
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.tokens.position import PLACE_DIM, pair_numbers, seen_from_start
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.align import balanced_surprise
from proxy3d.training.lessons import RoomLesson
from proxy3d.training.loop import Stage, run_stage
from proxy3d.training.nouns import name_target
from proxy3d.training.patches import RoomPatches
from proxy3d.training.precision import bf16_is_faster
from proxy3d.training.recipes import RECIPES, TrainingRooms, finish, train_clusters
from proxy3d.weights import load_weights, save_weights


class Toy:
    """Fits a plane to points that depend on the step alone."""

    def __init__(self):
        torch.manual_seed(0)
        self.model, self.broken_at = nn.ModuleDict({"moves": nn.Linear(3, 1), "rests": nn.Linear(3, 1)}), -1

    def named_parameters(self):
        return dict(self.model.named_parameters())

    def loss(self, step):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        error = (self.model["moves"](x)[:, 0] + self.model["rests"](x)[:, 0] - x.sum(1)).square().mean()
        if step == self.broken_at:
            error = error * float("nan")
        return error, {"error": float(error.detach())}


STAGE = Stage("toy", ("moves",), steps=12, lr=0.05, warmup=2)


def quiet(line):
    pass


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    whole, first, second = Toy(), Toy(), Toy()
    facts = run_stage(STAGE, whole, tmp_path / "whole", log=quiet)
    run_stage(STAGE, first, tmp_path / "parts", stop_at_step=5, log=quiet)
    again = run_stage(STAGE, second, tmp_path / "parts", log=quiet)
    for name, value in whole.named_parameters().items():
        assert torch.equal(value, second.named_parameters()[name]), name
    assert again["loss"] == facts["loss"] and again["step"] == facts["step"] == 12


def test_only_what_a_stage_names_moves(tmp_path):
    toy, before = Toy(), Toy().named_parameters()
    run_stage(STAGE, toy, tmp_path, log=quiet)
    assert torch.equal(toy.named_parameters()["rests.weight"], before["rests.weight"])
    assert not torch.equal(toy.named_parameters()["moves.weight"], before["moves.weight"])


def test_a_broken_batch_is_skipped_and_counted(tmp_path):
    toy = Toy()
    toy.broken_at = 3
    facts = run_stage(STAGE, toy, tmp_path, log=quiet)
    assert facts["skipped"] == 1 and all(torch.isfinite(p).all() for p in toy.named_parameters().values())


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    run_stage(STAGE, Toy(), tmp_path, stop_at_step=2, log=quiet)
    other = Toy()
    other.model["moves"] = nn.Linear(4, 1)
    with pytest.raises(BadInput, match="another model.*delete it to start again"):
        run_stage(STAGE, other, tmp_path, log=quiet)


def test_category_words_are_found_longest_first_in_both_numbers():
    words = ("bookcase", "coffee table", "cup", "shelf", "table")
    assert named_things("Is the cup on a coffee table?", words) == [(7, 10, 2), (16, 28, 1)]
    assert named_things("all shelves and tables", words) == [(4, 11, 3), (16, 22, 4)]
    assert named_things("Find the tablecloth and the cupboard.", words) == []
    assert named_things("Is there a table?", ()) == []


def lesson(category, made_of):
    made_of = torch.tensor(made_of)
    numbers = SceneNumbers(torch.zeros(len(made_of), 4), torch.zeros(len(made_of), PLACE_DIM), torch.zeros(len(made_of), 3), torch.zeros(4))
    owned = made_of / made_of.sum(0).clamp_min(1e-9)
    return RoomLesson(numbers, made_of, owned, torch.zeros(made_of.shape[1], 6), torch.tensor(category))


def test_a_word_names_the_proxies_of_its_things_and_is_not_held_to_what_some_would_call_so_too():
    words = ("armchair", "chair", "lamp")
    room = lesson([3, 1, 0, 2], [[0.1, 0.9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])  # wall and floor, chair, armchair, lamp
    positive, counts = name_target(room, 1, words)
    assert positive.tolist() == [1, 0, 0, 0] and counts.tolist() == [1, 0, 1, 1]  # is the armchair a chair? people disagree
    positive, counts = name_target(room, 0, words)
    assert positive.tolist() == [0, 1, 0, 0] and counts.tolist() == [1, 1, 1, 1]  # but the chair is no armchair


def test_one_bold_miss_costs_more_than_the_same_doubt_spread_out():
    wanted, counts = torch.zeros(1, 8), torch.ones(1, 8)
    bold, spread = torch.full((1, 8), -4.0), torch.full((1, 8), -3.0)
    bold[0, 2] = 4.0
    assert float(balanced_surprise(bold, wanted, counts)) > 4 * float(balanced_surprise(spread, wanted, counts))
    assert float(balanced_surprise(bold, wanted, torch.tensor([[1, 1, 0, 1, 1, 1, 1, 1]]))) < 0.05


def test_what_is_seen_from_the_start_turns_with_the_viewer():
    xyz = torch.tensor([[1.0, 2.0, 0.5], [-1.0, 0.5, 0.0]])
    assert torch.allclose(seen_from_start(xyz, torch.tensor([0.0, 1.0, 0.0, 1.5])), xyz[:, :2])
    right = seen_from_start(xyz, torch.tensor([0.8, 0.0, -0.6, 1.5]))  # looking along x, downwards
    assert torch.allclose(right, torch.stack([-xyz[:, 1], xyz[:, 0]], 1))
    pairs = pair_numbers(xyz, torch.tensor([[0.5, 0.5, 2.0], [0.5, 0.5, 1.0]]), torch.tensor([0.0, 1.0, 0.0, 1.5]))
    assert torch.allclose(pairs[0, 1, :3], torch.tensor([-2.0, -1.5, -0.5])), "the second lies to the left, nearer and lower"
    assert pairs[0, 1, 3] < 0 < pairs[1, 0, 3] and pairs[0, 1, 4] < 0, "left of the first by angle, and nearer to the camera"
    assert torch.allclose(pairs[..., 5:8], pairs[..., 5:8].transpose(0, 1)) and pairs[1, 0, 8] > 0.6, "the first is taller"
    assert torch.allclose(seen_from_start(xyz, torch.tensor([0.0, 0.1, -0.99, 1.5])), xyz[:, :2]), "straight down: the room's own axes"


def patches_of_blobs(seed, points=90, dim=24):
    """A room of three things and walls, as training reads it, without any rendering."""
    generator = torch.Generator().manual_seed(seed)
    instance = torch.arange(points) % 4
    centre, look = torch.rand(4, 3, generator=generator) * 3, torch.randn(4, dim, generator=generator)
    return RoomPatches(
        feature=(look[instance] + 0.1 * torch.randn(points, dim, generator=generator)).half(),
        detail=torch.zeros(points, 0, dtype=torch.float16),
        patch=torch.stack([torch.arange(points) // 10, torch.arange(points) % 10], 1),
        cell=torch.arange(points),
        rgb=torch.rand(points, 3, generator=generator),
        xyz_room_m=centre[instance] + 0.1 * torch.randn(points, 3, generator=generator),
        weight=torch.ones(points),
        frame=torch.arange(points) % 3,
        instance=instance,
        camera_room_m=torch.zeros(3, 3),
        room_from_world=torch.eye(4),
    )


@pytest.mark.parametrize("name", LEARNED)
def test_stage_1_trains_either_clusterer_and_weights_rebuild_it(name, tmp_path):
    recipe = replace(RECIPES["tiny"], clusterer=name, stages=RECIPES["tiny"].stages[:1])
    rooms = [SimpleNamespace(objects=[SimpleNamespace(id=i, category="cup") for i in (1, 2, 3)])] * 2
    data = TrainingRooms(rooms, [patches_of_blobs(0), patches_of_blobs(1)], ("cup",))
    before = {n: p.detach().clone() for n, p in LEARNED[name](recipe.encoder.out_dim).named_parameters()}
    torch.manual_seed(0)
    teacher, facts = train_clusters(recipe, data, tmp_path, 0)
    assert facts["step"] == 4 and facts["skipped"] == 0
    moved = [n for n, p in teacher.clusterer.named_parameters() if not torch.equal(p, before[n])]
    assert set(moved) == set(before), "every part of the clusterer learns"
    made = finish(tmp_path, teacher.encoder, teacher.clusterer, None, {"train_minutes": 0.0})
    clip = synthetic_clip(seed=0, frames=3)[0]
    pipeline = Pipeline(preset("tiny", weights=made["weights"], proxies=8))
    scene = pipeline.encode_clip(clip)
    assert type(pipeline.clusterer) is LEARNED[name] and scene.encoders["clusterer"] == name == scene.provenance["preset"]["clusterer"]
    assert len(scene.proxies) == 8 and torch.equal(scene.proxies.feature, pipeline.encode_clip(clip).proxies.feature)
    for one, other in zip(pipeline.clusterer.parameters(), teacher.clusterer.parameters(), strict=True):
        assert torch.equal(one, other), "what was trained is what was saved"
    other = Pipeline(preset("tiny", weights=made["weights"], clusterer="set_encoder"))
    assert (other.clusterer is other.weights.clusterer) == (name == "set_encoder"), "another one than was trained stays untrained"


def test_weights_from_before_there_was_a_choice_are_soft_kmeans(tmp_path):
    encoder = ProxyEncoder(EncoderSettings(feature_dim=6, width=12, layers=1, heads=2, out_dim=6))
    save_weights(tmp_path / "w.safetensors", encoder=encoder, clusterer=SoftKMeans(6, width=4), reader=None, facts={})
    tensors, facts = load_tensors(tmp_path / "w.safetensors")
    assert facts["clusterer"].pop("name") == "soft_kmeans"
    save_tensors(tmp_path / "old.safetensors", tensors, facts)
    old = load_weights(str(tmp_path / "old.safetensors"))
    assert old.clusterer_name == "soft_kmeans" and old.clusterer.meaning_map.shape == (4, 6)
    save_tensors(tmp_path / "new.safetensors", tensors, {**facts, "clusterer": {"name": "crystal_ball"}})
    with pytest.raises(BadInput, match="another version .no learned clusterer is called 'crystal_ball'; known: soft_kmeans, set_encoder"):
        _ = load_weights(str(tmp_path / "new.safetensors")).clusterer


@pytest.mark.slow
def test_the_tiny_recipe_from_rooms_to_scores_and_the_same_after_a_kill(tmp_path, monkeypatch):
    from proxy3d.evaluation import proxy_report
    from proxy3d.evaluation.proxy_tables import render_proxies
    from proxy3d.evaluation.run import evaluate
    from proxy3d.spacespan.make import make_dataset
    from proxy3d.spacespan.rooms import render
    from proxy3d.training import calibrate
    from proxy3d.training.recipes import train, train_blind

    try:
        render._renderer()
    except BadInput as reason:
        pytest.skip(str(reason))
    make_dataset(tmp_path / "rooms", {"train": 4, "val": 2, "test": 2}, workers=1)
    made = train("tiny", tmp_path / "rooms", tmp_path / "a")
    card = json.loads((tmp_path / "a" / "run.json").read_text())
    assert set(card["stages"]) == {"cluster", "align", "adapt"} and card["seed"] == 0 and card["data"]["splits"]["train"]["rooms"] == 4
    tensors, facts = load_tensors(tmp_path / "a" / "weights.safetensors")
    assert 0 < facts["least_score"] < 1 and not any(name.startswith("reader.host.body.embed") for name in tensors)

    for late in ("adapt.safetensors", "weights.safetensors", "run.json"):  # as if killed before its last stage ended
        (tmp_path / "a" / late).unlink()
    train("tiny", tmp_path / "rooms", tmp_path / "a")
    again, _ = load_tensors(tmp_path / "a" / "weights.safetensors")
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)

    line = [str(tmp_path / "a" / "weights.safetensors"), "--rooms", str(tmp_path / "rooms"), "-o", str(tmp_path / "c.safetensors")]
    assert calibrate.main(line) == 0 and calibrate.main(line) == 2, "the second would overwrite"
    same, found = load_tensors(tmp_path / "c.safetensors")
    assert same.keys() == tensors.keys() and found.keys() == facts.keys() and found["least_score"] == facts["least_score"]
    assert found["least_seen"] == pytest.approx(facts["least_seen"], rel=0.01), "what training found at its end, before it rounded its weights"

    blind = train_blind("tiny", tmp_path / "rooms", tmp_path / "a")
    pipeline = Pipeline(preset("laptop", semantic="tiny", weights=made["weights"], proxies=8, language_model="tiny"))
    result = evaluate("spacespan", pipeline, tmp_path / "rooms", blind=blind["weights"], out=tmp_path / "r.json")
    wanted = ("accuracy", "majority", "blind", "oracle", "acc_at_025", "random_box_acc_at_025", "train_minutes")
    assert all(isinstance(result["summary"][key], float) for key in wanted) and result["summary"]["oracle"] > 0.99
    alone = evaluate("spacespan", pipeline, tmp_path / "rooms")
    assert alone["summary"]["blind"] is None and alone["summary"]["accuracy"] == result["summary"]["accuracy"], "nobody was asked is not 0 % right"
    monkeypatch.setattr(proxy_report, "COUNTS", (4, 16, 32))
    monkeypatch.setattr(proxy_report, "SENSORS", (proxy_report.Sensor(noise=0.05),))
    found = proxy_report.report(tmp_path / "rooms", [made["weights"]], tmp_path / "proxies.json", parts=tmp_path / "parts")
    assert 0 <= found["summary"]["object_recall_at_32"] <= 1 and found["rooms"] == 2 and "soft_kmeans" in render_proxies(found)
    measured, measure = [], proxy_report.grouped_by
    monkeypatch.setattr(proxy_report, "grouped_by", lambda rival, *rest, **more: measured.append(rival.name) or measure(rival, *rest, **more))
    for file in (tmp_path / "parts").glob("*/frozen-*.json"):
        part = json.loads(file.read_text())
        file.write_text(json.dumps({**part, "rows": [row for row in part["rows"] if not row["label"].startswith("voxel")]}))
    again = proxy_report.report(tmp_path / "rooms", [made["weights"]], tmp_path / "again.json", parts=tmp_path / "parts")
    assert set(measured) == {"voxel"}, "only what the parts lack is measured"
    by_row = lambda rows: sorted(rows, key=lambda row: json.dumps([row[k] for k in ("clusterer", "features", "n", "noise")]))  # noqa: E731
    assert by_row(again["rows"]) == by_row(found["rows"])


def test_bfloat16_is_for_processors_and_devices_that_have_it(monkeypatch):
    monkeypatch.delenv("PROXY3D_DEVICE", raising=False)
    for capability, has_it in (("AVX2", False), ("DEFAULT", False), ("AVX512", True)):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda found=capability: found)
        assert bf16_is_faster() == has_it == RECIPES["laptop"].align.__class__().bf16
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setenv("PROXY3D_DEVICE", "cuda")
    assert bf16_is_faster()
