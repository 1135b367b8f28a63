"""What a preset will hold in memory, stage by stage, and how many tokens it shows: arithmetic, before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from proxy3d.answers.language_models import PUBLISHED
from proxy3d.answers.language_models.published import LanguageSizes
from proxy3d.errors import BadInput
from proxy3d.features.grid import grid_for
from proxy3d.features.semantic import SEMANTIC
from proxy3d.presets import Preset
from proxy3d.training.paper import PAPER_RECIPES, SAMPLES
from proxy3d.training.sequence import SYMBOLS
from proxy3d.weights import load_weights

FLOAT, WHOLE, HALF = 4, 8, 2  # bytes of float32, int64, float16
OPERATIONS_PER_S = {"two processor cores": 1.5e11, "a large GPU": 1e14}  # of products in float32 and in bfloat16: round figures, for estimates


OBJECTS, WORDS = 20, 40  # true objects of a room, and words of a question with its answer, on average: round figures too
FROZEN, MOVED = 4, 6  # operations for each parameter and token of a training step: one that stays passes gradients on, one that moves has its own
ADAMW = 4  # values held for each parameter that moves: itself, its gradient, and two means of gradients


@dataclass(frozen=True)
class StagePlan:
    """One value that passes between stages. What a network takes for itself while it runs is not in it."""

    stage: str
    shape: str
    bytes: int
    tokens: int | None = None  # that a language model would be shown if it read this
    parameters: int | None = None
    operations: float | None = None  # an estimate: two for each parameter and token


def sizes_of(preset: Preset) -> LanguageSizes | None:
    """Of the published language model that a preset means; None where it means none, or one of any size."""
    kind = PUBLISHED.get(preset.language_model.partition(":")[0])
    return kind.sizes if kind else None


def feature_width(preset: Preset) -> int:
    """Numbers that describe a patch.

    Raises:
        BadInput: only the weights know, and those are not read here.
    """
    name = preset.semantic.partition(":")[0]
    width = getattr(SEMANTIC.get(name), "dim", None)
    sizes = sizes_of(preset)  # a patch that the language model's own eyes see is as wide as a word
    width = width if isinstance(width, int) else (sizes.width if sizes and name == "qwen_vl" else None)
    if width is None:
        raise BadInput(f"--semantic {preset.semantic}: how wide its features are is known only to its weights, so nothing can be planned")
    return width


def plan(preset: Preset, *, width_px: int = 640, height_px: int = 480) -> list[StagePlan]:
    """Values of a clip of such pictures in which every patch has a position, and of its scene.

    Raises:
        BadInput: an encoder of unknown width, or weights that are not there.
    """
    learned = load_weights(preset.weights).facts["encoder"] if preset.weights else {}
    viewer = preset.language_model.partition(":")[0] not in PUBLISHED  # a token of its own
    frames, d, detail = preset.frames, feature_width(preset), learned.get("detail_dim", 0)
    grid = grid_for(width_px, height_px, preset.patches)
    fine = grid.finer if detail else grid
    patches, points = (frames * g.h * g.w for g in (grid, fine))
    label = WHOLE * (preset.masks != "none")
    proxies, out = min(preset.proxies, points), learned.get("out_dim", d)
    return [
        StagePlan("pictures", f"{frames} x 3 x {height_px} x {width_px}", FLOAT * math.prod((frames, 3, height_px, width_px))),
        StagePlan("features", f"{frames} x {grid.h} x {grid.w} x {d}", FLOAT * (patches * d + points * detail)),
        StagePlan("positions", f"{frames} x {fine.h} x {fine.w} x 4", FLOAT * points * 4),
        StagePlan("points", f"{points} x {d}", points * (FLOAT * (d + detail + 7) + 3 * WHOLE + label), viewer + points),
        StagePlan("proxies", f"{proxies} x {out}", proxies * (FLOAT * (out + 8 + frames) + WHOLE), viewer + proxies),
        StagePlan("features in a scene file, float16", f"{proxies} x {out}", HALF * proxies * out),
        *language_plan(sizes_of(preset), proxies),
        *training_plan(sizes_of(preset), proxies),
    ]


def language_plan(sizes: LanguageSizes | None, tokens: int) -> list[StagePlan]:
    """A language model in float32, what it remembers of a scene of so many tokens, and what reading that costs."""
    if sizes is None:
        return []
    memory = f"2 x {sizes.layers} x {tokens} x {sizes.groups * sizes.head}"
    held = FLOAT * 2 * sizes.layers * tokens * sizes.groups * sizes.head
    return [
        StagePlan("language model, float32", f"{sizes.layers} layers x {sizes.width}", FLOAT * sizes.parameters, None, sizes.parameters),
        StagePlan("its memory of the scene", memory, held, tokens, None, 2.0 * sizes.in_layers * tokens),
    ]


def training_plan(sizes: LanguageSizes | None, proxies: int) -> list[StagePlan]:
    """What the stages of `proxy3d train paper` hold and cost: published samples, those about a room behind one scene; activations come on top."""
    if sizes is None:
        return []
    found, together = [], PAPER_RECIPES["paper"].questions
    for one in PAPER_RECIPES["paper"].stages:
        name, whole = one.stage.name, one.stage.trains == ("",)
        scene = OBJECTS if one.shows == SYMBOLS else proxies
        tokens = SAMPLES[name] * (scene / together + WORDS)
        held = FLOAT * sizes.parameters * (ADAMW if whole else 1)
        operations = (MOVED if whole else FROZEN) * sizes.in_layers * tokens
        found.append(StagePlan(f"train {name}", f"{SAMPLES[name]:,} samples", held, round(tokens), sizes.parameters if whole else None, operations))
    return found


def plan_lines(stages: list[dict]) -> list[str]:
    """The same for people."""
    lines = []
    for row in stages:
        more = [f"{row['tokens']:,} tokens"] if row["tokens"] is not None else []
        more += [f"{row['parameters'] / 1e9:.2f} billion parameters"] if row["parameters"] else []
        if row["operations"]:
            times = ", ".join(f"{duration(row['operations'] / speed)} on {what}" for what, speed in OPERATIONS_PER_S.items())
            work = row["operations"] / 1e12
            more.append(f"about {f'{work:.2g}' if work < 100 else f'{work:,.0f}'} TFLOP: estimated {times}")
        lines.append(f"  {row['stage']:34} {row['shape']:22} {row['bytes'] / 1e6:10.3f} MB{''.join('  ' + what for what in more)}")
    return lines


def duration(seconds: float) -> str:
    """Two digits and the largest unit of which there is at least one."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.2g} s"
