"""The values that pass between stages: one frozen dataclass per arrow, with the shape and unit of every field.

Letters in shapes: T frames, H x W pixels, h x w patches, L points, K proxies, D feature width. World: right-handed, z up.
Cameras: OpenCV axes (x right, y down, z forward). Field names carry the unit; `xyz_world` without `_m` is not yet metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

ScaleSource = Literal["sensor", "known_length", "metric_predictor", "unknown"]
SCALE_SOURCES = ("sensor", "known_length", "metric_predictor", "unknown")


def check_shape(value: object, **expected: tuple[int | None, ...]) -> None:
    """Each named field has the given shape; None in a shape matches any length, a field that is None is skipped.

    Raises:
        ValueError: names the class, the field, the expected and the given shape.
    """
    for name, want in expected.items():
        tensor = getattr(value, name)
        if tensor is None:
            continue
        got = tuple(tensor.shape)
        if len(got) != len(want) or any(w is not None and w != g for w, g in zip(want, got, strict=True)):
            shown = ", ".join("*" if w is None else str(w) for w in want)
            raise ValueError(f"{type(value).__name__}.{name}: expected ({shown}), got {got}")


def check_finite(value: object, *names: str) -> None:
    """The named fields hold no NaN and no infinity.

    Raises:
        ValueError: names the class and the field.
    """
    for name in names:
        tensor = getattr(value, name)
        if tensor is not None and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{type(value).__name__}.{name}: holds NaN or infinite values")


@dataclass(frozen=True)
class Clip:
    """A few frames of one place, with whatever is known about depth and cameras."""

    frame: Float[Tensor, "T 3 H W"]  # 0..1, RGB
    time_s: Float[Tensor, "T"]  # seconds from the first frame of the capture
    name: tuple[str, ...]  # what each frame is called in the capture
    intrinsics_px: Float[Tensor, "T 3 3"] | None = None  # pixels; the centre of pixel (0, 0) is at (0, 0)
    world_from_camera: Float[Tensor, "T 4 4"] | None = None  # capture's own world and unit
    depth_m: Float[Tensor, "T H W"] | None = None  # metres along the optical axis, on the grid of `frame`; 0 = none

    def __post_init__(self):
        t, _, h, w = self.frame.shape if self.frame.ndim == 4 else (None, None, None, None)
        check_shape(self, frame=(t, 3, h, w), time_s=(t,), intrinsics_px=(t, 3, 3), world_from_camera=(t, 4, 4), depth_m=(t, h, w))
        check_finite(self, "time_s", "intrinsics_px", "world_from_camera", "depth_m")
        if len(self.name) != t or t == 0:
            raise ValueError(f"Clip.name: expected {t} names for {t} frames (at least one), got {len(self.name)}")


@dataclass(frozen=True)
class Semantics:
    """What each patch looks like."""

    feature: Float[Tensor, "T h w D"]
    detail: Float[Tensor, "T 2h 2w d"] | None = None  # of each quarter of a patch: what it is made of rather than what it is

    def __post_init__(self):
        t, h, w = self.feature.shape[:3] if self.feature.ndim == 4 else (None, None, None)
        check_shape(self, feature=(t, h, w, None))
        check_shape(self, detail=(t, 2 * h, 2 * w, None))
        check_finite(self, "feature", "detail")


@dataclass(frozen=True)
class Scale:
    """How long the unit is, who said so, and how far that can be off."""

    metres_per_unit: float
    source: ScaleSource
    relative_sigma: float  # one standard deviation of metres_per_unit, relative

    def __post_init__(self):
        if self.source not in SCALE_SOURCES:
            raise ValueError(f"Scale.source: expected one of {', '.join(SCALE_SOURCES)}, got {self.source!r}")
        if not (self.metres_per_unit > 0):
            raise ValueError(f"Scale.metres_per_unit: expected a positive number, got {self.metres_per_unit}")

    @property
    def is_metric(self) -> bool:
        return self.source != "unknown"


@dataclass(frozen=True)
class Geometry:
    """Where each patch is, in the unit of whoever measured it (hence no suffix), and how far to trust that."""

    xyz_world: Float[Tensor, "T h w 3"]
    confidence: Float[Tensor, "T h w"]  # 0..1; 0 = no position
    scale: Scale | None
    intrinsics_px: Float[Tensor, "T 3 3"] | None = None  # the cameras it was worked out with; None = the clip's
    world_from_camera: Float[Tensor, "T 4 4"] | None = None
    notes: tuple[str, ...] = ()  # what whoever relies on these positions has to know, one sentence each

    def __post_init__(self):
        t, h, w = self.confidence.shape if self.confidence.ndim == 3 else (None, None, None)
        check_shape(self, xyz_world=(t, h, w, 3), confidence=(t, h, w), intrinsics_px=(t, 3, 3), world_from_camera=(t, 4, 4))
        check_finite(self, "xyz_world", "confidence", "intrinsics_px", "world_from_camera")


@dataclass(frozen=True)
class Masks:
    """Which object each patch, or quarter of a patch, belongs to; a label is the same object in every frame."""

    label: Int[Tensor, "T h w"]  # -1 = none

    def __post_init__(self):
        check_shape(self, label=(None, None, None))


@dataclass(frozen=True)
class Points:
    """One point per patch, or quarter of a patch, that has a position."""

    xyz_world_m: Float[Tensor, "L 3"]  # metres, z up
    feature: Float[Tensor, "L D"]  # the same for all quarters of a patch
    rgb: Float[Tensor, "L 3"]  # 0..1, mean colour
    frame: Int[Tensor, "L"]  # which frame of the clip
    weight: Float[Tensor, "L"]  # 0..1; how much the point counts
    label: Int[Tensor, "L"] | None = None  # object of a mask or of the truth, -1 = none; None = nobody knows
    patch: Int[Tensor, "L 2"] | None = None  # row and column on its frame's grid, of quarters where points are quarters
    detail: Float[Tensor, "L d"] | None = None  # of the quarter alone; None = points are whole patches

    def __post_init__(self):
        n = len(self.xyz_world_m)
        check_shape(self, xyz_world_m=(n, 3), feature=(n, None), rgb=(n, 3), frame=(n,), weight=(n,))
        check_shape(self, detail=(n, None), label=(n,), patch=(n, 2))
        check_finite(self, "xyz_world_m", "feature", "weight", "detail")

    def __len__(self) -> int:
        return len(self.xyz_world_m)

    def take(self, index: Int[Tensor, "n"]) -> Points:
        """Some of the points, with everything they carry."""
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return Points(**{name: None if value is None else value.index_select(0, index) for name, value in chosen.items()})


@dataclass(frozen=True)
class Proxies:
    """A few points that stand for the whole scene."""

    xyz_world_m: Float[Tensor, "K 3"]  # metres, weighted mean of the points summarised
    extent_m: Float[Tensor, "K 3"]  # metres, half the axis-aligned size (weighted standard deviation x sqrt(3))
    feature: Float[Tensor, "K D"]
    weight: Float[Tensor, "K"]  # share of the scene's total point weight; sums to 1
    size: Int[Tensor, "K"]  # points summarised
    seen: Float[Tensor, "K T"]  # share of each proxy's points that comes from each frame; rows sum to 1
    sigma_m: Float[Tensor, "K"] | None = None  # metres, one standard deviation of the position along an axis; None = not known

    def __post_init__(self):
        k = len(self.xyz_world_m)
        check_shape(self, xyz_world_m=(k, 3), extent_m=(k, 3), feature=(k, None), weight=(k,), size=(k,), seen=(k, None), sigma_m=(k,))
        check_finite(self, "xyz_world_m", "extent_m", "feature", "weight", "seen", "sigma_m")

    def __len__(self) -> int:
        return len(self.xyz_world_m)


@dataclass(frozen=True)
class Box:
    """A box that stands on the ground plane: full sizes, turned by yaw about z (counter-clockwise seen from above)."""

    centre_m: tuple[float, float, float]
    size_m: tuple[float, float, float]  # along the box's own x, y, z
    yaw_rad: float = 0.0
    score: float = 1.0
    label: str | None = None
    proxies: tuple[int, ...] = ()
    frames: tuple[int, ...] = ()

    def __post_init__(self):
        if len(self.centre_m) != 3 or len(self.size_m) != 3:
            raise ValueError(f"Box: expected 3 numbers for centre_m and size_m, got {len(self.centre_m)} and {len(self.size_m)}")
        if min(self.size_m) < 0:
            raise ValueError(f"Box.size_m: expected sizes of at least 0, got {tuple(self.size_m)}")

    def to_json(self, *, metric: bool = True) -> dict:
        """The contract's object; without metric scale the keys lose their `_m`."""
        unit = "_m" if metric else ""
        return {
            f"centre{unit}": [round(float(v), 4) for v in self.centre_m],
            f"size{unit}": [round(float(v), 4) for v in self.size_m],
            "yaw_rad": round(float(self.yaw_rad), 4),
            "score": round(float(self.score), 4),
            "label": self.label,
            "proxies": list(self.proxies),
            "frames": list(self.frames),
        }


@dataclass(frozen=True)
class Answer:
    """What was said, and what it rests on. An empty list of boxes is an answer."""

    text: str
    boxes: tuple[Box, ...] = ()
    proxies: tuple[int, ...] = ()
    frames: tuple[int, ...] = ()
    range: tuple[float, float] | None = None  # where a number in metres or square metres lies 8 times of 10; None = no number, or nobody knows
    seen: Mapping[str, float] = field(default_factory=dict)  # how surely the scene shows what the question names, 0..1
    warning: str | None = None  # why the words may be a guess; None = nothing speaks against them


@dataclass(frozen=True)
class Preview:
    """What a person wants to see and a model does not need: a thinned coloured cloud and small pictures."""

    xyz_world_m: Float[Tensor, "P 3"]
    rgb: UInt8[Tensor, "P 3"]
    thumbnail_jpeg: tuple[bytes, ...] = ()  # one JPEG file per frame
    proxy: Int[Tensor, "P"] | None = None  # number of the proxy that stands for each point; None = nobody knows

    def __post_init__(self):
        check_shape(self, xyz_world_m=(len(self.rgb), 3), rgb=(len(self.rgb), 3), proxy=(len(self.rgb),))


@dataclass(frozen=True)
class Scene:
    """What is saved, viewed and asked: the proxies of one capture with all that is needed to read them."""

    clip_id: str
    proxies: Proxies
    scale: Scale
    world_from_camera: Float[Tensor, "T 4 4"]  # metres, z up: the frame the proxies are in
    intrinsics_px: Float[Tensor, "T 3 3"]
    image_size_px: tuple[int, int]  # width, height
    time_s: Float[Tensor, "T"]
    frame_name: tuple[str, ...]
    world_from_capture: Float[Tensor, "4 4"]  # from the capture's own world: turns z up and scales to metres
    room_from_world: Float[Tensor, "4 4"]  # to the frame models think in: floor below the first camera, y along the walls
    encoders: dict[str, str]  # role -> "name sha256:..."
    provenance: dict[str, object] = field(default_factory=dict)  # JSON-able
    preview: Preview | None = None

    def __post_init__(self):
        t = len(self.time_s)
        check_shape(self, world_from_camera=(t, 4, 4), intrinsics_px=(t, 3, 3), time_s=(t,), world_from_capture=(4, 4), room_from_world=(4, 4))
        check_finite(self, "world_from_camera", "intrinsics_px", "world_from_capture", "room_from_world")
        if len(self.frame_name) != t or self.proxies.seen.shape[1] != t:
            raise ValueError(f"Scene: {t} times, {len(self.frame_name)} frame names and {self.proxies.seen.shape[1]} columns of seen must agree")
        owner, k = None if self.preview is None else self.preview.proxy, len(self.proxies)
        if owner is not None and len(owner) and not 0 <= int(owner.min()) <= int(owner.max()) < k:
            raise ValueError(f"Preview.proxy: expected numbers of {k} proxies, counted from 0, got {int(owner.min())} to {int(owner.max())}")
