"""More furniture out of the same furniture: stretched copies, so that a model trained on few shapes does not learn them by heart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from proxy3d.spacespan.rooms.model import Model

STRETCH = 0.18  # largest relative change of width and depth; height changes by two thirds of it


def stretched(model: Model, factor: tuple[float, float, float], name: str) -> Model:
    """The model with width, depth and height multiplied; it still stands with its bottom centre at the origin."""
    scale = np.asarray(factor, np.float32)
    normal = model.normal / scale  # normals turn against the stretch, or a leaning back would be lit as if it still leant as before
    return replace(
        model,
        name=name,
        size_m=tuple(float(s * f) for s, f in zip(model.size_m, factor, strict=True)),
        triangle_m=model.triangle_m * scale,
        normal=(normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)).astype(np.float32),
        support_height_m=None if model.support_height_m is None else model.support_height_m * factor[2],
    )


def with_variety(models: Sequence[Model], copies: int, seed: int = 0) -> tuple[Model, ...]:
    """The models and `copies` stretched versions of each, named "<name>~1" and so on; doors and windows keep depth and height."""
    out = list(models)
    for model in models:
        rng = np.random.default_rng((seed, *model.name.encode()))
        for number in range(1, copies + 1):
            wide, deep, high = (1 + STRETCH * rng.uniform(-1, 1, 3) * (1, 1, 2 / 3)).tolist()
            factor = (wide, 1.0, 1.0) if model.mount == "opening" else (wide, deep, high)
            out.append(stretched(model, factor, f"{model.name}~{number}"))
    return tuple(out)
