"""Open any capture: recognise its layout by looking at the path, never by the name of a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from proxy3d.clips.capture import Capture, Layout
from proxy3d.clips.frames import IMAGES
from proxy3d.clips.images import natural_key
from proxy3d.clips.look_around import CLOUD
from proxy3d.clips.options import CaptureOptions
from proxy3d.clips.rgbd import POSE_PER_FRAME, POSES_IN_ORDER, POSES_WITH_NAMES, REDWOOD, RGBD, SEVEN_SCENES, open_pair
from proxy3d.clips.transforms import TRANSFORMS
from proxy3d.clips.tum import TUM
from proxy3d.clips.video import VIDEO
from proxy3d.errors import BadInput
from proxy3d.values import Clip

# The first layout that recognises a path reads it, so the more particular come first.
LAYOUTS: dict[str, Layout] = {
    "video": VIDEO,
    "cloud": CLOUD,
    "transforms": TRANSFORMS,
    "tum": TUM,
    "seven_scenes": SEVEN_SCENES,
    "pose_per_frame": POSE_PER_FRAME,
    "poses_with_names": POSES_WITH_NAMES,
    "poses_in_order": POSES_IN_ORDER,
    "redwood": REDWOOD,
    "rgbd": RGBD,
    "images": IMAGES,
}

NOT_READ = {
    ".r3d": "Record3D files are not read yet; export the frames as a transforms.json folder",
    ".bag": "ROS bags are not read; extract colour, depth and poses into TUM RGB-D files",
    ".db3": "ROS bags are not read; extract colour, depth and poses into TUM RGB-D files",
    ".mcap": "ROS bags are not read; extract colour, depth and poses into TUM RGB-D files",
    ".sens": "ScanNet .sens files are not read; export them to color/ depth/ pose/ intrinsic/ first",
    ".p3d": "a scene file, not a capture: type proxy3d ask SCENE or proxy3d view SCENE",
    ".zip": "an archive: unpack it and name the folder",
    ".heic": "HEIC pictures are not read; convert them to .jpg",
}


def open_capture(path: str | Path, options: CaptureOptions | None = None, **settings: object) -> Capture:
    """A capture by reference, recognised by what lies at the path; nothing is decoded yet.

    `settings` are fields of CaptureOptions, for short calls: `open_capture("walk", intrinsics=(525, 525, 319.5, 239.5))`.

    Raises:
        BadInput: nothing there, nothing known there, or files that contradict each other; one line that says what to do.
    """
    options = replace(options or CaptureOptions(), **settings)
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder")
    if options.color is not None:
        return open_pair(path, options)
    try:
        name = layout_of(path)
        if name is not None:
            return LAYOUTS[name].open(path, options)
    except PermissionError as error:
        raise BadInput(f"{error.filename or path}: no permission to read it; type chmod -R u+rX {path}") from error
    raise BadInput(_why_unknown(path))


def layout_of(path: Path) -> str | None:
    """Name of the first layout that recognises the path, or None."""
    return next((name for name, layout in LAYOUTS.items() if layout.recognises(path)), None)


def read(path: str | Path, frames: int = 8, options: CaptureOptions | None = None) -> Clip:
    """A Clip of any capture: `open_capture(path, options).clip(frames)`.

    Raises:
        BadInput: see open_capture and Capture.clip.
    """
    return open_capture(path, options).clip(frames)


def _why_unknown(path: Path) -> str:
    known = "; ".join(layout.looks_like for layout in LAYOUTS.values())
    if path.is_file():
        if path.stat().st_size == 0:
            return f"{path}: the file is empty"
        reason = NOT_READ.get(path.suffix.lower())
        return f"{path}: {reason}" if reason else f"{path}: not a capture; known are: {known}"
    children = sorted((p for p in path.iterdir() if not p.name.startswith(".")), key=lambda p: natural_key(p.name))
    if not children:
        return f"{path}: the folder is empty; expected one of: {known}"
    inside = [p for p in children if layout_of(p) is not None]
    folders = [p for p in inside if p.is_dir()]
    inside = folders or inside
    if inside:
        word = ("sequence" if folders else "capture") + ("s" if len(inside) > 1 else "")
        shown = ", ".join(p.name for p in inside[:8]) + (", ..." if len(inside) > 8 else "")
        return f"{path}: this folder holds {len(inside)} {word}; name one: {shown} (e.g. {inside[0]})"
    unread = next((NOT_READ[p.suffix.lower()] for p in children if p.suffix.lower() in NOT_READ), None)
    return f"{path}: {unread}" if unread else f"{path}: found {', '.join(p.name for p in children[:5])}, which is no capture; known are: {known}"
