"""Recipes of the view network, read top to bottom: rooms -> frozen features -> depth, gravity and matches -> weights and a run card."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from proxy3d.errors import BadInput
from proxy3d.features.geometric.embedded import save_views
from proxy3d.features.geometric.view_network import ViewNetwork, ViewSettings
from proxy3d.features.semantic import SEMANTIC
from proxy3d.part_file import part_of
from proxy3d.spacespan.room import Room
from proxy3d.training.loop import Stage, run_stage
from proxy3d.training.patches import cached_patches
from proxy3d.training.processes import processes
from proxy3d.training.recipes import found_rooms, run_card
from proxy3d.training.views import RoomViews, ViewsObjective, ViewsSettings, statistics, views_of
from proxy3d.weights import round_to_half

SAMPLED = 50  # rooms whose features say what the network subtracts and divides by


@dataclass(frozen=True)
class ViewRecipe:
    """Everything a run depends on besides the data and the seed."""

    semantic: str = "efficientnet_lite0"
    network: ViewSettings = ViewSettings()
    views: ViewsSettings = ViewsSettings()
    # A step of 12 pictures takes 1.0 s of one core: about an hour and a half.
    stages: tuple[Stage, ...] = (Stage("views", ("",), steps=5500, lr=1e-3, warmup=200, weight_decay=0.05),)


VIEW_RECIPES = {
    "views": ViewRecipe(),  # the weights of --geometric embedded
    "views_tiny": ViewRecipe(
        semantic="tiny",
        network=ViewSettings(feature_dim=24, detail_dim=0, width=16, blocks=1, heads=2, descriptor_dim=8),
        views=ViewsSettings(pictures=6),
        stages=(Stage("views", ("",), steps=6, lr=3e-3, warmup=1),),
    ),
}


def view_reader(folders: Sequence[Path], rooms: Sequence[Room], cache: Path, semantic: object) -> Callable[[int], RoomViews]:
    """What reads the views of a numbered room from the cache of patches, which is filled on the way; all at once would be 8 GB."""
    return lambda index: views_of(cached_patches(folders[index], cache, semantic), rooms[index])


def train_views(name: str, rooms: Path, out: Path, *, seed: int = 0, accumulate: int = 1) -> dict:
    """Run a recipe of the view network on a data set made by `proxy3d data make`; the same line goes on after a kill.

    Writes `weights.safetensors`, which `--geometric embedded:FILE` reads, and `run.json` to `out`.

    Raises:
        BadInput: unknown recipe, no data, or micro-steps that the processes cannot share.
    """
    if name not in VIEW_RECIPES:
        raise BadInput(f"no recipe of the view network is called {name!r}; known: {', '.join(VIEW_RECIPES)}")
    processes().share(accumulate)
    recipe, started = VIEW_RECIPES[name], time.monotonic()
    recipe = replace(recipe, stages=tuple(replace(stage, accumulate=accumulate) for stage in recipe.stages))
    semantic, cache = SEMANTIC[recipe.semantic](), Path(rooms) / ".patches" / recipe.semantic
    objective = views_objective(recipe, found_rooms(Path(rooms) / "train"), cache, semantic, seed)
    facts = run_stage(recipe.stages[0], objective, Path(out))
    network, typical = objective.network.eval(), typical_of(sampled(objective))
    round_to_half(network)
    held_back = found_rooms(Path(rooms) / "val")
    sigma = scale_sigma(network, [views_of(cached_patches(f, cache, semantic), Room.load(f)) for f in held_back])
    card = run_card(name, recipe, seed, Path(rooms), [facts], started)
    weights, run = Path(out) / "weights.safetensors", Path(out) / "run.json"
    if processes().is_first:
        save_views(weights, network, recipe.semantic, {"run": card, "relative_sigma": sigma, "typical": typical})
        part = part_of(run)
        part.write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(part, run)
    return {"weights": str(weights), "run": str(run), "train_minutes": card["train_minutes"]}


def views_objective(recipe: ViewRecipe, folders: Sequence[Path], cache: Path, semantic: object, seed: int) -> ViewsObjective:
    """A network with its data, at the very start of training."""
    torch.manual_seed(seed)
    rooms = [Room.load(folder) for folder in folders]
    read = view_reader(folders, rooms, cache, semantic)
    objective = ViewsObjective(ViewNetwork(recipe.network), rooms, read, recipe.views, seed)
    statistics(objective.network, sampled(objective))
    return objective


def sampled(objective: ViewsObjective) -> list[RoomViews]:
    """Some SAMPLED of the training rooms, evenly chosen."""
    return [objective.read(i) for i in range(0, objective.rooms, max(1, objective.rooms // SAMPLED))]


def typical_of(rooms: Sequence[RoomViews]) -> dict[str, float]:
    """What guesses that look at nothing are made of (evaluation.video_alone)."""
    truths = [room.truth for room in rooms]
    depth = torch.cat([t.depth_m[t.depth_m > 0] for t in truths])
    down = torch.cat([-t.up[..., 2].flatten() for t in truths])  # up leans towards the viewer's back where a camera looks down
    return {
        "depth_m": float(depth.median()),
        "height_m": float(torch.cat([t.place_m[..., 2].flatten() for t in truths]).mean()),
        "pitch_rad": float(down.asin().mean()),
        "focal": float(torch.cat([t.focal for t in truths]).mean()),
    }


@torch.no_grad()
def scale_sigma(network: ViewNetwork, rooms: Sequence[RoomViews]) -> float:
    """How far predicted metres are off, relative: root mean square, over rooms, of the log of true to predicted median depth."""
    off = []
    for room in rooms:
        valid = room.truth.depth_m > 0
        off.append(float(room.truth.depth_m[valid].log().median() - network(room.looks).log_depth[valid].median()))
    return math.sqrt(sum(v * v for v in off) / len(off))
