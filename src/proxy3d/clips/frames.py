"""Read a folder of images in the order of their names or timestamps."""

from __future__ import annotations

from pathlib import Path

from proxy3d.clips.cameras import camera_from_numbers, checked
from proxy3d.clips.capture import Capture, Layout
from proxy3d.clips.images import IMAGE_SUFFIXES, files_in
from proxy3d.clips.options import CaptureOptions
from proxy3d.clips.parts import Parts, join


def _pictures(path: Path) -> list[Path]:
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        return [path]
    return files_in(path, IMAGE_SUFFIXES)


def _recognises(path: Path) -> bool:
    return bool(_pictures(path))


def _open(path: Path, options: CaptureOptions) -> Capture:
    camera = checked(camera_from_numbers(*options.intrinsics), Path("--intrinsics")) if options.intrinsics is not None else None
    capture = join(path, "images", Parts(_pictures(path), camera=camera), options)
    return Capture(path, "images", capture.frames, options, capture.take, (*capture.notes, "no poses found"))


IMAGES = Layout("a folder of images", _recognises, _open)
