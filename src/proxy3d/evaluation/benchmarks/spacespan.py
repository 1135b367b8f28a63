"""SpaceSpan: questions about rendered rooms nobody trained on, beside chance, majority, blind and exact geometry."""

from __future__ import annotations

import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.batch import answer_many
from proxy3d.answers.boxes import Vote, merge_votes
from proxy3d.answers.model import SpatialReader
from proxy3d.answers.paper import PaperReader
from proxy3d.answers.paper_session import PaperSession
from proxy3d.errors import BadInput
from proxy3d.evaluation.answers_file import KeptAnswers
from proxy3d.evaluation.metrics.answers import VARIANT, right
from proxy3d.evaluation.metrics.boxes import aligned_iou, f1_at
from proxy3d.geometry import compose, invert
from proxy3d.paper_weights import PaperWeights
from proxy3d.pipeline import Pipeline
from proxy3d.spacespan.questions import majority
from proxy3d.spacespan.record import Record, read_records
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.spacespan.solver import solve
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.align import blinded
from proxy3d.training.lessons import room_boxes
from proxy3d.values import Scene
from proxy3d.weights import Weights

LICENCE = "made by `proxy3d data make`; furniture models CC0, CC-BY 3.0 (attribution file in the bank)"
IOU = 0.25
RANDOM_BOXES = 200  # drawn per phrase


@dataclass(frozen=True)
class Row:
    """One question with everybody's answer."""

    record: Record
    text: str
    boxes: tuple[tuple[float, ...], ...]  # room frame: centre, size
    true_boxes: tuple[tuple[float, ...], ...]
    blind: str | None  # None = nobody was asked
    oracle: str
    random_object: float  # chance that a randomly chosen true object's box would do
    random_box: float  # chance that a box put at random in the room would do

    def to_json(self) -> dict:
        said = {
            "predicted": self.text,
            "predicted_boxes": self.boxes,
            "true_boxes": self.true_boxes,
            "blind": self.blind,
            "oracle": self.oracle,
            "random_object": None if math.isnan(self.random_object) else self.random_object,
            "random_box": None if math.isnan(self.random_box) else self.random_box,
        }
        return {**json.loads(self.record.to_json()), **said}

    @staticmethod
    def from_json(raw: Mapping) -> Row:
        """What `to_json` made. Raises BadInput when it is something else."""
        said = ("predicted", "predicted_boxes", "true_boxes", "blind", "oracle", "random_object", "random_box")
        try:
            boxes, true = (tuple(tuple(box) for box in raw[key]) for key in said[1:3])
            by_object, by_box = (float("nan") if raw[key] is None else raw[key] for key in said[5:])
            record = Record.from_json(json.dumps({k: v for k, v in raw.items() if k not in said}))
            return Row(record, raw["predicted"], boxes, true, raw["blind"], raw["oracle"], by_object, by_box)
        except (KeyError, TypeError) as error:
            raise BadInput(f"not an answer of `proxy3d evaluate`: {error}; expected a line of its .answers.jsonl") from None


def evaluate_rooms(
    pipeline: Pipeline,
    rooms: Path,
    split: str,
    *,
    blind: SpatialReader | None = None,
    limit: int | None = None,
    kept: KeptAnswers | None = None,
    progress: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> list[Row]:
    """Ask everything that the weights were taught about every room of a split, through the same encode and answer path that users have.

    Rooms whose answers are `kept` are not asked again.

    Raises:
        BadInput: no such data set.
    """
    by_room = records_by_room(rooms, split, pipeline.learned)
    lexicon = sorted({o.category for name in by_room for o in Room.load(Path(rooms) / split / name).objects})
    sizes = sorted(tuple(o.size_m) for name in list(by_room)[:50] for o in Room.load(Path(rooms) / split / name).objects)
    rows: list[Row] = []
    for number, (name, records) in enumerate(sorted(by_room.items())[:limit], 1):
        if kept is not None and name in kept.rooms:
            rows += [Row.from_json(row) for row in kept.rooms[name]]
            continue
        room, clip, _ = load_clip(Path(rooms) / split / name)
        scene = pipeline.encode_clip(clip, clip_id=name)
        pipeline.session(scene)  # says where scene and reader do not go together
        least = float(pipeline.learned.facts.get("least_score", 0.5))
        fresh = room_rows(pipeline.reader, scene, room, records, blind, lexicon, sizes, least)
        if kept is not None:
            kept.keep(name, [row.to_json() for row in fresh])
        rows += fresh
        if number % 10 == 0:
            progress(f"{split}: {number}/{len(by_room)} rooms")
    return rows


def records_by_room(rooms: Path, split: str, weights: Weights | PaperWeights) -> dict[str, list[Record]]:
    """The questions of each room, of the families that these weights were taught."""
    by_room: dict[str, list[Record]] = defaultdict(list)
    taught = weights.facts.get("run", {}).get("settings", {}).get("families")
    for record in read_records(Path(rooms) / f"{split}.jsonl"):
        if taught is None or record.family in taught:
            by_room[record.room_id].append(record)
    return by_room


def said_about(
    reader: SpatialReader | PaperReader, scene: Scene, records: Sequence[Record], least: float
) -> tuple[Sequence[str], Sequence[Sequence[Vote]]]:
    """Texts, and for phrases boxes in the room's frame: what users would get, all questions of a room at once where the reader can."""
    if isinstance(reader, PaperReader):
        session = PaperSession(scene, lambda: reader)
        phrases = [r.answer_type == "boxes" for r in records]
        texts = ["" if phrase else session.ask(r.question).text for r, phrase in zip(records, phrases, strict=True)]
        return texts, [session.votes(r.question) if phrase else [] for r, phrase in zip(records, phrases, strict=True)]
    speak = [r.answer_type != "boxes" for r in records]
    replies = answer_many(reader, SceneNumbers.of(scene), [r.question for r in records], speak=speak)
    pointed = zip(speak, replies.point, replies.box, strict=True)
    return replies.text, [[] if speaks else merge_votes(point.sigmoid(), box, least=least) for speaks, point, box in pointed]


def room_rows(
    reader: SpatialReader | PaperReader,
    scene: Scene,
    room: Room,
    records: Sequence[Record],
    blind: SpatialReader | None,
    lexicon: Sequence[str],
    sizes: Sequence[tuple[float, float, float]],
    least: float,
) -> list[Row]:
    """Everybody's answers to the questions about one room."""
    numbers, questions = SceneNumbers.of(scene), [r.question for r in records]
    speak = [r.answer_type != "boxes" for r in records]
    texts, votes = said_about(reader, scene, records, least)
    unseeing = answer_many(blind, blinded(numbers), questions, speak=speak).text if blind else [None] * len(records)
    true = room_boxes(room, compose(scene.room_from_world, scene_from_room(scene, room))).numpy()
    seen = np.array([true[o.id] for o in room.objects if max(o.pixels) >= 60])
    low = numbers.xyz_room_m.min(0).values.numpy()
    high = numbers.xyz_room_m.max(0).values.numpy()
    rows = []
    for i, record in enumerate(records):
        boxes, wanted = (), ()
        by_object = by_place = float("nan")
        if not speak[i]:
            boxes = tuple(tuple(round(float(x), 4) for x in v.box) for v in votes[i])
            wanted = tuple(tuple(float(x) for x in true[t]) for t in record.targets)
            if len(wanted) == 1:
                rng = random.Random(record.question_id)
                placed = [[*(rng.uniform(a, b) for a, b in zip(low, high, strict=True)), *rng.choice(sizes)] for _ in range(RANDOM_BOXES)]
                by_object = float((aligned_iou(seen, np.array(wanted)) >= IOU).mean())
                by_place = float((aligned_iou(np.array(placed), np.array(wanted)) >= IOU).mean())
        rows.append(Row(record, texts[i], boxes, wanted, unseeing[i], oracle(record, room, lexicon), by_object, by_place))
    return rows


def scene_from_room(scene: Scene, room: Room) -> Float[Tensor, "4 4"]:
    """From the world that a room's truth is stated in to that of a scene of all its frames: the earliest camera is the same one.

    Only where cameras were guessed from pictures do the two worlds differ.
    """
    first = int(scene.time_s.argmin())
    return compose(scene.world_from_camera[first], invert(torch.tensor(room.world_from_camera[first])))


def oracle(record: Record, room: Room, lexicon: Sequence[str]) -> str:
    """What exact geometry answers, from the question's words and the true boxes alone."""
    try:
        return solve(record.question, room, lexicon=tuple(lexicon)).answer
    except BadInput:
        return ""


def scores(rows: Sequence[Row], train: Sequence[Record]) -> dict:
    """`summary` and `by_family`: accuracy on questions with words, grounding on phrases with exactly one target, and F1 on all phrases."""
    guess, by_family = majority(train), {}
    families = sorted({r.record.family for r in rows})
    worded = [r for r in rows if r.record.answer_type != "boxes"]
    for family in families:
        mine = [r for r in rows if r.record.family == family]
        by_family[family] = _grounding(mine) if mine[0].record.answer_type == "boxes" else _words(mine, guess)
    phrases = _grounding([r for r in rows if r.record.answer_type == "boxes"])
    words = _words(worded, guess)
    return {
        "variant": VARIANT,
        "summary": {
            **{k: words[k] for k in ("accuracy", "chance", "majority", "majority_given_subject", "blind", "oracle")},
            "questions": words["n"],
            **{k: phrases[k] for k in ("acc_at_025", "random_box_acc_at_025", "random_object_acc_at_025", "f1_at_025", "none_right")},
            "phrases": phrases["n"],
            "phrases_with_one_target": phrases["one_target"],
        },
        "by_family": by_family,
    }


def _words(rows: Sequence[Row], guess: Callable[[Record], tuple[str, str]]) -> dict:
    def mean(says: Callable[[Row], str]) -> float | None:
        return float(np.mean([right(says(r), r.record.answer, r.record.answer_type) for r in rows])) if rows else None

    guessable = any(r.record.chance is not None for r in rows)  # else all are open, such as lengths
    return {
        "n": len(rows),
        "accuracy": mean(lambda r: r.text),
        "chance": float(np.mean([r.record.chance or 0.0 for r in rows])) if guessable else None,
        "majority": mean(lambda r: guess(r.record)[0]),
        "majority_given_subject": mean(lambda r: guess(r.record)[1]),
        "blind": None if any(r.blind is None for r in rows) else mean(lambda r: r.blind),
        "oracle": mean(lambda r: r.oracle),
    }


def _grounding(rows: Sequence[Row]) -> dict:
    one = [r for r in rows if len(r.true_boxes) == 1]
    hit = [bool(r.boxes) and float(aligned_iou(np.array(r.boxes[:1]), np.array(r.true_boxes)).max()) >= IOU for r in one]
    none, many = [r for r in rows if not r.true_boxes], [r for r in rows if len(r.true_boxes) > 1]
    return {
        "n": len(rows),
        "one_target": len(one),
        "acc_at_025": float(np.mean(hit)) if one else None,
        "random_box_acc_at_025": float(np.mean([r.random_box for r in one])) if one else None,
        "random_object_acc_at_025": float(np.mean([r.random_object for r in one])) if one else None,
        "f1_at_025": float(np.mean([f1_at(r.boxes, r.true_boxes, IOU) for r in rows])) if rows else None,
        "none_right": float(np.mean([not r.boxes for r in none])) if none else None,
        "many_f1_at_025": float(np.mean([f1_at(r.boxes, r.true_boxes, IOU) for r in many])) if many else None,
    }


