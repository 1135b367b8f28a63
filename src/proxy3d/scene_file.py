"""Keep a scene in one small file (.p3d) that any machine reads back, and that says so when it is damaged.

A .p3d is a safetensors file: 8 bytes of header length, a JSON header, tensors. Its metadata has one key, "proxy3d", a JSON
object that begins with the checksum: the SHA-256 of the whole file with the checksum's own 64 digits written as zeros.
That rule and the "format" number are the same in every version, so that an old reader can tell a newer file from a damaged one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.part_file import part_of
from proxy3d.scene_pack import (
    SEEN_TOTAL,
    feature_codes,
    halvings,
    lengths,
    packed_shapes,
    packed_size,
    planes,
    squeezed,
    unplaned,
    unsqueezed,
)
from proxy3d.values import Preview, Proxies, Scale, Scene

Form = Literal["float32", "float16", "int8", "int4"]
FORMS = ("float32", "float16", "int8", "int4")
FORMAT = 1
COORDINATES = "world right-handed z-up, cameras OpenCV"
MARK = b'"proxy3d":"{\\"checksum\\":\\"'  # once in the header: text inside the metadata has its quotes escaped
BLANK = b"0" * 64
SUFFIX = ".p3d"
MOST_BYTES = 1 << 30
MOST_HEADER_BYTES = 16 << 20
FINEST_STEP = -14  # positions are whole multiples of 2 ** exponent metres, at the finest 0.06 mm
FLOATS = {torch.float32}

# What each form stores; everything that is not named here is float32.
STORED = {
    "float32": {"size": {torch.uint32}},
    "float16": {"size": {torch.uint32}, "feature": {torch.float16}},
    "int8": {
        "size": {torch.uint16, torch.uint32},
        "feature": {torch.int8},
        "feature_step": {torch.bfloat16},
        "xyz": {torch.uint16},
        "extent": {torch.uint16},
        "weight": {torch.uint16},
        "seen": {torch.uint8},
        "sigma": {torch.bfloat16},
    },
    "int4": {"packed_feature": {torch.uint8}, "packed_rest": {torch.uint8}},
}


def save(scene: Scene, path: str | Path, *, form: Form = "float16", force: bool = False) -> int:
    """Write a scene, whole or not at all, and return the number of bytes. The same scene gives the same bytes.

    float32 is exact. float16 rounds features only (relative 2^-11). int8 is for phones and search: features within 0.6 % of the
    largest value of their proxy, positions and extents within half a step of the scene's grid (0.25 mm in a room of 20 m),
    weights within 1/65535, `seen` within 1/255; both still add up to 1. int4 brings 32 proxies under 2 KB: features within 7.2 %
    of the largest value of their proxy, positions within half of 1/2047 of the room's longest side (2 mm in 8 m), extents
    within 1.5 %, `seen` within 1/15. A preview is stored alike in every form.

    Raises:
        BadInput: the file exists and `force` is not given, its folder does not, or it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; expected the name of a scene file, for example {path / 'room.p3d'}")
    if path.exists() and not force:
        raise BadInput(f"{path}: exists already; choose another name or overwrite it with --force")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: the folder {path.parent} does not exist; make it with mkdir -p {path.parent}")
    data = to_bytes(scene, form)
    part = part_of(path)
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); nothing was changed") from None
    finally:
        part.unlink(missing_ok=True)
    return len(data)


def load(path: str | Path) -> Scene:
    """Read a scene that `save` wrote.

    Raises:
        BadInput: no such file, not a scene, cut short, damaged, or made by a newer version; one line says which.
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; expected a scene file made by `proxy3d encode {path} -o scene.p3d`")
    try:
        if not path.is_file():
            raise BadInput(f"{path}: no such file; expected a scene file made by `proxy3d encode CAPTURE -o {path.name or 'scene.p3d'}`")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadInput(f"{path}: not a scene file ({size} bytes, scenes have at most {MOST_BYTES}); make one with `proxy3d encode`")
        return from_bytes(path.read_bytes(), name=str(path))
    except (OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def is_scene(path: str | Path) -> bool:
    """Whether a scene file lies there: by its first bytes, or by its suffix, so that a damaged or missing one is spoken of as a scene."""
    path = Path(path)
    if path.suffix == SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            return MARK in file.read(256)
    except (OSError, ValueError):  # a folder, nothing, or no path at all: whoever reads captures has the words for it
        return False


def to_bytes(scene: Scene, form: Form = "float16") -> bytes:
    """The content of a scene file.

    Raises:
        BadInput: unknown form, or features too large for it.
    """
    from safetensors.torch import save as pack

    if form not in FORMS:
        raise BadInput(f"no form is called {form!r}; known: {', '.join(FORMS)}")
    tensors, header = _written(scene, form)
    # One metadata key, because safetensors writes several in no fixed order; keys of the JSON are sorted for the same reason.
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False)
    metadata = {"proxy3d": f'{{"checksum":"{BLANK.decode()}",{text[1:]}'}
    own = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    data = pack(own, metadata)  # copies, because safetensors refuses tensors that share memory
    at = data.index(MARK) + len(MARK)
    return data[:at] + hashlib.sha256(data).hexdigest().encode() + data[at + 64 :]


def from_bytes(data: bytes, *, name: str = "scene") -> Scene:
    """The scene in the content of a scene file; `name` is what messages call it.

    Raises:
        BadInput: see `load`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as unpack

    header = _checked_header(data, name)
    try:
        return _read(unpack(data), header)
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RuntimeError) as error:
        what = f"no {error.args[0]!r}" if isinstance(error, KeyError) and error.args else error
        raise BadInput(f"{name}: not a valid scene: {what}; encode the capture again") from None


# ---- the container ----


def _checked_header(data: bytes, name: str) -> dict:
    """Our part of the header, after everything that can be wrong with the bytes has been looked for."""
    if not data:
        raise BadInput(f"{name}: is empty (0 bytes); expected a scene file made by `proxy3d encode`")
    length = int.from_bytes(data[:8], "little")
    if len(data) < 16 or data[8:9] != b"{" or length > MOST_HEADER_BYTES:
        raise BadInput(f"{name}: not a scene file (starts with {data[:8]!r}); expected one made by `proxy3d encode`")
    cut = f"{name}: cut short at {len(data)} bytes, expected {{}}; copy it again or encode the capture again"
    if 8 + length > len(data):
        raise BadInput(cut.format(f"more than {8 + length}"))
    at = data.find(MARK, 8, 8 + length) + len(MARK)
    try:
        head = json.loads(data[8 : 8 + length])
        mine = json.loads(head.get("__metadata__", {})["proxy3d"])
        ends = 8 + length + max(int(entry["data_offsets"][1]) for key, entry in head.items() if key != "__metadata__")
        version = mine["format"]
    except KeyError as error:
        raise BadInput(f"{name}: a safetensors file, but not a scene (no {error}); expected one made by `proxy3d encode`") from None
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        raise BadInput(f"{name}: its header is damaged; copy it again or encode the capture again") from None
    if ends > len(data):
        raise BadInput(cut.format(ends))
    intact = at >= len(MARK) and hashlib.sha256(data[:at] + BLANK + data[at + 64 :]).hexdigest().encode() == data[at : at + 64]
    if isinstance(version, int) and version > FORMAT:
        doubt = "" if intact else ", or damaged"
        raise BadInput(f"{name}: made by a newer proxy3d (format {version}){doubt}: upgrade with pip install -U proxy3d")
    if not intact:
        raise BadInput(f"{name}: damaged (its checksum does not fit its content); copy it again or encode the capture again")
    if version != FORMAT:
        raise BadInput(f"{name}: unknown format {version!r}, expected {FORMAT}; encode the capture again")
    return mine


# ---- scene -> tensors and header ----


def _written(scene: Scene, form: Form) -> tuple[dict[str, Tensor], dict]:
    proxies, scale = scene.proxies, scene.scale
    poses = scene.world_from_camera.float()
    if not torch.equal(poses[:, 3], torch.tensor([0.0, 0, 0, 1]).expand(len(poses), 4)):
        raise ValueError("Scene.world_from_camera: expected (0, 0, 0, 1) in the last row of every pose")
    intrinsics = scene.intrinsics_px.float()
    tensors = {
        "pose": poses[:, :3],
        "intrinsics": intrinsics[:1] if torch.equal(intrinsics, intrinsics[:1].expand_as(intrinsics)) else intrinsics,
        "time": scene.time_s.float(),
        "capture": scene.world_from_capture.float(),
        "room": scene.room_from_world.float(),
    }
    header = {
        "format": FORMAT,
        "form": form,
        "proxies": len(proxies),
        "feature_dim": proxies.feature.shape[1],
        "coordinates": COORDINATES,
        "up": "z",
        "unit": "metre" if scale.is_metric else "unknown",
        "scale": {"source": scale.source, "metres_per_unit": scale.metres_per_unit, "relative_sigma": scale.relative_sigma},
        "clip_id": scene.clip_id,
        "encoders": scene.encoders,
        "image_size_px": list(scene.image_size_px),
        "frame_name": list(scene.frame_name),
        "provenance": scene.provenance,
    }
    if form == "int8":
        compact, header["grid"] = _compact(proxies)
        tensors |= compact
    elif form == "int4":
        packed, header["grid"], header["largest_m"] = _packed(proxies)
        tensors |= packed
    else:
        tensors |= _plain(proxies, form)
    if scene.preview is not None:
        tensors["preview_xyz"], header["preview_grid"] = _on_grid(scene.preview.xyz_world_m)
        tensors["preview_rgb"] = scene.preview.rgb
        if scene.preview.proxy is not None:
            tensors["preview_proxy"] = scene.preview.proxy.to(_least_type(len(proxies)))
        for number, jpeg in enumerate(scene.preview.thumbnail_jpeg):
            tensors[f"thumbnail_{number:03d}"] = torch.frombuffer(bytearray(jpeg), dtype=torch.uint8)
        header["thumbnails"] = len(scene.preview.thumbnail_jpeg)
    return tensors, header


def _least_type(count: int) -> torch.dtype:
    """The shortest whole numbers that tell `count` things apart."""
    return torch.uint8 if count <= 1 << 8 else torch.uint16 if count <= 1 << 16 else torch.uint32


def _plain(proxies: Proxies, form: Form) -> dict[str, Tensor]:
    feature = proxies.feature.to(torch.float16 if form == "float16" else torch.float32)
    if not bool(torch.isfinite(feature).all()):
        raise BadInput(f"features up to {float(proxies.feature.abs().max()):.3g} do not fit float16; save the scene as float32")
    floats = {"xyz": proxies.xyz_world_m, "extent": proxies.extent_m, "weight": proxies.weight, "seen": proxies.seen}
    if proxies.sigma_m is not None:
        floats["sigma"] = proxies.sigma_m
    return {"feature": feature, "size": proxies.size.to(torch.uint32)} | {name: value.float() for name, value in floats.items()}


def _compact(proxies: Proxies) -> tuple[dict[str, Tensor], dict]:
    feature = proxies.feature.double()
    # bfloat16 has the range of float32, and few enough digits that 127 steps are exact: quantising again changes nothing.
    step = (feature.abs().amax(1) / 127).to(torch.bfloat16) if feature.shape[1] else torch.zeros(len(proxies), dtype=torch.bfloat16)
    steps = feature / step.double().clamp_min(1e-300)[:, None]
    xyz, grid = _on_grid(proxies.xyz_world_m, widest=float(proxies.extent_m.max()))
    tensors = {
        "feature": steps.round().clamp(-127, 127).to(torch.int8),
        "feature_step": step,
        "xyz": xyz,
        "extent": (proxies.extent_m.double() / 2.0 ** grid["exponent"]).round().to(torch.uint16),
        "weight": _shares(proxies.weight[None], 65535)[0].to(torch.uint16),
        "seen": _shares(proxies.seen, 255).to(torch.uint8),
        "size": proxies.size.to(torch.uint16 if int(proxies.size.max()) < 65536 else torch.uint32),
    }
    return tensors | ({} if proxies.sigma_m is None else {"sigma": proxies.sigma_m.to(torch.bfloat16)}), grid


def _packed(proxies: Proxies) -> tuple[dict[str, Tensor], dict, dict]:
    codes, step = feature_codes(proxies.feature.cpu())
    xyz, grid = _on_grid(proxies.xyz_world_m, steps=4095)
    extent, widest = halvings(proxies.extent_m)
    columns = [xyz, extent, step, _shares(proxies.weight[None], 65535)[0].to(torch.uint16), proxies.size.to(torch.int32)]
    columns += [_shares(proxies.seen, SEEN_TOTAL).to(torch.uint8)]
    largest = {"extent": widest}
    if proxies.sigma_m is not None:
        sigma, largest["sigma"] = halvings(proxies.sigma_m)
        columns.append(sigma)
    return {"packed_feature": squeezed(codes, runs=False), "packed_rest": squeezed(planes(*columns), runs=True)}, grid, largest


def _on_grid(xyz: Float[Tensor, "n 3"], widest: float = 0.0, steps: int = 65535) -> tuple[Tensor, dict]:
    """Positions as whole steps (n, 3) from the low corner, and the grid: its corner in steps and the step, 2 ** exponent metres.

    A power of two, and a corner that is a whole number of steps from the origin, because what is on the grid then stays
    exactly where it is when it is written again.
    """
    if len(xyz) == 0:
        return torch.zeros(0, 3, dtype=torch.uint16), {"low": [0, 0, 0], "exponent": FINEST_STEP}
    reach = max(float(xyz.abs().max()), widest)
    exponent = max(FINEST_STEP, math.frexp(reach)[1] - 52)  # whole steps have to fit a double
    while True:
        whole = (xyz.double() / 2.0**exponent).round().long()
        low = whole.amin(0)
        if int((whole - low).max()) <= steps and widest / 2.0**exponent <= steps:
            return (whole - low).to(torch.uint16), {"low": low.tolist(), "exponent": exponent}
        exponent += 1


def _shares(share: Float[Tensor, "n m"], total: int) -> Int[Tensor, "n m"]:
    """Each row as whole numbers that add up to `total`, by largest remainder; ties go to the left."""
    part = share.double().clamp_min(0)
    part = part / part.sum(1, keepdim=True).clamp_min(1e-300) * total
    whole = part.floor()
    missing = (total - whole.sum(1)).long()
    rank = (part - whole).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (whole + (rank < missing[:, None])).long()


# ---- tensors and header -> scene ----


def _read(tensors: dict[str, Tensor], header: dict) -> Scene:
    """Raises one of the errors that `from_bytes` turns into a BadInput line when something is missing or does not fit."""
    form, count, dim, frames = header["form"], header["proxies"], header["feature_dim"], len(header["frame_name"])
    if form not in FORMS:
        raise ValueError(f"form {form!r} is not one of {', '.join(FORMS)}")

    def take(name: str, *shape: int, dtype: set[torch.dtype] | None = None) -> Tensor:
        value, allowed = tensors[name], dtype or STORED[form].get(name, FLOATS)
        if tuple(value.shape) != shape or value.dtype not in allowed:
            raise ValueError(f"{name} is {value.dtype} {tuple(value.shape)}, expected {' or '.join(sorted(map(str, allowed)))} {shape}")
        return value

    pose = torch.eye(4).repeat(frames, 1, 1)
    pose[:, :3] = take("pose", frames, 3, 4)
    intrinsics = take("intrinsics", 1 if len(tensors["intrinsics"]) == 1 else frames, 3, 3).expand(frames, 3, 3).contiguous()
    if form == "int4":
        raw = _unpacked(tensors, header)
    else:
        raw = {name: take(name, count, *rest) for name, rest in _row_shapes(dim, frames).items()}
        raw["sigma"] = take("sigma", count).float() if "sigma" in tensors else None  # files of older versions have none
    if form == "int8":
        step = 2.0 ** _exponent(header["grid"])
        raw["feature"] = raw["feature"].float() * take("feature_step", count).float()[:, None]
        raw["xyz"] = _off_grid(raw["xyz"], header["grid"])
        raw["extent"] = (raw["extent"].double() * step).float()
        raw["weight"], raw["seen"] = raw["weight"].float() / 65535, raw["seen"].float() / 255
    preview = None
    if "preview_grid" in header:
        points = len(tensors["preview_rgb"])
        xyz = _off_grid(take("preview_xyz", points, 3, dtype={torch.uint16}), header["preview_grid"])
        jpegs = tuple(tensors[f"thumbnail_{n:03d}"].numpy().tobytes() for n in range(header["thumbnails"]))
        owner = take("preview_proxy", points, dtype={_least_type(count)}).long() if "preview_proxy" in tensors else None  # none in old files
        preview = Preview(xyz, take("preview_rgb", points, 3, dtype={torch.uint8}), jpegs, owner)
    width, height = header["image_size_px"]
    return Scene(
        clip_id=str(header["clip_id"]),
        proxies=Proxies(raw["xyz"], raw["extent"], raw["feature"].float(), raw["weight"], raw["size"].long(), raw["seen"], raw["sigma"]),
        scale=Scale(float(header["scale"]["metres_per_unit"]), header["scale"]["source"], float(header["scale"]["relative_sigma"])),
        world_from_camera=pose,
        intrinsics_px=intrinsics,
        image_size_px=(int(width), int(height)),
        time_s=take("time", frames),
        frame_name=tuple(map(str, header["frame_name"])),
        world_from_capture=take("capture", 4, 4),
        room_from_world=take("room", 4, 4),
        encoders=dict(header["encoders"]),
        provenance=dict(header["provenance"]),
        preview=preview,
    )


def _unpacked(tensors: dict[str, Tensor], header: dict) -> dict[str, Tensor | None]:
    count, dim, largest = header["proxies"], header["feature_dim"], header["largest_m"]
    shapes = packed_shapes(count, len(header["frame_name"]), sigma="sigma" in largest)
    for name in ("packed_feature", "packed_rest"):
        if tensors[name].dtype is not torch.uint8 or tensors[name].ndim != 1:
            raise ValueError(f"{name} is {tensors[name].dtype} {tuple(tensors[name].shape)}, expected bytes")
    codes = np.frombuffer(unsqueezed(tensors["packed_feature"], count * dim), np.int8).reshape(count, dim)
    raw = unplaned(unsqueezed(tensors["packed_rest"], packed_size(shapes)), shapes)
    return {
        "feature": torch.from_numpy(codes.astype(np.float32)) * raw["step"].float()[:, None],
        "xyz": _off_grid(raw["xyz"], header["grid"]),
        "extent": lengths(raw["extent"], largest["extent"]),
        "weight": raw["weight"].float() / 65535,
        "size": raw["size"],
        "seen": raw["seen"].float() / SEEN_TOTAL,
        "sigma": lengths(raw["sigma"], largest["sigma"]) if "sigma" in largest else None,
    }


def _row_shapes(dim: int, frames: int) -> dict[str, tuple[int, ...]]:
    return {"xyz": (3,), "extent": (3,), "feature": (dim,), "weight": (), "size": (), "seen": (frames,)}


def _exponent(grid: dict) -> int:
    exponent = grid["exponent"]
    if not isinstance(exponent, int) or not -127 <= exponent <= 127:
        raise ValueError(f"grid step 2 ** {exponent!r} m is out of range")
    return exponent


def _off_grid(whole: Int[Tensor, "n 3"], grid: dict) -> Float[Tensor, "n 3"]:
    low = torch.tensor(grid["low"], dtype=torch.float64)
    return ((whole.double() + low) * 2.0 ** _exponent(grid)).float()
