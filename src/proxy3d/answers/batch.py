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
    """Greedy answers and pointing for many questions; where `speak` is False only pointing is done.

    Each round runs all unfinished answers again from the tap on instead of keeping caches of ragged lengths; answers are
    two or three tokens long, so that costs little.
    """
    host, understood = reader.host, understand(reader, numbers, questions)
    asked, tokens, fused = understood.asked, understood.tokens, understood.fused
    point, box = reader.point(fused, numbers.xyz_room_m)
    out: list[list[int]] = [[] for _ in asked]
    open_rows = [i for i in range(len(asked)) if speak is None or speak[i]]
    offers = dict(zip(open_rows, reader.offers(fused.rows(open_rows), [asked[i] for i in open_rows]), strict=True))
    shown = reader.show(tokens)
    while open_rows:
        ids, _ = pad([(*asked[i].ids, *out[i]) for i in open_rows])
        words = reader.listen(ids, len(tokens))
        cache = reader.recall(shown)
        cache.batch_repeat_interleave(len(open_rows))
        hidden = reader.speak(words, fused.rows(open_rows), cache)
        last = torch.tensor([len(asked[i].ids) + len(out[i]) - 1 for i in open_rows])
        offered = torch.stack([offers[i].after(out[i]) for i in open_rows])
        best = reader.next_word(hidden[torch.arange(len(open_rows)), last], offered).argmax(-1).tolist()
        for i, token in zip(open_rows, best, strict=True):
            out[i].append(token)
        open_rows = [i for i in open_rows if out[i][-1] != host.tokenizer.stop and len(out[i]) < LONGEST_ANSWER]
    texts = tuple(host.tokenizer.decode([t for t in o if t != host.tokenizer.stop]).strip() for o in out)
    return Replies(texts, point, box)
