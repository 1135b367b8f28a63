"""Read intrinsics and poses from the text files people keep them in, and refuse what cannot be a camera."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.clips.capture import Camera
from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput
from proxy3d.geometry import compose, invert, is_rigid, rigid, rotation_from_quaternion, world_from_opencv

INTRINSICS_FILES = (
    "intrinsics.txt",
    "camera-intrinsics.txt",
    "camera_intrinsics.txt",
    "K.txt",
    "intrinsic.txt",
    "calibration.txt",
    "intrinsic_color.txt",
    "intrinsic.json",
    "camera_intrinsic.json",
    "camera_primesense.json",
)
PRIMESENSE_PX = (525.0, 525.0, 319.5, 239.5)  # the ROS default for 640 x 480 Kinect and PrimeSense colour
FARTHEST = 1e7  # map coordinates reach this, and rooms do not
NO_DISTORTION = (0.0, 0.0, 0.0, 0.0, 0.0)


def read_text(path: Path) -> str:
    """The text of a small file.

    Raises:
        BadInput: missing or not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: expected a text file ({type(error).__name__})") from error


def read_numbers(path: Path) -> list[list[float]]:
    """One list of numbers per line that is neither empty nor a # comment.

    Raises:
        BadInput: a line holds something else, or no line holds anything.
    """
    rows = []
    for n, line in enumerate(read_text(path).splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            # Old Windows runtimes print -1.#IND and 1.#INF for NaN and infinity; 7-Scenes tools did.
            rows.append([math.nan if "#" in w else float(w) for w in words])
        except ValueError as error:
            raise BadInput(f"{path}, line {n}: expected numbers, got {line.strip()[:40]!r}") from error
    if not rows:
        raise BadInput(f"{path}: holds no numbers")
    return rows


def camera_from_numbers(fx: float, fy: float, cx: float, cy: float, skew: float = 0.0, size_px: tuple[int, int] | None = None) -> Camera:
    """A camera without distortion."""
    return Camera(torch.tensor([[fx, skew, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64), size_px=size_px)


def read_camera(path: Path) -> Camera:
    """Intrinsics from a file: a 3x3 or 4x4 matrix, nine numbers in a row, `fx fy cx cy [k1 k2 p1 p2 k3]`, or Open3D's JSON.

    Raises:
        BadInput: the file holds none of these, or not a camera.
    """
    if path.suffix.lower() == ".json":
        return _open3d_camera(path)
    rows = read_numbers(path)
    shape = (len(rows), *sorted({len(r) for r in rows}))
    if shape in ((3, 3), (4, 4), (3, 4)):
        return _camera_from_matrix([r[:3] for r in rows[:3]], path)
    flat = rows[0]
    if shape == (1, 9) and flat[6:8] == [0, 0] and flat[8] == 1:
        return _camera_from_matrix([flat[0:3], flat[3:6], flat[6:9]], path)
    if shape == (1, 16):
        return _camera_from_matrix([flat[0:3], flat[4:7], flat[8:11]], path)
    if len(rows) == 1 and 4 <= len(flat) <= 9:
        lens = (*flat[4:], 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
        camera = checked(camera_from_numbers(*flat[:4]), path)
        return Camera(camera.matrix_px, lens if any(lens) else None)
    found = f"{len(rows)} rows of {' or '.join(str(n) for n in shape[1:])}"
    raise BadInput(f"{path}: expected a 3x3 or 4x4 matrix or one row fx fy cx cy, got {found} numbers")


def find_camera(
    folder: Path, options: CaptureOptions, default_px: tuple[float, ...] | None = None, known: str = ""
) -> tuple[Camera, tuple[str, ...]]:
    """The camera of a capture and notes: what the user typed, else a file in the folder or its parent, else the default.

    Raises:
        BadInput: there is none; the message names the option to type.
    """
    if options.intrinsics is not None:
        return checked(camera_from_numbers(*options.intrinsics), Path("--intrinsics")), ()
    for place in (folder, folder.parent):
        for name in INTRINSICS_FILES:
            if (place / name).is_file():
                return read_camera(place / name), (() if place == folder else (f"intrinsics from {place / name}",))
    if default_px is not None:
        shown = ",".join(f"{v:g}" for v in default_px)
        return camera_from_numbers(*default_px, size_px=(640, 480)), (
            f"no intrinsics file: took {shown} at 640x480, the default of Kinect and PrimeSense cameras; type --intrinsics to correct it",
        )
    hint = f" ({known})" if known else ""
    raise BadInput(f"{folder}: depth found, but no intrinsics: put K.txt (3x3) there or type --intrinsics fx,fy,cx,cy{hint}")


def pose_from_numbers(numbers: list[float], where: str) -> Float[Tensor, "4 4"] | None:
    """A rigid 4x4 (float64) from 16, 12 (row-major) or 7 numbers (tx ty tz qx qy qz qw); None when tracking was lost.

    Lost means NaN or infinite entries or an all-zero quaternion, which is how recorders say so.

    Raises:
        BadInput: another count, or a finite matrix that is not a rotation and a translation.
    """
    if len(numbers) not in (7, 12, 16):
        raise BadInput(f"{where}: a pose has 16 or 12 numbers (row-major matrix) or 7 (tx ty tz qx qy qz qw), got {len(numbers)}")
    if not all(math.isfinite(v) for v in numbers):
        return None
    value = torch.tensor(numbers, dtype=torch.float64)
    if float(value.abs().max()) > FARTHEST:
        raise BadInput(
            f"{where}: a pose {float(value.abs().max()):.3g} units from the origin; beyond {FARTHEST:g} nothing is left of a float's digits"
        )
    if len(numbers) == 7:
        norm = float(value[3:].norm())
        if norm < 1e-6:
            return None
        if abs(norm - 1) > 0.05:
            raise BadInput(f"{where}: the quaternion qx qy qz qw has length {norm:.3g}, expected 1; are the seven numbers tx ty tz qx qy qz qw?")
        return rigid(rotation_from_quaternion(value[3:]), value[:3])
    if not bool(value.any()):
        return None
    pose = torch.cat([value.reshape(-1, 4)[:3], torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)])
    bottom_right = len(numbers) == 12 or bool((value[12:] - pose[3]).abs().max() < 1e-2)
    if not bottom_right or not is_rigid(pose):
        transposed = len(numbers) == 16 and is_rigid(value.reshape(4, 4).T)
        reason = "it is transposed (column-major); write it row by row" if transposed else "its 3x3 part is not a rotation (scaled or mirrored?)"
        raise BadInput(f"{where}: not a rigid camera pose: {reason}")
    return pose


def oriented(pose: Float[Tensor, "4 4"], options: CaptureOptions, layout_axes: str = "opencv") -> Float[Tensor, "4 4"]:
    """world_from_camera for OpenCV cameras in metres, from a pose as the file has it."""
    world_from_camera = invert(pose) if options.poses == "camera_from_world" else pose.clone()
    if (options.axes or layout_axes) == "opengl":
        world_from_camera = world_from_opencv(world_from_camera)
    world_from_camera[:3, 3] *= options.metres_per_unit or 1.0
    return world_from_camera


def mirrored(pose: Float[Tensor, "4 4"]) -> Float[Tensor, "4 4"]:
    """A pose of a left-handed world (y up in camera and world), in the world mirrored so that it is right-handed."""
    flip = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0], dtype=pose.dtype))
    return compose(flip, compose(pose, flip))


def read_pose_file(path: Path) -> Float[Tensor, "4 4"] | None:
    """One pose from a file of its own (4x4, 3x4, or one row of 16, 12 or 7 numbers); None when tracking was lost.

    Raises:
        BadInput: another shape, or not rigid.
    """
    rows = read_numbers(path)
    widths = {len(r) for r in rows}
    if (len(rows), widths) not in ((4, {4}), (3, {4}), (1, {16}), (1, {12}), (1, {7})):
        shown = " or ".join(str(w) for w in sorted(widths))
        raise BadInput(f"{path}: expected one 4x4 pose matrix, got {len(rows)} rows of {shown} numbers")
    return pose_from_numbers([v for r in rows for v in r], str(path))


def read_pose_rows(path: Path) -> list[Float[Tensor, "4 4"] | None]:
    """One pose per row, or per block of four rows of four numbers; None where tracking was lost.

    Raises:
        BadInput: rows of differing length or of a length that is no pose.
    """
    rows = read_numbers(path)
    widths = sorted({len(r) for r in rows})
    if len(widths) != 1:
        raise BadInput(f"{path}: rows of differing length ({' and '.join(map(str, widths))} numbers); expected one pose of 16, 12 or 7 per row")
    if widths == [4] and len(rows) % 4 == 0:
        rows = [sum(rows[i : i + 4], []) for i in range(0, len(rows), 4)]
    return [pose_from_numbers(row, f"{path}, row {n}") for n, row in enumerate(rows, 1)]


def _camera_from_matrix(matrix: list[list[float]], path: Path) -> Camera:
    (fx, skew, cx), (below, fy, cy), last = matrix
    if below != 0 or last[:2] != [0, 0] or last[2] != 1:
        raise BadInput(f"{path}: expected an intrinsic matrix [fx s cx; 0 fy cy; 0 0 1], got {matrix}")
    return checked(camera_from_numbers(fx, fy, cx, cy, skew), path)


def checked(camera: Camera, path: Path) -> Camera:
    """The camera itself, when its numbers can be focal lengths and a principal point in pixels.

    Raises:
        BadInput: they cannot; the message names the file.
    """
    fx, fy = float(camera.matrix_px[0, 0]), float(camera.matrix_px[1, 1])
    if not float(camera.matrix_px.abs().max()) < 1e6 or fx <= 0 or fy == 0:  # NaN is not below 1e6 either
        raise BadInput(f"{path}: expected finite fx > 0 and fy other than 0, in pixels, got fx {fx:g}, fy {fy:g}")
    if fx < 10 or abs(fy) < 10:
        raise BadInput(f"{path}: fx {fx:g}, fy {fy:g} are not in pixels; multiply them by width and height, or type --intrinsics fx,fy,cx,cy")
    return camera


def _open3d_camera(path: Path) -> Camera:
    data = read_json(path)
    try:
        column_major = [float(v) for v in data["intrinsic_matrix"]]
        size = (int(data["width"]), int(data["height"]))
        fx, below, _, skew, fy, _, cx, cy, _ = column_major
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: expected width, height and an intrinsic_matrix of nine numbers") from error
    camera = _camera_from_matrix([[fx, skew, cx], [below, fy, cy], [0, 0, 1]], path)
    return Camera(camera.matrix_px, size_px=size)


def read_json(path: Path) -> dict:
    """A JSON object.

    Raises:
        BadInput: broken JSON (with line and column), or something else than an object.
    """
    try:
        data = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: broken JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadInput(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data
