"""What a phone camera does to a clean picture: exposure and white balance that are a little off, blur, and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFilter


@dataclass(frozen=True)
class Photo:
    """Moderate, seeded corruptions of the frames of one clip; a strength of 0 leaves the frames as they are."""

    strength: float = 1.0

    def __call__(self, rng: np.random.Generator, rgb: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T H W 3"]:
        if self.strength == 0:
            return rgb
        s = self.strength
        balance = np.exp(rng.normal(0, 0.04 * s, 3))
        exposure = np.exp(rng.normal(0, 0.12 * s) + np.cumsum(rng.normal(0, 0.02 * s, len(rgb))))
        blur_px, noise = rng.uniform(0, 0.8 * s), rng.uniform(0.5, 4.0) * s
        out = []
        for frame, gain in zip(rgb, exposure, strict=True):
            if blur_px > 0.25:
                frame = np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(blur_px * rng.uniform(0.7, 1.5))))
            value = frame * (gain * balance).astype(np.float32)
            # Shot noise grows with the light, read-out noise does not.
            value += rng.standard_normal(frame.shape, np.float32) * (noise * (0.5 + value.clip(0, 255) / 255))
            out.append((value + 0.5).clip(0, 255).astype(np.uint8))
        return np.stack(out)
