"""Train a reader from nothing on one representation of rooms: what each token is, then what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.nouns import named_tokens
from proxy3d.answers.sequence import Packed, SequenceReader, Shown
from proxy3d.errors import BadInput
from proxy3d.spacespan.record import Record
from proxy3d.tensor_file import load_tensors
from proxy3d.tokens.identity import NAMES, identities
from proxy3d.training.align import balanced_surprise, blurred
from proxy3d.training.lessons import MEASURED, Question, RoomLesson, as_question, box_loss, object_target, pointing_target
from proxy3d.training.loop import Stage
from proxy3d.training.made_questions import PHRASES, made_records, named_objects, named_phrases
from proxy3d.training.nouns import name_target
from proxy3d.training.precision import bf16_is_faster
from proxy3d.training.representations import OBJECTS, Grouping, Representation

FINDS = 4.0  # how much "this word finds these tokens" counts beside "this token is called so"
WALLS = 0.2  # what all that is no thing counts beside all things, when tokens say what they are

PROXIES, SYMBOLS = "proxies", "symbols"

STAGES = (
    Stage("names", ("host.", "scene.", "named", "no_thing", "colour", "box", "unasked"), steps=300, lr=1e-3, warmup=30),
    Stage("answers", ("",), steps=900, lr=1.2e-3, warmup=30, fast=("gate",)),
)


@dataclass(frozen=True)
class PackedSettings:
    """What a step looks at, and how its losses weigh."""

    rooms: int = 2
    questions: int = 24  # drawn from each room
    blur: float = 0.8  # most noise on features, in their own standard deviations; none on those of true objects
    bf16: bool = field(default_factory=bf16_is_faster)
    asks: bool = True  # False: the stage of names alone
    weight_words: float = 2.0
    weight_point: float = 2.0
    weight_box: float = 0.5
    weight_measure: float = 1.0
    weight_match: float = 2.0
    weight_names: float = 0.5
    shows: str = PROXIES  # or SYMBOLS: true objects in their place
    makes: tuple[str, ...] = ()  # kinds of questions (made_questions.MADE) that are made while training goes on; only where tokens carry names


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
                grouping = Grouping(OBJECTS) if self.settings.shows == SYMBOLS else grouping
                order = torch.randperm(len(room.questions), generator=generator)[: self.settings.questions].tolist()
                noise = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
                lesson = self.load(room.room_id, grouping)
                exact = grouping.by == OBJECTS  # each feature is a category and a colour, to be read as words
                numbers = self.representation.hidden(lesson.numbers if exact else blurred(lesson.numbers, self.settings.blur, noise))
                questions = [room.questions[i] for i in order] if self.settings.asks else []
                identity = None
                if self.reader.settings.identifiers:
                    identity = identities(numbers.extent_m, torch.randperm(len(NAMES), generator=noise))
                    questions += self._made(lesson, identity, questions, room.colour, noise)
                for name, value in self.room_loss(replace(lesson, numbers=numbers), questions, room.colour, identity).items():
                    parts[name] = parts.get(name, 0.0) + value / self.settings.rooms
        if not parts:  # rooms in which nothing can be asked teach nothing
            parts["nothing"] = self.reader.unasked.sum() * 0
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def _made(
        self, lesson: RoomLesson, identity: Int[Tensor, "K"], questions: Sequence[Question], colour: Int[Tensor, "I"], noise: torch.Generator
    ) -> list[Question]:
        """Questions about named things: about true objects, or the phrases among `questions` once more."""
        s, words, rng = self.settings, self.reader.settings, Random(int(torch.randint(2**62, (1,), generator=noise)))
        records = []
        if s.shows == SYMBOLS:
            objects = named_objects(lesson, identity, colour, words.categories, words.colours)
            records += made_records(s.makes, objects, rng, s.questions)
        if PHRASES in s.makes:
            records += named_phrases([q.record for q in questions], lesson, identity)
        return [asked(record, self.reader) for record in records]

    def room_loss(
        self, lesson: RoomLesson, questions: Sequence[Question], colour: Int[Tensor, "I"], identity: Int[Tensor, "K"] | None = None
    ) -> dict[str, Tensor]:
        """The loss parts of one room; `identity` says which name each token carries, where tokens have names."""
        shown = self.reader.show(lesson.numbers, identity, symbols=self.settings.shows == SYMBOLS and self.reader.settings.symbol_dim > 0)
        parts = {}
        if self.settings.weight_names:
            parts |= {name: value * self.settings.weight_names for name, value in names_loss(self.reader, shown, lesson, colour).items()}
        return parts | self._asked(shown, lesson, questions, identity) if questions else parts

    def _asked(self, shown: Shown, lesson: RoomLesson, questions: Sequence[Question], identity: Int[Tensor, "K"] | None) -> dict[str, Tensor]:
        s, reader = self.settings, self.reader
        packed = Packed.of([q.wording.ids for q in questions], [q.answer[:-1] for q in questions])
        heard = reader.hear(shown, packed)
        parts = self._pointing(reader.point(shown, packed, heard), heard.last[packed.slot], shown, lesson, questions)
        said = [(at + n, word) for at, q in zip(packed.slot.tolist(), questions, strict=True) for n, word in enumerate(q.answer)]
        if said:
            at, word = torch.tensor(said).T
            parts["words"] = F.nll_loss(reader.says(packed, heard, at), word) * s.weight_words
        parts |= self._measure(reader.lengths(packed, heard), questions)
        if reader.settings.categories and (match := self._match(heard.found, packed, lesson, questions, identity)) is not None:
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

    def _measure(self, lengths: Float[Tensor, "Q 2"], questions: Sequence[Question]) -> dict[str, Tensor]:
        kind = [MEASURED.index(q.record.answer_type) if q.record.answer_type in MEASURED else -1 for q in questions]
        rows = [i for i, k in enumerate(kind) if k >= 0]
        if not rows:
            return {}
        true = torch.tensor([questions[i].metres for i in rows]).clamp_min(0.05).log()
        said = lengths[rows, [kind[i] for i in rows]]
        return {"measure": F.smooth_l1_loss(said, true, beta=0.1) * self.settings.weight_measure}

    def _match(
        self, found: Tensor, packed: Packed, lesson: RoomLesson, questions: Sequence[Question], identity: Int[Tensor, "K"] | None
    ) -> Tensor | None:
        """Every category word of a question must find, half-way through the layers, the tokens of such things and nothing else; every name its
        token."""
        categories, at, named = self.reader.settings.categories, [], []
        for start, question in zip(packed.start.tolist(), questions, strict=True):
            for _, last, category in named_tokens(question.record.question, question.wording.ends, categories):
                at.append(start + last)
                named.append(category)
        targets = {category: name_target(lesson, category, categories) for category in set(named)}
        pairs = [targets[category] for category in named]
        if identity is not None:
            called = {int(word): number for number, word in enumerate(self.reader.identifier)}
            names = [(i, called[word]) for i, word in enumerate(packed.ids.tolist()) if word in called and bool(packed.is_question[i])]
            at += [i for i, _ in names]
            pairs += [((identity == number).float(), torch.ones(len(identity))) for _, number in names]
        if not pairs:
            return None
        wanted, counts = (torch.stack(side) for side in zip(*pairs, strict=True))
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
        parts["own_box"] = box_loss(reader.own_boxes(shown)[things], box[things]).mean()
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


def go_on_from(reader: SequenceReader, checkpoint: Path) -> None:
    """Give a reader everything that another has learned but how it looks at tokens, which may be of another kind.

    A reader may have more words, if those of the other come first: what it has beside them is left as it is.

    Raises:
        BadInput: the file is broken, or of a reader with more words or another width.
    """
    tensors = load_tensors(checkpoint)[0]
    words, wide = reader.host.body.embed_tokens.weight.shape
    held = next((tuple(v.shape) for k, v in tensors.items() if k.startswith("value/host.") and k.endswith("embed_tokens.weight")), None)
    if held is None or held[0] > words or held[1] != wide:
        raise BadInput(f"{checkpoint}: of a reader with more words or another width ({held}, expected at most {(words, wide)})")
    with torch.no_grad():
        for name, parameter in reader.named_parameters():
            learned = tensors.get(f"value/{name}")
            if learned is None or name.startswith("scene."):
                continue
            if name.endswith("embed_tokens.weight"):
                parameter[: held[0]] = learned
            elif learned.shape == parameter.shape:
                parameter.copy_(learned)
