"""The encoder that needs nothing but pictures: what it promises, and a film that becomes a scene with it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from capture_writers import video
from cli_world import typed, untrained_weights

from cast_rooms import cast_data_set
from proxy3d import scene_file
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.evaluation import video_alone
from proxy3d.evaluation.benchmarks.spacespan import evaluate_rooms
from proxy3d.evaluation.metrics.answers import right
from proxy3d.evaluation.video_tables import render_video_alone
from proxy3d.features.geometric import embedded
from proxy3d.features.geometric.embedded import NOTE, Embedded, save_views
from proxy3d.features.geometric.view_network import ViewNetwork
from proxy3d.features.grid import Grid, grid_for
from proxy3d.geometry import invert, project, transform
from proxy3d.known_height import camera_height
from proxy3d.pipeline import Pipeline, geometric_encoder
from proxy3d.presets import PRESETS
from proxy3d.training.view_recipes import VIEW_RECIPES
from proxy3d.values import Clip

TYPICAL = {"depth_m": 2.0, "height_m": 1.5, "pitch_rad": 0.3, "focal": 0.85}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights as `proxy3d train views_tiny` writes them, without the training."""
    path = tmp_path_factory.mktemp("views") / "views.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_views(path, ViewNetwork(VIEW_RECIPES["views_tiny"].network), "tiny", {"typical": TYPICAL, "relative_sigma": 0.125})
    return path


@pytest.fixture(scope="module")
def encoder(file):
    return Embedded(str(file))


@pytest.fixture(scope="module")
def clip():
    """Pictures and nothing else, of a camera that walks."""
    seen = synthetic_clip(seed=0, frames=4)[0]
    return Clip(seen.frame, seen.time_s, seen.name)


@pytest.fixture(params=[Grid(6, 8), Grid(4, 10), "patches", "quarters"], ids=str)
def grid(request, clip):
    own = grid_for(clip.frame.shape[3], clip.frame.shape[2])
    return {"patches": own, "quarters": own.finer}.get(request.param, request.param) if isinstance(request.param, str) else request.param


def test_it_gives_positions_in_metres_from_pictures_alone(clip, encoder, grid):
    geometry = encoder(clip, grid)
    assert geometry.xyz_world.shape == (4, grid.h, grid.w, 3) and geometry.confidence.shape == (4, grid.h, grid.w)
    assert geometry.xyz_world.dtype == geometry.confidence.dtype == torch.float32
    assert 0 < float(geometry.confidence.min()) and float(geometry.confidence.max()) <= 1
    assert geometry.scale.source == "metric_predictor" and geometry.scale.relative_sigma == 0.125
    assert geometry.notes == (NOTE,) and "predicted" in NOTE and "rendered rooms" in NOTE
    assert encoder.unit == "metre" and encoder.licence and len(encoder.hash) == 64


def test_what_the_capture_says_of_depth_and_cameras_is_not_used(clip, encoder):
    whole = synthetic_clip(seed=0, frames=4)[0]
    assert torch.equal(encoder(whole, Grid(6, 8)).xyz_world, encoder(clip, Grid(6, 8)).xyz_world)


def test_positions_lie_on_the_rays_of_its_own_cameras(clip, encoder, grid):
    geometry = encoder(clip, grid)
    camera = transform(invert(geometry.world_from_camera), geometry.xyz_world.flatten(1, 2))
    uv, depth = project(camera, geometry.intrinsics_px)
    height, width = clip.frame.shape[2:]
    row, column = torch.meshgrid(torch.arange(grid.h), torch.arange(grid.w), indexing="ij")
    middle = torch.stack([(column + 0.5) * width / grid.w - 0.5, (row + 0.5) * height / grid.h - 0.5], -1)
    torch.testing.assert_close(uv.view(4, grid.h, grid.w, 2), middle.expand(4, -1, -1, -1), atol=0.01, rtol=0)
    assert float(depth.min()) > 0


def test_the_world_is_upright_and_starts_below_the_earliest_camera(clip, encoder):
    pose = encoder(clip, Grid(6, 8)).world_from_camera
    assert pose[0, :2, 3].tolist() == [0, 0] and float(pose[:, 2, 3].min()) > 0, "the floor is at z = 0"
    assert (pose[:, 2, 1] < -0.5).all(), "cameras are held upright"
    assert float(pose[0, 0, 2]) == pytest.approx(0, abs=1e-6) and float(pose[0, 1, 2]) > 0, "the earliest looks along y"
    torch.testing.assert_close(pose[:, :3, :3] @ pose[:, :3, :3].transpose(1, 2), torch.eye(3).expand(4, 3, 3), atol=1e-5, rtol=0)


def test_the_order_of_frames_changes_nothing(clip, encoder):
    first, order = encoder(clip, Grid(6, 8)), torch.tensor([2, 0, 3, 1])
    again = encoder(Clip(clip.frame[order], clip.time_s[order], tuple(clip.name[i] for i in order)), Grid(6, 8))
    assert torch.equal(again.xyz_world, first.xyz_world[order]) and torch.equal(again.confidence, first.confidence[order])
    assert torch.equal(again.world_from_camera, first.world_from_camera[order])


def test_one_picture_is_enough_and_tall_ones_are_seen(clip, encoder):
    one = encoder(Clip(clip.frame[:1], clip.time_s[:1], clip.name[:1]), Grid(6, 8))
    assert one.xyz_world.isfinite().all() and one.world_from_camera[0, :2, 3].tolist() == [0, 0]
    tall = replace(clip, frame=clip.frame.transpose(2, 3))
    assert encoder(tall, Grid(8, 6)).xyz_world.shape == (4, 8, 6, 3)


def test_without_weights_it_says_what_to_type(monkeypatch, tmp_path, clip):
    monkeypatch.setattr(embedded, "SHIPPED", tmp_path / "views.safetensors")
    with pytest.raises(BadInput, match=r"no weights ship yet; make some \(`proxy3d train views`\) and type --geometric embedded:FILE$"):
        geometric_encoder("embedded")()(clip, Grid(6, 8))
    with pytest.raises(BadInput, match="no such weight file"):
        geometric_encoder(f"embedded:{tmp_path / 'gone.safetensors'}")()(clip, Grid(6, 8))
    with pytest.raises(BadInput, match="--geometric embedded:"):
        geometric_encoder("embedded:")


def test_weights_of_something_else_are_refused(tmp_path, clip):
    from proxy3d.tensor_file import save_tensors

    for facts in ({}, {"views": {"width": 16, "colour": 3}, "semantic": "tiny"}, {"views": {}, "semantic": "tiny"}):
        save_tensors(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, facts)
        with pytest.raises(BadInput, match="not weights of this version's --geometric embedded") as error:
            Embedded(str(tmp_path / "other.safetensors"))(clip, Grid(6, 8))
        assert "\n" not in str(error.value)


def test_a_film_becomes_a_scene_that_says_its_metres_are_guessed(tmp_path, file, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video(synthetic_clip(seed=0, frames=12)[0], tmp_path)
    done = typed(capsys, f"encode walk.mp4 -o walk.p3d --preset tiny --geometric embedded:{file}")
    assert done.status == 0 and "scale = metric_predictor" in done.out and f"note: {NOTE}" in done.err
    scene = scene_file.load(tmp_path / "walk.p3d")
    assert scene.scale.source == "metric_predictor" and NOTE in scene.provenance["notes"] and len(scene.proxies) == 16
    assert scene.encoders["geometric"].startswith("embedded sha256:") and str(file) not in json.dumps(scene.provenance)


def test_who_knows_how_high_the_camera_was_held_sets_the_scale(tmp_path, file, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video(synthetic_clip(seed=0, frames=12)[0], tmp_path)
    scenes = []
    for flags in ("", "--known camera=150cm", "--known camera=3"):
        done = typed(capsys, f"encode walk.mp4 -o walk.p3d --force --preset tiny --geometric embedded:{file} {flags}")
        assert done.status == 0, done.err
        scenes.append(scene_file.load(tmp_path / "walk.p3d"))
    assert [scene.scale.source for scene in scenes] == ["metric_predictor", "known_length", "known_length"]
    guessed, low, high = (camera_height(scene) for scene in scenes)
    assert low == pytest.approx(1.5, rel=0.02) and high == pytest.approx(3.0, rel=0.02) and abs(guessed - 1.5) > 0.05
    assert scenes[2].scale.metres_per_unit == pytest.approx(2 * scenes[1].scale.metres_per_unit)
    spread = [float(scene.proxies.xyz_world_m.std()) for scene in scenes]
    assert spread[2] / spread[1] == pytest.approx(2, rel=0.1)


def test_a_film_can_be_asked(tmp_path, file, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    video(synthetic_clip(seed=0, frames=12)[0], tmp_path)
    weights = untrained_weights(tmp_path / "reader.safetensors", seed=0)
    asked = typed(capsys, f'ask walk.mp4 "Is there a table?" --preset tiny --weights {weights} --geometric embedded:{file} --json')
    assert asked.status == 0, asked.err
    said = json.loads(asked.out)
    assert said["answer"] and said["scale"] == "metric_predictor"


def test_the_evaluation_measures_a_capture_and_shows_its_baselines(tmp_path, file):
    from capture_writers import seven_scenes

    seen = synthetic_clip(seed=0, frames=4)[0]
    seven_scenes(seen, tmp_path / "room")
    assert video_alone.main(["--capture", str(tmp_path / "room"), "--weights", str(file), "-o", str(tmp_path / "out.json")]) == 0
    result = json.loads((tmp_path / "out.json").read_text())
    found = result["captures"]["room"]
    assert set(found["depth"]) == {"embedded", "constant", "floor"} and found["ms_median"] > 0 and found["point_m"] > 0
    assert found["rotation_deg"]["pairs"] == 6 and 0 <= found["rotation_deg"]["median"] <= 180
    assert result["summary"]["abs_rel_aligned_floor_room"] == found["depth"]["floor"]["abs_rel_aligned"] and "rooms" not in result
    answers = {key: {"sensor": 0.5, "predicted": 0.25} for key in ("vqa", "ref_acc_025", "nlvr")} | {"questions": 9, "rooms": 2}
    page = render_video_alone({**result, "rooms": found, "answers": answers})
    assert f"| room: a level floor | {found['depth']['floor']['abs_rel']:.3f} |" in page and "| statements judged rightly | 50.0 | 25.0 |" in page
    with pytest.raises(BadInput, match="lacks 'rooms'"):
        render_video_alone(result)
    assert found["depth_true_m"] == pytest.approx(float(seen.depth_m.median()), rel=0.1)
    assert video_alone.main(["--weights", str(file), "-o", str(tmp_path / "none.json")]) == 2


@pytest.mark.weights
def test_a_film_is_asked_with_nothing_but_what_ships(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = synthetic_clip(seed=0, frames=12)[0]
    video(clip, tmp_path)
    asked = typed(capsys, 'ask walk.mp4 "How far is the table from the chair?" --json')
    assert asked.status == 0, asked.err
    assert json.loads(asked.out)["scale"] == "metric_predictor"
    scene = Pipeline(PRESETS["laptop"]).encode(tmp_path / "walk.mp4")
    assert scene.encoders["geometric"] == f"embedded sha256:{Embedded().hash[:16]}" and 0 < scene.scale.relative_sigma < 1
    measured = Pipeline(PRESETS["laptop"]).encode_clip(clip)
    assert measured.encoders["geometric"] == "sensor_depth sha256:none" and measured.scale.source == "sensor"


def of_frames(frame):
    count = len(frame)
    return Clip(frame, torch.arange(count) / 10.0, tuple(f"{n:04d}" for n in range(count)))


@pytest.mark.weights
@pytest.mark.parametrize("film", ["still", "portrait", "one frame", "two hundred"])
def test_an_odd_film_is_a_scene_with_guessed_metres(film, tmp_path):
    """A camera that stands still gives no parallax, and one picture no second view: less to go by, and still each proxy says how sure it is."""
    frame = synthetic_clip(seed=0, frames=12)[0].frame
    frames = {"still": frame[:1].repeat(12, 1, 1, 1), "portrait": frame.transpose(2, 3), "one frame": frame[:1]}
    frames["two hundred"] = frame.repeat(17, 1, 1, 1)
    video(of_frames(frames[film]), tmp_path)
    scene = Pipeline(PRESETS["laptop"]).encode(tmp_path / "walk.mp4")
    assert scene.scale.source == "metric_predictor" and NOTE in scene.provenance["notes"] and len(scene.proxies) == 32
    assert bool(torch.isfinite(scene.proxies.xyz_world_m).all()) and bool((scene.proxies.sigma_m > 0).all())
    if film == "still":  # cameras that see the same stand at the same place
        assert float((scene.world_from_camera[:, :3, 3] - scene.world_from_camera[0, :3, 3]).norm(dim=-1).max()) < 0.3


@pytest.mark.weights
def test_answers_with_guessed_geometry_stand_beside_those_with_a_sensor(tmp_path):
    cast_data_set(tmp_path, {"train": 1, "val": 1, "test": 1})
    found = video_alone.answers_by_geometry(tmp_path / "test", Embedded(), None)
    rows = evaluate_rooms(Pipeline(PRESETS["laptop"]), tmp_path, "test")
    worded = [row for row in rows if row.record.answer_type not in ("boxes", "caption")]
    judged = [right(r.text, r.record.answer, r.record.answer_type) for r in worded if r.record.family != "statement"]
    assert found["rooms"] == 1 and found["questions"] == len(worded) >= len(judged) > 0
    assert found["vqa"]["sensor"] == pytest.approx(sum(judged) / len(judged)) and 0 <= found["vqa"]["predicted"] <= 1
