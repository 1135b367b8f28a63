"""Read transforms.json of nerfstudio, instant-ngp and Blender NeRF scenes, with or without depth; OpenGL axes are converted."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from proxy3d.clips.assemble import take_files
from proxy3d.clips.cameras import camera_from_numbers, checked, oriented, pose_from_numbers, read_json
from proxy3d.clips.capture import Camera, Capture, FrameRef, Layout
from proxy3d.clips.images import IMAGE_SUFFIXES, NOMINAL_FPS, natural_key
from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput

FILES = ("transforms.json", "transforms_train.json")
PINHOLE_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")


def _file(path: Path) -> Path | None:
    if path.is_file() and path.suffix.lower() == ".json":
        with path.open("rb") as opened:
            return path if path.name.startswith("transforms") or b"transform_matrix" in opened.read(1 << 16) else None
    return next((path / name for name in FILES if (path / name).is_file()), None)


def _recognises(path: Path) -> bool:
    return _file(path) is not None


def _open(path: Path, options: CaptureOptions) -> Capture:
    file = _file(path)
    data = read_json(file)
    entries = data.get("frames")
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        raise BadInput(f"{file}: expected a list called frames with at least one frame that has file_path and transform_matrix")
    keyed = [(_text(e, "file_path", file, k), e, k) for k, e in enumerate(entries)]
    keyed.sort(key=lambda item: natural_key(item[0]))
    has_depth = any(isinstance(e.get("depth_file_path"), str) for e in entries)
    kept, skipped = [], {}
    for order, (name, entry, k) in enumerate(keyed):
        picture, depth, pose = _picture_file(file.parent / name), entry.get("depth_file_path"), _pose(entry, file, k)
        depth = file.parent / depth if isinstance(depth, str) else None
        reason = _reason(picture, depth, pose, has_depth)
        if reason:
            skipped[reason] = skipped.get(reason, 0) + 1
            continue
        time_s = entry.get("time", order / NOMINAL_FPS)
        time_s = float(time_s) if isinstance(time_s, int | float) and abs(time_s) < 1e9 else order / NOMINAL_FPS
        camera = _camera({**data, **entry}, picture, file, options)
        kept.append(FrameRef(name, time_s, picture, 0, depth, camera, None, oriented(pose, options, "opengl")))
    notes = [f"{n} of {len(entries)} frames left out: {reason}" for reason, n in skipped.items()]
    if not kept:
        raise BadInput(f"{file}: none of the {len(entries)} frames can be used ({'; '.join(skipped)}); paths are relative to the folder of the file")
    if not has_depth:
        notes.append("no depth found")
    return Capture(path, "transforms", tuple(kept), options, take_files, tuple(notes), _depth_unit(data, file))


def _reason(picture: Path | None, depth: Path | None, pose: Tensor | None, has_depth: bool) -> str | None:
    if picture is None:
        return "no picture file"
    if has_depth and not (depth is not None and depth.is_file()):
        return "no depth file"
    return "transform_matrix holds NaN or infinity" if pose is None else None


def _text(entry: dict, key: str, file: Path, k: int) -> str:
    if not isinstance(entry.get(key), str) or not entry[key]:
        raise BadInput(f"{file}, frame {k}: expected {key}, a path relative to the folder of the file")
    return entry[key]


def _picture_file(path: Path) -> Path | None:
    """Blender NeRF scenes leave the suffix out."""
    if path.is_file():
        return path
    return next((p for s in IMAGE_SUFFIXES if (p := path.with_name(path.name + s)).is_file()), None)


def _pose(entry: dict, file: Path, k: int) -> Tensor | None:
    rows = entry.get("transform_matrix")
    try:
        flat = [float(v) for row in rows for v in row]
    except (TypeError, ValueError) as error:
        raise BadInput(f"{file}, frame {k}: expected transform_matrix, a 4x4 list of numbers") from error
    if len(flat) not in (12, 16):
        raise BadInput(f"{file}, frame {k}: transform_matrix has {len(flat)} numbers, expected 4x4")
    return pose_from_numbers(flat, f"{file}, frame {k}")


def _number(data: dict, key: str, file: Path) -> float | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{file}: {key} must be a finite number, got {value!r}")
    return float(value)


def _camera(data: dict, picture: Path, file: Path, options: CaptureOptions) -> Camera:
    """Intrinsics of one frame; what the frame says wins over what the file says for all."""
    if options.intrinsics is not None:
        return checked(camera_from_numbers(*options.intrinsics), Path("--intrinsics"))
    model = str(data.get("camera_model", "OPENCV")).upper()
    k4 = _number(data, "k4", file) or 0.0
    if model not in PINHOLE_MODELS or data.get("is_fisheye") is True or k4 != 0:
        model += " with k4" if k4 else ""
        raise BadInput(f"{file}: camera_model {model} is not read; undistort the pictures first (e.g. colmap image_undistorter)")
    width, height = _number(data, "w", file), _number(data, "h", file)
    if not width or not height:
        width, height = _stored_size(picture)
    fx, fy = _focal(data, file, width, "x"), _focal(data, file, height, "y")
    if fx is None and fy is None:
        raise BadInput(f"{file}: no intrinsics: expected fl_x (pixels) or camera_angle_x (radians), or type --intrinsics fx,fy,cx,cy")
    fx, fy = fx if fx is not None else fy, fy if fy is not None else fx
    cx, cy = _number(data, "cx", file), _number(data, "cy", file)
    # These files follow COLMAP, where the centre of the first pixel is at (0.5, 0.5); ours is at (0, 0).
    cx, cy = (cx if cx is not None else width / 2) - 0.5, (cy if cy is not None else height / 2) - 0.5
    lens = tuple(_number(data, key, file) or 0.0 for key in ("k1", "k2", "p1", "p2", "k3"))
    matrix = checked(camera_from_numbers(fx, fy, cx, cy), file).matrix_px
    return Camera(matrix, lens if any(lens) else None, (int(width), int(height)))


def _focal(data: dict, file: Path, side: float, axis: str) -> float | None:
    focal, angle = _number(data, f"fl_{axis}", file), _number(data, f"camera_angle_{axis}", file)
    if focal is not None:
        return focal
    if angle is None:
        return None
    if not 0 < angle < math.pi:
        raise BadInput(f"{file}: camera_angle_{axis} must lie between 0 and pi radians, got {angle:g}")
    return side / 2 / math.tan(angle / 2)


def _stored_size(picture: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(picture) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{picture}: damaged or not a picture ({error})") from error


def _depth_unit(data: dict, file: Path) -> float | None:
    """nerfstudio: metres = stored value x depth_unit_scale_factor; without it whole numbers are millimetres."""
    factor = _number(data, "depth_unit_scale_factor", file)
    if factor is None:
        return None
    if factor <= 0:
        raise BadInput(f"{file}: depth_unit_scale_factor must be positive, got {factor:g}")
    return 1 / factor


TRANSFORMS = Layout("transforms.json (nerfstudio, instant-ngp)", _recognises, _open)
