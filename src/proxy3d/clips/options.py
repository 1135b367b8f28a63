"""What a user may say about a capture that its files do not say themselves."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from proxy3d.clips.depth import check_depth_unit
from proxy3d.errors import BadInput

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}


@dataclass(frozen=True)
class KnownHeight:
    """How tall something in the room is, or with CAMERA how high the first camera was held above the floor."""

    name: str
    metres: float

    @staticmethod
    def typed(text: str) -> KnownHeight:
        """"door=2.0m" and the like; without a unit, metres.

        Raises:
            BadInput: anything else.
        """
        found = re.fullmatch(r"\s*([^=]+?)\s*=\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
        if not found or found[3] not in ("", *METRES) or not float(found[2]) > 0:
            raise BadInput(f"--known {text}: expected a thing and how tall it is, for example door=2.0m, or camera=1.5m; units: {', '.join(METRES)}")
        return KnownHeight(found[1], float(found[2]) * METRES[found[3] or "m"])


CAMERA = "camera"


@dataclass(frozen=True)
class CaptureOptions:
    """Settings of a reader; every one is optional, and what is given here wins over what the files say.

    Raises:
        BadInput: a value that cannot be meant.
    """

    intrinsics: tuple[float, ...] | None = None  # fx, fy, cx, cy in pixels of the stored colour picture
    depth_unit: str | float | None = None  # a name in DEPTH_UNITS or how many units make a metre
    poses: Literal["world_from_camera", "camera_from_world"] = "world_from_camera"  # no file says which; most write the first
    axes: Literal["opencv", "opengl"] | None = None  # None: what the layout is known for
    color: str | None = None  # with `depth`: the two files of one RGB-D frame
    depth: str | None = None
    metres_per_unit: float | None = None  # of pose translations (None: 1) or of a point cloud (None: nobody knows)
    known: KnownHeight | None = None  # of something that is seen, where no sensor measured metres
    negative_fy: Literal["bottom_up", "left_handed"] = "bottom_up"  # what fy < 0 means: stored bottom-up, or a world like POV-Ray's
    longest_side_px: int = 1296  # larger pictures are shrunk; 8 frames of this size take 120 MB

    def __post_init__(self):
        if self.intrinsics is not None:
            given = tuple(float(v) for v in self.intrinsics)
            if len(given) != 4 or not all(math.isfinite(v) for v in given):
                raise BadInput(f"--intrinsics: expected four numbers fx,fy,cx,cy in pixels, got {len(given)}: {given}")
            object.__setattr__(self, "intrinsics", given)
        check_depth_unit(self.depth_unit)
        for name, known in (
            ("poses", ("world_from_camera", "camera_from_world")),
            ("axes", (None, "opencv", "opengl")),
            ("negative_fy", ("bottom_up", "left_handed")),
        ):
            if getattr(self, name) not in known:
                words = " or ".join(str(k) for k in known if k)
                raise BadInput(f"--{name.replace('_', '-')}: expected {words}, got {getattr(self, name)!r}")
        if self.metres_per_unit is not None and not (self.metres_per_unit > 0 and math.isfinite(self.metres_per_unit)):
            raise BadInput(f"--metres-per-unit: expected a positive number, got {self.metres_per_unit}")
        if self.longest_side_px < 16:
            raise BadInput(f"--longest-side-px: expected at least 16 pixels, got {self.longest_side_px}")
        if (self.color is None) != (self.depth is None):
            raise BadInput("one RGB-D frame needs both of its files: type --color FILE --depth FILE")
