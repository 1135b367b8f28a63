"""Ask one scene many times through the paper's reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.boxes import Vote, merge_votes, world_box
from proxy3d.answers.paper import PaperReader, Shown
from proxy3d.answers.parse import checked_question, clean_answer
from proxy3d.answers.question import FITS
from proxy3d.tokens.identity import identities
from proxy3d.tokens.project import SceneNumbers
from proxy3d.values import Answer, Box, Scene


class PaperSession:
    """One scene with its reader, which is built at the first question. The same calls as `answers.session.Session`."""

    def __init__(self, scene: Scene, reader: Callable[[], PaperReader]):
        self.scene, self._reader = scene, reader
        self.numbers = SceneNumbers.of(scene)
        self.identity = identities(self.numbers.extent_m)

    @cached_property
    def reader(self) -> PaperReader:
        return self._reader()

    @cached_property
    def tokens(self) -> Float[Tensor, "K E"]:
        with torch.no_grad():
            return self.reader.tokens(self.numbers, self.identity)

    @cached_property
    def shown(self) -> Shown:
        """The language model's keys and values of the scene: computed at the first question, reused by all others."""
        with torch.no_grad():
            return self.reader.show(self.tokens, self.identity)

    def ask(self, question: str) -> Answer:
        """Words, with a box for each name among them.

        Raises:
            BadInput: the question is empty or far too long.
        """
        said = self._said(checked_question(question))
        text = clean_answer(self.reader.decode([word for word, _ in said]), metric=self.scene.scale.is_metric)
        boxes = tuple(world_box(vote, self.scene) for vote in self._votes(said))
        frames = tuple(sorted({t for box in boxes for t in box.frames}))
        return Answer(text, boxes, tuple(sorted({p for box in boxes for p in box.proxies})), frames)

    def ground(self, phrase: str) -> tuple[Box, ...]:
        """Boxes of what is named as fitting the phrase, surest first; none is an answer.

        Raises:
            BadInput: the phrase is empty or far too long.
        """
        line = checked_question(phrase, what="phrase")
        return tuple(world_box(vote, self.scene, label=line) for vote in self.votes(line))

    def votes(self, phrase: str) -> list[Vote]:
        """The same in the room's frame."""
        return self._votes(self._said(FITS.format(phrase=phrase.rstrip(" .?!"))))

    def _said(self, question: str) -> list[tuple[int, float]]:
        return self.reader.says(self.shown, self.reader.asked(question))

    def _votes(self, said: Sequence[tuple[int, float]]) -> list[Vote]:
        """The proxy that carries each name said, with the probability of saying it; boxes that overlap are one object."""
        score = torch.zeros(len(self.identity))
        for word, share in said:
            token = (self.identity == word - self.reader.host.words).nonzero()
            if len(token):
                score[token[0, 0]] = max(float(score[token[0, 0]]), share)
        box = torch.cat([self.numbers.xyz_room_m, 2 * self.numbers.extent_m], 1)
        return merge_votes(score, box, least=torch.finfo(torch.float32).tiny)
