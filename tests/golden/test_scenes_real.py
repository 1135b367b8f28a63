"""Scenes of real captures: exact in number, the same each time, small, and where the sensor says things are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from proxy3d import scene_file
from proxy3d.clips import open_capture
from proxy3d.geometry import transform, unproject
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS

WALK = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "hololens_dvmvs" / "000"
pytestmark = [pytest.mark.data, pytest.mark.weights, pytest.mark.skipif(not WALK.is_dir(), reason=f"no real capture at {WALK}")]


@pytest.fixture(scope="module")
def scene():
    return Pipeline(PRESETS["laptop"]).encode(WALK)


def test_n_is_exact_bytes_repeat_and_the_small_form_is_small(scene):
    again = Pipeline(PRESETS["laptop"]).encode(WALK)
    assert len(scene.proxies) == 32
    for form in scene_file.FORMS:
        assert scene_file.to_bytes(scene, form) == scene_file.to_bytes(again, form)
    assert len(scene_file.to_bytes(scene, "int8")) < 8192


def test_proxies_lie_where_frames_that_were_not_used_measured_something(scene):
    used = set(scene.frame_name)
    clip = open_capture(WALK).clip(38)
    others = [i for i, name in enumerate(clip.name) if name not in used]
    assert len(others) == 30
    seen = []
    for i in others:
        xyz = unproject(clip.depth_m[i], clip.intrinsics_px[i])[::3, ::3][clip.depth_m[i, ::3, ::3] > 0]
        seen.append(transform(scene.world_from_capture, transform(clip.world_from_camera[i], xyz)))
    nearest = torch.cdist(scene.proxies.xyz_world_m, torch.cat(seen)).min(1).values
    assert float(nearest.median()) < 0.10, f"median {float(nearest.median()):.3f} m"
