"""Stages 2 and 3: proxies learn to be understood, then the language model learns to answer and point with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.fusion import Fused
from proxy3d.answers.judge import SOURCES
from proxy3d.answers.model import SpatialReader
from proxy3d.answers.nouns import named_tokens
from proxy3d.answers.question import padded_values
from proxy3d.tokens.position import seen_from_start
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.lessons import MEASURED, Question, RoomLesson, box_loss, object_target, pointing_target
from proxy3d.training.nouns import name_target
from proxy3d.training.precision import bf16_is_faster

WORST = 3  # misses that are looked at once more


@dataclass(frozen=True)
class RoomOfQuestions:
    """Several looks at one room, and what can be asked about it."""

    looks: Sequence[RoomLesson]
    questions: Sequence[Question]
    colour: Int[Tensor, "I"]  # which word of ReaderSettings.colours each object has; -1 where none fits


@dataclass(frozen=True)
class AlignSettings:
    """What a step of stage 2 or 3 looks at, and how its losses weigh."""

    rooms: int = 2
    questions: int = 12  # drawn from each
    speak: bool = False  # run the language model's upper layers: stage 3
    blur: float = 0.8  # most noise on proxy features, in their own standard deviations
    bf16: bool = field(default_factory=bf16_is_faster)  # a step computes in bfloat16 where autograd allows; weights and losses stay in float32
    blind: bool = False  # scene numbers are zeroed: the baseline that only reads questions
    weight_point: float = 4.0
    weight_box: float = 0.5
    weight_summary: float = 0.5
    weight_metres: float = 1.0
    weight_kind: float = 0.5
    weight_spot: float = 1.0
    weight_name: float = 0.5
    weight_match: float = 4.0
    weight_chosen: float = 2.0
    weight_words: float = 1.0


class AlignObjective:
    """Answer likelihood, pointing, boxes and naming, for a reader on rooms with questions.

    In stage 2 the language model's upper layers do not run: what the scene itself offers must already hold the answer, words of
    its own through the frozen output embedding, which teaches proxies, question and answer one language at a third of the
    cost. In stage 3 the words are the language model's own.
    """

    def __init__(
        self, reader: SpatialReader, rooms: Sequence[RoomOfQuestions], settings: AlignSettings, seed: int, heard: Mapping[tuple[int, ...], Tensor]
    ):
        self.reader, self.rooms, self.settings, self.seed, self.heard = reader, rooms, settings, seed, heard

    def named_parameters(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.reader.named_parameters() if not name.startswith("host.") or name.endswith((".down", ".up"))}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        parts: dict[str, Tensor] = {}
        # Autocast begins and ends with the step: weights are rounded once for all rooms, and never kept.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            for index in torch.randint(len(self.rooms), (self.settings.rooms,), generator=generator).tolist():
                room = self.rooms[index]
                lesson = room.looks[int(torch.randint(len(room.looks), (1,), generator=generator))]
                order = torch.randperm(len(room.questions), generator=generator)[: self.settings.questions].tolist()
                lesson = replace(lesson, numbers=blurred(lesson.numbers, self.settings.blur, generator))
                for name, value in self.room_loss(lesson, [room.questions[i] for i in order], room.colour).items():
                    parts[name] = parts.get(name, 0.0) + value / self.settings.rooms
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def room_loss(self, lesson: RoomLesson, questions: Sequence[Question], colour: Int[Tensor, "I"]) -> dict[str, Tensor]:
        """The loss parts of one room."""
        s, reader = self.settings, self.reader
        numbers = blinded(lesson.numbers) if s.blind else lesson.numbers
        tokens = reader.namer(numbers)
        words, is_word = self._listen(questions)
        is_question = is_word & (torch.arange(words.shape[1])[None] < torch.tensor([len(q.wording.ids) for q in questions])[:, None])
        fused = reader.fuse(tokens, numbers, words, is_question, padded_values([q.wording for q in questions], words.shape[1]))
        parts = {} if s.blind else self._pointing(lesson, questions, tokens, fused) | self._things(lesson, colour, tokens)
        answered = [i for i, q in enumerate(questions) if q.answer]
        if answered:
            parts |= self._answers(fused.rows(answered), [questions[i] for i in answered])
            if s.speak:
                parts["words"] = self._speak(tokens, words[answered], fused.rows(answered), [questions[i] for i in answered]) * s.weight_words
        return parts

    def _answers(self, fused: Fused, questions: Sequence[Question]) -> dict[str, Tensor]:
        """Where the answer comes from, and what it is: a word of the scene's own, a length, or the kind of a thing."""
        s, words = self.settings, {"kind": self.reader.settings.categories, "colour": self.reader.settings.colours}
        source = torch.tensor([first_chosen(q, **words) for q in questions])
        parts = {"chosen": F.nll_loss(fused.chosen, source) * s.weight_chosen}
        own = (source == SOURCES.index("own")).nonzero()[:, 0]
        if len(own):
            first = torch.tensor([questions[i].answer[0] for i in own])
            parts["summary"] = F.cross_entropy(self.reader.host.logits(fused.judged.own[own]), first) * s.weight_summary
        metres = torch.tensor([q.metres for q in questions])
        known = metres.isfinite()
        if bool(known.any()):
            is_area = (source[known] == SOURCES.index("area")).long()
            said = fused.judged.log_size[known].gather(1, is_area[:, None])[:, 0]
            parts["metres"] = F.smooth_l1_loss(said, metres[known].clamp_min(0.05).log(), beta=0.1) * s.weight_metres
        for name, log_share in (("kind", fused.kind), ("colour", fused.colour)):
            asked = (source == SOURCES.index(name)).nonzero()[:, 0]
            if len(asked):
                wanted = torch.tensor([words[name].index(questions[i].record.answer) for i in asked])
                parts[name] = F.nll_loss(log_share[asked], wanted) * s.weight_kind
        return parts

    def _listen(self, questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
        """Words below the tap, and which of them are real."""
        rows = [heard_row(q) for q in questions]
        longest = max(len(row) for row in rows)
        words = torch.stack([F.pad(self.heard[row].float(), (0, 0, 0, longest - len(row))) for row in rows])
        return words, torch.tensor([[i < len(row) for i in range(longest)] for row in rows])

    def _pointing(self, lesson: RoomLesson, questions: Sequence[Question], tokens: Tensor, fused: Fused) -> dict[str, Tensor]:
        s, reader, xyz = self.settings, self.reader, lesson.numbers.xyz_room_m
        point, box = reader.point(fused, xyz)
        wanted, counts, true = (torch.stack(c) for c in zip(*(pointing_target(lesson, q.record.targets) for q in questions), strict=True))
        return {
            "point": balanced_surprise(point, wanted, counts).mean() * s.weight_point,
            "match": self._match(lesson, questions, fused) * s.weight_match,
            "spot": self._spot(lesson, questions, fused) * s.weight_spot,
            "box": (box_loss(box, true) * wanted).sum() / wanted.sum().clamp_min(1) * s.weight_box,
        }

    def _things(self, lesson: RoomLesson, colour: Int[Tensor, "I"], tokens: Tensor) -> dict[str, Tensor]:
        """What each proxy is part of, without any question."""
        s, namer = self.settings, self.reader.namer
        category, box = namer.name(tokens, lesson.numbers.xyz_room_m)
        is_category, is_thing, own_box = object_target(lesson)
        shade = torch.where(is_thing > 0, colour[lesson.made_of.argmax(1)], -1)
        parts = {
            "name": F.cross_entropy(category, is_category) * s.weight_name,
            "object_box": (box_loss(box, own_box) * is_thing).sum() / is_thing.sum().clamp_min(1) * s.weight_box,
        }
        if bool((shade >= 0).any()):
            parts["shade"] = F.cross_entropy(namer.colour(tokens[1:]), shade, ignore_index=-1) * s.weight_name
        return parts

    def _match(self, lesson: RoomLesson, questions: Sequence[Question], fused: Fused) -> Tensor:
        """Every category word of a question must find the proxies of such things and nothing else, every other word nothing at all."""
        categories, targets, rows, columns, named = self.reader.settings.categories, {}, [], [], []
        silent = torch.zeros(fused.match.shape[:2])
        for i, question in enumerate(questions):
            ends = question.wording.ends
            silent[i, : len(ends)] = torch.tensor(question.wording.value).isnan()
            for first, last, category in named_tokens(question.record.question, ends, categories):
                silent[i, first : last + 1] = 0
                rows.append(i)
                columns.append(last)
                named.append(category)
                if category not in targets:
                    targets[category] = name_target(lesson, category, categories)
        idle = (F.softplus(fused.match.amax(-1)) * silent).sum() / silent.sum().clamp_min(1)
        if not named:
            return idle
        wanted, counts = (torch.stack([targets[category][side] for category in named]) for side in (0, 1))
        return balanced_surprise(fused.match[rows, columns], wanted, counts).mean() + idle

    def _spot(self, lesson: RoomLesson, questions: Sequence[Question], fused: Fused) -> Tensor:
        """Metres from the place that the numbers of a question name to the box of what is there."""
        asked = [i for i, q in enumerate(questions) if len(q.record.targets) == 1 and any(v == v for v in q.wording.value)]
        box = lesson.box[[questions[i].record.targets[0] for i in asked]]
        ahead = torch.cat([seen_from_start(box[:, :3], lesson.numbers.viewer), box[:, 2:3]], -1)
        return F.smooth_l1_loss(fused.spot[asked], ahead, beta=0.2) if asked else fused.spot.sum() * 0

    def _speak(self, tokens: Tensor, words: Tensor, fused: Fused, questions: Sequence[Question]) -> Tensor:
        reader = self.reader
        cache = reader.show(tokens)
        cache.batch_repeat_interleave(len(questions))
        hidden = reader.speak(words, fused, cache)
        offers = reader.offers(fused, [q.wording for q in questions])
        rows, columns, wanted, offered = [], [], [], []
        for row, question in enumerate(questions):
            first = len(question.wording.ids) - 1  # the last word of the question predicts the first of the answer
            rows += [row] * len(question.answer)
            columns += range(first, first + len(question.answer))
            wanted += question.answer
            offered += [offers[row].after(question.answer[:n]) for n in range(len(question.answer))]
        return F.cross_entropy(reader.next_word(hidden[rows, columns], torch.stack(offered)), torch.tensor(wanted))


def heard_row(question: Question) -> tuple[int, ...]:
    """What is heard of a question: with its answer although stage 2 needs only the question, because words look back only."""
    return question.wording.ids + question.answer[:-1]


def first_chosen(question: Question, kind: Sequence[str], colour: Sequence[str]) -> int:
    """Which of `Fused.chosen` the answer begins with: one of SOURCES, or after them the token of the question where what it offers begins.

    The last one of several, because what is asked about comes before what is offered.
    """
    record = question.record
    if record.answer_type == "yes_no":
        return SOURCES.index(record.answer)
    if record.answer_type in MEASURED:
        return SOURCES.index({"metres": "length", "square_metres": "area"}[record.answer_type])
    for source, words in (("kind", kind), ("colour", colour)):
        if record.answer_type == "category" and record.answer in words:
            return SOURCES.index(source)
    if record.answer_type != "choice":
        return SOURCES.index("own")
    answer, ids = question.answer[:-1], question.wording.ids
    starts = [i for i in range(len(ids)) if ids[i : i + len(answer)] == answer]
    return starts[-1] + len(SOURCES) if starts else SOURCES.index("own")


def balanced_surprise(logit: Float[Tensor, "Q K"], wanted: Float[Tensor, "Q K"], counts: Float[Tensor, "Q K"]) -> Float[Tensor, "Q"]:
    """Binary cross-entropy in which a row's hits weigh as much as its misses, and its worst misses as much as all misses.

    Hits are few, so counting all alike would make "nothing" a good answer; one bold miss is what makes a wrong box.
    """
    surprise = F.binary_cross_entropy_with_logits(logit, wanted, reduction="none") * counts
    misses = surprise * (1 - wanted)
    hit, miss = ((surprise * side).sum(1) / side.sum(1).clamp_min(1) for side in (wanted, 1 - wanted))
    return hit / 2 + (miss + misses.topk(min(WORST, misses.shape[1])).values.mean(1)) / 4


def blurred(numbers: SceneNumbers, most: float, generator: torch.Generator) -> SceneNumbers:
    """The same scene, less sure of what its things are.

    Stage 1 has seen these very pieces of furniture, so their features are clearer than those of any piece it has not seen; a reader
    that trains on them as they are trusts them too much.
    """
    level = most * float(torch.rand(1, generator=generator))
    noise = torch.randn(numbers.feature.shape, generator=generator) * numbers.feature.std(0, correction=0) * level
    return replace(numbers, feature=numbers.feature + noise)


def blinded(numbers: SceneNumbers) -> SceneNumbers:
    """The same scene with nothing in it."""
    return SceneNumbers(*(torch.zeros_like(v) for v in (numbers.feature, numbers.place, numbers.xyz_room_m, numbers.viewer)))
