"""Encoders that take weights of one's own: how they are named, what is said when they are missing, and what becomes of what they say."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from capture_writers import seven_scenes
from cli_world import typed
from tiny_pretrained import CHECKPOINTS, clip_vision, depth_anything, save_tiny
from tiny_sam2 import save_tiny_sam2

from proxy3d import scene_file
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.features.geometric import GEOMETRIC
from proxy3d.features.geometric.depth_anything import DepthAnything
from proxy3d.features.geometric.depth_pro import DepthPro
from proxy3d.features.geometric.predicted import Views, depth_of_nearness, placed, with_intrinsics, with_poses
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.geometric.zoedepth import ZoeDepth
from proxy3d.features.grid import Grid
from proxy3d.features.picture import as_map, on_grid
from proxy3d.features.pretrained import weights_hash
from proxy3d.features.semantic import SEMANTIC
from proxy3d.features.semantic.clip import ClipVision
from proxy3d.geometry import invert, resized_intrinsics
from proxy3d.pipeline import Pipeline, completed, geometric_encoder, semantic_encoder
from proxy3d.presets import preset
from proxy3d.values import Geometry

GRID = Grid(6, 8)
PACKAGED = ["vggt", "depth_anything_3", "mapanything"]  # not installed here
OWN = ("depth_anything", "depth_anything_3", "depth_pro", "embedded", "embedded_sfm", "mapanything", "sensor_depth", "tiny", "vggt", "zoedepth")


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=0, frames=3, size_px=(64, 48))[0]


def test_every_encoder_that_takes_weights_is_tried_with_some():
    needed = {name for registry in (SEMANTIC, GEOMETRIC) for name, kind in registry.items() if kind.takes_weights is True}
    assert set(CHECKPOINTS) == needed - {*PACKAGED}


@pytest.mark.parametrize("kind, build", [(ClipVision, clip_vision), (DepthAnything, depth_anything)])
def test_the_hash_is_of_the_numbers(kind, build, tmp_path, tiny_weights):
    first = kind(tiny_weights(build.__name__)).hash
    assert first == kind(str(save_tiny(build, tmp_path / "same"))).hash != kind(str(save_tiny(build, tmp_path / "other", seed=1))).hash


# --- names and what is missing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"semantic": "clipp"}, "no semantic encoder is called 'clipp'; known: clip, dinov2, dinov3, efficientnet_lite0, qwen_vl, siglip2, tiny"),
        ({"semantic": "clip"}, "--semantic clip: say which weights, .* for example clip:openai/clip-vit-base-patch16"),
        ({"semantic": "clip:"}, "--semantic clip:: say which weights"),
        ({"semantic": "tiny:weights"}, "--semantic tiny:weights: tiny takes no weights; type --semantic tiny"),
        ({"geometric": "moge:x"}, f"no geometric encoder is called 'moge'; known: {', '.join(OWN)}"),
        ({"geometric": "depth_pro"}, "--geometric depth_pro: say which weights"),
        ({"geometric": "sensor_depth:x"}, "sensor_depth takes no weights; type --geometric sensor_depth"),
    ],
)
def test_names_that_cannot_be_meant_are_one_line(changes, said):
    with pytest.raises(BadInput, match=said):
        Pipeline(preset("tiny", **changes))


def touched(encoder):
    """Semantic encoders load when they are built, geometric ones when they are first used."""
    return encoder.hash


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_weights_that_are_missing_or_something_else_are_one_line(name, tmp_path, tiny_weights, monkeypatch):
    choose = semantic_encoder if name in SEMANTIC else geometric_encoder
    with pytest.raises(BadInput, match=f"{name}:/nowhere: expected a folder with config.json and model.safetensors, or a name like {name}:"):
        touched(choose(f"{name}:/nowhere")())
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadInput, match="no .* weights there|weights of 'bert', not of") as error:
        touched(choose(f"{name}:{tmp_path}")())
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)
    foreign = tiny_weights("dinov3" if name != "dinov3" else "dinov2")
    with pytest.raises(BadInput, match="no .* weights there|weights of '?.*, not of|is missing"):
        touched(choose(f"{name}:{foreign}")())
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BadInput, match=f"encoder {name} needs the package transformers, which is not installed: pip install"):
        touched(choose(f"{name}:{foreign}")())


def test_this_machine_is_asked_before_the_hub(monkeypatch):
    import transformers

    asked = []

    def nowhere(name, *, local_files_only=False, **settings):
        asked.append(local_files_only)
        raise OSError("no connection. More words.")

    monkeypatch.setattr(transformers.PreTrainedConfig, "get_config_dict", nowhere)
    with pytest.raises(BadInput, match=r"--semantic dinov2:somebody/dino: no DINOv2 weights there \(no connection\)"):
        semantic_encoder("dinov2:somebody/dino")()
    assert asked == [True, False]


def test_doctor_knows_what_is_cached_and_what_to_pass(tmp_path, monkeypatch):
    import huggingface_hub.constants

    from proxy3d.doctor import own_weights

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name, facts in {"models--some--dino": {"model_type": "dinov2"}, "models--some--list": []}.items():
        folder = tmp_path / name / "snapshots" / "1"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(facts))
        (folder / "model.safetensors").touch()
    said = {check["what"]: check for check in own_weights()}
    assert said["semantic encoder, weights of dinov2"] == {
        "what": "semantic encoder, weights of dinov2",
        "found": True,
        "detail": "--semantic dinov2:some/dino",
    }
    assert {what.split()[-1] for what in said} == {*CHECKPOINTS, "sam2"}
    missing = said["depth without a sensor, weights of zoedepth"]
    assert not missing["found"] and "--geometric zoedepth:FOLDER" in missing["detail"] and ZoeDepth.example in missing["detail"]


# --- from a capture to a scene --------------------------------------------------------------------------------------------


def test_encode_with_weights_of_ones_own(capsys, tmp_path, clip, tiny_weights):
    (tmp_path / "room").mkdir()
    seven_scenes(clip, tmp_path / "room")
    chosen = f"--semantic clip:{tiny_weights('clip')} --geometric depth_pro:{tiny_weights('depth_pro')}"
    back = typed(capsys, f"encode {tmp_path}/room -o {tmp_path}/a.p3d --preset tiny {chosen} --json")
    assert (back.status, back.err) == (0, "") and json.loads(back.out)["scale"] == "metric_predictor"
    scene = scene_file.load(tmp_path / "a.p3d")
    assert scene.encoders["semantic"].startswith("clip sha256:") and scene.encoders["geometric"].startswith("depth_pro sha256:")
    assert tiny_weights("clip") not in str(scene.provenance), "where the weights lie is not the scene's business"
    assert scene.scale.relative_sigma > 0.1


def test_relative_depth_never_becomes_metres(clip, tiny_weights):
    scene = Pipeline(preset("tiny", geometric=f"depth_anything:{tiny_weights('depth_anything')}")).encode_clip(clip)
    assert scene.scale.source == "unknown"
    with pytest.raises(BadInput, match="unit is unknown"):
        Pipeline(preset("tiny", geometric=f"depth_anything:{tiny_weights('depth_anything')}")).encode_clip(clip, allow_unknown_scale=False)


@pytest.mark.parametrize("form, view_deg", [("depth_pro", None), ("depth_pro_narrow", 60.0), ("depth_anything_metric", 60.0), ("zoedepth", 60.0)])
def test_one_picture_needs_no_cameras(form, view_deg, clip, tiny_weights):
    """A photograph: the camera sees what the network says, or 60 degrees, and the scene says so."""
    name = next(name for name, builds in CHECKPOINTS.items() if form in [build.__name__ for build in builds])
    bare = replace(clip, depth_m=None, world_from_camera=None, intrinsics_px=None)
    photo = replace(bare, frame=bare.frame[:1], time_s=bare.time_s[:1], name=bare.name[:1])
    pipeline = Pipeline(preset("tiny", geometric=f"{name}:{tiny_weights(form)}"))
    scene = pipeline.encode_clip(photo)
    assert len(scene.proxies) == 16 and scene.scale.source == "metric_predictor"
    focal = float(scene.intrinsics_px[0, 0, 0])
    if view_deg is None:
        assert focal > 2 and focal != pytest.approx(32 / math.tan(math.radians(30)), rel=1e-3)
    else:
        assert focal == pytest.approx(32 / math.tan(math.radians(view_deg / 2)), rel=1e-5)
    with pytest.raises(BadInput, match="no camera poses: depth of single pictures does not say how 3 frames lie to each other.*--frames 1"):
        pipeline.encode_clip(bare)


# --- from what a network says to depth ------------------------------------------------------------------------------------


def saying(encoder, **said):
    """The encoder with a network that always says the same."""
    config = SimpleNamespace(patch_size=8, scaled_images_ratios=[0.25, 0.5, 1])
    network = lambda pixel_values: SimpleNamespace(**{k: v(pixel_values) if callable(v) else v for k, v in said.items()})  # noqa: E731
    network.config = config
    encoder.__dict__["model"] = network
    return encoder


def test_depth_pro_by_hand(clip):
    """64 px wide and 90 degrees: a focal length of 32 px, so that inverse depth doubles; known intrinsics count more than a guess."""
    encoder = saying(DepthPro("none"), predicted_depth=torch.full((1, 8, 8), 0.25), field_of_view=torch.tensor([90.0]))
    bare = replace(clip, intrinsics_px=None, world_from_camera=torch.eye(4).expand(3, 4, 4))
    geometry = encoder(bare, GRID)
    torch.testing.assert_close(geometry.xyz_world[..., 2], torch.full((3, 6, 8), 2.0))
    assert float(geometry.intrinsics_px[0, 0, 0]) == pytest.approx(32) and geometry.intrinsics_px[0, :2, 2].tolist() == [31.5, 23.5]
    half = torch.tensor([[128.0, 0, 31.5], [0, 128, 23.5], [0, 0, 1]]).expand(3, 3, 3)
    torch.testing.assert_close(encoder(replace(bare, intrinsics_px=half), GRID).xyz_world[..., 2], torch.full((3, 6, 8), 8.0))


def test_the_margin_of_zoedepth_is_taken_away_again():
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 72, 96)
    encoder = saying(ZoeDepth("none", size_px=(96, 128)), predicted_depth=lambda shown: shown.mean(1) / 2 + 0.5)
    inner = slice(4, -4)
    torch.testing.assert_close(encoder.depth_of(ramp)[0, inner, inner], ramp[0, 0, inner, inner], atol=0.01, rtol=0)


def test_nearness_by_hand():
    nearness = torch.tensor([[[2.0, 4.0, 1.0, 2.0, 0.0]], [[1.0, 1.0, 1.0, 0.01, 3.0]]])
    assert depth_of_nearness(nearness).tolist() == [[[2.5, 1.25, 5.0, 2.5, 0.0]], [[2.5, 2.5, 2.5, 0.0, pytest.approx(2.5 / 3)]]]
    assert not depth_of_nearness(torch.zeros(1, 2, 2)).any(), "a network that sees nothing gives no positions"


def test_a_wall_beside_a_hole_keeps_its_distance(clip):
    depth = torch.tensor([0.0, 10.0, 0.0, 10.0]).expand(3, 3, 4)  # far coarser than the grid: most patches lie between a hole and a wall
    ahead = replace(clip, world_from_camera=torch.eye(4).expand(3, 4, 4))
    geometry = placed(ahead, depth, GRID, metric=True)
    seen = geometry.confidence > 0
    assert seen.any() and not seen.all()
    torch.testing.assert_close(geometry.xyz_world[..., 2][seen], torch.full((int(seen.sum()),), 10.0), atol=0.02, rtol=0)


def test_what_the_capture_says_is_left_alone(clip):
    assert with_poses(clip) is clip and with_intrinsics(clip) is clip and with_intrinsics(clip, torch.full((3,), 90.0)) is clip


# --- the same pictures as the processors of transformers make ---------------------------------------------------------------


def test_class_and_register_tokens_are_dropped_and_maps_are_resampled():
    token = torch.arange(9.0).view(1, 9, 1)  # a class token, two registers, 2 x 3 patches
    assert as_map(token, 2, 3).tolist() == [[[[3, 4, 5], [6, 7, 8]]]]
    assert on_grid(as_map(token, 2, 3), Grid(2, 3))[0, ..., 0].tolist() == [[3, 4, 5], [6, 7, 8]]
    assert on_grid(torch.arange(4.0).view(1, 1, 2, 2), Grid(1, 2))[0, ..., 0].tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("form", ["clip_vision", "siglip", "siglip_naflex", "qwen2_5_vl"])
def test_a_picture_of_the_right_size_is_seen_as_transformers_shows_it(form, tiny_weights):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    name = next(name for name, builds in CHECKPOINTS.items() if form in [build.__name__ for build in builds])
    encoder = SEMANTIC[name](tiny_weights(form))
    grid = Grid(4, 4) if form in ("clip_vision", "siglip") else Grid(3, 4)
    step = 28 if form == "qwen2_5_vl" else 8
    picture = np.random.default_rng(0).integers(0, 256, (grid.h * step, grid.w * step, 3), dtype=np.uint8)
    square = {"height": 32, "width": 32}
    if form == "clip_vision":
        said = encoder.net(**CLIPImageProcessorPil(do_resize=False, crop_size=square)(picture, return_tensors="pt")).last_hidden_state[0, 1:]
    elif form == "siglip":
        said = encoder.net(**SiglipImageProcessorPil(size=square)(picture, return_tensors="pt")).last_hidden_state[0]
    elif form == "siglip_naflex":
        said = encoder.net(**Siglip2ImageProcessorPil(patch_size=8, do_resize=False, max_num_patches=12)(picture, return_tensors="pt"))
        said = said.last_hidden_state[0]
    else:
        shown = Qwen2VLImageProcessorPil(patch_size=14, merge_size=2)(picture, return_tensors="pt")
        said = encoder.net(shown["pixel_values"], grid_thw=shown["image_grid_thw"]).pooler_output
    frame = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(encoder.look(frame, grid).flatten(2)[0].T, said, atol=1e-5, rtol=1e-4)


# --- networks that see all frames at once, from packages that are not installed here: the adapters speak to dummies --------------


def network(answer):
    """A class that loads as those of huggingface_hub do, and whose answer is given."""

    class Dummy(torch.nn.Module):
        @classmethod
        def from_pretrained(cls, source, *, local_files_only=False):
            if not local_files_only or source == "nobody/nothing":
                raise OSError("no such model")
            return cls()

        def forward(self, images):
            return answer(images)

        def inference(self, image):
            return answer(image)

        def infer(self, views, *, use_amp):
            return answer(views)

    return Dummy


def true_views(clip, frames, size):
    """Depth at some size, intrinsics for it and poses of those of the clip's frames that look like the given ones, in half metres."""
    index = [int((clip.frame.mean((1, 2, 3)) - float(mean)).abs().argmin()) for mean in frames]
    depth = torch.nn.functional.interpolate(clip.depth_m[index][:, None], size, mode="nearest")[:, 0] * 2
    pose = clip.world_from_camera[index].clone()
    pose[:, :3, 3] *= 2
    return depth, resized_intrinsics(clip.intrinsics_px[index], (64, 48), size[::-1]), pose


@pytest.fixture
def packages(clip, monkeypatch):
    """Dummies of vggt, depth_anything_3 and mapanything that answer in their own words, with the truth in half metres."""

    def vggt(images):
        depth, intrinsics, pose = true_views(clip, images[0].mean((1, 2, 3)), images.shape[-2:])
        encoded = torch.cat([invert(pose)[:, :3].flatten(1), intrinsics.flatten(1)], 1)[None]
        return {"pose_enc": encoded, "depth": depth[None, ..., None], "depth_conf": torch.ones_like(depth)[None] * 3}

    def decoded(pose_enc, size):
        assert size == (392, 518)
        return pose_enc[..., :12].unflatten(-1, (3, 4)), pose_enc[..., 12:].unflatten(-1, (3, 3))

    def depth_anything_3(images):
        assert images[0].dtype == np.uint8 and images[0].shape == (48, 64, 3)
        depth, intrinsics, pose = true_views(clip, [torch.tensor(i).float().mean() / 255 for i in images], (378, 504))
        extrinsics = invert(pose)[:, :3].numpy()
        return SimpleNamespace(depth=depth.numpy(), conf=np.full(depth.shape, 3.0), intrinsics=intrinsics.numpy(), extrinsics=extrinsics, is_metric=0)

    def mapanything(views):
        mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        assert all(view["data_norm_type"] == ["dinov2"] for view in views)
        picture = [view["img"] * deviation + mean for view in views]
        depth, intrinsics, pose = true_views(clip, [p.mean() for p in picture], picture[0].shape[-2:])
        parts = {"depth_z": depth[..., None], "conf": torch.full_like(depth, 3.0), "intrinsics": intrinsics, "camera_poses": pose}
        return [{key: value[i : i + 1] for key, value in parts.items()} for i in range(len(views))]

    modules = {
        "vggt": {},
        "vggt.models": {},
        "vggt.models.vggt": {"VGGT": network(vggt)},
        "vggt.utils": {},
        "vggt.utils.pose_enc": {"pose_encoding_to_extri_intri": decoded},
        "depth_anything_3": {},
        "depth_anything_3.api": {"DepthAnything3": network(depth_anything_3)},
        "mapanything": {},
        "mapanything.models": {"MapAnything": network(mapanything)},
    }
    for name, holds in modules.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**holds))


@pytest.mark.parametrize("name", PACKAGED)
def test_what_they_say_becomes_the_same_places_as_a_sensor_gives(name, clip, packages):
    encoder = geometric_encoder(f"{name}:somebody/model")()
    bare = replace(clip, depth_m=None, world_from_camera=None, intrinsics_px=None)
    geometry, true = encoder(bare, GRID), SensorDepth()(clip, GRID)
    seen = true.confidence > 0.9  # elsewhere pictures of another size blur edges
    torch.testing.assert_close(geometry.xyz_world[seen] / 2, true.xyz_world[seen], atol=0.05, rtol=0.02)
    torch.testing.assert_close(geometry.intrinsics_px, clip.intrinsics_px, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(geometry.confidence[seen], true.confidence[seen] / 2, atol=0.06, rtol=0)
    assert (geometry.scale is not None) == (name == "mapanything")
    moved = encoder(replace(bare, frame=bare.frame[[2, 0, 1]], time_s=bare.time_s[[2, 0, 1]]), GRID)
    torch.testing.assert_close(moved.xyz_world, geometry.xyz_world[[2, 0, 1]])
    scene = Pipeline(preset("tiny", geometric=f"{name}:somebody/model")).encode_clip(bare)
    assert scene.scale.source == ("metric_predictor" if name == "mapanything" else "unknown")
    distance = [(camera[0, :3, 3] - camera[1, :3, 3]).norm() for camera in (scene.world_from_camera, clip.world_from_camera)]
    assert float(distance[0] / scene.scale.metres_per_unit) == pytest.approx(2 * float(distance[1]), rel=1e-3), "the cameras are the network's too"


@pytest.mark.parametrize("name", PACKAGED)
def test_a_package_or_weights_that_are_missing_are_one_line(name, clip, packages, monkeypatch):
    with pytest.raises(BadInput, match=rf"--geometric {name}:nobody/nothing: no .* weights there \(no such model\)"):
        geometric_encoder(f"{name}:nobody/nothing")()(clip, GRID)
    with pytest.raises(BadInput, match=f"{name}:/nowhere: expected a folder"):
        geometric_encoder(f"{name}:/nowhere")()(clip, GRID)
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BadInput, match=f"encoder {name} needs the package {name}, which is not installed: pip install git.https://github.com/"):
        geometric_encoder(f"{name}:somebody/model")()(clip, GRID)


def hub_network(side=4, extra=False):
    """A class that really inherits the loading of huggingface_hub."""
    from huggingface_hub import PyTorchModelHubMixin

    class Dummy(torch.nn.Module, PyTorchModelHubMixin):
        def __init__(self, gain: float = 1.0):
            super().__init__()
            self.layer = torch.nn.Linear(side, side)
            if extra:
                self.head = torch.nn.Linear(side, side)

    return Dummy


@pytest.mark.parametrize("name", PACKAGED)
def test_only_their_own_weights_and_no_pickle_are_loaded(name, packages, tmp_path, monkeypatch, capsys):
    module, kind = {"vggt": ("vggt.models.vggt", "VGGT"), "mapanything": ("mapanything.models", "MapAnything")}.get(
        name, ("depth_anything_3.api", "DepthAnything3")
    )
    folder, one, two = str(tmp_path), hub_network(), hub_network(extra=True)
    encoder = geometric_encoder(f"{name}:{folder}")

    def saved(wanted, model):
        model.save_pretrained(folder)
        monkeypatch.setattr(sys.modules[module], kind, wanted)
        return model

    model = saved(one, one(gain=2.0))
    assert encoder().hash == weights_hash(model) and capsys.readouterr().out == ""
    for wanted, other, why in [
        (two, one(gain=1.0), "head.bias is missing"),
        (one, two(gain=1.0), "head.bias is none of its own"),
        (one, hub_network(side=5)(gain=1.0), "layer.weight has another shape"),
    ]:
        saved(wanted, other)
        with pytest.raises(BadInput, match=rf"^--geometric {name}:{folder}: these are not weights of [\w ]+ \({why}\)$"):
            _ = encoder().hash
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(BadInput, match="expected a folder with config.json and model.safetensors"):
        _ = encoder().hash


def test_a_pickle_on_the_hub_is_not_opened(packages, tmp_path, monkeypatch):
    import huggingface_hub
    from huggingface_hub import hub_mixin
    from huggingface_hub.errors import LocalEntryNotFoundError

    model = hub_network()(gain=1.0)
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")

    def download(repo_id, filename, **_):
        if not (tmp_path / filename).exists():
            raise LocalEntryNotFoundError(f"{repo_id} has no {filename}")
        return str(tmp_path / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(hub_mixin, "hf_hub_download", download)
    monkeypatch.setattr(sys.modules["vggt.models.vggt"], "VGGT", type(model))
    with pytest.raises(BadInput, match=r"vggt:somebody/pickle: no VGGT weights there \(somebody/pickle has no model.safetensors\)"):
        _ = geometric_encoder("vggt:somebody/pickle")().hash


def test_what_depth_anything_3_prints_is_not_part_of_the_answer(clip, packages, monkeypatch, capsys):
    def inference(images):
        print("Model Forward Pass Done")
        return SimpleNamespace(depth=None, conf=None, intrinsics=None, extrinsics=None)

    monkeypatch.setattr(sys.modules["depth_anything_3.api"], "DepthAnything3", network(inference))
    with pytest.raises(BadInput, match="estimate no cameras"):
        geometric_encoder("depth_anything_3:somebody/model")()(clip, GRID)
    assert capsys.readouterr().out == ""


def test_masks_follow_guessed_depth(clip, packages, tmp_path):
    """A film without depth: cameras and depth of one network tell which masks of another are one object."""
    bare = replace(clip, depth_m=None, world_from_camera=None, intrinsics_px=None)
    pipeline = Pipeline(preset("tiny", geometric="vggt:somebody/model", masks=f"sam2:{save_tiny_sam2(tmp_path)}"))
    scene = pipeline.encode_clip(bare)
    assert scene.encoders["masks"].startswith("sam2 sha256:") and len(scene.proxies) == 16
    geometry = pipeline.geometric(bare)(bare, GRID)
    depth = completed(bare, geometry).depth_m
    true = clip.depth_m * 2
    assert float(((depth - true).abs() < 0.1 * true).float().mean()) > 0.6 and depth.shape == true.shape


def test_weights_without_cameras_are_one_line(clip, packages, monkeypatch):
    said = SimpleNamespace(depth=np.ones((3, 4, 4)), conf=None, intrinsics=None, extrinsics=None, is_metric=0)
    monkeypatch.setattr(sys.modules["depth_anything_3.api"], "DepthAnything3", network(lambda images: said))
    with pytest.raises(BadInput, match="depth_anything_3:somebody/model: these weights estimate no cameras"):
        geometric_encoder("depth_anything_3:somebody/model")()(clip, GRID)


def test_geometry_and_views_check_their_cameras():
    flat, one, eye = torch.zeros(1, 2, 2, 3), torch.ones(1, 2, 2), torch.eye(4)[None]
    with pytest.raises(ValueError, match=r"Geometry.intrinsics_px: expected \(1, 3, 3\), got \(1, 4, 4\)"):
        Geometry(flat, one, None, intrinsics_px=eye)
    with pytest.raises(ValueError, match="Geometry.world_from_camera: holds NaN"):
        Geometry(flat, one, None, world_from_camera=eye * torch.nan)
    with pytest.raises(ValueError, match=r"Views.confidence: expected \(1, 2, 2\), got \(1, 2, 3\)"):
        Views(one, torch.ones(1, 2, 3), torch.eye(3)[None], eye, metric=False)
    with pytest.raises(ValueError, match="Views.depth: holds NaN"):
        Views(one * torch.inf, one, torch.eye(3)[None], eye, metric=False)
