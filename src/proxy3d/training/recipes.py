"""Recipes, read top to bottom: data -> clusters -> alignment -> adaptation -> weights and a run card."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from proxy3d.answers.language_models import LANGUAGE_MODELS
from proxy3d.answers.language_models.llama import LlamaHost
from proxy3d.answers.model import ReaderSettings, SpatialReader
from proxy3d.errors import BadInput
from proxy3d.features.semantic import SEMANTIC
from proxy3d.part_file import part_of
from proxy3d.proxies.clusterers import LEARNED, Learned
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
from proxy3d.spacespan.make import room_folders
from proxy3d.spacespan.questions import FAMILIES, SPLIT_FAMILIES
from proxy3d.spacespan.record import read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tokens.position import PLACE_DIM, VIEWER_DIM
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.align import AlignObjective, AlignSettings, RoomOfQuestions, heard_row
from proxy3d.training.calibrate import calibrated
from proxy3d.training.cluster import ClusterObjective, ClusterSettings, ClusterTeacher, RoomTruth
from proxy3d.training.lessons import Question, RoomLesson, as_question, colour_words, look
from proxy3d.training.loop import Stage, run_stage
from proxy3d.training.patches import RoomPatches, cached_patches
from proxy3d.training.processes import processes
from proxy3d.training.remembered import hear, keep_looks, kept_looks, key_of, remembered
from proxy3d.weights import round_to_half, save_weights

# What the default model is taught. Not: orders as letters, turns of a whole route, captions.
ASKED_FAMILIES = (
    "existence", "support", "left_right", "nearer", "count", "distance", "nearest", "what_is_at", "height", "taller", "colour",
    "longest_side", "room_size", "direction_easy", "direction_medium", "direction_hard", "situated_side", "situated_far", "situated_what",
    "statement", "ground_category", "ground_relation", "ground_support", "ground_colour", "ground_superlative",
)  # fmt: skip
# Everything that is answered in a few words.
WORDED_FAMILIES = (*(f for f in (*FAMILIES, *SPLIT_FAMILIES) if not f.startswith("ground_") and not f.endswith("_caption")),)


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on besides the data and the seed."""

    families: tuple[str, ...] = ASKED_FAMILIES  # what it is asked; weights are scored on what they were taught
    semantic: str = "efficientnet_lite0"
    clusterer: str = "soft_kmeans"  # one of LEARNED
    encoder: EncoderSettings = EncoderSettings(detail_dim=40, tells_things=True)
    reader: ReaderSettings = ReaderSettings()
    cluster: ClusterSettings = ClusterSettings()
    align: AlignSettings = AlignSettings(rooms=2, questions=16)
    adapt: AlignSettings = AlignSettings(rooms=2, questions=10, speak=True)
    looks: int = 2  # per training room; the first is the clean one
    proxies: int = 32
    most_rooms: int | None = None  # questions of the first so many only; None = of all
    stages: tuple[Stage, ...] = (
        Stage("cluster", ("encoder", "clusterer", "category", "colour"), steps=3000, lr=1e-3, fast=("log_beta", "log_tau")),
        Stage("align", ("namer", "fusion", "pointing"), steps=6000, lr=6e-4),
        # What stage 2 taught stays as it is: moving it on one room at a time made pointing worse (docs/findings.md).
        Stage("adapt", ("to_host", "cross", "host", "offer", "pointing"), steps=300, lr=4e-4, fast=("gate",)),
    )


RECIPES = {
    "laptop": Recipe(),  # the weights that ship
    "proxies": Recipe(stages=Recipe.stages[:1]),  # stage 1 alone: weights that encode and do not answer
    "proxies_set": Recipe(clusterer="set_encoder", stages=Recipe.stages[:1]),  # the same with the transformer set encoder
    # All families that words can answer, for a reader that sees nothing (`train words --blind`): what do questions give away?
    "words": Recipe(
        families=WORDED_FAMILIES,
        most_rooms=500,
        stages=(Recipe.stages[0], replace(Recipe.stages[1], steps=600), replace(Recipe.stages[2], steps=100)),
    ),
    "tiny": Recipe(
        semantic="tiny",
        encoder=EncoderSettings(feature_dim=24, width=24, layers=1, heads=2, out_dim=16),
        reader=ReaderSettings("tiny", proxy_dim=16, width=16, heads=2, scene_layers=1, fusion_layers=1, tap=2, cross_every=1, rank=2),
        cluster=ClusterSettings(rooms=2, patches=64, proxies=(6, 8), anchors=16),
        looks=1,
        proxies=8,
        stages=(
            Stage("cluster", ("encoder", "clusterer", "category", "colour"), steps=4, lr=1e-3, warmup=1),
            Stage("align", ("namer", "fusion", "pointing"), steps=4, lr=1e-3, warmup=1),
            Stage("adapt", ("to_host", "cross", "host", "offer", "pointing"), steps=4, lr=1e-3, warmup=1),
        ),
    ),
}


def named_recipe(name: str, accumulate: int = 1) -> Recipe:
    """A recipe whose steps are means of so many micro-steps.

    Raises:
        BadInput: no such recipe, with the names that are known; or the processes of this run cannot share the micro-steps.
    """
    if name not in RECIPES:
        raise BadInput(f"no recipe is called {name!r}; known: {', '.join(RECIPES)}; views for --geometric embedded; paper for --language-model")
    processes().share(accumulate)
    return replace(RECIPES[name], stages=tuple(replace(stage, accumulate=accumulate) for stage in RECIPES[name].stages))


@dataclass(frozen=True)
class TrainingRooms:
    """Rooms of a split with their patches."""

    rooms: list[Room]
    patches: list[RoomPatches]
    categories: tuple[str, ...]

    def truths(self) -> list[RoomTruth]:
        return [truth_of(room, patches, self.categories) for room, patches in zip(self.rooms, self.patches, strict=True)]


def truth_of(room: Room, patches: RoomPatches, categories: Sequence[str]) -> RoomTruth:
    """Category and seen colour of each instance."""
    size = max([o.id for o in room.objects] + [int(patches.instance.max())]) + 1
    category = torch.full((size,), len(categories))
    for thing in room.objects:
        category[thing.id] = categories.index(thing.category) if thing.category in categories else len(categories)
    rgb, count = torch.zeros(size, 3), torch.zeros(size)
    rgb.index_add_(0, patches.instance, patches.rgb)
    count.index_add_(0, patches.instance, torch.ones(len(patches.instance)))
    return RoomTruth(category, rgb / count.clamp_min(1)[:, None])


def load_rooms(folder: Path, cache: Path, semantic: object, categories: Sequence[str] | None = None) -> TrainingRooms:
    """All rooms of a split; patches come from the cache where they can. Of several processes the first fills it before the others look.

    Raises:
        BadInput: no rooms there.
    """
    rooms, patches, everyone = [], [], processes()
    with everyone.first_goes_first():
        for index, room in enumerate(folders := found_rooms(folder)):
            rooms.append(Room.load(room))
            patches.append(cached_patches(room, cache, semantic))
            if index % 100 == 99 and everyone.is_first:
                print(f"patches of {index + 1}/{len(folders)} rooms", file=sys.stderr, flush=True)
    return TrainingRooms(rooms, patches, tuple(categories) if categories is not None else category_words(rooms))


def found_rooms(folder: Path) -> list[Path]:
    """Folders of the rooms of one split.

    Raises:
        BadInput: none there.
    """
    if not Path(folder).is_dir() or not room_folders(folder):
        raise BadInput(f"{folder}: no rooms; make some with `proxy3d data make -o {Path(folder).parent}`")
    return room_folders(folder)


def category_words(rooms: Sequence[Room]) -> tuple[str, ...]:
    """What there is in any of the rooms, in alphabetical order."""
    return tuple(sorted({o.category for room in rooms for o in room.objects}))


def train(
    name: str, rooms: Path, out: Path, *, seed: int = 0, accumulate: int = 1, semantic: str | None = None, language_model: str | None = None
) -> dict:
    """Run a recipe on a data set made by `proxy3d data make`; the same line goes on after a kill.

    Writes `weights.safetensors` and `run.json` (settings, seeds, data hash, commit, time) to `out`. A step is the mean of `accumulate`
    micro-steps; several processes share them (training.processes). Encoder and language model are named for recipes of the paper's reader alone.

    Raises:
        BadInput: unknown recipe, no data, or micro-steps that the processes cannot share.
    """
    from proxy3d.training.paper import PAPER_RECIPES, train_paper  # both need what stands below
    from proxy3d.training.view_recipes import VIEW_RECIPES, train_views

    if name in PAPER_RECIPES:
        return train_paper(name, rooms, out, seed=seed, accumulate=accumulate, semantic=semantic, model=language_model)
    for flag, named in (("--semantic", semantic), ("--language-model", language_model)):
        if named:
            raise BadInput(f"{flag} {named}: only {', '.join(PAPER_RECIPES)} take one; the recipe {name} has its own")
    if name in VIEW_RECIPES:
        return train_views(name, rooms, out, seed=seed, accumulate=accumulate)
    recipe, started = named_recipe(name, accumulate), time.monotonic()
    torch.manual_seed(seed)
    semantic = SEMANTIC[recipe.semantic]()
    cache = Path(rooms) / ".patches" / recipe.semantic  # beside what they are computed from, so that all recipes and seeds share them
    data = load_rooms(Path(rooms) / "train", cache, semantic)
    teacher, facts = train_clusters(recipe, data, out, seed)
    if len(recipe.stages) == 1:
        return finish(out, teacher.encoder, teacher.clusterer, None, run_card(name, recipe, seed, Path(rooms), [facts], started))
    host = LANGUAGE_MODELS[recipe.reader.language_model]()
    lessons = rooms_of_questions(recipe, data, teacher, Path(rooms) / "train.jsonl", host, out, seed)
    reader, more = train_reader(recipe, host, lessons, data.categories, out, seed)
    held_back = load_rooms(Path(rooms) / "val", cache, semantic, data.categories)
    known = calibrated(reader, rooms_of_questions(recipe, held_back, teacher, Path(rooms) / "val.jsonl", host, out / "val", seed))
    card = run_card(name, recipe, seed, Path(rooms), (facts, *more), started)
    return finish(out, teacher.encoder, teacher.clusterer, reader, card, **known)


def train_blind(name: str, rooms: Path, out: Path, *, seed: int = 0, accumulate: int = 1) -> dict:
    """The baseline of a recipe: the same reader, questions, stages and steps, but the scene is all zeros. Lands in `out/blind`.

    Needs nothing of the seeing run and may go beside it; its encoder is untrained, because there is nothing to encode.

    Raises:
        BadInput: unknown recipe, one that asks no questions, no data, or micro-steps that the processes cannot share.
    """
    from proxy3d.training.paper import PAPER_RECIPES  # which needs what stands above and below

    if name in PAPER_RECIPES:
        raise BadInput(f"the recipe {name} has no blind form yet; its scores stand beside chance and majority")
    recipe, started = named_recipe(name, accumulate), time.monotonic()
    if len(recipe.stages) == 1:
        raise BadInput(f"the recipe {name} asks no questions, so nothing of it can be blind; try `proxy3d train laptop --blind`")
    torch.manual_seed(seed)
    host = LANGUAGE_MODELS[recipe.reader.language_model]()
    categories = category_words([Room.load(folder) for folder in found_rooms(Path(rooms) / "train")])
    lessons = rooms_without_scenes(recipe, Path(rooms) / "train.jsonl", host)
    reader, facts = train_reader(recipe, host, lessons, categories, Path(out) / "blind", seed, blind=True)
    card = run_card(f"{name} blind", recipe, seed, Path(rooms), facts, started)
    return finish(Path(out) / "blind", ProxyEncoder(recipe.encoder), LEARNED[recipe.clusterer](recipe.encoder.out_dim), reader, card)


def run_card(name: str, recipe: object, seed: int, rooms: Path, facts: Sequence[dict], started: float) -> dict:
    """What made a set of weights: settings (a dataclass), seed, data, time, machine and commit."""
    return {
        "recipe": name,
        "settings": asdict(recipe),
        "seed": seed,
        "data": data_hash(rooms),
        "train_minutes": sum(f["seconds"] for f in facts) / 60,
        "minutes_since_start": (time.monotonic() - started) / 60,
        "stages": {f["stage"]["name"]: {k: f[k] for k in ("step", "seconds", "loss")} for f in facts},
        **machine(),
    }


def finish(out: Path, encoder: ProxyEncoder, clusterer: Learned, reader: SpatialReader | None, card: dict, **facts: object) -> dict:
    """Write weights and run card, in the first process alone; more facts go into the weights beside it."""
    round_to_half(*(part for part in (encoder, clusterer, reader) if part is not None))
    weights = out / "weights.safetensors"
    if processes().is_first:
        save_weights(weights, encoder=encoder, clusterer=clusterer, reader=reader, facts={"run": card, **facts})
        write_card(out, card)
    return {"weights": str(weights), "run": str(out / "run.json"), "train_minutes": card["train_minutes"]}


def write_card(out: Path, card: dict) -> None:
    """The run card as `run.json`, whole or not at all."""
    part = part_of(out / "run.json")
    part.write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, out / "run.json")


def train_clusters(recipe: Recipe, data: TrainingRooms, out: Path, seed: int) -> tuple[ClusterTeacher, dict]:
    """Stage 1; the language model takes no part."""
    encoder = ProxyEncoder(recipe.encoder)
    for name in ("feature", "detail") if recipe.encoder.detail_dim else ("feature",):
        sample = torch.cat([getattr(p, name)[::7].float() for p in data.patches[:200]])
        getattr(encoder, f"{name}_mean").copy_(sample.mean(0))
        getattr(encoder, f"{name}_std").copy_(sample.std(0).clamp_min(1e-3))
    teacher = ClusterTeacher(encoder, LEARNED[recipe.clusterer](recipe.encoder.out_dim), len(data.categories))
    objective = ClusterObjective(teacher, list(zip(data.patches, data.truths(), strict=True)), recipe.cluster, seed)
    return teacher, run_stage(recipe.stages[0], objective, out)


def train_reader(
    recipe: Recipe, host: LlamaHost, lessons: Sequence[RoomOfQuestions], categories: tuple[str, ...], out: Path, seed: int, *, blind: bool = False
) -> tuple[SpatialReader, list[dict]]:
    """Stages 2 and 3 on proxies of the trained encoder."""
    torch.manual_seed(seed)  # anew: how far stage 1 has left the generator depends on where a stopped run went on
    reader = SpatialReader(host, replace(recipe.reader, categories=categories, colours=COLOURS))
    rows = [heard_row(q) for room in lessons for q in room.questions]
    heard = hear(reader, rows, 1 + recipe.proxies, (out.parent if blind else out) / "heard.safetensors")  # both hear the same
    align = AlignObjective(reader, lessons, replace(recipe.align, blind=blind), seed, heard)
    facts = [run_stage(recipe.stages[1], align, out)]
    reader.adapt()
    adapt = AlignObjective(reader, lessons, replace(recipe.adapt, blind=blind), seed + 1, heard)
    facts.append(run_stage(recipe.stages[2], adapt, out))
    return reader.eval(), facts


def questions_by_room(recipe: Recipe, questions: Path, host: LlamaHost) -> dict[str, list[Question]]:
    """The questions of a records file as tokens, of the families that a recipe is asked."""
    by_room = defaultdict(list)
    for record in read_records(questions):
        if record.family in recipe.families and (record.room_id in by_room or len(by_room) != recipe.most_rooms):
            by_room[record.room_id].append(as_question(record, host))
    return by_room


def rooms_of_questions(
    recipe: Recipe, data: TrainingRooms, teacher: ClusterTeacher, questions: Path, host: LlamaHost, out: Path, seed: int
) -> list[RoomOfQuestions]:
    """Several looks at each room, and its questions."""
    by_room = questions_by_room(recipe, questions, host)
    teacher.eval()

    def compute() -> dict[str, Tensor]:
        return keep_looks([looks_at(recipe, data, teacher, index, seed) for index in range(len(data.rooms))])

    key = key_of(recipe.looks, recipe.proxies, seed, [room.room_id for room in data.rooms], *teacher.state_dict().values())
    looks = kept_looks(remembered(out / "looks.safetensors", key, compute), len(data.rooms), recipe.looks)
    rooms = zip(looks, data.rooms, strict=True)
    return [RoomOfQuestions(mine, by_room[room.room_id], colour_words(room)) for mine, room in rooms if by_room[room.room_id]]


def looks_at(recipe: Recipe, data: TrainingRooms, teacher: ClusterTeacher, index: int, seed: int) -> list[RoomLesson]:
    """One room as it is, and as other sensors and shorter walks would have given it."""
    worse = torch.Generator().manual_seed(seed * 1_000_003 + index)
    if index % 100 == 99:
        print(f"looked at {index + 1}/{len(data.rooms)} rooms", file=sys.stderr, flush=True)
    return [
        look(data.rooms[index], data.patches[index], teacher.encoder, teacher.clusterer, data.categories, recipe.proxies, worse=worse if i else None)
        for i in range(recipe.looks)
    ]


def rooms_without_scenes(recipe: Recipe, questions: Path, host: LlamaHost) -> list[RoomOfQuestions]:
    """The same questions, and nothing to look at."""
    nothing, none = no_scene(recipe.proxies, recipe.reader.proxy_dim), torch.zeros(recipe.proxies, 1)
    lesson = RoomLesson(nothing, none, none, torch.zeros(1, 6), torch.zeros(1, dtype=torch.long))
    return [RoomOfQuestions([lesson], mine, torch.tensor([-1])) for _, mine in sorted(questions_by_room(recipe, questions, host).items())]


def no_scene(proxies: int, dim: int) -> SceneNumbers:
    """What a blind reader is shown: so many proxies, all zeros."""
    return SceneNumbers(torch.zeros(proxies, dim), torch.zeros(proxies, PLACE_DIM), torch.zeros(proxies, 3), torch.zeros(VIEWER_DIM))


def data_hash(rooms: Path) -> dict:
    """What the data set says it is."""
    file = rooms / "spacespan.json"
    text = file.read_bytes() if file.is_file() else b""
    return {"sha256": hashlib.sha256(text).hexdigest(), **(json.loads(text) if text else {})}


def machine() -> dict:
    """Where and from which commit a result comes."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()
    code = [":(top)", *(f":(top,exclude){written}" for written in ("results", "docs"))]  # one run's result is no change to the next one's code
    status = ["git", "status", "--porcelain", "-uno", "--", *code]
    changed = subprocess.run(status, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()
    processor = f"{platform.machine()} ({torch.backends.cpu.get_cpu_capability()}), {os.cpu_count()} cores"
    return {
        "commit": (commit or "unknown") + ("+changes" if changed else ""),
        "machine": f"{processor}, torch {torch.__version__}, {torch.get_num_threads()} threads",
        "python": platform.python_version(),
    }
