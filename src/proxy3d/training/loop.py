"""One step after another, the same for every stage."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from proxy3d.training.checkpoint import load_checkpoint, save_checkpoint
from proxy3d.training.processes import Processes, gathered, processes


@dataclass(frozen=True)
class Stage:
    """What moves, for how long, how fast. A stage is data; there is one loop."""

    name: str
    trains: tuple[str, ...]  # prefixes of parameter names that move; all others stay
    steps: int
    lr: float
    warmup: int = 50
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)  # of AdamW
    fast: tuple[str, ...] = ()  # name endings that move ten times as fast: gates and temperatures
    save_every_s: float = 120.0
    accumulate: int = 1  # micro-steps that a step is the mean of; processes share them


class Objective(Protocol):
    """A model with its data: parameters by name, and the loss of a numbered step (of a micro-step, where several are accumulated)."""

    def named_parameters(self) -> dict[str, nn.Parameter]: ...

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Must depend on nothing but the parameters and the step, so that a resumed run is the same run."""
        ...


def learning_rate(step: int, stage: Stage) -> float:
    """Relative rate: linear warm-up, then half a cosine down to 2 %."""
    if step < stage.warmup:
        return (step + 1) / stage.warmup
    done = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def moving(stage: Stage, parameters: dict[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """The parameters a stage trains; all others are frozen as a side effect."""
    chosen = {name: p for name, p in parameters.items() if name.startswith(stage.trains)}
    for name, parameter in parameters.items():
        parameter.requires_grad_(name in chosen)
    return chosen


def run_stage(
    stage: Stage,
    objective: Objective,
    folder: Path,
    *,
    stop_at_step: int | None = None,
    log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> dict:
    """Train one stage, or go on where a killed run stopped; returns its facts (steps, seconds, last losses).

    The checkpoint lies in `folder/<stage>.safetensors`, the history in `folder/<stage>.jsonl`. `stop_at_step` ends early,
    with a checkpoint, as a kill right after saving would. Several processes share the micro-steps of each step; all resume from the same
    checkpoint and end with the same parameters, and the first one alone writes and logs.

    Raises:
        BadInput: the micro-steps cannot be shared among the processes, or the checkpoint is of another model.
    """
    everyone = processes()
    everyone.share(stage.accumulate)
    chosen = moving(stage, objective.named_parameters())
    groups = [
        {"params": [p for n, p in chosen.items() if n.endswith(stage.fast) and stage.fast], "lr": stage.lr * 10, "weight_decay": 0.0},
        {"params": [p for n, p in chosen.items() if not (stage.fast and n.endswith(stage.fast))], "lr": stage.lr},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=stage.weight_decay, betas=stage.betas, fused=True)
    base = [group["lr"] for group in optimizer.param_groups]
    path = folder / f"{stage.name}.safetensors"
    facts = load_checkpoint(path, chosen, optimizer) if path.exists() else {"step": 0, "seconds": 0.0}
    last = stage.steps if stop_at_step is None else min(stop_at_step, stage.steps)
    skipped = facts.get("skipped", 0)
    started, saved, means = time.monotonic() - facts["seconds"], time.monotonic(), dict(facts.get("loss", {}))
    for step in range(facts["step"], last):
        for group, rate in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = rate * learning_rate(step, stage)
        optimizer.zero_grad(set_to_none=True)
        parts = _mean_gradients(objective, step, stage.accumulate, list(chosen.values()), everyone)
        norm = gathered(torch.nn.utils.clip_grad_norm_(list(chosen.values()), 1.0))
        if not bool(torch.isfinite(norm)):  # one broken batch must not poison an hour of work
            skipped += 1
        else:
            optimizer.step()
        for key, value in parts.items():
            means[key] = means.get(key, value) * 0.95 + value * 0.05
        done = step + 1
        facts = {"stage": asdict(stage), "step": done, "seconds": time.monotonic() - started, "skipped": skipped, "loss": means}
        if everyone.is_first and (done % 50 == 0 or done == last):
            _note(folder / f"{stage.name}.jsonl", facts, log)
        due = everyone.agree(done == last or time.monotonic() - saved > stage.save_every_s)
        if due:
            save_checkpoint(path, chosen, optimizer, facts, writes=everyone.is_first)
            saved = time.monotonic()
    everyone.wait()  # or another would look for the checkpoint before the first has written it
    return facts


def _mean_gradients(objective: Objective, step: int, accumulate: int, moving: Sequence[nn.Parameter], everyone: Processes) -> dict[str, float]:
    """Leave the mean gradient of a step's micro-steps in `moving`; returns each loss part's mean over the micro-steps where it is finite."""
    mine = []
    for number in everyone.share(accumulate):
        loss, parts = objective.loss(step * accumulate + number)
        loss.backward()
        mine.append(parts)
    everyone.sum_gradients(moving)
    if accumulate > 1:
        for parameter in moving:
            if parameter.grad is not None:
                parameter.grad /= accumulate
    found = everyone.in_order(mine)
    finite = {key: [p[key] for p in found if math.isfinite(p.get(key, math.nan))] for parts in found for key in parts}
    return {key: sum(values) / len(values) for key, values in finite.items() if values}


def _note(file: Path, facts: dict, log: Callable[[str], None]) -> None:
    """One line for people, one for plots."""
    left = facts["seconds"] / facts["step"] * (facts["stage"]["steps"] - facts["step"])
    shown = "  ".join(f"{key} {value:.3f}" for key, value in facts["loss"].items())
    shown += f"  skipped {facts['skipped']}" if facts["skipped"] else ""
    log(f"{facts['stage']['name']} {facts['step']}/{facts['stage']['steps']}  {shown}  ({facts['seconds']:.0f} s, {left:.0f} s left)")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"step": facts["step"], "seconds": round(facts["seconds"], 1), "skipped": facts["skipped"], **facts["loss"]}) + "\n")
