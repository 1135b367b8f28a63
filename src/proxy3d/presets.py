"""Named settings, written as Python so that they can be read, diffed and type-checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from proxy3d.errors import BadInput


@dataclass(frozen=True)
class Preset:
    """How a capture becomes a scene, and who reads it. Origins: [B] the project's brief, [I] ours (docs/method.md)."""

    frames: int = 8  # [B] 4 to 8
    proxies: int = 32  # [B]
    semantic: str = "efficientnet_lite0"  # [I] stands in for the brief's CLIP: weights that a package carries
    geometric: str = "sensor_depth"  # [I] per-pixel coordinates come from a sensor here
    clusterer: str = "soft_kmeans"  # [B] learnable k-means
    weights: str | None = "first"  # learned parts; None = raw features and an untrained clusterer
    language_model: str = "smollm2"  # [I]; only read when `weights` is None


PRESETS = {
    "laptop": Preset(),
    "brief_16": Preset(frames=4, proxies=16),  # [B] "16 keep more than 90 % of peak"
    "tiny": Preset(frames=4, proxies=16, semantic="tiny", weights=None, language_model="tiny"),
}


def preset(name: str, **changes: object) -> Preset:
    """A named preset with some fields changed; changes that are None are ignored.

    Raises:
        BadInput: unknown name, or a value that cannot be meant.
    """
    if name not in PRESETS:
        raise BadInput(f"no preset is called {name!r}; known: {', '.join(sorted(PRESETS))}")
    chosen = replace(PRESETS[name], **{k: v for k, v in changes.items() if v is not None})
    for field, least, most in (("frames", 1, 64), ("proxies", 1, 1024)):
        value = getattr(chosen, field)
        if not least <= value <= most:
            raise BadInput(f"--{field} {value}: expected a number from {least} to {most}")
    return chosen
