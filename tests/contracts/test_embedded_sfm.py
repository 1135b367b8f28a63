"""Cameras by structure from motion on top of the network that needs nothing but pictures: worlds that agree are put upright, others dropped."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace

import pytest
import torch

from cast_rooms import cast_data_set
from proxy3d.clips import CaptureOptions, open_capture
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.evaluation import video_sfm
from proxy3d.evaluation.metrics.camera_pairs import pair_errors_deg
from proxy3d.evaluation.video_tables import render_video_sfm
from proxy3d.extras import extra
from proxy3d.features.geometric import embedded_sfm
from proxy3d.features.geometric.embedded import NOTE, Embedded, save_views
from proxy3d.features.geometric.embedded_sfm import FOUND, KEPT, EmbeddedSfm, Reconstruction, reconstructed
from proxy3d.features.geometric.view_network import ViewNetwork
from proxy3d.features.grid import Grid
from proxy3d.geometry import invert, project, rigid, transform
from proxy3d.training.view_recipes import VIEW_RECIPES
from proxy3d.values import Clip
from proxy3d.verbs import DEMO_ROOM

GRID = Grid(6, 8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("views") / "views.safetensors"
    typical = {"depth_m": 2.0, "height_m": 1.5, "pitch_rad": 0.3, "focal": 0.85}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_views(path, ViewNetwork(VIEW_RECIPES["views_tiny"].network), "tiny", {"typical": typical, "relative_sigma": 0.125})
    return str(path)


@pytest.fixture(scope="module")
def clip():
    seen = synthetic_clip(seed=0, frames=4)[0]
    return Clip(seen.frame, seen.time_s, seen.name)


def world_of(geometry, *, scale: float = 1.0, focal: float = 1.0, corners: int = 40, seed: int = 0) -> Reconstruction:
    """What structure from motion would find if a geometry were the truth: turned, moved and scaled in no particular way."""
    made = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=made)).Q
    turn = turn * torch.linalg.det(turn)
    pose = geometry.world_from_camera.clone()
    pose[:, :3, 3] *= scale
    pose = rigid(turn, torch.randn(3, generator=made)) @ pose
    camera = transform(invert(geometry.world_from_camera), geometry.xyz_world.flatten(1, 2))
    uv, depth = project(camera, geometry.intrinsics_px)
    corner = torch.cat([uv, scale * depth[..., None]], -1)[:, :corners]
    return Reconstruction(pose, focal * float(geometry.intrinsics_px[0, 0, 0]), tuple(corner))


@pytest.fixture
def told(monkeypatch):
    """Says what is found."""
    return lambda found: monkeypatch.setattr(embedded_sfm, "reconstructed", lambda frame, focal: found)


@pytest.mark.parametrize("seed, scale", [(0, 1.0), (1, 0.03), (2, 40.0)])
def test_a_world_that_agrees_changes_nothing_whatever_its_axes_and_unit(clip, file, told, seed, scale):
    plain = Embedded(file)(clip, GRID)
    told(world_of(plain, scale=scale, seed=seed))
    found = EmbeddedSfm(file)(clip, GRID)
    turn, way = pair_errors_deg(found.world_from_camera, plain.world_from_camera)
    assert found.notes == (NOTE, FOUND) and float(turn.max()) < 0.1 and float(way.max()) < 0.5
    assert found.world_from_camera[0, :2, 3].tolist() == [0, 0] and float(found.world_from_camera[0, 0, 2]) == pytest.approx(0, abs=1e-5)
    size = (found.world_from_camera[:, :3, 3] - found.world_from_camera[0, :3, 3]).norm(dim=-1).max()
    assert float(size) == pytest.approx(float((plain.world_from_camera[:, :3, 3] - plain.world_from_camera[0, :3, 3]).norm(dim=-1).max()), rel=0.1)
    assert found.scale == plain.scale and torch.equal(found.confidence, plain.confidence)


@pytest.mark.parametrize("what", ["nothing", "another focal length", "other turns", "a unit that changes", "a frame without corners", "one picture"])
def test_what_is_not_found_or_contradicts_leaves_cameras_as_predicted(clip, file, told, what):
    shown = Clip(clip.frame[:1], clip.time_s[:1], clip.name[:1]) if what == "one picture" else clip
    plain = Embedded(file)(shown, GRID)
    bent = world_of(plain)
    bent.world_from_camera[2:, :3, :3] = bent.world_from_camera[2:, :3, :3] @ torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    world = world_of(plain)
    grows = replace(world, corner=tuple(corner * torch.tensor([1.0, 1.0, 1.3**t]) for t, corner in enumerate(world.corner)))
    bare = replace(world, corner=(*world.corner[:-1], torch.zeros(0, 3)))
    worlds = {"another focal length": world_of(plain, focal=1.4), "other turns": bent, "a unit that changes": grows, "a frame without corners": bare}
    told(worlds.get(what))
    found = EmbeddedSfm(file)(shown, GRID)
    assert found.notes == (NOTE, KEPT) and torch.equal(found.xyz_world, plain.xyz_world)
    assert torch.equal(found.world_from_camera, plain.world_from_camera)


def test_without_pycolmap_it_says_what_to_type(clip, file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(BadInput, match="embedded_sfm needs the package pycolmap, which is not installed: " + re.escape(extra("sfm"))):
        EmbeddedSfm(file)(clip, GRID)


@pytest.mark.slow
def test_a_real_walk_through_the_demo_room_is_placed_the_same_way_twice():
    pytest.importorskip("pycolmap", reason='pip install -e ".[sfm]"')
    clip = open_capture(DEMO_ROOM, CaptureOptions()).clip(8)
    order = clip.time_s.argsort()
    focal = float(clip.intrinsics_px[0, 0, 0])
    found, again = (reconstructed(clip.frame[order], guess) for guess in (1.1 * focal, 1.1 * focal))
    turn, way = pair_errors_deg(found.world_from_camera, clip.world_from_camera[order])
    assert float(turn.median()) < 1.0 and float(way.median()) < 6.0 and found.focal_px == pytest.approx(focal, rel=0.05)
    assert torch.equal(found.world_from_camera, again.world_from_camera)
    off = []
    for depth, corner in zip(clip.depth_m[order], found.corner, strict=True):
        column, row = (corner[:, i].round().long().clamp(0, depth.shape[1 - i] - 1) for i in (0, 1))
        off.append(depth[row, column] / corner[:, 2])
    off = torch.cat(off)
    off = off[off > 0]
    assert float((off / off.median() - 1).abs().median()) < 0.05, "corners lie where the pictures show them"


@pytest.mark.slow
def test_the_evaluation_shows_both(tmp_path, file):
    pytest.importorskip("pycolmap", reason='pip install -e ".[sfm]"')
    cast_data_set(tmp_path, {"train": 1, "val": 1, "test": 2})
    assert video_sfm.main(["--rooms", str(tmp_path / "test"), "--weights", file, "-o", str(tmp_path / "out.json")]) == 0
    result = json.loads((tmp_path / "out.json").read_text())
    rooms = result["places"]["rooms"]
    assert rooms["embedded"]["clips"] == rooms["embedded_sfm"]["clips"] == 2 and 0 <= rooms["placed"] <= 2
    page = render_video_sfm(result)
    assert f"{rooms['placed']} of 2 rooms" in page and f"| 2 rooms | the network | {rooms['embedded']['rotation_deg']['median']:.1f} |" in page
    with pytest.raises(BadInput, match="lacks 'places'"):
        render_video_sfm({})
    assert video_sfm.main(["--rooms", str(tmp_path / "none"), "-o", str(tmp_path / "no.json")]) == 2
