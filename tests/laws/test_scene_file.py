"""What is written is what is read: exactly in float32, within stated bounds in the smaller forms, the same bytes every time."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
import torch

from proxy3d import scene_file
from proxy3d.errors import BadInput
from proxy3d.scene_file import FORMS, from_bytes, load, save, to_bytes
from proxy3d.values import Preview, Proxies, Scale, Scene

BOUND_M = {"float32": 0.0, "float16": 0.0, "int8": 0.002, "int4": 0.0025}  # in a room of 8 m


def make_scene(seed=0, proxies=32, dim=96, frames=8, room_m=8.0, preview=False, scale=None, sigma=True):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=generator)

    seen, weight, pose = draw(proxies, frames) + 1e-3, draw(proxies) + 1e-3, torch.eye(4).repeat(frames, 1, 1)
    pose[:, :3, 3] = draw(frames, 3)
    picture = Preview(draw(500, 3) * room_m, (draw(500, 3) * 255).to(torch.uint8), (b"\xff\xd8 one", b"\xff\xd8 two")) if preview else None
    return Scene(
        clip_id="living room/000 \u00e9",
        proxies=Proxies(
            xyz_world_m=(draw(proxies, 3) - 0.4) * room_m,
            extent_m=draw(proxies, 3) + 0.01,
            feature=torch.randn(proxies, dim, generator=generator) * 10 ** (4 * draw(proxies, 1) - 3),
            weight=weight / weight.sum(),
            size=torch.randint(1, 70000, (proxies,), generator=generator),
            seen=seen / seen.sum(1, keepdim=True),
            sigma_m=draw(proxies) * 0.1 + 1e-3 if sigma else None,
        ),
        scale=scale or Scale(1.0, "sensor", 0.01),
        world_from_camera=pose,
        intrinsics_px=torch.tensor([[500.0, 0, 320], [0, -500, 240], [0, 0, 1]]).repeat(frames, 1, 1) + draw(frames, 1, 1),
        image_size_px=(640, 480),
        time_s=torch.arange(frames) / 3,
        frame_name=tuple(f"frame-{i:06d}.color.png" for i in range(frames)),
        world_from_capture=torch.eye(4) + 0.1 * draw(4, 4),
        room_from_world=torch.eye(4) + 0.1 * draw(4, 4),
        encoders={"semantic": "efficientnet_lite0 sha256:" + "ab" * 32, "geometric": "depth sha256:none"},
        provenance={"proxy3d": "0.1.0", "settings": {"frames": frames, "checksum": '"proxy3d":"{"checksum":"'}, "list": [1, None, 2.5]},
        preview=picture,
    )


def assert_same(one, other):
    """Every field of two values, tensors to the last bit."""
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype and torch.equal(a, b), field.name
        elif dataclasses.is_dataclass(a):
            assert_same(a, b)
        else:
            assert a == b, field.name


@pytest.mark.parametrize("seed", range(3))
def test_float32_is_exact(tmp_path, seed):
    scene = make_scene(seed)
    assert save(scene, tmp_path / "room.p3d", form="float32") == (tmp_path / "room.p3d").stat().st_size
    assert_same(scene, load(tmp_path / "room.p3d"))


@pytest.mark.parametrize("room_m", [0.5, 8.0, 20.0])
@pytest.mark.parametrize("form", FORMS)
def test_smaller_forms_stay_within_their_bounds(form, room_m):
    scene = make_scene(room_m=room_m)
    one, other = scene.proxies, from_bytes(to_bytes(scene, form)).proxies
    peak = one.feature.abs().amax(1, keepdim=True)
    bound = {"float32": 0 * peak, "float16": peak * 2**-11, "int8": peak * 0.006, "int4": peak * 0.072}[form]
    assert ((one.feature - other.feature).abs() <= bound).all()
    assert float((one.xyz_world_m - other.xyz_world_m).abs().max()) <= BOUND_M[form] * max(1.0, room_m / 8)
    relative = 0.015 if form == "int4" else 0.0
    assert ((one.extent_m - other.extent_m).abs() <= BOUND_M[form] + relative * one.extent_m).all()
    assert ((one.sigma_m - other.sigma_m).abs() <= {"int8": 2**-8, "int4": 0.015}.get(form, 0.0) * one.sigma_m).all()
    assert float((one.weight - other.weight).abs().max()) <= 1 / 65535
    assert float((one.seen - other.seen).abs().max()) <= (1 / 15 if form == "int4" else 1 / 255)
    torch.testing.assert_close(other.weight.sum(), torch.tensor(1.0))
    torch.testing.assert_close(other.seen.sum(1), torch.ones(len(one)))
    assert torch.equal(one.size, other.size)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_a_proxy_is_kept_exactly_in_every_form(form):
    scene = make_scene(scale=Scale(0.37, "unknown", 1.0))
    assert_same(dataclasses.replace(from_bytes(to_bytes(scene, form)), proxies=scene.proxies), scene)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("form", FORMS)
def test_writing_twice_changes_no_more_than_once(form, seed):
    scene = make_scene(seed, proxies=5 + seed, dim=7, frames=3, room_m=3.0 * 2**seed, preview=True)
    once = from_bytes(to_bytes(scene, form))
    assert_same(from_bytes(to_bytes(once, form)), once)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_without_uncertainty_is_read_as_before(form):
    """Files of the first version have no sigma."""
    scene = make_scene(sigma=False)
    data = to_bytes(scene, form)
    assert b"sigma" not in data.replace(b"relative_sigma", b"") and from_bytes(data).proxies.sigma_m is None


def test_int4_survives_extremes():
    scene = make_scene(proxies=3, dim=4, frames=1)
    feature = torch.tensor([[0.0, 0, 0, 0], [1e-30, -1e-30, 0, 0], [3e38, -3e38, 1, 0]])
    extent = torch.tensor([[1e-30, 0.01, 900], [0.02, 0, 1], [1, 1, 1]])
    odd = dataclasses.replace(scene.proxies, feature=feature, extent_m=extent, sigma_m=torch.zeros(3), size=torch.tensor([1, 2**31 - 1, 70_000]))
    back = from_bytes(to_bytes(dataclasses.replace(scene, proxies=odd), "int4")).proxies
    assert ((back.feature - feature).abs() <= 0.072 * feature.abs().amax(1, keepdim=True)).all()
    assert torch.isfinite(back.extent_m).all() and float(back.extent_m.max()) == 900 and torch.equal(back.size, odd.size)
    assert torch.equal(back.sigma_m, odd.sigma_m)
    none = from_bytes(to_bytes(make_scene(proxies=1, dim=0, frames=1), "int4")).proxies
    assert none.feature.shape == (1, 0)


def test_int8_survives_extremes():
    scene = make_scene(proxies=3, dim=4, frames=1)
    feature = torch.tensor([[0.0, 0, 0, 0], [1e-30, -1e-30, 0, 0], [3e38, -3e38, 1, 0]])
    far = dataclasses.replace(scene.proxies, feature=feature, xyz_world_m=torch.tensor([[1e6, 0, 0], [1e6 + 4, 1, 1], [1e6, 2, 2]]))
    back = from_bytes(to_bytes(dataclasses.replace(scene, proxies=far), "int8")).proxies
    assert torch.isfinite(back.feature).all() and torch.equal(back.feature[0], feature[0])
    assert ((back.feature - feature).abs() <= 0.006 * feature.abs().amax(1, keepdim=True)).all()
    torch.testing.assert_close(back.xyz_world_m, far.xyz_world_m, atol=0.002, rtol=0)
    tiny = dataclasses.replace(scene.proxies, feature=torch.full((3, 4), 127 * 1.4 * 2.0**-133))  # its step is rounded down by much
    assert (from_bytes(to_bytes(dataclasses.replace(scene, proxies=tiny), "int8")).proxies.feature > 0).all()
    vast = dataclasses.replace(scene.proxies, xyz_world_m=torch.tensor([[1e30, 0, 0], [-1e30, 0, 0], [0, 1, 0]]))
    moved = from_bytes(to_bytes(dataclasses.replace(scene, proxies=vast), "int8")).proxies
    torch.testing.assert_close(moved.xyz_world_m, vast.xyz_world_m, atol=2e25, rtol=0)


def test_features_too_large_for_float16_are_refused():
    scene = make_scene(proxies=2)
    large = dataclasses.replace(scene, proxies=dataclasses.replace(scene.proxies, feature=torch.full((2, 96), 1e6)))
    with pytest.raises(BadInput, match="do not fit float16; save the scene as float32"):
        to_bytes(large, "float16")


def test_a_compact_scene_of_32_proxies_is_small():
    """method.md section 8 allows a few KB; the contract of `encode` says under 8 KB."""
    assert len(to_bytes(make_scene(proxies=32, dim=96, frames=8), "int8")) < 6784
    assert packed_bytes(make_scene(proxies=32, dim=96, frames=8)) <= 2048


def packed_bytes(scene):
    """Bytes that the proxies themselves take in the smallest form; cameras, names and provenance are the rest."""
    data = to_bytes(scene, "int4")
    head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return sum(end - start for name in ("packed_feature", "packed_rest") for start, end in [head[name]["data_offsets"]])


@pytest.mark.parametrize("form", FORMS)
def test_the_preview_comes_back_within_a_millimetre(form):
    scene = make_scene(preview=True)
    back = from_bytes(to_bytes(scene, form)).preview
    torch.testing.assert_close(back.xyz_world_m, scene.preview.xyz_world_m, atol=1e-3, rtol=0)
    assert torch.equal(back.rgb, scene.preview.rgb) and back.thumbnail_jpeg == scene.preview.thumbnail_jpeg


@pytest.mark.parametrize(
    "form, count, bytes_each", [("float16", 65537, 4), *((form, *size) for form in FORMS for size in ((1, 1), (256, 1), (257, 2)))]
)
def test_who_stands_for_a_previewed_point_is_kept_in_few_bytes(form, count, bytes_each):
    scene = make_scene(proxies=count, dim=2, frames=1, preview=True)
    owner = torch.arange(500) * 7919 % count
    owner[0] = count - 1
    told = dataclasses.replace(scene, preview=dataclasses.replace(scene.preview, proxy=owner))
    assert torch.equal(from_bytes(to_bytes(told, form)).preview.proxy, owner)
    assert len(to_bytes(told, form)) - len(to_bytes(scene, form)) == pytest.approx(500 * bytes_each, abs=120)  # and its line in the header


@pytest.mark.parametrize("form", FORMS)
def test_a_preview_without_owners_is_written_and_read_as_before(form):
    """Files of the first version have none, and a scene without a preview has not a byte more than it had."""
    data = to_bytes(make_scene(preview=True), form)
    assert b"preview_proxy" not in data and from_bytes(data).preview.proxy is None
    assert b"preview" not in to_bytes(make_scene(), form)


def test_owners_that_are_no_proxies_of_the_scene_are_refused():
    scene = make_scene(proxies=3, preview=True)
    for owner, hint in ((torch.full((500,), 3), "got 3 to 3"), (torch.full((500,), -1), "got -1"), (torch.zeros(499).long(), "expected \\(500\\)")):
        with pytest.raises(ValueError, match=f"Preview.proxy: .*{hint}"):
            dataclasses.replace(scene, preview=dataclasses.replace(scene.preview, proxy=owner))


def test_the_same_scene_gives_the_same_bytes():
    for form in FORMS:
        assert len({to_bytes(make_scene(preview=True), form) for _ in range(8)}) == 1


@pytest.mark.slow
def test_the_same_scene_gives_the_same_bytes_in_another_process():
    """Dictionaries and hashes are ordered differently in every process; the file must not be."""
    code = "import sys; from test_scene_file import *; sys.stdout.buffer.write(b''.join(to_bytes(make_scene(preview=True), f) for f in FORMS))"
    here = os.path.dirname(__file__)
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": here, "PYTHONHASHSEED": "7"}, capture_output=True)
    assert run.stdout == b"".join(to_bytes(make_scene(preview=True), form) for form in FORMS), run.stderr.decode()[-500:]


def test_order_of_dictionaries_does_not_show():
    scene = make_scene()
    turned = dataclasses.replace(scene, encoders=dict(reversed(scene.encoders.items())), provenance=dict(reversed(scene.provenance.items())))
    assert to_bytes(scene, "int8") == to_bytes(turned, "int8")


@pytest.mark.parametrize("source, unit", [("sensor", "metre"), ("known_length", "metre"), ("metric_predictor", "metre"), ("unknown", "unknown")])
def test_any_safetensors_reader_finds_what_the_contract_promises(source, unit):
    data = to_bytes(make_scene(scale=Scale(2.0, source, 0.5)), "int8")
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["proxy3d"])
    assert (header["format"], header["proxies"], header["feature_dim"], header["form"]) == (1, 32, 96, "int8")
    assert header["unit"] == unit and header["up"] == "z" and "OpenCV" in header["coordinates"]
    assert header["scale"] == {"source": source, "metres_per_unit": 2.0, "relative_sigma": 0.5}
    assert header["encoders"]["semantic"].startswith("efficientnet_lite0 sha256:") and len(header["checksum"]) == 64
    assert not any("time" in key and key != "time" for key in header), "a time stamp would make two runs differ"


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "room.p3d"
    save(make_scene(0), path)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="--force"):
        save(make_scene(1), path)
    assert path.read_bytes() == before
    save(make_scene(1), path, force=True)
    assert path.read_bytes() == to_bytes(make_scene(1))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    path = tmp_path / "room.p3d"
    save(make_scene(0), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scene_file.os, failing, full)
    with pytest.raises(BadInput, match="No space left on device"):
        save(make_scene(1), path, force=True)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["room.p3d"]


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(scene_file.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(make_scene(0), tmp_path / "room.p3d")
    assert os.listdir(tmp_path) == []


def test_poses_that_are_not_affine_are_refused():
    scene = make_scene()
    bent = scene.world_from_camera.clone()
    bent[0, 3, 0] = 0.5
    with pytest.raises(ValueError, match="last row"):
        to_bytes(dataclasses.replace(scene, world_from_camera=bent))
