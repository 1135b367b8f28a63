"""The headline study: one small language model trained from nothing on the same rooms and questions, shown them in different ways.

Between ways to show a room nothing else differs; variants with one thing taken away may skip a stage or change the model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from proxy3d.answers.boxes import merge_votes
from proxy3d.answers.sequence import SequenceReader, SequenceSettings
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.headline_data import StudyData, StudyLooks, load_study, study_weights
from proxy3d.evaluation.headline_merge import merged
from proxy3d.evaluation.headline_scores import room_figures, score
from proxy3d.evaluation.headline_variants import Variant, chosen_variants
from proxy3d.evaluation.run import write_result
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.training import sequence
from proxy3d.training.loop import run_stage
from proxy3d.training.made_questions import with_names
from proxy3d.training.recipes import data_hash, machine
from proxy3d.training.remembered import key_of
from proxy3d.training.representations import OBJECTS, Grouping, say
from proxy3d.training.sequence import SequenceObjective, StudyRoom, go_on_from
from proxy3d.training.stages import CURRICULA, TOKENS, ReaderStage, timed
from proxy3d.training.threshold import best_least
from proxy3d.weights import Weights


@dataclass(frozen=True)
class StudySettings:
    """What all variants share."""

    steps: int = 1200  # of the stage in which questions are asked; a third as many go before it in which tokens only say what they are.
    # Other curricula share out as many in all.
    rooms: int = 1  # per step
    questions: int = 24  # of each
    layers: int = 6
    width: int = 256
    heads: int = 4
    start: str = ""  # checkpoint of a reader that has answered questions about symbols (variant `symbols`); all others go on from its words


def study(
    rooms: Path, weights: Sequence[str], out: Path, work: Path, *, only: str | None = None, settings: StudySettings, limit: int | None = None
) -> dict:
    """Train and test what is not done yet, then write what all finished parts in `work` say to `out`.

    Several processes may work in the same folder on different variants; the last one to finish has the whole result.

    Raises:
        BadInput: no rooms, no such weights, no steps, an unknown variant, or a part that was made with other settings.
    """
    if not weights:
        raise BadInput("no weights; expected one file per seed, made by `proxy3d train proxies --seed S -o runs/out/proxies-S`")
    if settings.steps < 1:
        raise BadInput(f"--steps {settings.steps}: expected at least 1")
    if settings.start and not Path(settings.start).is_file():
        raise BadInput(f"--start {settings.start}: no such file; expected <work>/symbols-0/answers.safetensors of a finished variant `symbols`")
    variants, loaded = chosen_variants(only), [study_weights(name) for name in weights]
    data = load_study(Path(rooms), limit)
    for seed, one in enumerate(loaded):
        looks = looks_of(Path(work), one, data)
        for name, variant in variants.items():
            run_part(name, variant, seed, one, data, looks, Path(work), settings)
    result = merged(Path(work), data)
    write_result(Path(out), result)
    return result


def looks_of(work: Path, weights: Weights, data: StudyData) -> StudyLooks:
    """Looks of these weights at these rooms; rooms made anew are looked at anew."""
    folder = work / "looks" / f"{weights.hash[:12]}-{key_of(data.categories, data_hash(data.folder)['sha256'])[:8]}"
    return StudyLooks(folder, data, weights)


def part_file(work: Path, name: str, seed: int) -> Path:
    """Where the result of one variant and seed lies."""
    return Path(work) / f"{name}-{seed}" / "part.json"


def run_part(
    name: str, variant: Variant, seed: int, weights: Weights, data: StudyData, looks: StudyLooks, work: Path, settings: StudySettings
) -> None:
    """Train and test one variant with one seed, as far as that is not done; a killed run goes on where it was.

    Raises:
        BadInput: something else was begun there.
    """
    file = part_file(work, name, seed)
    shared = asdict(settings) | {"start": hashlib.sha256(Path(settings.start).read_bytes()).hexdigest() if settings.start else ""}
    made_of = {"study": shared, "weights": weights.hash, "data": data_hash(data.folder)["sha256"], "rooms": len(data.rooms["train"])}
    same_settings(file.with_name("settings.json"), made_of)
    if file.exists():
        return
    say(f"{name}, seed {seed}")
    reader, facts = trained(variant, seed, weights, data, looks, file.parent, settings)
    started = time.monotonic()
    looks.ahead([room.room_id for split in ("val", "test") for room in data.rooms[split]], list(variant.tested.values()))
    least = fitted(reader, variant, data, looks)
    tested = {label: tested_rooms(reader, variant, grouping, least[label], data, looks) for label, grouping in variant.tested.items()}
    run = {**facts, "least_score": least, "test_seconds": time.monotonic() - started, **machine()}
    write_result(file, {"variant": name, "about": variant.about, "seed": seed, "settings": made_of, "tested": tested, "run": run})


def same_settings(file: Path, made_of: dict) -> None:
    """Raises BadInput when a folder was begun with other settings; else notes them."""
    if not file.exists():
        write_result(file, made_of)
    elif (found := json.loads(file.read_text(encoding="utf-8"))) != made_of:
        other = next(key for key in made_of if found.get(key) != made_of[key])
        changed = f"{other}: {found.get(other)}, now {made_of[other]}"
        raise BadInput(f"{file.parent}: begun with other settings ({changed}); delete it, or use another --work")


def trained(
    variant: Variant, seed: int, weights: Weights, data: StudyData, looks: StudyLooks, folder: Path, settings: StudySettings
) -> tuple[SequenceReader, dict]:
    """A reader after all stages, and what training it took."""
    reader = SequenceReader(reader_settings(variant, weights, data, settings), seed=seed)
    if settings.start and not variant.identifiers:  # those have words of their own, and stages on symbols too
        go_on_from(reader, Path(settings.start))
    rooms = data.asked(reader, "train")
    common = sequence.PackedSettings(rooms=settings.rooms, questions=settings.questions, weight_names=0.5 if variant.names else 0.0)
    facts = {}
    todo = stages(settings.steps, variant.curriculum)
    for left, one in zip(reversed(range(len(todo))), todo, strict=True):  # stages still to come: the last one has the same seed in all curricula
        if variant.names or one.asks != (TOKENS,):
            objective = SequenceObjective(reader, rooms, variant.representation, looks.load, one.packed(common), seed + 1000 * left)
            facts[one.stage.name] = run_stage(one.stage, objective, folder, log=say)
    asked = sum(min(len(room.questions), settings.questions) for room in rooms) / len(rooms) * settings.rooms
    last = facts[one.stage.name]
    return reader.eval(), {
        "parameters": sum(p.numel() for p in reader.parameters()),
        "train_seconds": sum(f["seconds"] for f in facts.values()),
        "ms_per_step": 1000 * last["seconds"] / max(last["step"], 1),
        "questions_per_second": asked * last["step"] / max(last["seconds"], 1e-9),
        "loss": last["loss"],
    }


def reader_settings(variant: Variant, weights: Weights, data: StudyData, settings: StudySettings) -> SequenceSettings:
    """Sizes of the reader of a variant."""
    return SequenceSettings(
        proxy_dim=variant.representation.groupings[0].dim(weights, data.categories),
        words=with_names(data.words) if variant.identifiers else data.words,
        categories=data.categories,
        colours=COLOURS,
        layers=settings.layers,
        width=settings.width,
        heads=settings.heads,
        position=variant.position,
        bridge=variant.bridge,
        measures=variant.measures,
        identifiers=variant.identifiers,
        symbol_dim=Grouping(OBJECTS).dim(weights, data.categories) if variant.symbols else 0,
    )


def stages(steps: int, curriculum: str = "brief") -> tuple[ReaderStage, ...]:
    """The stages of a curriculum for a number of steps of the brief's second stage: all take as many in all."""
    return timed(CURRICULA[curriculum], steps + max(1, steps // 3))


@torch.no_grad()
def fitted(reader: SequenceReader, variant: Variant, data: StudyData, looks: StudyLooks) -> dict[str, float]:
    """How surely a token must be meant before it votes for a box, fitted on validation rooms for each number of tokens."""
    rooms, found = data.asked(reader, "val"), {}
    for label, grouping in variant.tested.items():
        pointed = []
        for room in rooms:
            phrases = [q for q in room.questions if q.record.answer_type == "boxes"]
            lesson = looks.load(room.room_id, grouping)
            shown = reader.show(variant.representation.hidden(lesson.numbers))
            replies = reader.replies(shown, [q.wording.ids for q in phrases], longest=0) if phrases else []
            for phrase, reply in zip(phrases, replies, strict=True):
                pointed.append((reply.point.sigmoid(), reply.box, [lesson.box[t].tolist() for t in phrase.record.targets]))
        found[label] = best_least(pointed)
    return found


def tested_rooms(reader: SequenceReader, variant: Variant, grouping: Grouping, least: float, data: StudyData, looks: StudyLooks) -> dict[str, dict]:
    """Figures of each test room by its id."""
    families = sorted({r.family for mine in data.records["test"].values() for r in mine})
    return {room.room_id: answered(reader, variant, grouping, least, room, looks, families) for room in data.asked(reader, "test")}


@torch.no_grad()
def answered(
    reader: SequenceReader, variant: Variant, grouping: Grouping, least: float, room: StudyRoom, looks: StudyLooks, families: Sequence[str]
) -> dict[str, float | None]:
    """Everything that is asked about one room, scored."""
    lesson = looks.load(room.room_id, grouping)
    replies = reader.replies(reader.show(variant.representation.hidden(lesson.numbers)), [q.wording.ids for q in room.questions])
    scored = []
    for question, reply in zip(room.questions, replies, strict=True):
        record, boxes, true = question.record, [], []
        if record.answer_type == "boxes":
            boxes = [vote.box.tolist() for vote in merge_votes(reply.point.sigmoid(), reply.box, least=least)]
            true = [lesson.box[t].tolist() for t in record.targets]
        scored.append((record, score(record, reply.text, boxes, true)))
    figures = room_figures(scored, families) | {"tokens": len(lesson.numbers.feature), "tokens_objects": 1}
    return {key: value if math.isfinite(value) else None for key, value in figures.items()}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.headline", description=__doc__)
    parser.add_argument("--weights", nargs="+", required=True, help="one file per seed, made by `proxy3d train proxies --seed S`")
    parser.add_argument("--rooms", default="data/rooms", help="folder made by `proxy3d data make`")
    parser.add_argument("--only", help="variants with commas between them; default all")
    parser.add_argument("--steps", type=int, default=StudySettings.steps)
    parser.add_argument("--start", default="", help="answers.safetensors of the variant symbols: readers that know the language of rooms already")
    parser.add_argument("--limit-rooms", type=int, help="only so many rooms of each split")
    parser.add_argument("--work", default="runs/out/headline", help="looks, checkpoints and finished parts")
    parser.add_argument("-o", "--out", default="results/headline.json")
    chosen = parser.parse_args(arguments)
    settings = StudySettings(steps=chosen.steps, start=chosen.start)
    study(Path(chosen.rooms), chosen.weights, Path(chosen.out), Path(chosen.work), only=chosen.only, settings=settings, limit=chosen.limit_rooms)


if __name__ == "__main__":
    sys.exit(main())
