"""One piece of furniture: triangles in metres with colours and textures, and what a layout needs to know to place it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, UInt8


@dataclass(frozen=True)
class Model:
    """A model stands with its bottom centre at the origin, z up, its front towards -y, in metres."""

    name: str  # unique in the bank: "Scopia/couch2"
    category: str  # "sofa"
    size_m: tuple[float, float, float]  # width (x), depth (y), height (z)
    triangle_m: Float[np.ndarray, "F 3 3"]
    normal: Float[np.ndarray, "F 3 3"]  # unit, per corner
    uv: Float[np.ndarray, "F 3 2"]  # 0 where there is no texture
    rgb: Float[np.ndarray, "F 3"]  # 0..1 albedo of each face, multiplied with its texture if it has one
    opacity: Float[np.ndarray, "F"]  # 1 = solid
    texture_layer: Int[np.ndarray, "F"]  # index into `textures`, -1 = none
    textures: tuple[UInt8[np.ndarray, "S S 3"], ...] = ()
    tintable: bool = False  # flat-coloured: a layout may re-tint it
    mount: str = "floor"  # floor, table (a small thing put on furniture), wall, ceiling, opening (door or window in a wall)
    elevation_m: float = 0.0  # height of its bottom on the wall, for wall and opening
    support_height_m: float | None = None  # where small things can be put on it; None = nowhere known
    creator: str = ""  # for the attribution file
    licence: str = ""
    extra: dict[str, object] = field(default_factory=dict)
