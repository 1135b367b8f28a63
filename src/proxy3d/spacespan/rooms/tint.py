"""New colours for flat-coloured furniture, drawn evenly over the colour words rather than over what furniture makers like."""

from __future__ import annotations

import colorsys

import numpy as np
from jaxtyping import Float

from proxy3d.spacespan.rooms.model import Model

# Hue, saturation and value ranges, one row per everyday colour: grey, brown and white alone were 71 % of untinted objects.
RANGES: tuple[tuple[tuple[float, float], tuple[float, float], tuple[float, float]], ...] = (
    ((-0.02, 0.02), (0.7, 0.92), (0.5, 0.85)),  # red
    ((0.055, 0.085), (0.75, 0.95), (0.8, 0.98)),  # orange
    ((0.125, 0.16), (0.6, 0.9), (0.8, 0.98)),  # yellow
    ((0.27, 0.4), (0.45, 0.85), (0.3, 0.65)),  # green
    ((0.57, 0.65), (0.5, 0.9), (0.35, 0.85)),  # blue
    ((0.74, 0.8), (0.4, 0.7), (0.35, 0.65)),  # purple
    ((0.9, 0.96), (0.3, 0.55), (0.85, 0.98)),  # pink
    ((0.05, 0.08), (0.5, 0.75), (0.25, 0.48)),  # brown
    ((0.0, 1.0), (0.0, 0.05), (0.04, 0.1)),  # black
    ((0.0, 1.0), (0.0, 0.04), (0.9, 0.97)),  # white
    ((0.0, 1.0), (0.0, 0.05), (0.35, 0.6)),  # grey
    ((0.08, 0.12), (0.2, 0.32), (0.78, 0.88)),  # beige
)


def tinted(rng: np.random.Generator, model: Model, share: float = 0.75) -> Float[np.ndarray, "F 3"]:
    """Face colours of a model, its main colour replaced in a given share of cases; models that are not tintable keep theirs."""
    if not model.tintable or rng.random() > share:
        return model.rgb
    edge = model.triangle_m[:, 1:] - model.triangle_m[:, :1]
    area = np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1) * (model.texture_layer < 0)
    groups, group = np.unique(np.round(model.rgb * 24).astype(int), axis=0, return_inverse=True)
    main = groups[np.bincount(group.reshape(-1), area).argmax()] / 24
    near = (np.linalg.norm(model.rgb - main, axis=1) < 0.22) & (model.texture_layer < 0)
    hue, saturation, value = (rng.uniform(*r) for r in RANGES[rng.integers(len(RANGES))])
    colour = np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))
    rgb = model.rgb.copy()
    shade = (model.rgb[near].mean(1, keepdims=True) + 0.05) / (main.mean() + 0.05)
    rgb[near] = np.clip(colour * shade.clip(0.7, 1.3), 0, 1)
    return rgb
