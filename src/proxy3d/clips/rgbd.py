"""Read posed colour and depth, however the poses lie beside the pictures."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from proxy3d.clips.cameras import (
    INTRINSICS_FILES,
    PRIMESENSE_PX,
    find_camera,
    pose_from_numbers,
    read_camera,
    read_numbers,
    read_pose_file,
    read_pose_rows,
    read_text,
)
from proxy3d.clips.capture import Camera, Capture, Layout
from proxy3d.clips.depth import DEPTH_SUFFIXES
from proxy3d.clips.images import IMAGE_SUFFIXES, files_in, pair
from proxy3d.clips.options import CaptureOptions
from proxy3d.clips.parts import Parts, find_pictures, has_folders, join, pair_depth
from proxy3d.errors import BadInput

POSE_FOLDERS = ("pose", "poses")
POSE_FILES = ("poses.txt", "pose.txt", "camera_poses.txt", "traj.txt", "trajectory.txt")
SEVEN_SCENES_COLOR = re.compile(r"(.+)\.color\.(png|jpg|jpeg)$", re.IGNORECASE)


# --- frame-000000.color.png, .depth.png, .pose.txt -----------------------------------------------------------------


def _is_seven_scenes(path: Path) -> bool:
    return any(SEVEN_SCENES_COLOR.match(p.name) for p in files_in(path, IMAGE_SUFFIXES))


def _open_seven_scenes(path: Path, options: CaptureOptions) -> Capture:
    color = [p for p in files_in(path, IMAGE_SUFFIXES) if SEVEN_SCENES_COLOR.match(p.name)]
    depth, pose = {}, {}
    for file in color:
        stem = SEVEN_SCENES_COLOR.match(file.name).group(1)
        found = next((d for s in DEPTH_SUFFIXES if (d := path / f"{stem}.depth{s}").is_file()), None)
        if found is not None:
            depth[file] = found
        if (path / f"{stem}.pose.txt").is_file():
            pose[file] = read_pose_file(path / f"{stem}.pose.txt")
    camera, notes = _camera(path, options, bool(depth), known="for the Kinect of 7-Scenes: 585,585,320,240")
    return join(path, "seven_scenes", Parts(color, depth or None, pose or None, camera, notes=notes), options)


# --- color/, depth/, pose/*.txt ------------------------------------------------------------------------------------


def _pose_files(path: Path) -> list[Path]:
    return next((found for name in POSE_FOLDERS if (found := files_in(path / name, (".txt",)))), [])


def _is_pose_per_frame(path: Path) -> bool:
    return has_folders(path) and bool(_pose_files(path))


def _open_pose_per_frame(path: Path, options: CaptureOptions) -> Capture:
    color, depth = find_pictures(path)
    files = _pose_files(path)
    pairs = pair(color, files)
    if not pairs:
        raise BadInput(f"{path}: no pose file in {files[0].parent.name}/ has the name or number of a picture ({files[0].name}, {color[0].name})")
    own = path / "intrinsic"
    depth_camera = read_camera(own / "intrinsic_depth.txt") if depth and (own / "intrinsic_depth.txt").is_file() else None
    if (own / "intrinsic_color.txt").is_file() and options.intrinsics is None:
        camera, notes = read_camera(own / "intrinsic_color.txt"), ()
    else:
        camera, notes = _camera(path, options, bool(depth))
    pose = {picture: read_pose_file(file) for picture, file in pairs.items()}
    parts = Parts(color, pair_depth(color, depth) if depth else None, pose, camera, depth_camera, notes=notes)
    return join(path, "pose_per_frame", parts, options)


# --- color/, depth/, one file of poses -----------------------------------------------------------------------------


def _pose_rows_file(path: Path) -> Path | None:
    return next((path / name for name in POSE_FILES if (path / name).is_file()), None)


def _name_list(path: Path, color: list[Path]) -> tuple[Path, list[str]] | None:
    """A text file that holds one picture name per line, at least one of them a picture that is there."""
    there = {p.name for p in color} | {p.stem for p in color}
    for file in files_in(path, (".txt",)):
        if file.name in POSE_FILES or file.name in INTRINSICS_FILES:
            continue
        try:
            lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
        except BadInput:
            continue
        names = [re.split(r"[\\/]", line)[-1] for line in lines]
        if all(" " not in name for name in names) and any(name in there for name in names):
            return file, names
    return None


def _is_poses_with_names(path: Path) -> bool:
    if not path.is_dir() or _pose_rows_file(path) is None:
        return False
    color, _ = find_pictures(path)
    return bool(color) and _name_list(path, color) is not None


def _open_poses_with_names(path: Path, options: CaptureOptions) -> Capture:
    color, depth = find_pictures(path)
    file, names = _name_list(path, color)
    rows_file = _pose_rows_file(path)
    rows = read_pose_rows(rows_file)
    if len(rows) != len(names):
        raise BadInput(f"{rows_file}: {len(rows)} poses, but {file.name} has {len(names)} names; row k must belong to line k")
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise BadInput(f"{file}: {twice} is listed more than once; one line per pose")
    by_name = dict(zip(names, rows, strict=True))
    pose = {p: by_name.get(p.name, by_name.get(p.stem)) for p in color if p.name in by_name or p.stem in by_name}
    return _with_poses(path, "poses_with_names", (color, depth), pose, options, ())


def _is_poses_in_order(path: Path) -> bool:
    return path.is_dir() and _pose_rows_file(path) is not None and bool(find_pictures(path)[0])


def _open_poses_in_order(path: Path, options: CaptureOptions) -> Capture:
    color, depth = find_pictures(path)
    file = _pose_rows_file(path)
    rows = read_pose_rows(file)
    if len(rows) != len(color) or (depth and len(depth) != len(color)):
        counts = f"{len(rows)} poses, {len(color)} colour" + (f" and {len(depth)} depth pictures" if depth else " pictures")
        raise BadInput(f"{path}: {counts}: without a list of names the counts must agree; add names.txt with one picture name per row of {file.name}")
    note = f"{file.name} names no pictures: row k was given to the k-th picture in the order of names"
    return _with_poses(path, "poses_in_order", (color, depth), dict(zip(color, rows, strict=True)), options, (note,))


def _with_poses(
    path: Path, layout: str, pictures: tuple, pose: dict[Path, Tensor | None], options: CaptureOptions, notes: tuple[str, ...]
) -> Capture:
    color, depth = pictures
    camera, about = _camera(path, options, bool(depth))
    return join(path, layout, Parts(color, pair_depth(color, depth) if depth else None, pose, camera, notes=(*notes, *about)), options)


# --- Redwood and Open3D trajectories -------------------------------------------------------------------------------


def _logs(path: Path) -> list[Path]:
    return [*files_in(path, (".log",)), *files_in(path / "scene", (".log",))]


def _is_redwood(path: Path) -> bool:
    return path.is_dir() and bool(_logs(path)) and bool(find_pictures(path)[0])


def read_log(path: Path) -> dict[int, Tensor | None]:
    """Poses of a .log trajectory by frame number: lines `i i i+1`, then a 4x4 matrix (redwood-data.org, "Trajectory file format").

    Raises:
        BadInput: the lines do not come in groups of five, or a matrix is not rigid.
    """
    rows = read_numbers(path)
    if len(rows) % 5 or any(len(r) != (3 if k % 5 == 0 else 4) for k, r in enumerate(rows)):
        raise BadInput(f"{path}: expected groups of five lines: three whole numbers, then a 4x4 matrix")
    heads = [int(rows[k][0]) for k in range(0, len(rows), 5)]
    numbers = heads if len(set(heads)) == len(heads) else list(range(len(heads)))
    return {n: pose_from_numbers(sum(rows[5 * k + 1 : 5 * k + 5], []), f"{path}, pose {k}") for k, n in enumerate(numbers)}


def _open_redwood(path: Path, options: CaptureOptions) -> Capture:
    logs = _logs(path)
    if len(logs) > 1:
        named = [p for p in logs if p.name == "trajectory.log"]
        if len(named) != 1:
            raise BadInput(f"{path}: {len(logs)} trajectories ({', '.join(p.name for p in logs)}); keep one, or call it trajectory.log")
        logs = named
    color, depth = find_pictures(path)
    rows = read_log(logs[0])
    pose = {p: rows[k] for k, p in enumerate(color) if k in rows}
    camera, notes = _camera(path, options, bool(depth), primesense=True)
    return join(path, "redwood", Parts(color, pair_depth(color, depth) if depth else None, pose, camera, notes=notes), options)


# --- depth, but no poses: one frame is fine ------------------------------------------------------------------------


def _is_rgbd(path: Path) -> bool:
    return path.is_dir() and find_pictures(path)[1] is not None


def _open_rgbd(path: Path, options: CaptureOptions) -> Capture:
    color, depth = find_pictures(path)
    pairs = pair_depth(color, depth)
    if len(pairs) > 1 and not has_folders(path):
        first = next(iter(pairs))
        raise BadInput(
            f"{path}: {len(pairs)} RGB-D frames, but no poses: expected poses.txt beside them; "
            f"for one frame type --color {first.name} --depth {pairs[first].name}"
        )
    if len(pairs) > 1:  # said before intrinsics are asked for: poses are what is hard to come by
        return join(path, "rgbd", Parts(color, pairs), options)
    camera, notes = _camera(path, options, True)
    return join(path, "rgbd", Parts(color, pairs, camera=camera, notes=notes), options)


def open_pair(path: Path, options: CaptureOptions) -> Capture:
    """One RGB-D frame whose two files the user named; the camera's own axes are its world.

    Raises:
        BadInput: a file is not there, or no intrinsics are known.
    """
    folder = path if path.is_dir() else path.parent
    color, depth = folder / options.color, folder / options.depth
    for option, file in (("--color", color), ("--depth", depth)):
        if not file.is_file():
            raise BadInput(f"{option}: no such file: {file}")
    camera, notes = _camera(folder, options, True)
    return join(path, "rgbd", Parts([color], {color: depth}, camera=camera, notes=notes), options)


def _camera(path: Path, options: CaptureOptions, needed: bool, known: str = "", primesense: bool = False) -> tuple[Camera | None, tuple[str, ...]]:
    """The camera of the folder; without depth nobody needs one, so then its absence is only noted."""
    try:
        return find_camera(path, options, PRIMESENSE_PX if primesense else None, known or "Kinect and PrimeSense colour: 525,525,319.5,239.5")
    except BadInput:
        there = any((place / name).is_file() for place in (path, path.parent) for name in INTRINSICS_FILES)
        if needed or there or options.intrinsics is not None:
            raise
        return None, ("no intrinsics found",)


SEVEN_SCENES = Layout("frame-000000.color.png, .depth.png and .pose.txt side by side (7-Scenes)", _is_seven_scenes, _open_seven_scenes)
POSE_PER_FRAME = Layout("color/, depth/, pose/*.txt, intrinsic/ (ScanNet export)", _is_pose_per_frame, _open_pose_per_frame)
POSES_WITH_NAMES = Layout("images/, depth/, poses.txt, K.txt and a list of names", _is_poses_with_names, _open_poses_with_names)
POSES_IN_ORDER = Layout("color/, depth/ and pose.txt with one row per picture", _is_poses_in_order, _open_poses_in_order)
REDWOOD = Layout("color/, depth/ and a .log trajectory (Redwood, Open3D)", _is_redwood, _open_redwood)
RGBD = Layout("one colour and one depth picture", _is_rgbd, _open_rgbd)
