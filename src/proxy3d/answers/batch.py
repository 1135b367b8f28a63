"""Ask one scene many questions at once: the same answers as one by one, several times faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.fusion import Fused
from proxy3d.answers.model import SpatialReader
from proxy3d.answers.question import Wording, pad, padded_values, worded
from proxy3d.tokens.project import SceneNumbers

LONGEST_ANSWER = 12  # tokens


@dataclass(frozen=True)
class Replies:
    """Texts of the questions, and what each points at in the room's frame."""

    text: tuple[str, ...]
    point: Float[Tensor, "Q K"]  # logits
    box: Float[Tensor, "Q K 6"]


@dataclass(frozen=True)
class Understood:
    """Questions in the light of a scene, before anything is said."""

    asked: tuple[Wording, ...]
    tokens: Float[Tensor, "1+K W"]
    fused: Fused


@torch.no_grad()
def understand(reader: SpatialReader, numbers: SceneNumbers, questions: Sequence[str]) -> Understood:
    """Read a scene and questions about it."""
    asked, tokens = tuple(worded(reader.host, q) for q in questions), reader.namer(numbers)
    ids, real = pad([q.ids for q in asked])
    words = reader.listen(ids, len(tokens))
    return Understood(asked, tokens, reader.fuse(tokens, numbers, words, real, padded_values(asked, ids.shape[1])))


@torch.no_grad()
def answer_many(reader: SpatialReader, numbers: SceneNumbers, questions: Sequence[str], *, speak: Sequence[bool] | None = None) -> Replies:
    """Greedy answers and pointing for many questions; where `speak` is False only pointing is done."""
    understood = understand(reader, numbers, questions)
    point, box = reader.point(understood.fused, numbers.xyz_room_m)
    said: list[list[int]] = [[] for _ in questions]
    if rows := [i for i in range(len(questions)) if speak is None or speak[i]]:
        for i, words in zip(rows, _said(reader, understood, rows), strict=True):
            said[i] = words
    texts = tuple(reader.host.tokenizer.decode([t for t in words if t != reader.host.tokenizer.stop]).strip() for words in said)
    return Replies(texts, point, box)


def _said(reader: SpatialReader, understood: Understood, rows: Sequence[int]) -> list[list[int]]:
    """The words of some answers, the stop among them. Questions are read once; their answers grow behind them, past whatever filled them up."""
    asked, fused, shown = [understood.asked[i] for i in rows], understood.fused.rows(rows), len(understood.tokens)
    offers = reader.offers(fused, asked)
    memory = reader.recall(reader.show(understood.tokens))
    memory.batch_repeat_interleave(len(rows))
    ids, sees = pad([q.ids for q in asked])
    past = sees.sum(1, keepdim=True)
    hidden = reader.speak(reader.listen(ids, shown, cache=memory), fused, memory)
    last = hidden.gather(1, (past - 1)[..., None].expand(-1, -1, hidden.shape[2]))[:, 0]
    said: list[list[int]] = [[] for _ in rows]
    still = list(range(len(rows)))  # the answers that are not finished, in the order in which `memory` holds them
    while True:
        offered = torch.stack([offers[i].after(said[i]) for i in still])
        for i, word in zip(still, reader.next_word(last, offered).argmax(-1).tolist(), strict=True):
            said[i].append(word)
        kept = [k for k, i in enumerate(still) if said[i][-1] != reader.host.tokenizer.stop and len(said[i]) < LONGEST_ANSWER]
        if not kept:
            return said
        still = [still[k] for k in kept]
        memory.batch_select_indices(torch.tensor(kept))
        sees = torch.cat([sees[kept], torch.ones(len(kept), 1, dtype=torch.bool)], 1)
        mask, past, fused = sees[:, None, None], past[kept], fused.rows(kept)
        words = reader.listen(torch.tensor([[said[i][-1]] for i in still]), shown, past=past, cache=memory, sees=mask)
        last = reader.speak(words, fused, memory, past=past, sees=mask)[:, -1]
        past = past + 1
