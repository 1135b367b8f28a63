"""What a preset will hold in memory, stage by stage, and how many tokens it shows: arithmetic, before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy3d.errors import BadInput
from proxy3d.features.grid import grid_for
from proxy3d.features.semantic import SEMANTIC
from proxy3d.presets import Preset
from proxy3d.weights import load_weights

FLOAT, WHOLE, HALF = 4, 8, 2  # bytes of float32, int64, float16
WIDTHS = {"qwen2_5_vl_7b": 3584, "qwen3_vl_8b": 4096}  # of a word, which is that of a patch seen by the same model


@dataclass(frozen=True)
class StagePlan:
    """One value that passes between stages. What a network takes for itself while it runs is not in it."""

    stage: str
    shape: str
    bytes: int
    tokens: int | None = None  # that a language model would be shown if it read this


def feature_width(preset: Preset) -> int:
    """Numbers that describe a patch.

    Raises:
        BadInput: only the weights know, and those are not read here.
    """
    name = preset.semantic.partition(":")[0]
    width = getattr(SEMANTIC.get(name), "dim", None)
    width = width if isinstance(width, int) else (WIDTHS.get(preset.language_model) if name == "qwen_vl" else None)
    if width is None:
        raise BadInput(f"--semantic {preset.semantic}: how wide its features are is known only to its weights, so nothing can be planned")
    return width


def plan(preset: Preset, *, width_px: int = 640, height_px: int = 480) -> list[StagePlan]:
    """Values of a clip of such pictures in which every patch has a position, and of its scene.

    Raises:
        BadInput: an encoder of unknown width, or weights that are not there.
    """
    learned = load_weights(preset.weights).facts["encoder"] if preset.weights else {}
    frames, d, detail = preset.frames, feature_width(preset), learned.get("detail_dim", 0)
    grid = grid_for(width_px, height_px)
    fine = grid.finer if detail else grid
    patches, points = (frames * g.h * g.w for g in (grid, fine))
    label = WHOLE * (preset.masks != "none")
    proxies, out = min(preset.proxies, points), learned.get("out_dim", d)
    return [
        StagePlan("pictures", f"{frames} x 3 x {height_px} x {width_px}", FLOAT * math.prod((frames, 3, height_px, width_px))),
        StagePlan("features", f"{frames} x {grid.h} x {grid.w} x {d}", FLOAT * (patches * d + points * detail)),
        StagePlan("positions", f"{frames} x {fine.h} x {fine.w} x 4", FLOAT * points * 4),
        StagePlan("points", f"{points} x {d}", points * (FLOAT * (d + detail + 7) + 3 * WHOLE + label), 1 + points),
        StagePlan("proxies", f"{proxies} x {out}", proxies * (FLOAT * (out + 8 + frames) + WHOLE), 1 + proxies),
        StagePlan("features in a scene file, float16", f"{proxies} x {out}", HALF * proxies * out),
    ]


def plan_lines(stages: list[dict]) -> list[str]:
    """The same for people."""
    return [
        f"  {row['stage']:34} {row['shape']:22} {row['bytes'] / 1e6:10.3f} MB{'' if row['tokens'] is None else '  ' + str(row['tokens']) + ' tokens'}"
        for row in stages
    ]
