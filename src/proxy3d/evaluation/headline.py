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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from proxy3d.answers.boxes import merge_votes
from proxy3d.answers.sequence import SequenceReader, SequenceSettings
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.headline_data import StudyData, StudyLooks, load_study, study_weights
from proxy3d.evaluation.headline_merge import by_figure, merged, part_file
from proxy3d.evaluation.headline_scores import room_figures, score
from proxy3d.evaluation.headline_variants import START, VARIANTS, Variant, chosen_variants
from proxy3d.evaluation.run import write_result
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tensor_file import load_tensors
from proxy3d.training import sequence
from proxy3d.training.loop import run_stage
from proxy3d.training.made_questions import with_names
from proxy3d.training.recipes import data_hash, machine
from proxy3d.training.remembered import key_of
from proxy3d.training.representations import OBJECTS, Grouping, say
from proxy3d.training.sequence import SequenceObjective, StudyRoom, go_on_from
from proxy3d.training.stages import CURRICULA, TOKENS, ReaderStage, timed
from proxy3d.training.threshold import best_least
from proxy3d.weights import DEFAULT, Weights


@dataclass(frozen=True)
class StudySettings:
    """What all variants share."""

    steps: int = 600  # of the stage in which questions are asked; a third as many go before it in which tokens only say what they are.
    # Other curricula share out as many in all.
    start: int = 6000  # steps of one reader that learns the language of rooms on true objects before all others, which go on from its words; 0: none
    rooms: int = 1  # per step
    questions: int = 16  # of each
    shown: int = 800  # training rooms whose pictures are looked at; the start needs none, and is asked about all rooms
    layers: int = 4
    width: int = 192
    heads: int = 4


def study(
    rooms: Path, weights: str, out: Path, work: Path, *, only: str | None = None, settings: StudySettings, seeds: int = 3, limit: int | None = None
) -> dict:
    """Train and test what is not done yet, then write what all finished parts say to `out`.

    Finished parts lie beside `out`, in a folder of its name; checkpoints and looks in `work`. Several processes may work on different
    variants once the start is trained; the last one to finish has the whole result.

    Raises:
        BadInput: no rooms, no such weights, no steps or seeds, an unknown variant, or a part that was made with other settings.
    """
    for name, number, least in (("steps", settings.steps, 1), ("seeds", seeds, 1), ("start-steps", settings.start, 0)):
        if number < least:
            raise BadInput(f"--{name} {number}: expected at least {least}")
    variants, loaded = chosen_variants(only), study_weights(weights)
    data = load_study(Path(rooms), limit)
    looks = looks_of(Path(work), loaded, data, [grouping for variant in variants.values() for grouping in variant.groupings()])
    of_study = Study(loaded, data, looks, settings, Path(out).with_suffix(""), Path(work))
    wanted = [(name, seed) for seed in range(seeds) for name in variants if name != START or not settings.start or seed == 0]
    if settings.start and any(not part_file(of_study.parts, *part).exists() for part in wanted):
        of_study = replace(of_study, start=begun(of_study)[2])
    for name, seed in wanted:
        run_part(name, variants[name], seed, of_study)
    result = merged(of_study.parts, data)
    write_result(Path(out), result)
    return result


@dataclass(frozen=True)
class Study:
    """What all parts of one study share."""

    weights: Weights
    data: StudyData
    looks: StudyLooks
    settings: StudySettings
    parts: Path  # folder of finished parts
    work: Path
    start: Path | None = None  # checkpoint that readers go on from

    def made_of(self, settings: StudySettings) -> dict:
        """What decides every figure beside variant and seed.

        Neither pictures of the same rooms nor training come out the same to the byte on another kind of processor: they count as the same here.
        """
        splits = data_hash(self.data.folder).get("splits", {})
        questions = {split: found.get("sha256") for split, found in splits.items()}
        return {"study": asdict(settings), "weights": self.weights.hash, "questions": questions, "rooms": len(self.data.rooms["train"])}


def looks_of(work: Path, weights: Weights, data: StudyData, together: Sequence[Grouping] = ()) -> StudyLooks:
    """Looks of these weights at these rooms, `together` at each; rooms made anew are looked at anew."""
    folder = work / "looks" / f"{weights.hash[:12]}-{key_of(data.categories, data_hash(data.folder)['sha256'])[:8]}"
    return StudyLooks(folder, data, weights, together)


def run_part(name: str, variant: Variant, seed: int, study: Study) -> None:
    """Train and test one variant with one seed, as far as that is not done; a killed run goes on where it was.

    Raises:
        BadInput: something else was begun there.
    """
    file, made_of = part_file(study.parts, name, seed), study.made_of(study.settings)
    if file.exists():
        same_makings(file, made_of)
        return
    say(f"{name}, seed {seed}")
    reader, facts = begun(study)[:2] if name == START and study.settings.start else trained(name, variant, seed, study)
    started = time.monotonic()
    study.looks.ahead([room.room_id for split in ("val", "test") for room in study.data.rooms[split]], list(variant.tested.values()))
    least = fitted(reader, variant, study.data, study.looks)
    tested = {label: tested_rooms(reader, variant, grouping, least[label], study.data, study.looks) for label, grouping in variant.tested.items()}
    run = {**facts, "least_score": least, "data": data_hash(study.data.folder)["sha256"], "test_seconds": time.monotonic() - started, **machine()}
    part = {"variant": name, "about": variant.about, "seed": seed, "settings": made_of, "tested": by_figure(tested), "run": run}
    write_result(file, part, compact=True)


def begun(study: Study) -> tuple[SequenceReader, dict, Path]:
    """The reader that others go on from, trained as far as it is not, and its checkpoint. It depends on neither their steps nor their seeds."""
    alone = replace(study, settings=replace(study.settings, steps=study.settings.start, start=0), start=None)
    return *trained(START, VARIANTS[START], 0, alone), study.work / f"{START}-0" / "answers.safetensors"


def same_makings(file: Path, made_of: dict) -> None:
    """Raises BadInput when a checkpoint or a finished part was made with other settings."""
    found = json.loads(file.read_text(encoding="utf-8"))
    found = found.get("settings", found)
    if found != made_of:
        other = next(key for key in made_of if found.get(key) != made_of[key])
        changed = f"{other}: {found.get(other)}, now {made_of[other]}"
        raise BadInput(f"{file}: begun with other settings ({changed}); delete it, or use another --work and -o")


def trained(name: str, variant: Variant, seed: int, study: Study) -> tuple[SequenceReader, dict]:
    """A reader after all stages, and what training it took."""
    folder, data, settings = study.work / f"{name}-{seed}", study.data, study.settings
    noted = folder / "settings.json"
    if noted.exists():
        same_makings(noted, study.made_of(settings))
    else:
        write_result(noted, study.made_of(settings))
    reader, facts = SequenceReader(reader_settings(variant, study.weights, data, settings), seed=seed), {}
    if study.start:
        go_on_from(reader, study.start)
        facts["start"] = values_hash(study.start)
    rooms, last = data.asked(reader, "train"), {}
    rooms = rooms if name == START else rooms[: settings.shown]
    common = sequence.PackedSettings(rooms=settings.rooms, questions=settings.questions, weight_names=0.5 if variant.names else 0.0)
    seconds, todo = 0.0, stages(settings.steps, variant.curriculum)
    for left, one in zip(reversed(range(len(todo))), todo, strict=True):  # stages still to come: the last one has the same seed in all curricula
        if variant.names or one.asks != (TOKENS,):
            objective = SequenceObjective(reader, rooms, variant.representation, study.looks.load, one.packed(common), seed + 1000 * left)
            last = run_stage(one.stage, objective, folder, log=say)
            seconds += last["seconds"]
    asked = sum(min(len(room.questions), settings.questions) for room in rooms) / len(rooms) * settings.rooms
    return reader.eval(), {
        **facts,
        "bf16": common.bf16,
        "parameters": sum(p.numel() for p in reader.parameters()),
        "train_seconds": seconds,
        "ms_per_step": 1000 * last["seconds"] / max(last["step"], 1),
        "questions_per_second": asked * last["step"] / max(last["seconds"], 1e-9),
        "loss": last["loss"],
    }


def values_hash(checkpoint: Path) -> str:
    """SHA-256 of what was learnt, without the times and losses that lie beside it."""
    found = hashlib.sha256()
    for name, tensor in sorted(load_tensors(checkpoint)[0].items()):
        if name.startswith("value/"):
            found.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


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
        record, boxes, surest, true = question.record, [], [], []
        if record.answer_type == "boxes":
            point = reply.point.sigmoid()
            boxes = [vote.box.tolist() for vote in merge_votes(point, reply.box, least=least)]
            surest = boxes[:1] or [vote.box.tolist() for vote in merge_votes(point, reply.box, least=float(point.max()))[:1]]
            true = [lesson.box[t].tolist() for t in record.targets]
        scored.append((record, score(record, reply.text, boxes, true, surest)))
    figures = room_figures(scored, families) | {"tokens": len(lesson.numbers.feature), "tokens_objects": 1}
    return {key: value if math.isfinite(value) else None for key, value in figures.items()}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.headline", description=__doc__)
    parser.add_argument("--weights", default=DEFAULT, help="whose proxy encoder looks at rooms (default the shipped one)")
    parser.add_argument("--rooms", default="data/rooms", help="folder made by `proxy3d data make`")
    parser.add_argument("--only", help="variants with commas between them; default all")
    parser.add_argument("--seeds", type=int, default=3, help="how many readers of each variant (default 3)")
    parser.add_argument("--steps", type=int, default=StudySettings.steps, help=f"of each reader (default {StudySettings.steps})")
    parser.add_argument("--start-steps", type=int, default=StudySettings.start, help="of the one that all others go on from; 0: from nothing")
    parser.add_argument("--limit-rooms", type=int, help="only so many rooms of each split")
    parser.add_argument("--work", default="runs/out/headline", help="looks and checkpoints")
    parser.add_argument("-o", "--out", default="results/headline.json", help="finished parts are kept in a folder of the same name beside it")
    chosen = parser.parse_args(arguments)
    settings = StudySettings(steps=chosen.steps, start=chosen.start_steps)
    paths = Path(chosen.rooms), chosen.weights, Path(chosen.out), Path(chosen.work)
    study(*paths, only=chosen.only, settings=settings, seeds=chosen.seeds, limit=chosen.limit_rooms)


if __name__ == "__main__":
    sys.exit(main())
