"""Colours as people say them: one of twelve words for any RGB value, and the colour that most of a model has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from proxy3d.spacespan.rooms.model import Model

WORDS = ("black", "gray", "white", "brown", "red", "orange", "yellow", "green", "blue", "purple", "pink", "beige")

# Typical sRGB values (0..255) of each word, light, dark, vivid and dull: a colour gets the word of the nearest one in CIELAB.
EXAMPLES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((0, 0, 0), (22, 22, 22), (38, 38, 38), (30, 22, 18), (18, 22, 32)),
    "gray": ((66, 66, 66), (96, 96, 96), (128, 128, 128), (160, 160, 160), (188, 188, 188), (205, 205, 205), (120, 128, 138), (135, 128, 122)),
    "white": ((255, 255, 255), (238, 238, 238), (226, 226, 226), (250, 247, 238), (238, 242, 248)),
    "brown": ((60, 36, 20), (90, 52, 28), (101, 67, 33), (120, 72, 40), (139, 90, 43), (139, 69, 19), (160, 105, 62), (165, 120, 80), (85, 62, 48)),
    "beige": ((245, 245, 220), (235, 220, 190), (225, 205, 170), (212, 188, 150), (200, 172, 132), (222, 208, 185), (190, 170, 145)),
    "red": ((255, 0, 0), (200, 20, 20), (220, 50, 50), (165, 25, 25), (128, 10, 15), (178, 34, 34), (210, 70, 65), (90, 8, 12)),
    "orange": ((255, 165, 0), (255, 140, 0), (235, 110, 20), (245, 130, 55), (220, 105, 25), (255, 170, 90)),
    "yellow": ((255, 255, 0), (255, 225, 30), (240, 205, 55), (255, 240, 130), (205, 175, 35), (225, 200, 90), (180, 160, 30)),
    "green": (
        (0, 255, 0), (0, 128, 0), (0, 80, 20), (30, 60, 25), (60, 140, 60), (90, 170, 60), (120, 200, 90), (160, 220, 140), (100, 125, 55),
        (85, 107, 47), (140, 180, 60), (45, 120, 85), (130, 160, 120), (160, 210, 30),
    ),
    "blue": (
        (0, 0, 255), (0, 0, 128), (15, 20, 70), (30, 60, 140), (40, 90, 190), (60, 130, 220), (100, 160, 225), (135, 206, 235), (180, 210, 240),
        (90, 115, 150), (20, 120, 160), (0, 180, 220), (60, 75, 105),
    ),
    "purple": (
        (128, 0, 128), (75, 0, 130), (100, 50, 140), (130, 80, 170), (150, 110, 190), (180, 150, 215), (160, 50, 200), (80, 40, 90), (110, 80, 120),
    ),
    "pink": ((255, 192, 203), (255, 105, 180), (255, 20, 147), (230, 120, 160), (240, 160, 180), (220, 80, 130), (225, 150, 160), (250, 210, 220)),
}  # fmt: skip


def lab(rgb: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """CIELAB (D65) of sRGB values 0..1: L 0..100, equal distances look about equally different (CIE 15:2004; sRGB by IEC 61966-2-1)."""
    value = np.clip(np.asarray(rgb, np.float64), 0, 1)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920], [0.1804375, 0.0721750, 0.9503041]])
    ratio = xyz / [0.95047, 1.0, 1.08883]
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


_EXAMPLE_WORD = np.array([WORDS.index(word) for word, examples in EXAMPLES.items() for _ in examples])
_EXAMPLE_LAB = lab(np.array([example for examples in EXAMPLES.values() for example in examples]) / 255)


def colour_indices(rgb: Float[np.ndarray, "N 3"]) -> np.ndarray:
    """(N,) positions in WORDS of the word for each colour (0..1)."""
    colour = lab(rgb)
    apart = ((colour[:, None] - _EXAMPLE_LAB[None]) ** 2).sum(-1)
    return _EXAMPLE_WORD[apart.argmin(1)]


def colour_word(rgb: Sequence[float] | Float[np.ndarray, "3"]) -> str:
    """The word for one colour, three numbers 0..1."""
    return WORDS[int(colour_indices(np.asarray(rgb, np.float64).reshape(1, 3))[0])]


def dominant_colour(model: Model, rgb: Float[np.ndarray, "F 3"] | None = None) -> tuple[str, tuple[float, float, float]]:
    """The word that covers most of a model's surface, and the mean colour of that part.

    The part, not the mean of the whole: an orange chair on metal legs is orange, its mean is brown.

    Args:
        rgb: face colours to use instead of the model's own, after re-tinting.
    """
    edge = model.triangle_m[:, 1:] - model.triangle_m[:, :1]
    area = np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1)
    face = np.asarray(model.rgb if rgb is None else rgb, np.float64)
    # Four samples a face: a texture may be an atlas or a pattern, so its mean over the whole picture says nothing.
    weights = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]])
    weights = weights / weights.sum(1, keepdims=True)
    uv = np.einsum("kc,fcd->fkd", weights, model.uv) % 1.0
    colour = np.repeat(face[:, None], 4, 1)
    for layer, picture in enumerate(model.textures):
        mine = model.texture_layer == layer
        size = np.array([picture.shape[1], picture.shape[0]])
        pixel = np.minimum((uv[mine] * size).astype(int), size - 1)
        colour[mine] *= picture[pixel[..., 1], pixel[..., 0]] / 255
    flat = colour.reshape(-1, 3)
    weight = np.repeat(area, 4)
    word = colour_indices(flat)
    best = int(np.bincount(word, weight, minlength=len(WORDS)).argmax())
    mean = np.average(flat[word == best], axis=0, weights=weight[word == best])
    return WORDS[best], tuple(float(v) for v in mean)
