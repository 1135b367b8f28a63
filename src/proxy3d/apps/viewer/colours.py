"""A colour per proxy: alike features get alike colours, weights a ramp from little to much, and numbers a colour of their own."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Mid lightness reads on white and on black; the chroma is about the largest that sRGB can show at every hue of that lightness.
LIGHTNESS, CHROMA = 0.70, 0.13
GOLDEN_TURN = math.pi * (3 - math.sqrt(5))  # hues that are this far apart never meet, however many there are
STEPS = (0.55, 0.72, 0.64, 0.80)  # lightness by number modulo 4: numbers that lie 13, 21 or 34 apart are near in hue


def feature_colours(feature: Float[Tensor, "K D"]) -> list[str]:
    """`#rrggbb` per row: the first two principal components choose hue and chroma in OKLab, the third shifts the lightness a little.

    Deterministic: each component is flipped so that its largest loading is positive. Rows that are all equal come out grey.
    """
    x = feature.double() - feature.double().mean(0)
    component = torch.zeros(len(x), 3, dtype=torch.float64)
    if x.numel() and float(x.abs().max()) > 1e-9:
        _, _, direction = torch.linalg.svd(x, full_matrices=False)
        direction = direction[:3]
        sign = direction.gather(1, direction.abs().argmax(1, keepdim=True)).sign()
        score = x @ (direction * sign).T
        component[:, : score.shape[1]] = score / score.abs().quantile(0.9).clamp_min(1e-9)
    ab = component[:, :2]
    radius = ab.norm(dim=1, keepdim=True)
    ab = ab / radius.clamp_min(1) * CHROMA  # outliers stay on the rim instead of squeezing all others into grey
    lightness = LIGHTNESS + 0.07 * component[:, 2].clamp(-1, 1)
    return [_hex_of_oklab(*row) for row in torch.cat([lightness[:, None], ab], 1).tolist()]


def ramp_colours(value: Float[Tensor, "K"]) -> list[str]:
    """`#rrggbb` per value, blue for the smallest and yellow for the largest; lightness grows too, so it reads without hue."""
    low, high = (float(value.min()), float(value.max())) if value.numel() else (0.0, 1.0)
    span = max(high - low, 1e-12)
    return [_on_ramp((v - low) / span) for v in value.tolist()]


def number_colours(count: int) -> list[str]:
    """`#rrggbb` per number, each one that can be told from the others; the same number has the same colour in every scene."""
    colours = []
    for k in range(count):
        lightness, hue, chroma = STEPS[k % len(STEPS)], 1.25 + k * GOLDEN_TURN, 0.15
        colours.append(_hex_of_oklab(lightness, chroma * math.cos(hue), chroma * math.sin(hue)))
    return colours


def _on_ramp(share: float) -> str:
    hue = math.radians(265 - 165 * share)
    chroma = 0.12
    return _hex_of_oklab(0.52 + 0.34 * share, chroma * math.cos(hue), chroma * math.sin(hue))


def _hex_of_oklab(lightness: float, a: float, b: float) -> str:
    """sRGB of an OKLab colour, clipped (Ottosson 2020, "A perceptual color space for image processing")."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    clipped = [min(max(v, 0.0), 1.0) for v in linear]
    encoded = [12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in clipped]
    return "#" + "".join(f"{round(255 * v):02x}" for v in encoded)
