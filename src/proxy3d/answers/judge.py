"""What a question's answer is read from: which of its words are the things to compare, what was measured on them, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from proxy3d.tokens.position import PAIR_DIM, POSE_DIM, pair_numbers, pose_numbers, seen_from_start

SOURCES = ("own", "yes", "no", "length", "area", "kind", "colour")  # what an answer may begin with, besides the words of the question
ROLES = 3  # things that are measured against each other: "by the door, facing the chair, is the lamp to the left?"
PAIRS = ((0, 1), (0, 2), (1, 2))
FACT_DIM = ROLES * (4 + 3 + 2) + len(PAIRS) * PAIR_DIM + POSE_DIM + 2


@dataclass(frozen=True)
class Judged:
    """What the scene says to Q questions."""

    source: Float[Tensor, "Q 7"]  # logits of SOURCES
    own: Float[Tensor, "Q E"]  # the answer as a hidden state before the output embedding, where it is a word of the scene's own
    log_size: Float[Tensor, "Q 2"]  # the answer where it is a length or an area: logarithms of metres and of square metres
    thing: Float[Tensor, "Q n"]  # share of each word in being the thing that is asked about
    kind: Float[Tensor, "Q C"]  # logits of the thing's category as far as the question tells
    colour: Float[Tensor, "Q D"]  # the same of its colour


def attention(role: Float[Tensor, "Q n A"], names: Float[Tensor, "Q n"], is_word: Bool[Tensor, "Q n"]) -> Float[Tensor, "Q n A"]:
    """Shares over words by their role in the question, as far as they name anything: what names nothing has no place to measure from."""
    return (role + (names + 1e-3).log()[..., None]).masked_fill(~is_word[..., None], -torch.inf).softmax(1)


def spread(roles: int) -> Tensor:
    """Where in a question each role looks before anything is learned: the first from its start, the last from its end.

    Roles that begin alike measure from one thing to itself, which teaches nothing.
    """
    return torch.linspace(-4, 4, roles)


def reading_order(is_word: Bool[Tensor, "Q n"]) -> Float[Tensor, "Q n 1"]:
    """0 for the first word of each question, 1 for its last."""
    last = (is_word.sum(1, keepdim=True) - 1).clamp_min(1)
    return (torch.arange(is_word.shape[1])[None] / last)[..., None]


class Judge(nn.Module):
    """Measures between the named things, weighs the measures by what is asked, and says what the answer is.

    Each measure is multiplied with the question (bilinear, as in FiLM, Perez et al. 2018, arXiv 1709.07871): "left" and "right" turn one
    sign round, and a product of the two has a slope to learn from at the very start, where a sum of them has none.
    """

    def __init__(self, width: int, out_dim: int, kinds: int, colours: int):
        super().__init__()
        self.role, self.order, self.listen = nn.Linear(width, ROLES), nn.Parameter(spread(ROLES)), nn.Linear(width, 1)
        self.fact, self.asked = nn.Linear(FACT_DIM, width), nn.Linear(width, 3 * width)
        known = (ROLES + 4) * width
        self.own, self.source, self.log_size = nn.Linear(known, out_dim), nn.Linear(known, len(SOURCES)), nn.Linear(known, 2)
        self.kind, self.colour = nn.Linear(known, kinds), nn.Linear(known, colours)

    def asks(self, words: Float[Tensor, "Q n W"], is_word: Bool[Tensor, "Q n"]) -> Float[Tensor, "Q W"]:
        """What the question wants to know: the words that say so."""
        return (attention(self.listen(words), torch.ones(is_word.shape), is_word) * words).sum(1)

    def forward(
        self,
        words: Float[Tensor, "Q n W"],
        related: Float[Tensor, "Q n W"],
        viewer: Float[Tensor, "Q W"],
        names: Float[Tensor, "Q n"],
        is_word: Bool[Tensor, "Q n"],
        centre: Float[Tensor, "Q n 3"],
        size: Float[Tensor, "Q n 3"],
        start: Float[Tensor, "4"],
        reach: Float[Tensor, "2"],
    ) -> Judged:
        """`related` is `words` after they were told how they lie; `viewer` is the viewer's token after the joint layers; `centre` and
        `size` are where each word's thing is (room frame), `start` the first camera, and `reach` the metres from the first thing of the
        room to the last along its two sides."""
        role = attention(self.role(words) + reading_order(is_word) * self.order, names, is_word)
        at, of, sure = (torch.einsum("qnr,qnd->qrd", role, v) for v in (centre, size, names[..., None]))
        fact = self.fact(facts(at, of, sure[..., 0], start, reach))
        times, gate, add = self.asked(self.asks(words, is_word)).chunk(3, -1)
        things = torch.einsum("qnr,qnw->qrw", role, related).flatten(1)
        known = torch.cat([things, fact * times, nn.functional.gelu(fact * (1 + gate) + add), self.asks(related, is_word), viewer], -1)
        return Judged(self.source(known), self.own(known), self.log_size(known), role[..., 0], self.kind(known), self.colour(known))


def facts(
    centre: Float[Tensor, "Q 3 3"], size: Float[Tensor, "Q 3 3"], sure: Float[Tensor, "Q 3"], start: Float[Tensor, "4"], reach: Float[Tensor, "2"]
) -> Float[Tensor, "Q 63"]:
    """Where the things are from the start, how large, how each lies to each other and the last to one who stands by the first and looks at
    the second, how sure it is that they are there, and how far the room reaches."""
    place = torch.cat([seen_from_start(centre, start), centre[..., 2:]], -1)
    away = (place[..., :2].square().sum(-1, keepdim=True) + 1e-4).sqrt()
    pairs = pair_numbers(centre, size, start)
    pose = pose_numbers(centre[:, 0], centre[:, 1], centre[:, 2:])[:, 0]
    alone = torch.cat([place, away, size.clamp_min(0.02).log(), sure[..., None], (sure[..., None] + 1e-3).log()], -1).flatten(1)
    room = reach.clamp_min(0.1).log().expand(len(centre), 2)
    return torch.cat([alone, *(pairs[:, i, j] for i, j in PAIRS), pose, room], -1)
