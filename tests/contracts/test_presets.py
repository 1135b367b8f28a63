"""Presets: each builds or says in one line what it needs, each field has an origin, and nothing is fetched to say so."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest
import torch
from capture_writers import seven_scenes
from cli_world import typed, untrained_weights

from proxy3d import preset_needs, scene_file
from proxy3d.answers.language_models import PUBLISHED
from proxy3d.cli_flags import PRESET_NAMES
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.pipeline import Pipeline
from proxy3d.points.lift import lift
from proxy3d.preset_plan import plan, plan_lines
from proxy3d.presets import ORIGIN, ORIGINS, PRESETS, Preset, preset
from proxy3d.proxies.clusterers import CLUSTERERS

LARGE = ("paper_450", "paper_700", "modern")
WITHOUT = "--semantic tiny --geometric tiny --masks tiny"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture")
    seven_scenes(synthetic_clip(seed=0, frames=4, size_px=(64, 48))[0], folder)
    return folder


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    import socket

    import huggingface_hub.constants

    def never(*_, **__):
        raise AssertionError("somebody went to the network")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_every_field_of_every_preset_has_an_origin_and_every_name_is_in_the_help():
    assert set(ORIGINS) == set(PRESETS)
    for name, origins in ORIGINS.items():
        assert set(origins) == {f.name for f in fields(Preset)} and set(origins.values()) <= set(ORIGIN)
        assert name in PRESET_NAMES


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_or_says_in_one_line_what_to_pass(name, no_network):
    if name not in LARGE:
        assert Pipeline(PRESETS[name]).check_reader() is None
        return
    with pytest.raises(BadInput, match="--semantic qwen_vl:WEIGHTS --geometric .*:WEIGHTS --masks sam2:WEIGHTS; `proxy3d doctor --preset") as error:
        Pipeline(PRESETS[name])
    assert "\n" not in str(error.value)


def test_the_paper_is_what_method_md_says():
    paper = PRESETS["paper_700"]
    assert (paper.frames, paper.proxies, PRESETS["paper_450"].proxies) == (32, 700, 450)
    assert (paper.semantic, paper.geometric, paper.masks, paper.clusterer) == ("qwen_vl", "vggt", "sam2", "grouped_kmeans")
    assert CLUSTERERS[paper.clusterer]().floor == 2 and not paper.adaptive


def test_a_large_preset_encodes_with_parts_that_are_here(room, capsys, tmp_path, no_network):
    made = typed(capsys, f"encode {room} -o {tmp_path}/a.p3d --preset paper_700 {WITHOUT} --json")
    assert made.status == 0 and json.loads(made.out)["proxies"] == 700
    assert scene_file.load(tmp_path / "a.p3d").encoders["clusterer"] == "grouped_kmeans"
    assert typed(capsys, f"view {tmp_path}/a.p3d -o {tmp_path}/a.html --preset paper_700 {WITHOUT}").status == 0


@pytest.mark.parametrize("name", LARGE)
def test_a_preset_that_cannot_answer_says_so_before_it_reads(name, room, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy3d.pipeline.open_capture", None)
    for verb in ('ask {} "How many?"', 'ground {} "a chair"', f'view {{}} -o {tmp_path}/b.html --ask "How many?"'):
        back = typed(capsys, f"{verb.format(room)} --preset {name} {WITHOUT}")
        assert back.status == 2 and back.err.count("\n") == 1
        assert f"--language-model {PRESETS[name].language_model}: nothing has taught it to read proxies yet" in back.err
        assert "--weights FILE, made by `proxy3d train paper" in back.err


@pytest.mark.parametrize("name", PRESETS)
def test_doctor_says_what_a_preset_needs_and_where_its_settings_come_from(name, capsys, no_network):
    back = typed(capsys, f"doctor --preset {name} --json")
    found = json.loads(back.out)
    assert back.status == 0 and set(found) == {"preset", "ok", "fields", "besides", "needs", "plan"}
    assert [row["field"] for row in found["fields"]] == [f.name for f in fields(Preset)]
    for need in found["needs"]:
        assert set(need) == {"part", "name", "found", "install", "pass", "licence", "page"} and need["licence"]
        assert need["found"] or need["install"] or need["pass"]
    parts = {need["part"]: need for need in found["needs"]}
    if name in LARGE:
        assert not found["ok"] and set(parts) == {"semantic", "geometric", "masks", "language_model", "weights"}
        model = PUBLISHED[PRESETS[name].language_model].example
        assert parts["semantic"]["pass"] == f"--semantic qwen_vl:FOLDER or --semantic qwen_vl:{model}"
        assert parts["language_model"]["pass"].endswith(f"--language-model {PRESETS[name].language_model}:{model}")
        assert not parts["weights"]["found"] and "`proxy3d train paper" in parts["weights"]["pass"]
        assert parts["semantic"]["page"] == parts["language_model"]["page"] == f"https://huggingface.co/{model}"
        assert parts["geometric"]["install"] == [preset_needs.INSTALL[PRESETS[name].geometric]]
    people = "\n".join(preset_needs.lines_of(found)) + "\n"
    for row in found["fields"]:
        assert f"  {row['field']:20} [{row['origin']}] {row['value']}\n" in people


def test_doctor_finds_what_the_cache_holds(no_network):
    for model, model_type in {"Qwen/Qwen3-VL-8B-Instruct": "qwen3_vl", "facebook/sam2.1-hiera-large": "sam2_video"}.items():
        folder = no_network / f"models--{model.replace('/', '--')}" / "snapshots" / "a"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        (folder / "model.safetensors").touch()
    for name, has_its_eyes in (("paper_450", False), ("modern", True)):  # the language model's own eyes, not somebody else's
        parts = {need["part"]: need for need in preset_needs.needs_of(name)["needs"]}
        assert parts["semantic"]["found"] is has_its_eyes is parts["language_model"]["found"]
        assert parts["masks"]["pass"] == "--masks sam2:facebook/sam2.1-hiera-large" and parts["masks"]["found"]


# ---- sizes ----


def held(value):
    """Bytes of the tensors of a value."""
    return sum(t.nbytes for t in vars(value).values() if isinstance(t, torch.Tensor))


@pytest.mark.parametrize(
    "changes", [{}, {"weights": True}, {"masks": "tiny", "proxies": 9}, {"frames": 3, "proxies": 1000, "clusterer": "uniform"}, {"patches": 35}]
)
def test_what_is_planned_is_what_is_held(changes, tmp_path, monkeypatch):
    changes = {**changes, "weights": str(untrained_weights(tmp_path / "w.safetensors", 0, reader=False))} if "weights" in changes else changes
    pipeline, seen = Pipeline(preset("tiny", geometric="tiny", **changes)), {}
    clip = synthetic_clip(seed=0, frames=pipeline.preset.frames, size_px=(64, 48))[0]

    def lifted(clip, semantics, geometry, *more, **named):
        points, kept = lift(clip, semantics, geometry, *more, min_confidence=-1, **named)
        seen.update(pictures=clip.frame.nbytes, features=held(semantics), positions=geometry.xyz_world.nbytes + geometry.confidence.nbytes)
        seen["points"] = held(points)
        return points, kept

    monkeypatch.setattr("proxy3d.pipeline.lift", lifted)
    seen["proxies"] = held(pipeline.encode_clip(clip).proxies)
    planned = {stage.stage: stage for stage in plan(pipeline.preset, width_px=64, height_px=48)}
    assert {name: planned[name].bytes for name in seen} == seen


def test_the_plan_of_the_paper_is_that_of_method_md():
    stages = {stage.stage: stage for stage in plan(PRESETS["paper_700"])}
    assert stages["features in a scene file, float16"].bytes == 700 * 3584 * 2  # 5.0 MB
    assert (stages["points"].tokens, stages["proxies"].tokens) == (43_008, 700)  # method.md 3.1
    layer = 3584 * 3584 * 2 + 3584 * 512 * 2 + 3584 + 512 * 2 + 3 * 3584 * 18944 + 2 * 3584
    assert stages["language model, float32"].parameters == 28 * layer + 2 * 152064 * 3584 + 3584 == 7_615_616_512  # as its page says
    assert stages["its memory of the scene"].operations == 2 * 28 * layer * 700
    assert stages["its memory of the scene"].bytes == 2 * 28 * 700 * 4 * 128 * 4  # keys and values, 4 groups of 128, float32
    trained = stages["train proxies"]  # everything moves: weight, gradient and two means of AdamW, in float32
    assert (trained.bytes, trained.parameters, trained.tokens) == (16 * 7_615_616_512, 7_615_616_512, round(318_000 * (700 / 16 + 40)))
    assert trained.operations == 6 * 28 * layer * 318_000 * (700 / 16 + 40)
    first = stages["train names"]
    assert (first.bytes, first.parameters) == (4 * 7_615_616_512, None) and first.operations == 4 * 28 * layer * 30_000 * (20 / 16 + 40)
    people = "\n".join(plan_lines([asdict(stage) for stage in stages.values()]))
    assert "7.62 billion parameters" in people and "about 9.1 TFLOP: estimated 61 s on two processor cores" in people
    assert "train proxies" in people and "estimated 80 days on two processor cores, 2.9 hours on a large GPU" in people


def test_a_width_that_only_weights_know_is_one_line():
    with pytest.raises(BadInput, match="--semantic clip:x: how wide its features are is known only to its weights"):
        plan(preset("tiny", semantic="clip:x"))
