"""What the scene would answer, spelled for a language model: candidates with their shares, token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.judge import SOURCES
from proxy3d.answers.question import Wording, answer_ids

if TYPE_CHECKING:
    from proxy3d.answers.fusion import Fused
    from proxy3d.answers.language_models.llama import LlamaHost

LEAST_SHARE = 1e-3
KINDS = 5  # categories, and colours, offered for a thing
LOGS = {"metres": (-3.0, 4.0), "square_metres": (0.0, 6.0)}  # 5 cm to 55 m, 1 to 400 square metres
FORMS = {"metres": "{:.1f} m", "square_metres": "{:.0f} m2"}


class Offers:
    """Candidates for the answer to one question: token sequences with shares, and a spread over all words for the first token."""

    def __init__(self, own: Float[Tensor, "V"], spelled: Sequence[tuple[tuple[int, ...], float]]):
        self.own, self.spelled = own, tuple(spelled)

    def after(self, said: Sequence[int]) -> Float[Tensor, "V"]:
        """Probability of each next token among the candidates that begin with what has been said; zeros where none does."""
        said = tuple(said)
        offered = torch.zeros_like(self.own) if said else self.own.clone()
        alive = [(ids, share) for ids, share in self.spelled if ids[: len(said)] == said]
        for ids, share in alive:
            if len(ids) > len(said):
                offered[ids[len(said)]] += share
        total = sum(share for _, share in alive) + float(self.own[said[0]] if said else self.own.sum())
        return offered / max(total, LEAST_SHARE)


def spelled(unit: str, log: float) -> str:
    """A number whose logarithm is known, in the words of an answer."""
    low, high = LOGS[unit]
    return FORMS[unit].format(math.exp(min(max(log, low), high)))


@torch.no_grad()
def make_offers(host: LlamaHost, fused: Fused, questions: Sequence[Wording], categories: Sequence[str], colours: Sequence[str]) -> list[Offers]:
    """Yes, no, a length, an area, the kind or colour of a thing, words of the question, and words of the scene's own, by their shares."""
    share = fused.chosen.exp()
    named = {name: share[:, i].tolist() for i, name in enumerate(SOURCES)}
    own = host.logits(fused.judged.own).softmax(-1) * share[:, :1]
    lengths, areas = fused.judged.log_size.T.tolist()
    offers = []
    for q, question in enumerate(questions):
        found = [(answer_ids(host, word), named[word][q]) for word in ("yes", "no")]
        found.append((answer_ids(host, spelled("metres", lengths[q])), named["length"][q]))
        found.append((answer_ids(host, spelled("square_metres", areas[q])), named["area"][q]))
        for name, log_share, words in (("kind", fused.kind, categories), ("colour", fused.colour, colours)):
            best = log_share[q, : len(words)].exp().topk(min(KINDS, len(words)))
            found += [(answer_ids(host, words[i]), named[name][q] * p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
        found += [((token,), p) for token, p in zip(question.ids, share[q, len(SOURCES) :].tolist(), strict=False)]
        offers.append(Offers(own[q], [(ids, p) for ids, p in found if p >= LEAST_SHARE]))
    return offers
