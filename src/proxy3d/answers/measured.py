"""What a question's named things measure against each other, told to a small reader half-way through its layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from proxy3d.answers.judge import FACT_DIM, ROLES, attention, facts, reading_order, spread
from proxy3d.tokens.position import PAIR_DIM, POSE_DIM, between, pose_numbers

SHARPNESS = 2.0  # how much more the surest things of a word say where it is than the others
NARROW = 64  # width in which every word and thing is told how it lies to the named ones


@dataclass(frozen=True)
class Told:
    """What is added to a question's answer slot, to each of its words, and to the logit that each thing is meant."""

    slot: Float[Tensor, "Q W"]
    word: Float[Tensor, "Q n W"]
    thing: Float[Tensor, "Q K"]


class Measured(nn.Module):
    """The judge's measures (answers.judge) for any number of things: cost grows with words times named things, not with things squared."""

    def __init__(self, width: int):
        super().__init__()
        self.role, self.order, self.listen = nn.Linear(width, ROLES), nn.Parameter(spread(ROLES)), nn.Linear(width, 1)
        self.fact, self.asked, self.told = nn.Linear(FACT_DIM, width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.lie, self.wish = nn.Linear(ROLES * PAIR_DIM + POSE_DIM, NARROW), nn.Linear(width, 2 * NARROW)
        self.word, self.thing = nn.Linear(2 * NARROW, width), nn.Linear(2 * NARROW, 1)

    def forward(
        self,
        words: Float[Tensor, "Q n W"],
        match: Float[Tensor, "Q n K"],
        is_word: Bool[Tensor, "Q n"],
        box: Float[Tensor, "K 6"],
        viewer: Float[Tensor, "4"],
    ) -> Told:
        """`match` are logits that a word names a thing, `box` where each thing is (centre and size, room frame), `viewer` the first camera."""
        best = match.amax(-1)
        names = best.sigmoid() * is_word
        where = (SHARPNESS * match).softmax(-1) * (3 * best[..., None] + 4).sigmoid() @ box  # half a name must not stand at half the way
        role = attention(self.role(words) + reading_order(is_word) * self.order, names, is_word)
        anchor, sure = role.transpose(1, 2) @ where, (role * names[..., None]).sum(1)
        asked = (attention(self.listen(words), torch.ones(is_word.shape), is_word) * words).sum(1)
        reach = box[:, :2].amax(0) - box[:, :2].amin(0)
        fact = self.fact(facts(anchor[..., :3], anchor[..., 3:], sure, viewer, reach))
        slot = self.told(bilinear(fact, self.asked(asked)))
        target = torch.cat([where, box.expand(len(where), -1, -1)], 1)
        pairs = between(anchor[..., :3], anchor[..., 3:], target[..., :3], target[..., 3:], viewer)
        pose = pose_numbers(anchor[:, 0, :3], anchor[:, 1, :3], target[..., :3])
        lies = bilinear(self.lie(torch.cat([pairs.transpose(1, 2).flatten(2), pose], -1)), self.wish(asked)[:, None])
        n = words.shape[1]
        return Told(slot, self.word(lies[:, :n]), self.thing(lies[:, n:])[..., 0])


def bilinear(x: Float[Tensor, "*b W"], question: Float[Tensor, "*#b 2W"]) -> Float[Tensor, "*b 2W"]:
    """A measure times what is asked, which turns signs round, and a bend of their sum, which compares with a threshold."""
    times, add = question.chunk(2, -1)
    return torch.cat([x * times, nn.functional.gelu((x + add).expand(*x.shape))], -1)
