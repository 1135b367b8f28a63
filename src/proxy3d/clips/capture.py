"""A capture that has been recognised but not yet decoded: its frames by reference, its cameras, and what was noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput
from proxy3d.values import Clip

MILLIMETRES_BY_CONVENTION = ("seven_scenes", "pose_per_frame")  # the layouts whose collectors all wrote millimetres


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with the lens distortion of OpenCV's plain model."""

    matrix_px: Float[Tensor, "3 3"]  # float64; the centre of pixel (0, 0) is at (0, 0)
    distortion: tuple[float, float, float, float, float] | None = None  # k1, k2, p1, p2, k3
    size_px: tuple[int, int] | None = None  # width, height of the picture the matrix is about; None = as stored


@dataclass(frozen=True, eq=False)
class FrameRef:
    """Where one frame is and what is known of it; nothing is decoded yet."""

    name: str
    time_s: float  # seconds from the first frame
    color: Path
    index: int = 0  # position in the file, for videos: presentation timestamp
    depth: Path | None = None
    camera: Camera | None = None
    depth_camera: Camera | None = None  # when depth has a camera of its own (same centre, same axes)
    world_from_camera: Float[Tensor, "4 4"] | None = None  # float64, OpenCV axes, metres


@dataclass(frozen=True, eq=False)
class Capture:
    """A capture by reference; `clip` decodes as many frames as asked for."""

    path: Path
    layout: str  # a name in LAYOUTS
    frames: tuple[FrameRef, ...]  # in time order; empty for a point cloud, whose views are made on demand
    options: CaptureOptions
    take: Callable[[Capture, int], Clip]
    notes: tuple[str, ...] = ()  # what was left out, assumed or converted, one sentence each
    depth_unit: str | float | None = None  # what the layout says; options.depth_unit wins

    def clip(self, frames: int = 8) -> Clip:
        """At most that many frames, spread over what the capture sees, in time order; fewer when there are fewer.

        Raises:
            BadInput: a file that was chosen cannot be used; the message names it.
        """
        if frames < 1:
            raise BadInput(f"--frames: expected at least 1, got {frames}")
        return self.take(self, frames)

    def notes_for(self, frames: int = 8) -> tuple[str, ...]:
        """The notes, and one more each when nobody stated the unit of depth and when there are fewer frames than asked for."""
        notes = list(self.notes)
        unsaid = self.options.depth_unit is None and self.depth_unit is None and self.layout not in MILLIMETRES_BY_CONVENTION
        if unsaid and any(f.depth is not None for f in self.frames):
            notes.append("no unit of depth is stated: whole numbers are taken to be millimetres (type --depth-unit otherwise)")
        if self.frames and len(self.frames) < frames:
            notes.append(f"{frames} frames asked for, {len(self.frames)} usable: all are taken")
        return tuple(notes)


@dataclass(frozen=True)
class Layout:
    """One way in which captures lie on disk."""

    looks_like: str  # for people, in error messages and help
    recognises: Callable[[Path], bool]  # by names and first lines only; cheap; raises nothing
    open: Callable[[Path, CaptureOptions], Capture]
