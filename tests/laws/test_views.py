"""What geometry from pictures alone keeps to: the order of frames says nothing, perfect matches give true cameras, a stopped run is the same run."""

from __future__ import annotations

import math
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.camera_pairs import pair_errors_deg
from proxy3d.features.geometric.embedded import load_views
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.geometric.view_network import UNIT_PX, Looks, Said, ViewNetwork, ViewSettings
from proxy3d.features.geometric.view_poses import cameras, joined, level_from_camera, matched_pairs, turned, world_points
from proxy3d.features.grid import grid_for
from proxy3d.features.semantic import SEMANTIC
from proxy3d.geometry import invert, transform
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.training.loop import run_stage
from proxy3d.training.patches import patches_of_room
from proxy3d.training.recipes import found_rooms, train
from proxy3d.training.view_recipes import VIEW_RECIPES, views_objective
from proxy3d.training.views import ViewTruth, true_matches, true_pairs, view_losses, views_of

TINY = VIEW_RECIPES["views_tiny"]


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=0, frames=5)[0]


@pytest.fixture(scope="module")
def grid(clip):
    return grid_for(clip.frame.shape[3], clip.frame.shape[2])


@pytest.fixture(scope="module")
def truth(clip, grid):
    seen = SensorDepth()(clip, grid.finer)
    depth = transform(invert(clip.world_from_camera), seen.xyz_world.flatten(1, 2))[..., 2].view(seen.confidence.shape)
    focal = clip.intrinsics_px[:1, 0, 0] * grid.width_px / clip.frame.shape[3] / UNIT_PX
    return ViewTruth(torch.where(seen.confidence > 0, depth, 0.0)[None], clip.world_from_camera[None], focal)


@pytest.fixture(scope="module")
def perfect(truth, grid):
    """What a network would say that knew everything but how the frames lie to each other."""
    frames = truth.depth_m.shape[1]
    match, _ = true_matches(truth, grid)
    ignorant = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]).expand(1, frames, frames, 5)
    spread = torch.full_like(truth.depth_m, -3.0)
    return Said(truth.depth_m.log(), spread, truth.up, truth.place_m[..., 2].log(), truth.focal.log(), (match + 1e-9).log(), ignorant)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    cast_data_set(folder, {"train": 3, "val": 1, "test": 1})
    return folder


def picked(value, order):
    """A batch of one with its frames in another order."""
    out = {f.name: getattr(value, f.name)[:, order] for f in fields(value) if f.name != "log_focal"}
    if isinstance(value, Said):
        out |= {"log_focal": value.log_focal, "match": out["match"][:, :, order], "guess": out["guess"][:, :, order]}
    return type(value)(**out)


def test_a_level_frame_is_upright_and_looks_along_y():
    pitch = math.radians(20)  # down: up leans back
    up = torch.tensor([[0.0, -1.0, 0.0], [0.0, -math.cos(pitch), -math.sin(pitch)]])
    level = level_from_camera(up)
    torch.testing.assert_close(level[0] @ torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, -2.0]))
    torch.testing.assert_close(level @ level.transpose(1, 2), torch.eye(3).expand(2, 3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(level[1] @ torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, math.cos(pitch), -math.sin(pitch)]))


def test_the_order_of_frames_says_nothing_to_the_network():
    torch.manual_seed(0)
    network = ViewNetwork(ViewSettings(feature_dim=6, detail_dim=3, width=16, blocks=2, heads=2, descriptor_dim=8)).eval()
    looks, order = Looks(torch.randn(1, 4, 3, 4, 6), torch.randn(1, 4, 6, 8, 3), torch.rand(1, 4, 6, 8, 3)), torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        said, again = network(looks), network(picked(looks, order))
    for field in fields(Said):
        torch.testing.assert_close(getattr(again, field.name), getattr(picked(said, order), field.name), atol=1e-4, rtol=1e-4)


def test_the_order_of_later_frames_does_not_move_any_camera(perfect):
    order = torch.tensor([0, 3, 1, 4, 2])
    (turn, place), (turn_2, place_2) = (joined(matched_pairs(said), said.log_height) for said in (perfect, picked(perfect, order)))
    torch.testing.assert_close(turn_2, turn[order], atol=1e-4, rtol=0)
    torch.testing.assert_close(place_2, place[order], atol=1e-4, rtol=0)


def test_perfect_matches_give_true_cameras_and_points(perfect, truth, grid):
    turn, place = joined(matched_pairs(perfect), perfect.log_height)
    pose = cameras(perfect.up[0], turn, place)
    rotation, direction = pair_errors_deg(pose, truth.world_from_camera[0])
    assert float(rotation.max()) < 2 and float(direction.median()) < 10
    torch.testing.assert_close(pose[:, 2, 3], truth.place_m[0, :, 2], atol=0.05, rtol=0)
    assert pose[0, :2, 3].tolist() == [0, 0] and float(pose[0, 0, 2]) == pytest.approx(0, abs=1e-6) and float(pose[0, 1, 2]) > 0.5
    parts = view_losses(perfect, truth, grid, TINY.views)
    assert max(float(part) for name, part in parts.items() if name not in ("guess", "match")) < 0.1, parts  # a shared match surprises
    depth = truth.patch_depth_m()
    true = turned(-truth.yaw[:, :1], truth.world_xyz_m(depth, grid) - truth.place_m[:, :1, None])
    gap = (world_points(perfect, matched_pairs(perfect)) - true).norm(dim=-1)[depth > 0]
    assert float(gap.median()) < 0.05


def test_true_pairs_carry_points_from_one_level_frame_to_the_other(truth, grid):
    depth = truth.patch_depth_m()
    yaw, way = true_pairs(truth)
    world = truth.world_xyz_m(depth, grid)
    level = [turned(-truth.yaw[0, t], world[0, 3] - truth.place_m[0, t]) for t in (1, 4)]  # the same points in two level frames
    torch.testing.assert_close(turned(yaw[0, 1, 4], level[1]) + way[0, 1, 4], level[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(yaw + yaw.transpose(1, 2), torch.zeros_like(yaw), atol=1e-5, rtol=0)


def test_true_matches_are_shares_and_a_frame_matches_itself(truth, grid):
    share, known = true_matches(truth, grid)
    total = share.sum(-1)[known]
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)
    own = known[0, 2, 2] & (share[0, 2, 2, :, -1] == 0)
    assert float(own.float().mean()) > 0.6
    torch.testing.assert_close(share[0, 2, 2][own, :-1], torch.eye(len(own))[own], atol=1e-3, rtol=0)


def test_a_single_frame_stands_above_the_origin(perfect):
    one = picked(perfect, torch.tensor([3]))
    turn, place = joined(matched_pairs(one), one.log_height)
    assert turn.tolist() == [0] and place[0].tolist() == pytest.approx([0, 0, float(one.log_height.exp())])


def test_views_of_a_room_are_what_its_pictures_show(rooms):
    folder = found_rooms(rooms / "train")[0]
    room, clip, _ = load_clip(folder)
    views = views_of(patches_of_room(folder, SEMANTIC["tiny"]()), room)
    looks = Looks.of(clip, SEMANTIC["tiny"]()(clip, views.grid))
    kept = views.looks.feature.abs().sum(-1) > 0  # patches that straddle edges have no position, and are not in the cache
    assert float(kept.float().mean()) > 0.9
    torch.testing.assert_close(views.looks.feature[kept], looks.feature[kept], atol=2e-3, rtol=1e-2)  # float16 in the cache
    depth, mean = views.truth.depth_m[0], torch.nn.functional.adaptive_avg_pool2d(clip.depth_m, views.truth.depth_m.shape[-2:])
    assert float(((depth - mean).abs() < 0.1 * mean).float().mean()) > 0.8
    assert float(views.truth.focal) == pytest.approx(room.intrinsics_px[0][0] / 64)


@pytest.mark.slow
def test_a_stopped_training_is_the_same_training(rooms, tmp_path):
    def run(folder, *stops):
        for stop in stops:
            objective = views_objective(TINY, found_rooms(rooms / "train"), rooms / ".patches" / "tiny", SEMANTIC["tiny"](), seed=0)
            run_stage(TINY.stages[0], objective, folder, stop_at_step=stop, log=lambda line: None)
        return objective.named_parameters()

    whole, parts = run(tmp_path / "whole", None), run(tmp_path / "parts", 2, 3, None)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


@pytest.mark.slow
def test_the_loss_falls(rooms, tmp_path):
    stage = replace(TINY.stages[0], steps=60, lr=5e-3)
    objective = views_objective(TINY, found_rooms(rooms / "train"), rooms / ".patches" / "tiny", SEMANTIC["tiny"](), seed=0)
    held_out = range(1000, 1006)

    def loss():
        with torch.no_grad():
            return sum(float(objective.loss(step)[0]) for step in held_out)

    before = loss()
    run_stage(stage, objective, tmp_path, log=lambda line: None)
    assert loss() < before - 3


@pytest.mark.slow
def test_the_recipe_writes_weights_that_can_be_loaded(rooms, tmp_path):
    done = train("views_tiny", rooms, tmp_path / "out")
    network, facts = load_views(Path(done["weights"]))
    assert network.settings == TINY.network and facts["semantic"] == "tiny" and facts["relative_sigma"] > 0
    assert facts["run"]["recipe"] == "views_tiny" and set(facts["typical"]) == {"depth_m", "height_m", "pitch_rad", "focal"}
    assert not any(p.requires_grad for p in network.parameters())


def test_an_unknown_recipe_names_the_one_of_views(rooms, tmp_path):
    with pytest.raises(BadInput, match="views for --geometric embedded"):
        train("view", rooms, tmp_path)
