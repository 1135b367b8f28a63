"""Join pictures, depth, poses and a camera into a Capture; frames that lack something are left out and counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from proxy3d.clips.assemble import take_files
from proxy3d.clips.cameras import oriented
from proxy3d.clips.capture import Camera, Capture, FrameRef
from proxy3d.clips.depth import DEPTH_SUFFIXES
from proxy3d.clips.images import IMAGE_SUFFIXES, files_in, frame_times, pair
from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput

COLOR_FOLDERS = ("color", "colour", "rgb", "images", "image", "frames", "imgs")
DEPTH_FOLDERS = ("depth", "depths", "depth_images", "depth_maps")


@dataclass(frozen=True, eq=False)
class Parts:
    """What was found of a capture whose frames are files."""

    color: list[Path]  # in the order in which they were taken
    depth: dict[Path, Path] | None = None  # by colour picture; None: the capture has no depth at all
    pose: dict[Path, Tensor | None] | None = None  # as the file has it, by colour picture; a None inside: tracking lost
    camera: Camera | None = None
    depth_camera: Camera | None = None
    time_s: list[float] | None = None  # of each colour picture; None: from the names
    depth_unit: str | float | None = None
    notes: tuple[str, ...] = ()


def find_pictures(folder: Path) -> tuple[list[Path], list[Path] | None]:
    """Colour and depth files: from color/ and depth/ (or their usual other names), else side by side in the folder itself.

    Depth is None when there is none. Both are in natural order of names.
    """
    for name in COLOR_FOLDERS:
        color = files_in(folder / name, IMAGE_SUFFIXES)
        if color:
            depth = next((found for d in DEPTH_FOLDERS if (found := files_in(folder / d, DEPTH_SUFFIXES))), None)
            return color, depth
    beside = files_in(folder, (*IMAGE_SUFFIXES, *DEPTH_SUFFIXES))
    depth = [p for p in beside if "depth" in p.name.lower() and p.suffix.lower() in DEPTH_SUFFIXES]
    taken = set(depth)
    color = [p for p in beside if p not in taken and p.suffix.lower() in IMAGE_SUFFIXES]
    return (color, depth) if depth and color and pair(color, depth) else (color, None)


def has_folders(folder: Path) -> bool:
    """Whether pictures lie in a folder of their own."""
    return any(files_in(folder / name, IMAGE_SUFFIXES) for name in COLOR_FOLDERS)


def pair_depth(color: list[Path], depth: list[Path]) -> dict[Path, Path]:
    """Depth of each colour picture: by name, else, when the counts agree, by order.

    Raises:
        BadInput: neither names nor counts match.
    """
    pairs = pair(color, depth)
    if pairs:
        return pairs
    if len(color) != len(depth):
        raise BadInput(
            f"{color[0].parent.parent}: {len(color)} colour and {len(depth)} depth files whose names have nothing in common "
            f"({color[0].name}, {depth[0].name}); give each pair the same number"
        )
    return dict(zip(color, depth, strict=True))


def join(path: Path, layout: str, parts: Parts, options: CaptureOptions, axes: str = "opencv") -> Capture:
    """The Capture of all frames that have everything the capture offers.

    Raises:
        BadInput: no frame has, or depth comes without poses.
    """
    assumed = ()
    time_s = parts.time_s
    if time_s is None:
        time_s, assumed = frame_times(parts.color)
    kept, skipped = [], {}
    for file, seconds in zip(parts.color, time_s, strict=True):
        missing = _missing(file, parts)
        if missing:
            skipped[missing] = skipped.get(missing, 0) + 1
            continue
        pose = parts.pose[file] if parts.pose is not None else None
        kept.append(
            FrameRef(
                name=file.name,
                time_s=seconds,
                color=file,
                depth=parts.depth[file] if parts.depth is not None else None,
                camera=parts.camera,
                depth_camera=parts.depth_camera,
                world_from_camera=oriented(pose, options, axes) if pose is not None else None,
            )
        )
    notes = [*parts.notes, *assumed, *(f"{n} of {len(parts.color)} frames left out: {reason}" for reason, n in skipped.items())]
    if not kept:
        reasons = "; ".join(f"{n} without: {reason}" for reason, n in skipped.items())
        raise BadInput(f"{path}: no frame can be used ({reasons}); colour, depth and pose of a frame need the same name or number")
    if parts.depth is not None and parts.pose is None:
        if len(kept) > 1:
            expected = "expected poses.txt or pose/*.txt beside images/"
            raise BadInput(f"{path}: depth found, but no poses: {expected}; for one frame type --color FILE --depth FILE")
        kept = [_in_its_own_frame(kept[0])]
        notes.append("one RGB-D frame without a pose: the camera's own axes are the world")
    if parts.camera is not None and float(parts.camera.matrix_px[1, 1]) < 0:
        upside = "rows are taken to be stored bottom-up and were flipped; if pictures are now upside down, type --negative-fy left_handed"
        notes.append(upside if options.negative_fy == "bottom_up" else "fy < 0: the left-handed world was mirrored in y")
    if parts.depth is None:
        notes.append("no depth found")
    # Times start at the first frame of the capture even when that one was left out.
    return Capture(path, layout, tuple(sorted(kept, key=lambda f: (f.time_s, f.name))), options, take_files, tuple(notes), parts.depth_unit)


def _missing(file: Path, parts: Parts) -> str | None:
    if not file.is_file():
        return "no picture file"
    if parts.depth is not None and not (file in parts.depth and parts.depth[file].is_file()):
        return "no depth file"
    if parts.pose is not None and file not in parts.pose:
        return "no pose"
    if parts.pose is not None and parts.pose[file] is None:
        return "tracking lost (pose holds NaN, infinity or zeros)"
    return None


def _in_its_own_frame(ref: FrameRef) -> FrameRef:
    return FrameRef(ref.name, ref.time_s, ref.color, ref.index, ref.depth, ref.camera, ref.depth_camera, torch.eye(4, dtype=torch.float64))
