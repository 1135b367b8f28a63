"""Stages 2 and 3: proxies learn to be understood, then the language model learns to answer and point with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.fusion import VERDICTS, Fused
from proxy3d.answers.model import SpatialReader
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.lessons import Question, RoomLesson, box_loss, object_target, pointing_target
from proxy3d.training.nouns import name_target, named_things

WORST = 3  # misses that are looked at once more


@dataclass(frozen=True)
class RoomOfQuestions:
    """Several looks at one room, and what can be asked about it."""

    looks: Sequence[RoomLesson]
    questions: Sequence[Question]


@dataclass(frozen=True)
class AlignSettings:
    """What a step of stage 2 or 3 looks at, and how its losses weigh."""

    rooms: int = 2
    questions: int = 12  # drawn from each
    speak: bool = False  # run the language model's upper layers: stage 3
    blur: float = 0.8  # most noise on proxy features, in their own standard deviations
    blind: bool = False  # scene numbers are zeroed: the baseline that only reads questions
    weight_point: float = 4.0
    weight_box: float = 0.5
    weight_summary: float = 0.5
    weight_metres: float = 0.5
    weight_name: float = 0.5
    weight_match: float = 4.0
    weight_chosen: float = 2.0
    weight_words: float = 1.0


class AlignObjective:
    """Answer likelihood, pointing, boxes and naming, for a reader on rooms with questions.

    In stage 2 the language model's upper layers do not run: the summary token must already give the first word of the
    answer through the frozen output embedding, which teaches proxies, question and answer one language at a third of the
    cost. In stage 3 the words are the language model's own.
    """

    def __init__(
        self, reader: SpatialReader, rooms: Sequence[RoomOfQuestions], settings: AlignSettings, seed: int, heard: Mapping[tuple[int, ...], Tensor]
    ):
        self.reader, self.rooms, self.settings, self.seed, self.heard = reader, rooms, settings, seed, heard
        self.metres = nn.Linear(reader.settings.width, 1)  # exists only while training

    def named_parameters(self) -> dict[str, nn.Parameter]:
        own = {name: p for name, p in self.reader.named_parameters() if not name.startswith("host.") or name.endswith((".down", ".up"))}
        return own | {f"metres.{name}": p for name, p in self.metres.named_parameters()}

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        parts: dict[str, Tensor] = {}
        for index in torch.randint(len(self.rooms), (self.settings.rooms,), generator=generator).tolist():
            room = self.rooms[index]
            lesson = room.looks[int(torch.randint(len(room.looks), (1,), generator=generator))]
            order = torch.randperm(len(room.questions), generator=generator)[: self.settings.questions].tolist()
            lesson = replace(lesson, numbers=blurred(lesson.numbers, self.settings.blur, generator))
            for name, value in self.room_loss(lesson, [room.questions[i] for i in order]).items():
                parts[name] = parts.get(name, 0.0) + value / self.settings.rooms
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def room_loss(self, lesson: RoomLesson, questions: Sequence[Question]) -> dict[str, Tensor]:
        """The loss parts of one room."""
        s, reader = self.settings, self.reader
        numbers = blinded(lesson.numbers) if s.blind else lesson.numbers
        tokens = reader.namer(numbers)
        words, is_word = self._listen(questions)
        is_question = is_word & (torch.arange(words.shape[1])[None] < torch.tensor([len(q.ids) for q in questions])[:, None])
        fused = reader.fuse(tokens, numbers, words, is_question)
        parts = {} if s.blind else self._pointing(lesson, questions, tokens, fused)
        answered = [i for i, q in enumerate(questions) if q.answer]
        if not answered:
            return parts
        first = torch.tensor([questions[i].answer[0] for i in answered])
        chosen = torch.tensor([first_chosen(questions[i]) for i in answered])
        surprise = F.cross_entropy(reader.host.logits(reader.own_word(fused)[answered]), first, reduction="none") * (chosen == 0)
        parts["summary"] = surprise.sum() / (chosen == 0).sum().clamp_min(1) * s.weight_summary
        parts["chosen"] = F.nll_loss(fused.chosen[answered], chosen) * s.weight_chosen
        metres = torch.tensor([questions[i].metres for i in answered])
        if bool(metres.isfinite().any()):
            known = metres.isfinite()
            guess = self.metres(fused.scene[answered, 0])[:, 0][known]
            parts["metres"] = F.smooth_l1_loss(guess, metres[known].clamp_min(0.05).log(), beta=0.2) * s.weight_metres
        if s.speak:
            hint = reader.hint(fused, token_ids(questions, words.shape[1]))[answered]
            parts["words"] = self._speak(tokens, words, fused, hint, questions, answered) * s.weight_words
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
        category, object_box = reader.namer.name(tokens, xyz)
        is_category, is_thing, own_box = object_target(lesson)
        return {
            "point": balanced_surprise(point, wanted, counts).mean() * s.weight_point,
            "match": self._match(lesson, questions, fused) * s.weight_match,
            "box": (box_loss(box, true) * wanted).sum() / wanted.sum().clamp_min(1) * s.weight_box,
            "name": F.cross_entropy(category, is_category) * s.weight_name,
            "object_box": (box_loss(object_box, own_box) * is_thing).sum() / is_thing.sum().clamp_min(1) * s.weight_box,
        }

    def _match(self, lesson: RoomLesson, questions: Sequence[Question], fused: Fused) -> Tensor:
        """Every category word of a question must find the proxies of such things and nothing else, every other word nothing at all."""
        categories, targets, rows, columns, named = self.reader.settings.categories, {}, [], [], []
        silent = torch.zeros(fused.match.shape[:2])
        for i, question in enumerate(questions):
            silent[i, : len(question.ids)] = 1
            for start, end, category in named_things(question.record.question, categories):
                last = next(n for n, done in enumerate(question.ends) if done >= end)
                silent[i, next(n for n, done in enumerate(question.ends) if done > start) : last + 1] = 0
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

    def _speak(
        self, tokens: Tensor, words: Tensor, fused: Fused, hint: Tensor, questions: Sequence[Question], answered: Sequence[int]
    ) -> Tensor:
        reader = self.reader
        cache = reader.show(tokens)
        cache.batch_repeat_interleave(len(answered))
        last = torch.tensor([len(questions[i].ids) - 1 for i in answered])
        hidden = reader.speak(words[answered], fused.rows(answered), cache, hint=hint, last=last)
        rows, columns, wanted = [], [], []
        for row, i in enumerate(answered):
            first = len(questions[i].ids) - 1  # the last word of the question predicts the first of the answer
            rows += [row] * len(questions[i].answer)
            columns += range(first, first + len(questions[i].answer))
            wanted += questions[i].answer
        return F.cross_entropy(reader.host.logits(hidden[rows, columns]), torch.tensor(wanted))


def heard_row(question: Question) -> tuple[int, ...]:
    """What is heard of a question: with its answer although stage 2 needs only the question, because words look back only."""
    return question.ids + question.answer[:-1]


def token_ids(questions: Sequence[Question], width: int) -> Int[Tensor, "Q n"]:
    """The questions' tokens, padded with 0 on the right."""
    return torch.tensor([[*q.ids, *[0] * (width - len(q.ids))] for q in questions])


def first_chosen(question: Question) -> int:
    """Which of `Fused.chosen` the answer begins with: yes, no, or 3 + the token of the question where what it offers begins; else 0.

    The last one of several, because what is asked about comes before what is offered.
    """
    if question.record.answer in VERDICTS:
        return VERDICTS.index(question.record.answer)
    if question.record.answer_type != "choice":
        return 0
    answer, ids = question.answer[:-1], question.ids
    starts = [i for i in range(len(ids)) if ids[i : i + len(answer)] == answer]
    return starts[-1] + len(VERDICTS) if starts else 0


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
