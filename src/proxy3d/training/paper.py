"""Train the paper's reader: what names stand for, where they are, how they lie to each other, and then everything, on proxies."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.paper import PaperReader, PaperSettings, symbols_of
from proxy3d.answers.question import FITS
from proxy3d.paper_weights import save_paper
from proxy3d.pipeline import by_hash, language_model, semantic_encoder
from proxy3d.proxies.clusterers import GroupedKMeans
from proxy3d.proxies.owners import with_owners
from proxy3d.spacespan.questions import FAMILIES
from proxy3d.spacespan.record import Record, read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tensor_file import save_tensors
from proxy3d.tokens.identity import NAMES, identities
from proxy3d.training.lessons import RoomLesson, colour_words, lesson_of
from proxy3d.training.loop import Stage, run_stage
from proxy3d.training.made_questions import PHRASES, made_records, named_objects, named_phrases
from proxy3d.training.patches import RoomPatches, cached_patches
from proxy3d.training.precision import bf16_is_faster
from proxy3d.training.processes import processes, shares_out
from proxy3d.training.recipes import WORDED_FAMILIES, category_words, found_rooms, run_card, write_card
from proxy3d.training.representations import OBJECTS, Grouping, Looks, objects_of, packed_lesson
from proxy3d.training.sequence import SYMBOLS
from proxy3d.training.stages import PAPER, RECORDS, ReaderStage
from proxy3d.values import Points, Semantics

OURS = ("projection", "position", "name", "said")  # parameters of a PaperReader that are not the language model's
SAMPLES = {"names": 30_000, "coordinates": 30_000, "relations": 115_000, "proxies": 318_000}  # [P] of each stage
BETAS = (0.9, 0.999)  # [P] of AdamW
BATCH = 128  # [P] samples a step: 16 of each room, and --accumulate 8
NONE = "none"  # what is answered where nothing fits a phrase
GROUPED = "grouped_kmeans"


def paper_stages(lr: float, last_lr: float, steps: Callable[[str], int]) -> tuple[ReaderStage, ...]:
    """The paper's stages for this reader: the first three move what is ours, the last also what of the language model may move."""
    found = []
    for one in PAPER:
        count, first = steps(one.stage.name), one.shows == SYMBOLS
        stage = Stage(one.stage.name, OURS if first else ("",), count, lr if first else last_lr, warmup=count // 10, betas=BETAS, save_every_s=1800)
        found.append(replace(one, stage=stage, asks=tuple(what for what in one.asks if what in SAMPLES or what in (RECORDS, PHRASES))))
    return tuple(found)


@dataclass(frozen=True)
class PaperRecipe:
    """Everything a run depends on besides the data and the seed. Rates of the first stages and the warm-up are not published: ours."""

    families: tuple[str, ...] = (*WORDED_FAMILIES, *(f for f in FAMILIES if f.startswith("ground_")))
    semantic: str = "qwen_vl"
    language_model: str = "qwen2_5_vl"
    proxies: int = 450
    patches: int | None = 336  # of a frame: 16 x 21
    questions: int = 16  # about the one room of a micro-step
    whole: bool = True  # the language model's words and layers move in the last stage [P]
    rank: int = 0  # else low-rank additions to its layers
    bf16: bool = field(default_factory=bf16_is_faster)
    stages: tuple[ReaderStage, ...] = paper_stages(1e-4, 5e-6, lambda name: SAMPLES[name] // BATCH)


PAPER_RECIPES = {
    "paper": PaperRecipe(),
    "paper_low_rank": PaperRecipe(whole=False, rank=16, stages=paper_stages(1e-4, 1e-4, lambda name: SAMPLES[name] // BATCH)),
    "paper_tiny": PaperRecipe(
        semantic="tiny", proxies=24, patches=None, questions=4, whole=False, rank=2, bf16=False, stages=paper_stages(1e-2, 1e-3, lambda name: 3)
    ),
}


@dataclass(frozen=True)
class AskedRoom:
    """What can be asked about a room; looks at it are loaded when they are needed."""

    room_id: str
    records: Sequence[Record]
    colour: Int[Tensor, "I"]  # which colour word each object has; -1 where none fits


class PaperObjective:
    """-log P(answer) of a numbered step, about one room; names are drawn anew in every step."""

    def __init__(
        self,
        reader: PaperReader,
        rooms: Sequence[AskedRoom],
        load: Callable[[str, bool], RoomLesson],
        words: tuple[Sequence[str], Float[Tensor, "D E"]],
        one: ReaderStage,
        recipe: PaperRecipe,
        seed: int,
    ):
        self.reader, self.rooms, self.load, self.one, self.recipe, self.seed = reader, rooms, load, one, recipe, seed
        self.categories, self.symbols = words

    def named_parameters(self) -> dict[str, nn.Parameter]:
        return self.reader.learned()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        room = self.rooms[int(torch.randint(len(self.rooms), (1,), generator=generator))]
        true = self.one.shows == SYMBOLS
        lesson = self.load(room.room_id, true)
        identity = identities(lesson.numbers.extent_m, torch.randperm(len(NAMES), generator=generator))
        records = self.records(room, lesson, identity, generator)
        # Rooms in which nothing can be asked teach nothing, but all processes must go the same way where each holds a part of the reader.
        pairs = [(r.question, r.answer) for r in records] or [(FITS.format(phrase="a thing"), NONE)]
        asked, answered = [self.reader.asked(q) for q, _ in pairs], [self.reader.answered(a) for _, a in pairs]
        with torch.autocast(self.reader.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            loss = self.reader(lesson.numbers, identity, self.symbols if true else None, asked, answered)
        return (loss, {"words": float(loss.detach())}) if records else (loss * 0, {})

    def records(self, room: AskedRoom, lesson: RoomLesson, identity: Int[Tensor, "K"], generator: torch.Generator) -> list[Record]:
        """What a step asks: of named true objects, or of the data set with its phrases to be answered by name."""
        most, rng = self.recipe.questions, Random(int(torch.randint(2**62, (1,), generator=generator)))
        if self.one.shows == SYMBOLS:
            return made_records(self.one.asks, named_objects(lesson, identity, room.colour, self.categories, COLOURS), rng, most)
        mine = rng.sample(room.records, min(most, len(room.records)))
        phrases = [r for r in mine if r.answer_type == "boxes"]
        absent = [r for r in phrases if not r.targets]
        none = [replace(r, question=FITS.format(phrase=r.question.rstrip(" .?!")), answer=NONE, answers=(NONE,), answer_type="text") for r in absent]
        worded = [r for r in mine if r.answer_type not in ("boxes", "objects", "hidden")]
        return [*worded, *named_phrases(phrases, lesson, identity), *none]


def look(room: Room, patches: RoomPatches, proxies: int, categories: Sequence[str]) -> RoomLesson:
    """Proxies of a room as the presets of the paper make them, with true objects in the place of masks."""
    points = Points(
        xyz_world_m=patches.xyz_room_m,
        feature=patches.feature.float()[patches.cell],
        rgb=patches.rgb,
        frame=patches.frame,
        weight=patches.weight,
        label=patches.instance,
        patch=patches.patch,
    )
    owner = with_owners(GroupedKMeans(), points, proxies, len(patches.camera_room_m))[1]
    return lesson_of(room, patches, points, owner, categories)


def asked_rooms(
    recipe: PaperRecipe, rooms: Path, eyes: Callable, seen_by: str, out: Path
) -> tuple[list[AskedRoom], Callable[[str, bool], RoomLesson], tuple[str, ...]]:
    """The training rooms with their questions, what loads a look at one (True: its true objects), and what there is in them.

    Looks are made once and kept below `out`; of several processes the first makes them.
    """
    folders, by_room = found_rooms(rooms / "train"), defaultdict(list)
    for record in read_records(rooms / "train.jsonl"):
        if record.family in recipe.families:
            by_room[record.room_id].append(record)
    loaded = [Room.load(folder) for folder in folders]
    categories, everyone = category_words(loaded), processes()
    seen_by += f"-{recipe.patches}" if recipe.patches else ""
    looks, made = Looks(out / "looks" / seen_by), (Grouping(GROUPED, str(recipe.proxies)), Grouping(OBJECTS))
    found = []
    with everyone.first_goes_first():
        for number, (room, folder) in enumerate(zip(loaded, folders, strict=True), 1):
            if not all(looks.file(room.room_id, grouping).exists() for grouping in made):
                patches = cached_patches(folder, rooms / ".patches" / seen_by, lambda clip, grid: Semantics(eyes(clip, grid).feature), recipe.patches)
                lessons = look(room, patches, recipe.proxies, categories), objects_of(room, patches, categories)
                for grouping, lesson in zip(made, lessons, strict=True):
                    save_tensors(looks.file(room.room_id, grouping), packed_lesson(lesson), {"grouping": grouping.name})
            found.append(AskedRoom(room.room_id, by_room[room.room_id], colour_words(room)))
            if number % 100 == 0 and everyone.is_first:
                print(f"looked at {number}/{len(folders)} rooms", file=sys.stderr, flush=True)
    return found, lambda room_id, true: looks.load(room_id, made[true]), categories


def train_paper(
    name: str, rooms: Path, out: Path, *, seed: int = 0, accumulate: int = 1, semantic: str | None = None, model: str | None = None
) -> dict:
    """Run the four stages on a data set made by `proxy3d data make`; the same line goes on after a kill.

    Writes `weights.safetensors` and `run.json` to `out`. `semantic` and `model` are what stands after --semantic and --language-model.

    Raises:
        BadInput: unknown names, weights that are not there, no data, or micro-steps that the processes cannot share.
    """
    recipe, started, everyone = PAPER_RECIPES[name], time.monotonic(), processes()
    everyone.share(accumulate)
    recipe = replace(recipe, semantic=semantic or recipe.semantic, language_model=model or recipe.language_model)
    builds = semantic_encoder(recipe.semantic), language_model(recipe.language_model)  # wrong names are said before anything is loaded
    torch.manual_seed(seed)
    eyes, host = builds[0](), builds[1](on_device=not shares_out())
    seen_by = by_hash(recipe.semantic, eyes)
    data, load, categories = asked_rooms(recipe, Path(rooms), eyes, seen_by.replace(" sha256:", "-"), Path(out))
    width = load(data[0].room_id, False).numbers.feature.shape[1]
    settings = PaperSettings(host.name, host.hash, width, seen_by, rank=recipe.rank, whole=recipe.whole)
    reader, words = PaperReader(host, settings, seed=seed), (categories, symbols_of(host, categories, COLOURS))
    everyone.share_out(reader)
    facts = []
    for number, one in enumerate(recipe.stages):
        objective = PaperObjective(reader, data, load, words, one, recipe, seed * len(recipe.stages) + number)
        facts.append(run_stage(replace(one.stage, accumulate=accumulate), objective, Path(out)))
    public = replace(recipe, semantic=recipe.semantic.partition(":")[0], language_model=host.name)
    card = run_card(name, public, seed, Path(rooms), facts, started)
    weights = Path(out) / "weights.safetensors"
    save_paper(weights, reader, {"run": card}, writes=everyone.is_first)
    if everyone.is_first:
        write_card(Path(out), card)
    return {"weights": str(weights), "run": str(Path(out) / "run.json"), "train_minutes": card["train_minutes"]}
