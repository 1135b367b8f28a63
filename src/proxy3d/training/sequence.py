"""Train a reader from nothing on one representation of rooms: what each token is, then what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.nouns import named_tokens
from proxy3d.answers.sequence import Packed, SequenceReader, Shown
from proxy3d.spacespan.record import Record
from proxy3d.training.align import balanced_surprise, blurred
from proxy3d.training.lessons import MEASURED, Question, RoomLesson, as_question, box_loss, object_target, pointing_target
from proxy3d.training.loop import Stage
from proxy3d.training.nouns import name_target
from proxy3d.training.representations import OBJECTS, Grouping, Representation

FINDS = 4.0  # how much "this word finds these tokens" counts beside "this token is called so"
WALLS = 0.2  # what all that is no thing counts beside all things, when tokens say what they are

STAGES = (
    Stage("names", ("host.", "scene.", "named", "no_thing", "colour", "box", "unasked"), steps=300, lr=1e-3, warmup=30),
    Stage("answers", ("",), steps=900, lr=8e-4, warmup=30, fast=("gate",)),
)


@dataclass(frozen=True)
class PackedSettings:
    """What a step looks at, and how its losses weigh."""

    rooms: int = 2
    questions: int = 24  # drawn from each room
    blur: float = 0.8  # most noise on features, in their own standard deviations; none on those of true objects
    bf16: bool = True
    asks: bool = True  # False: the stage of names alone
    weight_words: float = 1.0
    weight_point: float = 2.0
    weight_box: float = 0.5
    weight_measure: float = 1.0
    weight_match: float = 2.0
    weight_names: float = 0.5


@dataclass(frozen=True)
class StudyRoom:
    """A room with its questions; looks at it are loaded when they are needed."""

    room_id: str
    questions: Sequence[Question]
    colour: Int[Tensor, "I"]  # which colour word each object has; -1 where none fits


class SequenceObjective:
    """The loss of a numbered step for a SequenceReader; all questions of a room go after the scene in one packed sequence."""

    def __init__(
        self,
        reader: SequenceReader,
        rooms: Sequence[StudyRoom],
        representation: Representation,
        load: Callable[[str, Grouping], RoomLesson],
        settings: PackedSettings,
        seed: int,
    ):
        self.reader, self.rooms, self.representation, self.load = reader, rooms, representation, load
        self.settings, self.seed = settings, seed

    def named_parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.reader.named_parameters())

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        parts: dict[str, Tensor] = {}
        groupings = self.representation.groupings
        # Autocast begins and ends with the step: weights are rounded once for all rooms, and never kept.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            for index in torch.randint(len(self.rooms), (self.settings.rooms,), generator=generator).tolist():
                room = self.rooms[index]
                # Drawn even where there is only one, so that all representations see the same rooms and questions.
                grouping = groupings[int(torch.rand(1, generator=generator) * len(groupings))]
                order = torch.randperm(len(room.questions), generator=generator)[: self.settings.questions].tolist()
                noise = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
                lesson = self.load(room.room_id, grouping)
                exact = grouping.by == OBJECTS  # each feature is a category and a colour, to be read as words
                numbers = self.representation.hidden(lesson.numbers if exact else blurred(lesson.numbers, self.settings.blur, noise))
                asked = [room.questions[i] for i in order] if self.settings.asks else []
                for name, value in self.room_loss(replace(lesson, numbers=numbers), asked, room.colour).items():
                    parts[name] = parts.get(name, 0.0) + value / self.settings.rooms
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def room_loss(self, lesson: RoomLesson, questions: Sequence[Question], colour: Int[Tensor, "I"]) -> dict[str, Tensor]:
        """The loss parts of one room."""
        shown = self.reader.show(lesson.numbers)
        parts = {}
        if self.settings.weight_names:
            parts |= {name: value * self.settings.weight_names for name, value in names_loss(self.reader, shown, lesson, colour).items()}
        return parts | self._asked(shown, lesson, questions) if questions else parts

    def _asked(self, shown: Shown, lesson: RoomLesson, questions: Sequence[Question]) -> dict[str, Tensor]:
        s, reader = self.settings, self.reader
        packed = Packed.of([q.wording.ids + q.answer[:-1] for q in questions])
        heard = reader.hear(shown, packed)
        first = packed.start + torch.tensor([len(q.wording.ids) - 1 for q in questions])
        slot = heard.last[first]
        parts = self._pointing(reader.point(shown, packed, heard, first), slot, shown, lesson, questions)
        said = [(int(at) + n, word) for at, q in zip(first, questions, strict=True) for n, word in enumerate(q.answer)]
        if said:
            at, word = torch.tensor(said).T
            parts["words"] = F.cross_entropy(reader.next_word(heard.last[at]).float(), word) * s.weight_words
        parts |= self._measure(slot, questions)
        if reader.settings.categories and (match := self._match(heard.found, packed, lesson, questions)) is not None:
            parts["match"] = match * s.weight_match
        return parts

    def _pointing(self, point: Tensor, slot: Tensor, shown: Shown, lesson: RoomLesson, questions: Sequence[Question]) -> dict[str, Tensor]:
        wanted, counts, true = (torch.stack(c) for c in zip(*(pointing_target(lesson, q.record.targets) for q in questions), strict=True))
        parts = {"point": balanced_surprise(point, wanted, counts).mean() * self.settings.weight_point}
        rows, columns = wanted.nonzero(as_tuple=True)
        if len(rows):
            box = self.reader.boxes(slot[rows], shown.thing[columns], shown.xyz_room_m[columns]).float()
            each = 1 / wanted.sum(1)[rows]  # a question counts once, however many tokens its thing is made of
            parts["box"] = (box_loss(box, true[rows, columns]) * each).sum() / each.sum() * self.settings.weight_box
        return parts

    def _measure(self, slot: Tensor, questions: Sequence[Question]) -> dict[str, Tensor]:
        kind = [MEASURED.index(q.record.answer_type) if q.record.answer_type in MEASURED else -1 for q in questions]
        rows = [i for i, k in enumerate(kind) if k >= 0]
        if not rows:
            return {}
        true = torch.tensor([questions[i].metres for i in rows]).clamp_min(0.05).log()
        said = self.reader.measure(slot[rows]).float()[torch.arange(len(rows)), [kind[i] for i in rows]]
        return {"measure": F.smooth_l1_loss(said, true, beta=0.1) * self.settings.weight_measure}

    def _match(self, found: Tensor, packed: Packed, lesson: RoomLesson, questions: Sequence[Question]) -> Tensor | None:
        """Every category word of a question must find, half-way through the layers, the tokens of such things and nothing else."""
        categories, at, named = self.reader.settings.categories, [], []
        for start, question in zip(packed.start.tolist(), questions, strict=True):
            for _, last, category in named_tokens(question.record.question, question.wording.ends, categories):
                at.append(start + last)
                named.append(category)
        if not named:
            return None
        targets = {category: name_target(lesson, category, categories) for category in set(named)}
        wanted, counts = (torch.stack([targets[category][side] for category in named]) for side in (0, 1))
        return balanced_surprise(found[at], wanted, counts).mean()


def names_loss(reader: SequenceReader, shown: Shown, lesson: RoomLesson, colour: Int[Tensor, "I"]) -> dict[str, Float[Tensor, ""]]:
    """What each token is part of, without any question: category, colour and box of the object that makes up most of it."""
    category, is_thing, box = object_target(lesson)
    weight = is_thing / is_thing.sum().clamp_min(1) + WALLS * (1 - is_thing) / (1 - is_thing).sum().clamp_min(1)
    names = reader.names(shown.middle)
    parts = {"name": (F.cross_entropy(names, category, reduction="none") * weight).sum()}
    here = sorted({c for c in lesson.category.tolist() if c < len(reader.settings.categories)})
    if here:
        wanted, counts = (torch.stack(side) for side in zip(*(name_target(lesson, c, reader.settings.categories) for c in here), strict=True))
        parts["finds"] = balanced_surprise(names.T[here], wanted, counts).mean() * FINDS
    things = is_thing.nonzero()[:, 0]
    if len(things):
        seen = shown.thing[things]
        own = reader.boxes(reader.unasked.expand_as(seen), seen, shown.xyz_room_m[things]).float()
        parts["own_box"] = box_loss(own, box[things]).mean()
        shade = colour[lesson.made_of[things].argmax(1)]
        if bool((shade >= 0).any()):
            parts["shade"] = F.cross_entropy(reader.colour(seen).float(), shade, ignore_index=-1)
    return parts


def asked(record: Record, reader: SequenceReader) -> Question:
    """The record in the reader's words; a length or an area is one word, and its number is measured."""
    host = reader.host
    question = as_question(record, host)
    if record.answer_type not in MEASURED:
        return question
    word = host.tokenizer.metres if record.answer_type == "metres" else host.tokenizer.square_metres
    return replace(question, answer=(word, host.tokenizer.stop))
