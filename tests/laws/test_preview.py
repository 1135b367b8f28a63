"""What is kept for people to look at fits what is kept for models, and keeping it changes nothing else."""

import dataclasses

import pytest
import torch

from proxy3d import pipeline as flow
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS
from proxy3d.scene_file import to_bytes


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(frames=3)[0]


@pytest.mark.parametrize("clusterer", ["soft_kmeans", "grouped_kmeans", "voxel"])
def test_previewed_points_are_those_that_their_proxies_summarise(clip, clusterer):
    pipeline = Pipeline(dataclasses.replace(PRESETS["tiny"], clusterer=clusterer))
    scene = pipeline.encode_clip(clip, preview=True)
    assert to_bytes(dataclasses.replace(scene, preview=None)) == to_bytes(pipeline.encode_clip(clip)), "looking on changed the scene"
    owner = scene.preview.proxy
    assert torch.equal(torch.bincount(owner, minlength=len(scene.proxies)), scene.proxies.size)  # so few points that none was left out
    reach = (scene.preview.xyz_world_m - scene.proxies.xyz_world_m[owner]).abs().mean(0)
    stranger = (scene.preview.xyz_world_m - scene.proxies.xyz_world_m[owner.roll(7)]).abs().mean(0)
    assert (reach < stranger).all()


def test_a_thinned_cloud_keeps_who_stands_for_its_points(clip, monkeypatch):
    whole = Pipeline(PRESETS["tiny"]).encode_clip(clip, preview=True).preview
    monkeypatch.setattr(flow, "PREVIEW_POINTS", 50)
    few = Pipeline(PRESETS["tiny"]).encode_clip(clip, preview=True).preview
    step = -(-len(whole.rgb) // 50)
    assert 1 < len(few.rgb) <= 50 and torch.equal(few.proxy, whole.proxy[::step]) and torch.equal(few.xyz_world_m, whole.xyz_world_m[::step])
